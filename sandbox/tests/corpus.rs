//! The corpora, on every engine that is set up: hostile programs are contained and get the right verdict, no cheating
//! program passes, and ordinary ones do. After each of them an ordinary program is graded as before.
//!
//! A program's first lines say what it tries and what is expected: `# Expects: verdict, verdict`, with
//! `# Expects on wasm:` where that engine ends it in another way, and `# Kinds:` of tests for a cheating one.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sandbox_api::{Client, EngineKind, FunctionCase, GradeRequest, GradeVerdict, Language, Limits, StdioCase, Tests};
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::support::server;

/// Programs under way at one time, and workers.
const NUM_OPEN: usize = 2;

struct Program {
    path: PathBuf,
    code: String,
}

impl Program {
    fn all(folder: &str) -> Vec<Self> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(folder);
        let mut programs: Vec<Self> = std::fs::read_dir(&folder)
            .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
            .map(|entry| entry.unwrap().path())
            .map(|path| Self { code: std::fs::read_to_string(&path).unwrap(), path })
            .collect();
        programs.sort_by(|left, right| left.path.cmp(&right.path));
        programs
    }

    /// What the header says under `name`.
    fn header(&self, name: &str) -> Option<BTreeSet<String>> {
        let prefix = format!("# {name}: ");
        let line =
            self.code.lines().take_while(|line| line.starts_with('#')).find_map(|line| line.strip_prefix(&prefix))?;
        Some(line.split(',').map(|word| word.trim().to_owned()).collect())
    }
}

fn request(engine: EngineKind, code: &str, tests: Tests) -> GradeRequest {
    let limits = Limits {
        wall_seconds: 1.5,
        cpu_seconds: 1.5,
        memory_bytes: 128 << 20,
        output_bytes: 100_000,
        processes: 16,
        ..Limits::default()
    };
    GradeRequest {
        code: code.to_owned(),
        language: Language::Python,
        engine: Some(engine),
        tests,
        limits,
        stop_at_first_failure: false,
    }
}

fn stdio(input: &str, output: &str) -> Tests {
    Tests::Stdio { cases: vec![StdioCase { input: input.to_owned(), output: output.to_owned() }] }
}

/// Tests of one kind that no program of the corpus can know the answers to.
fn unknown_answers(kind: &str) -> Tests {
    match kind {
        "asserts" => {
            let tests = ["assert f(3) == 123457", "assert f(4) == 99"].map(str::to_owned).to_vec();
            Tests::Asserts { setup: String::new(), tests }
        }
        "function" => {
            let case = |arg, expected| FunctionCase { args: json!([arg]), expected: json!(expected) };
            Tests::Function { entry_point: "f".to_owned(), cases: vec![case(3, 123_457), case(4, 99)] }
        }
        "stdio" => stdio("3\n", "123457\n"),
        other => panic!("no kind of tests is called {other}"),
    }
}

/// Grades, then checks that an ordinary program still passes.
async fn grade(client: &Client, request: &GradeRequest, place: &str) -> (GradeVerdict, usize, String) {
    let report = client.grade(request).await.unwrap_or_else(|error| panic!("{place}: {error}"));
    let engine = request.engine.unwrap();
    let mut ordinary = self::request(engine, "print(int(input()) + 1)", stdio("41", "42"));
    let mut next = client.grade(&ordinary).await.unwrap_or_else(|error| panic!("after {place}: {error}"));
    if next.verdict == GradeVerdict::TimeLimit {
        eprintln!("after {place} an ordinary program was late: the machine is busy, or something is left");
        (ordinary.limits.wall_seconds, ordinary.limits.cpu_seconds) = (60.0, 60.0);
        next = client.grade(&ordinary).await.unwrap_or_else(|error| panic!("after {place}: {error}"));
    }
    assert_eq!(next.verdict, GradeVerdict::Passed, "after {place}: {next:?}");
    (report.verdict, report.num_passed, report.reason)
}

