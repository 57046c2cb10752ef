//! Plug-ins in Python on both engines, through the verifier that runs them: files in every style, whatever a plug-in
//! does instead of judging, and hostile ones. The files are those of `verifiers/tests/plug_ins`.

use std::net::TcpListener;
use std::path::Path;

use datasets::{Message, Task, TaskKind, TaskVerifier};
use futures::future::join_all;
use sandbox_api::{Client, EngineKind};
use serde_json::json;
use verifiers::{
    Judged, PythonConfig, PythonIsolation, PythonVerifier, ScoreRange, Verdict, VerdictKind, Verifier, VerifierError,
};

use crate::support::server;

type Outcome = Result<Verdict, VerifierError>;

fn config(isolation: PythonIsolation, file: &str) -> PythonConfig {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../verifiers/tests/plug_ins");
    PythonConfig { isolation, workers: 2, timeout_seconds: 30.0, ..PythonConfig::new(folder.join(file)) }
}

async fn outcomes(client: &Client, config: PythonConfig, ground_truth: &str, completions: &[&str]) -> Vec<Outcome> {
    let verifier = PythonVerifier::new("plug".into(), config, client.clone());
    let messages = vec![Message::user("What is 6 times 7?")];
    let mut task = Task::new("t-1", TaskKind::MATH, messages, TaskVerifier::new("plug", ground_truth));
    task.meta = Some(json!({"level": 3}));
    let judged: Vec<_> = completions.iter().map(|completion| Judged::new(task.clone(), *completion)).collect();
    join_all(judged.iter().map(|judged| verifier.verify(judged))).await
}

fn kind(outcome: &Outcome) -> VerdictKind {
    outcome.as_ref().map_or_else(VerifierError::kind, |verdict| verdict.kind)
}

