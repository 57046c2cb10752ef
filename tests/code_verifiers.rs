//! The code verifiers through a real code execution server on loopback: programs that pass, fail and misbehave are
//! verdicts, a server that is away is an error.

use datasets::{Message, Task, TaskKind, TaskVerifier};
use serde_json::{Value, json};
use verifiers::{Judged, Verdict, VerifierError, Verifiers, VerifiersConfig};

fn task(verifier: &str, ground_truth: Value) -> Task {
    let messages = vec![Message::user("Write a program.")];
    Task::new(format!("{verifier}-task"), TaskKind::CODE, messages, TaskVerifier::new(verifier, ground_truth))
}

/// The verdict of the task's one verifier.
async fn verify(verifiers: &Verifiers, task: &Task, completion: &str) -> Result<Verdict, VerifierError> {
    let mut judgement = verifiers.judge(&Judged::new(task.clone(), completion)).await;
    judgement.verdicts.pop().expect("a verifier is asked").verdict
}

fn completion(code: &str) -> String {
    format!("<think>\n```python\nraise ValueError\n```\n</think>\nHere:\n```python\n{code}\n```\n")
}

async fn start() -> sandbox::ServerHandle {
    let config = sandbox::ServerConfig {
        workers: 1,
        // What is tested here is the verifier; machines without namespaces run it too.
        minimum_isolation: sandbox::Isolation::None,
        ..sandbox::ServerConfig::default()
    };
    sandbox::serve(config).await.expect("the server starts")
}

fn verifiers(url: String, settings: &str) -> Verifiers {
    let config: VerifiersConfig = toml::from_str(settings).expect("the settings are valid");
    let client = sandbox_api::Client::new(vec![url]).expect("the address is valid");
    Verifiers::standard(&config, client)
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_are_judged_by_their_tests() {
    let server = start().await;
    let strict = verifiers(server.url(), "");
    let asserts =
        task("code_asserts", json!({"setup": "", "tests": ["assert double(2) == 4", "assert double(-1) == -2"]}));
    let stdio =
        task("code_stdio", json!({"cases": [{"input": "3\n", "output": "6\n"}, {"input": "0\n", "output": "0\n"}]}));
    let function = task(
        "code_function",
        json!({"entry_point": "double", "cases": [{"args": [2], "expected": 4}, {"args": [0.5], "expected": 1.0}]}),
    );
    let right = completion("def double(x):\n    return 2 * x");
    let wrong = completion("def double(x):\n    return x + 2");
    let prints = completion("print(2 * int(input()))");

    for (task, good, bad) in [(&asserts, &right, &wrong), (&function, &right, &wrong), (&stdio, &prints, &right)] {
        let verdict = verify(&strict, task, good).await.expect("a verdict");
        assert!(verdict.passed() && verdict.score == 1.0, "{}: {verdict:?}", task.id);
        let verdict = verify(&strict, task, bad).await.expect("a verdict");
        assert_eq!(verdict.score, 0.0, "{}: {verdict:?}", task.id);
        assert!(verdict.reason.contains("tests passed: "), "{}: {verdict:?}", task.id);
    }
    let verdict = verify(&strict, &asserts, &wrong).await.expect("a verdict");
    assert!(verdict.reason.contains("assert double(-1) == -2"), "{verdict:?}");

    let no_code = verify(&strict, &asserts, "<think>a</think>I cannot.").await;
    assert_eq!(no_code.expect("a verdict"), Verdict::no_answer("no closed block of code"));

    let partial = verifiers(server.url(), "[code]\npartial_credit = true");
    let half = completion("def double(x):\n    return 4");
    let verdict = verify(&partial, &asserts, &half).await.expect("a verdict");
    assert_eq!((verdict.score, verdict.passed()), (0.5, false), "{verdict:?}");
    server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_of_one_engine_is_no_verdict() {
    let server = start().await;
    let task = task("code_function", json!({"entry_point": "steps", "cases": [{"args": [4000], "expected": 4000}]}));
    let deep = completion(
        "import sys\nfrom functools import lru_cache\nsys.setrecursionlimit(10**5)\n\
         @lru_cache(None)\ndef steps(n):\n    return 0 if n == 0 else 1 + steps(n - 1)",
    );
    let verdict = verify(&verifiers(server.url(), ""), &task, &deep).await.expect("a verdict");
    assert!(verdict.passed(), "{verdict:?}");
    server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_never_ends_is_a_verdict() {
    let server = start().await;
    let verifiers = verifiers(server.url(), "[code.limits]\nwall_seconds = 1.0\ncpu_seconds = 1.0");
    let stdio = task("code_stdio", json!({"cases": [{"input": "", "output": "x"}]}));
    let looping = completion("while True:\n    pass");
    let verdict = verify(&verifiers, &stdio, &looping).await.expect("a verdict");
    assert_eq!(verdict.score, 0.0);
    let sound = completion("print('x')");
    let patient = self::verifiers(server.url(), "");
    assert!(verify(&patient, &stdio, &sound).await.expect("a verdict").passed());
    server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_away_is_an_error() {
    let verifiers = verifiers("http://127.0.0.1:9".into(), "");
    let stdio = task("code_stdio", json!({"cases": [{"input": "", "output": "x"}]}));
    let error = verify(&verifiers, &stdio, &completion("print('x')")).await.expect_err("no server, no verdict");
    assert!(matches!(error, VerifierError::Sandbox { .. }), "{error}");
    assert!(error.to_string().contains("code_stdio-task"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_without_tests_is_an_error_even_for_a_bad_completion() {
    let verifiers = verifiers("http://127.0.0.1:9".into(), "");
    let empty = task("code_asserts", json!({"setup": "", "tests": []}));
    let error = verify(&verifiers, &empty, "no code").await.expect_err("nothing to judge by");
    assert!(matches!(error, VerifierError::GroundTruth { .. }), "{error}");
}
