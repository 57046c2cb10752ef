//! Verifiers as components: what they answer, and what becomes of those that do not.
//!
//! The guests are modules written by hand to the canonical ABI of verifiers/wit/verifier.wit, made into components by
//! the tool that every language's build uses.

use std::path::PathBuf;
use std::time::Instant;

use sandbox::{
    ComponentAnswer, ComponentError, ComponentKind, ComponentLimits, ComponentMessage, ComponentQuestion,
    VerifierComponent,
};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

const WIT: &str = include_str!("../../verifiers/wit/verifier.wit");
const LIMITS: ComponentLimits = ComponentLimits { fuel: 20_000_000, memory_bytes: 4 << 20 };

/// Scores 1 where the answer begins as the ground truth does within its quotation marks, else a quarter; the reason is
/// the answer.
const RIGHT: &str = "
    (i32.store8 (i32.const 16) (i32.const 0))
    (f32.store (i32.const 20) (select (f32.const 1) (f32.const 0.25) (i32.eq
        (i32.load8_u (i32.load offset=36 (local.get $judged)))
        (i32.load8_u offset=1 (i32.load offset=80 (local.get $judged))))))
    (i32.store8 (i32.const 24) (i32.const 0))
    (i32.store (i32.const 28) (i32.load offset=36 (local.get $judged)))
    (i32.store (i32.const 32) (i32.load offset=40 (local.get $judged)))
    (i32.const 16)";
/// Scores by what it kept of earlier calls: none, in a new instance.
const COUNTS: &str = "
    (i32.store (i32.const 512) (i32.add (i32.load (i32.const 512)) (i32.const 1)))
    (f32.store (i32.const 20) (f32.convert_i32_u (i32.load (i32.const 512))))
    (i32.store8 (i32.const 24) (i32.const 1))
    (i32.store8 (i32.const 25) (i32.const 3))
    (i32.const 16)";
const NO_NUMBER: &str = "(f32.store (i32.const 20) (f32.div (f32.const 0) (f32.const 0))) (i32.const 16)";
/// Answers with the error `no`.
const UNDECIDED: &str = "
    (i32.store8 (i32.const 16) (i32.const 1))
    (i32.store (i32.const 20) (i32.const 900))
    (i32.store (i32.const 24) (i32.const 2))
    (i32.const 16)";
const LOOPS: &str = "(loop $again (br $again)) (unreachable)";
const TRAPS: &str = "(unreachable)";
const GROWS: &str = "
    (loop $again (br_if $again (i32.ne (memory.grow (i32.const 16)) (i32.const -1))))
    (unreachable)";

/// A core module whose `verify` has this body.
fn module(body: &str, imports: &str) -> String {
    format!(
        r#"(module
        {imports}
        (memory (export "memory") 1)
        (data (i32.const 900) "no")
        (global $next (mut i32) (i32.const 1024))
        (func (export "cabi_realloc") (param i32 i32) (param $align i32) (param $size i32) (result i32)
            (local $at i32)
            (local.set $at (i32.and
                (i32.add (global.get $next) (i32.sub (local.get $align) (i32.const 1)))
                (i32.sub (i32.const 0) (local.get $align))))
            (global.set $next (i32.add (local.get $at) (local.get $size)))
            (block $enough (loop $more
                (br_if $enough (i32.le_u (global.get $next) (i32.mul (memory.size) (i32.const 65536))))
                (if (i32.eq (memory.grow (i32.const 1)) (i32.const -1)) (then (unreachable)))
                (br $more)))
            (local.get $at))
        (func (export "verify") (param $judged i32) (result i32) {body}))"#
    )
}

/// A component of the world in `wit`, in a file.
fn component(name: &str, module: &str, wit: &str) -> (tempfile::TempDir, PathBuf) {
    let mut resolve = Resolve::default();
    let package = resolve.push_str("world.wit", wit).unwrap();
    let world = resolve.select_world(&[package], None).unwrap();
    let mut bytes = wat::parse_str(module).unwrap();
    embed_component_metadata(&mut bytes, &resolve, world, StringEncoding::UTF8).unwrap();
    let bytes = ComponentEncoder::default().validate(true).module(&bytes).unwrap().encode().unwrap();
    written(name, &bytes)
}

fn written(name: &str, bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    (folder, path)
}

fn loaded(body: &str) -> VerifierComponent {
    let (_folder, path) = component("verifier.wasm", &module(body, ""), WIT);
    VerifierComponent::load(&path, LIMITS).unwrap()
}

fn refused(module: &str, wit: &str) -> String {
    let (_folder, path) = component("verifier.wasm", module, wit);
    VerifierComponent::load(&path, LIMITS).err().expect("the component is refused").to_string()
}

const CONVERSATION: [ComponentMessage<'_>; 1] = [ComponentMessage { role: "user", content: "What is 2 + 2?" }];

fn question(answer: &str) -> ComponentQuestion<'_> {
    ComponentQuestion {
        task: r#"{"id": "t"}"#,
        conversation: &CONVERSATION,
        completion: answer,
        thinking: Some("two and two"),
        answer,
        ground_truth: r#""4""#,
        ..ComponentQuestion::default()
    }
}

#[test]
fn a_component_reads_the_question_and_answers() {
    let component = loaded(RIGHT);
    let answer = component.verify(&question("4 = 2 + 2 ✓")).unwrap();
    assert_eq!(answer, ComponentAnswer { score: 1.0, kind: None, reason: "4 = 2 + 2 ✓".into() });
    assert_eq!(component.verify(&question("5")).unwrap().score, 0.25);
    let long = "4".repeat(1 << 20);
    assert!(component.verify(&question(&long)).unwrap().reason.chars().count() <= 300);
}

