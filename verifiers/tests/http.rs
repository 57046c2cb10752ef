//! Verifiers that are services: their layouts, and what becomes of calls to those that do not answer as they should.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use datasets::{Message, Task, TaskKind, TaskVerifier};
use serde_json::{Value, json};
use verifiers::{HttpConfig, HttpLayout, HttpVerifier, Judged, Judgement, VerdictKind, Verifiers};

/// What the service of a test answers to the body of its request number N.
type Answering = dyn Fn(usize, Value) -> (StatusCode, String) + Send + Sync;

/// The bodies that the service was sent.
type Bodies = Arc<Mutex<Vec<Value>>>;

async fn service(answering: impl Fn(usize, Value) -> (StatusCode, String) + Send + Sync + 'static) -> (String, Bodies) {
    let (answering, bodies): (Arc<Answering>, _) = (Arc::new(answering), Bodies::default());
    let (num_asked, seen) = (Arc::new(AtomicUsize::new(0)), bodies.clone());
    let handler = move |headers: HeaderMap, body: Bytes| {
        let (answering, num_asked, seen) = (answering.clone(), num_asked.clone(), seen.clone());
        async move {
            assert!(headers.contains_key("x-request-id") && headers.contains_key("x-deadline-ms"));
            let body: Value = serde_json::from_slice(&body).unwrap();
            seen.lock().unwrap().push(body.clone());
            let (status, text) = answering(num_asked.fetch_add(1, Ordering::SeqCst), body);
            if text == "late" {
                tokio::time::sleep(Duration::from_secs(60)).await;
            }
            (status, text)
        }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/judge", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/judge", post(handler))).await });
    (url, bodies)
}

fn config(url: &str) -> HttpConfig {
    HttpConfig { timeout_seconds: 20.0, ..HttpConfig::new(vec![url.to_owned()]) }
}

fn judged(completion: &str) -> Judged {
    let messages = vec![Message::user("What is 2 + 2?")];
    Judged::new(Task::new("t", TaskKind::MATH, messages, TaskVerifier::new("judge", "4")), completion)
}

async fn judge(config: HttpConfig, completions: &[&str]) -> Vec<Judgement> {
    let mut verifiers = Verifiers::default();
    verifiers.register(Arc::new(HttpVerifier::new("judge".into(), config)));
    let asked: Vec<_> = completions.iter().map(|completion| judged(completion)).collect();
    futures::future::join_all(asked.iter().map(|judged| verifiers.judge(judged))).await
}

fn kinds(judgements: &[Judgement]) -> Vec<VerdictKind> {
    judgements.iter().map(|judgement| judgement.verdicts[0].kind()).collect()
}

fn right(_: usize, body: Value) -> (StatusCode, String) {
    let score = |one: &Value| json!({"score": u8::from(one["answer"] == one["ground_truth"]), "reason": one["answer"]});
    let scores: Vec<_> = body.as_array().unwrap().iter().map(score).collect();
    (StatusCode::OK, json!(scores).to_string())
}

/// The kind and the words of a verdict on one completion, by a service that always answers this.
async fn answered(status: u16, text: &'static str) -> (VerdictKind, String) {
    let status = StatusCode::from_u16(status).unwrap();
    let (url, _) = service(move |_, _| (status, text.to_owned())).await;
    let judgements = judge(config(&url), &["4"]).await;
    (kinds(&judgements)[0], judgements[0].reason())
}

#[tokio::test]
async fn calls_are_gathered_and_answered_in_order() {
    let (url, bodies) = service(right).await;
    let completions = ["4", "<think>hm</think>4", "5", "4 "];
    let judgements = judge(HttpConfig { workers: 1, ..config(&url) }, &completions).await;
    use VerdictKind::{Failed, Passed};
    assert_eq!(kinds(&judgements), [Passed, Passed, Failed, Failed]);
    assert_eq!(judgements[2].reason(), "5");
    assert_eq!(bodies.lock().unwrap().len(), 1, "one request for all");
}