/// Grades many at a time; `judge` says what is wrong with one.
async fn grade_all(
    client: &Client,
    requests: Vec<(String, GradeRequest)>,
    judge: impl Fn(&str, GradeVerdict, usize) -> bool,
) {
    let turns = Arc::new(Semaphore::new(NUM_OPEN));
    let mut tasks = JoinSet::new();
    for (place, request) in requests {
        let (client, turns) = (client.clone(), turns.clone());
        tasks.spawn(async move {
            let _turn = turns.acquire_owned().await.unwrap();
            let report = grade(&client, &request, &place).await;
            (request, place, report)
        });
    }
    let (mut wrong, mut late) = (Vec::new(), Vec::new());
    while let Some(done) = tasks.join_next().await {
        let (request, place, (verdict, num_passed, reason)) = done.unwrap();
        if judge(&place, verdict, num_passed) {
            continue;
        }
        // On a busy machine any program may be late.
        if verdict == GradeVerdict::TimeLimit {
            late.push((place, request));
        } else {
            wrong.push(format!("{place}: {}, {num_passed} cases passed: {reason}", verdict.as_str()));
        }
    }
    for (place, mut request) in late {
        (request.limits.wall_seconds, request.limits.cpu_seconds) = (30.0, 30.0);
        let (verdict, num_passed, reason) = grade(client, &request, &place).await;
        if !judge(&place, verdict, num_passed) {
            wrong.push(format!("{place}, by itself: {}, {num_passed} cases passed: {reason}", verdict.as_str()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

async fn hostile(engine: EngineKind) {
    let Some((handle, client)) = server(engine, NUM_OPEN).await else { return };
    let programs = Program::all("hostile");
    assert!(programs.len() >= 60);
    let expected = |place: &str| {
        let program = programs.iter().find(|program| program.path.ends_with(place)).unwrap();
        let on_engine = program.header(&format!("Expects on {engine}"));
        on_engine.or_else(|| program.header("Expects")).unwrap_or_else(|| panic!("{place} has no header"))
    };
    let requests = programs.iter().map(|program| {
        let place = program.path.file_name().unwrap().to_string_lossy().into_owned();
        (place, request(engine, &program.code, stdio("", "never")))
    });
    grade_all(&client, requests.collect(), |place, verdict, _| expected(place).contains(verdict.as_str())).await;
    handle.shutdown().await;
}

async fn cheating(engine: EngineKind) {
    let Some((handle, client)) = server(engine, NUM_OPEN).await else { return };
    let programs = Program::all("cheating");
    assert!(programs.len() >= 40);
    let mut requests = Vec::new();
    for program in &programs {
        let name = program.path.file_name().unwrap().to_string_lossy();
        for kind in program.header("Kinds").unwrap_or_else(|| panic!("{name} has no header")) {
            requests.push((format!("{name} as {kind}"), request(engine, &program.code, unknown_answers(&kind))));
        }
    }
    grade_all(&client, requests, |_, verdict, num_passed| verdict != GradeVerdict::Passed && num_passed == 0).await;
    handle.shutdown().await;
}

/// Programs that any Python runs, in ways of their own.
async fn ordinary(engine: EngineKind) {
    let Some((handle, client)) = server(engine, NUM_OPEN).await else { return };
    let requests = Program::all("ordinary").into_iter().map(|program| {
        let place = program.path.file_name().unwrap().to_string_lossy().into_owned();
        (place, request(engine, &program.code, stdio("41\n", "42")))
    });
    grade_all(&client, requests.collect(), |_, verdict, _| verdict == GradeVerdict::Passed).await;
    handle.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ordinary_programs_pass_on_the_process_engine() {
    ordinary(EngineKind::Process).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ordinary_programs_pass_on_the_wasm_engine() {
    ordinary(EngineKind::Wasm).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_programs_are_contained_by_the_process_engine() {
    hostile(EngineKind::Process).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_programs_are_contained_by_the_wasm_engine() {
    hostile(EngineKind::Wasm).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_cheating_program_passes_on_the_process_engine() {
    cheating(EngineKind::Process).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_cheating_program_passes_on_the_wasm_engine() {
    cheating(EngineKind::Wasm).await;
}
