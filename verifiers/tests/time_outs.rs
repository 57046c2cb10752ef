//! A program of a suite that ran out of time is run once more, beside no other, before its verdict counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::routing::post;
use axum::{Json, Router};
use datasets::{Task, TaskKind, TaskVerifier};
use futures::future::join_all;
use serde_json::{Value, json};
use verifiers::{CodeConfig, Judged, Verdict, Verifiers, VerifiersConfig};

/// A code execution server of the test: a program that says `slow` is out of time unless it runs alone, one that says
/// `endless` always.
#[derive(Clone, Default)]
struct Busy {
    num_running: Arc<AtomicUsize>,
    num_graded: Arc<AtomicUsize>,
}

impl Busy {
    async fn start(&self) -> String {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let busy = self.clone();
        let app = Router::new().route("/grade", post(move |Json(request): Json<Value>| busy.clone().grade(request)));
        tokio::spawn(async move { axum::serve(listener, app).await });
        url
    }

    async fn grade(self, request: Value) -> Json<Value> {
        self.num_graded.fetch_add(1, Ordering::SeqCst);
        let num_running = self.num_running.fetch_add(1, Ordering::SeqCst) + 1;
        tokio::time::sleep(Duration::from_millis(20)).await;
        self.num_running.fetch_sub(1, Ordering::SeqCst);
        let code = request["code"].as_str().unwrap();
        let is_late = code.contains("endless") || code.contains("slow") && num_running > 1;
        let (verdict, num_passed) = if is_late { ("time_limit", 0) } else { ("passed", 1) };
        Json(json!({"verdict": verdict, "num_passed": num_passed, "num_tests": 1, "reason": "", "seconds": 0.1}))
    }
}

async fn judge(config: CodeConfig, comparison: Value, programs: &[&str]) -> (Vec<Verdict>, usize) {
    let busy = Busy::default();
    let client = sandbox_api::Client::new(vec![busy.start().await]).unwrap();
    let verifiers = Verifiers::standard(&VerifiersConfig { code: config, ..VerifiersConfig::default() }, client);
    let ground_truth = json!({"comparison": comparison, "cases": [{"input": "", "output": "1"}]});
    let task = Arc::new(Task::new("t", TaskKind::CODE, Vec::new(), TaskVerifier::new("code_stdio", ground_truth)));
    let judged = |program: &&str| Judged::new(task.clone(), format!("```python\n{program}\n```"));
    let asked: Vec<_> = programs.iter().map(judged).collect();
    let judgements = join_all(asked.iter().map(|judged| verifiers.judge(judged))).await;
    let verdicts = judgements.into_iter().map(|judgement| judgement.verdict().unwrap()).collect();
    (verdicts, busy.num_graded.load(Ordering::SeqCst))
}

#[tokio::test]
async fn a_suites_program_is_repeated_alone_and_that_verdict_counts() {
    let programs = ["slow", "quick", "slow", "endless", "quick", "slow"];
    let (verdicts, num_graded) = judge(CodeConfig::default(), json!("livecodebench"), &programs).await;
    for (program, verdict) in programs.iter().zip(&verdicts) {
        let is_late = *program == "endless";
        assert_eq!((verdict.passed(), verdict.has_timed_out()), (!is_late, is_late), "{program}: {verdict:?}");
    }
    // The first of the slow ones may have been alone by chance.
    assert!((programs.len() + 3..=programs.len() + 4).contains(&num_graded), "{num_graded}");
}

#[tokio::test]
async fn a_configuration_says_whether_programs_are_repeated() {
    for (comparison, repeats, num_expected) in
        [(json!(null), None, 1), (json!(null), Some(true), 2), (json!("livecodebench"), Some(false), 1)]
    {
        let config = CodeConfig { repeat_time_outs: repeats, ..CodeConfig::default() };
        let (verdicts, num_graded) = judge(config, comparison, &["endless"]).await;
        assert!(verdicts[0].has_timed_out(), "{verdicts:?}");
        assert_eq!(num_graded, num_expected);
    }
}