#[tokio::test]
async fn the_layouts_of_others_are_spoken() {
    let (url, bodies) = service(|_, body| {
        let labels = body["labels"].as_array().unwrap();
        (StatusCode::OK, json!({"rewards": vec![1.0; labels.len()], "extra_logs": {}}).to_string())
    })
    .await;
    let openrlhf = HttpConfig { layout: HttpLayout::OpenRlhf, ..config(&url) };
    assert_eq!(kinds(&judge(openrlhf, &["4"]).await), [VerdictKind::Passed]);
    let expected = json!({"query": ["What is 2 + 2?4"], "prompts": ["What is 2 + 2?"], "labels": ["4"]});
    assert_eq!(bodies.lock().unwrap()[0], expected);

    let (url, bodies) =
        service(|_, body| (StatusCode::OK, if body["response"] == "4" { "1" } else { "0.5" }.into())).await;
    let slime = HttpConfig { layout: HttpLayout::Slime, ..config(&url) };
    assert_eq!(kinds(&judge(slime, &["4", "5"]).await), [VerdictKind::Passed, VerdictKind::Partial]);
    assert_eq!(bodies.lock().unwrap().len(), 2, "a request has one completion");
}

#[tokio::test]
async fn a_failure_is_tried_again() {
    let (url, bodies) = service(|number, body| match number {
        0 => (StatusCode::INTERNAL_SERVER_ERROR, "warming up".into()),
        _ => right(number, body),
    })
    .await;
    assert_eq!(kinds(&judge(config(&url), &["4"]).await), [VerdictKind::Passed]);
    assert_eq!(bodies.lock().unwrap().len(), 2);
}

#[tokio::test]
async fn what_is_no_verdict_is_crashed_with_the_first_words() {
    for (status, text) in [
        (200, "good answer"),
        (200, "[NaN]"),
        (200, "[1, 1]"),
        (200, "[]"),
        (200, r#"["good"]"#),
        (200, "[1.5]"),
        (200, r#"[{"reason": "good"}]"#),
        (400, "bad request"),
        (404, "not here"),
        (500, "its own fault"),
    ] {
        let (kind, words) = answered(status, text).await;
        assert_eq!(kind, VerdictKind::Crashed, "{status} {text}: {words}");
        let shown = if text == "[1.5]" { "1.5" } else { text.trim_matches(['[', ']']) };
        assert!(words.contains("judge") && (words.contains(shown) || words.contains("score")), "{text}: {words}");
    }
    let (kind, words) = answered(200, "null").await;
    assert_eq!(kind, VerdictKind::Crashed, "{words}");
    assert_eq!(answered(200, "[null]").await.0, VerdictKind::NotApplicable);
}

#[tokio::test]
async fn one_completion_takes_no_other_with_it() {
    let (url, _) = service(|number, body| {
        let is_bad = body.as_array().unwrap().iter().any(|one| one["answer"] == "bad");
        if is_bad { (StatusCode::OK, "[NaN]".into()) } else { right(number, body) }
    })
    .await;
    let judgements = judge(HttpConfig { workers: 1, ..config(&url) }, &["4", "bad", "5"]).await;
    assert_eq!(kinds(&judgements), [VerdictKind::Passed, VerdictKind::Crashed, VerdictKind::Failed]);
}

#[tokio::test]
async fn a_service_that_is_away_or_slow_is_told_apart() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let dead = format!("http://{}/judge", listener.local_addr().unwrap());
    drop(listener);
    assert_eq!(kinds(&judge(config(&dead), &["4"]).await), [VerdictKind::Unavailable]);
    assert_eq!(answered(503, "away").await.0, VerdictKind::Unavailable);

    let (slow, _) = service(|_, _| (StatusCode::OK, "late".into())).await;
    let impatient = HttpConfig { timeout_seconds: 0.3, ..config(&slow) };
    assert_eq!(kinds(&judge(impatient, &["4", "5"]).await), [VerdictKind::TimedOut; 2]);

    // Another server answers in the place of one that is dead.
    let (url, _) = service(right).await;
    let both = HttpConfig { url: vec![dead, url], ..config("") };
    assert_eq!(kinds(&judge(both, &["4", "4", "4"]).await), [VerdictKind::Passed; 3]);
}

#[tokio::test]
async fn settings_that_cannot_work_are_named_before_the_first_question() {
    let mut verifiers = Verifiers::default();
    let token_env = Some("A_VARIABLE_THAT_NOBODY_SETS".to_owned());
    let config = HttpConfig { token_env, ..config("http://127.0.0.1:1/judge") };
    verifiers.register(Arc::new(HttpVerifier::new("judge".into(), config)));
    let error = verifiers.prepare(["judge"]).await.unwrap_err().to_string();
    assert!(error.contains("verifiers.http.judge.token_env") && error.contains("A_VARIABLE"), "{error}");
}