#[test]
fn each_call_has_a_new_instance_and_may_name_the_kind() {
    let component = loaded(COUNTS);
    for _ in 0..3 {
        let answer = component.verify(&question("4")).unwrap();
        assert_eq!((answer.score, answer.kind), (1.0, Some(ComponentKind::NoAnswer)));
    }
}

#[test]
fn calls_run_at_the_same_time() {
    let component = loaded(RIGHT);
    std::thread::scope(|scope| {
        let scores: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| (0..50).map(|_| component.verify(&question("4")).unwrap().score).sum::<f32>()))
            .collect();
        assert!(scores.into_iter().all(|score| score.join().unwrap() == 50.0));
    });
}

#[test]
fn fuel_ends_a_loop_at_the_same_place_however_long_it_takes() {
    let component = loaded(LOOPS);
    let began = Instant::now();
    for _ in 0..3 {
        let error = component.verify(&question("4")).unwrap_err();
        assert!(matches!(error, ComponentError::OutOfFuel { fuel: 20_000_000 }), "{error}");
    }
    println!("60,000,000 units of fuel in {:?}", began.elapsed());
}

#[test]
fn the_same_fuel_suffices_or_does_not_each_time() {
    let (_folder, path) = component("verifier.wasm", &module(RIGHT, ""), WIT);
    let suffices = |fuel| {
        let limits = ComponentLimits { fuel, ..LIMITS };
        let component = VerifierComponent::load(&path, limits);
        component.is_ok_and(|component| component.verify(&question("4 and more")).is_ok())
    };
    // The least fuel, by halving: it separates sharply, so that the same call ends at the same instruction.
    let (mut low, mut high) = (0, 100_000);
    assert!(suffices(high) && !suffices(low));
    while high - low > 1 {
        let middle = (low + high) / 2;
        if suffices(middle) { high = middle } else { low = middle }
    }
    assert!((0..20).all(|_| suffices(high) && !suffices(low)), "{high}");
}

#[test]
fn memory_beyond_the_limit_is_refused() {
    let error = loaded(GROWS).verify(&question("4")).unwrap_err();
    assert!(matches!(error, ComponentError::OutOfMemory { .. }), "{error}");
    // A question that alone is larger than the memory.
    let large = "4".repeat(8 << 20);
    let error = loaded(RIGHT).verify(&question(&large)).unwrap_err();
    assert!(matches!(error, ComponentError::OutOfMemory { .. }), "{error}");
    let (_folder, path) = component("verifier.wasm", &module(RIGHT, ""), WIT);
    let small = ComponentLimits { memory_bytes: 1000, ..LIMITS };
    let error = VerifierComponent::load(&path, small).err().unwrap().to_string();
    assert!(error.contains("does not start") && error.contains("memory"), "{error}");
}

#[test]
fn a_trap_an_error_and_a_score_that_is_no_number_are_told() {
    let error = loaded(TRAPS).verify(&question("4")).unwrap_err();
    assert!(matches!(&error, ComponentError::Trapped(words) if words.contains("unreachable")), "{error}");
    let error = loaded(UNDECIDED).verify(&question("4")).unwrap_err();
    assert!(matches!(&error, ComponentError::Undecided(words) if words == "no"), "{error}");
    let answer = loaded(NO_NUMBER).verify(&question("4")).unwrap();
    assert_eq!(answer.score.to_bits(), f32::NAN.to_bits(), "whoever called refuses it");
}

#[test]
fn a_component_of_another_interface_is_refused_with_what_is_missing() {
    let core = r#"(module (memory (export "memory") 1)
        (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (unreachable))
        (func (export "judge")))"#;
    let error = refused(core, "package a:b; world w { export judge: func(); }");
    assert!(error.contains("no function `verify`") && error.contains("`judge`"), "{error}");
    let core = core.replace(r#"(export "judge")"#, r#"(export "verify") (param i32 i32)"#);
    let error = refused(&core, "package a:b; world w { export verify: func(text: string); }");
    assert!(error.contains("other types") && error.contains("ponder:verifier"), "{error}");
}

#[test]
fn an_import_that_there_is_not_is_named() {
    let imports = r#"(import "$root" "phone-home" (func $phone))"#;
    let wit = WIT.replace("world verifier {", "world verifier {\n    import phone-home: func();");
    let error = refused(&module(&format!("(call $phone) {RIGHT}"), imports), &wit);
    assert!(error.contains("phone-home") && error.contains("verifier.wasm"), "{error}");
}

#[test]
fn a_file_that_is_no_component_says_what_it_is() {
    let core = wat::parse_str(module(RIGHT, "")).unwrap();
    for (bytes, words) in
        [(&core[..], "core module"), (b"def verify(): pass", "no WebAssembly"), (b"", "no WebAssembly")]
    {
        let (_folder, path) = written("verifier.wasm", bytes);
        let error = VerifierComponent::load(&path, LIMITS).err().unwrap().to_string();
        assert!(error.contains(words) && error.contains("verifier.wasm"), "{error}");
    }
    let missing = VerifierComponent::load("/no/such/file.wasm".as_ref(), LIMITS).err().unwrap();
    assert!(matches!(missing, ComponentError::Unreadable { .. }), "{missing}");
}