/// Runs `test` for each isolation whose engine is set up.
async fn in_both(test: impl AsyncFn(&Client, PythonIsolation)) {
    for (engine, isolation) in [(EngineKind::Wasm, PythonIsolation::Wasm), (EngineKind::Process, PythonIsolation::Jail)]
    {
        let Some((server, client)) = server(engine, 2).await else { continue };
        test(&client, isolation).await;
        server.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_style_runs_in_the_sandbox() {
    in_both(async |client, isolation| {
        for (file, completions, scores) in [
            ("styles/gsm8k_verl.py", vec!["#### 42", "#### 41", "no"], vec![1.0, 0.1, 0.0]),
            ("styles/dapo_verl.py", vec!["Answer: 42", "42"], vec![1.0, -1.0]),
            ("styles/extra_info_verl.py", vec!["it is 42", "it is 41"], vec![1.0, 0.0]),
            ("styles/format_trl.py", vec!["<think>a</think>\n42", "42"], vec![1.0, 0.0]),
            ("styles/columns_trl.py", vec!["it is 42", "it is 41"], vec![1.0, 0.0]),
            ("styles/async_trl.py", vec!["0123456789", ""], vec![0.1, 0.0]),
            ("styles/own.py", vec!["<think>a</think> 42", "41"], vec![1.0, 0.0]),
            ("styles/own_async.py", vec!["it is 42", "it is 41"], vec![1.0, 0.0]),
        ] {
            let range = ScoreRange { low: -1.0, high: 1.0 };
            let config = PythonConfig { range, ..config(isolation, file) };
            let found = outcomes(client, config, "42", &completions).await;
            let found: Vec<f32> = found.into_iter().map(|outcome| outcome.expect("a verdict").score).collect();
            assert_eq!(found, scores, "{file} in {isolation:?}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_misbehaves_takes_no_other_with_it() {
    use VerdictKind::{Crashed, NotApplicable, OverBudget, Passed, TimedOut};
    let wanted = [
        ("fine", Passed, ""),
        ("raise", Crashed, "misbehaving.py, line 8: KeyError: 'no such rubric'"),
        ("exit", Crashed, "status 7"),
        ("leave", Crashed, "SystemExit"),
        ("hang", TimedOut, "after 6 seconds"),
        ("nan", Crashed, "nan"),
        ("none", NotApplicable, ""),
        ("memory", Crashed, "a score must be a number"),
        ("fine", Passed, ""),
    ];
    in_both(async |client, isolation| {
        let config = |file: &str| PythonConfig { timeout_seconds: 6.0, ..config(isolation, file) };
        let found = outcomes(client, config("misbehaving.py"), "42", &wanted.map(|(text, ..)| text)).await;
        for (outcome, (completion, wanted, words)) in found.iter().zip(wanted) {
            assert_eq!(kind(outcome), wanted, "{completion} in {isolation:?}: {outcome:?}");
            let said = outcome.as_ref().map_or_else(ToString::to_string, |verdict| verdict.reason.clone());
            assert!(said.contains(words), "{completion} in {isolation:?}: {said}");
        }
        let texts = ["fine", "raise", "exit", "fine", "hang", "count"];
        let found = outcomes(client, config("misbehaving_trl.py"), "42", &texts).await;
        let kinds: Vec<_> = found.iter().map(kind).collect();
        assert_eq!(kinds, [Passed, Crashed, Crashed, Passed, TimedOut, Crashed], "{isolation:?}: {found:?}");
        assert!(!kinds.contains(&OverBudget));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_plug_ins_are_held_and_counted() {
    use VerdictKind::{Crashed, OverBudget, Partial, TimedOut};
    in_both(async |client, isolation| {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("a socket");
        let port = listener.local_addr().expect("an address").port().to_string();
        let in_wasm = isolation == PythonIsolation::Wasm;
        for (file, wanted) in [
            ("reads_passwd", vec![Crashed]),
            ("opens_a_socket", vec![Crashed]),
            ("forks", vec![Crashed, OverBudget]),
            ("fills_memory", vec![OverBudget]),
            ("forges_lines", vec![Partial]),
            ("exits", vec![Crashed]),
            ("hangs_in_c", vec![TimedOut]),
            ("leaves_threads", vec![if in_wasm { Crashed } else { Partial }]),
            ("recurses", vec![Crashed, OverBudget, TimedOut]),
            ("writes_forever", vec![OverBudget]),
        ] {
            let timeout_seconds = if wanted.contains(&TimedOut) { 2.0 } else { 30.0 };
            let file = format!("hostile/{file}.py");
            let config_of_it = PythonConfig { timeout_seconds, ..config(isolation, &file) };
            let found = outcomes(client, config_of_it, &port, &["42"]).await;
            assert!(wanted.contains(&kind(&found[0])), "{file} in {isolation:?}: {found:?}");
            if let Ok(verdict) = &found[0] {
                assert_eq!(verdict.score, 0.25, "{file} in {isolation:?}: {verdict:?}");
            }
            let others = outcomes(client, config(isolation, "styles/own.py"), "42", &["42"]).await;
            assert_eq!(kind(&others[0]), VerdictKind::Passed, "after {file} in {isolation:?}: {others:?}");
        }
        let nobody = listener.accept().map(|(_, address)| address);
        assert!(nobody.is_err(), "a plug-in in {isolation:?} opened a socket: {nobody:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_does_not_load_in_the_sandbox_is_named() {
    in_both(async |client, isolation| {
        for (file, words) in [
            ("bad/syntax.py", "syntax.py, line 2: invalid syntax"),
            ("bad/raises.py", "raises.py, line 1: ModuleNotFoundError"),
            ("bad/two.py", "choose one with the key `function`"),
        ] {
            let verifier = PythonVerifier::new("plug".into(), config(isolation, file), client.clone());
            let error = verifier.prepare().await.unwrap_err().to_string();
            assert!(error.contains("verifiers.python.plug") && error.contains(words), "{isolation:?}: {error}");
        }
    })
    .await;
}
