//! The HTTP service and its client: refusals, a full queue, lost workers, several servers.

use std::time::Duration;

use sandbox::{
    Client, ClientError, ClientOptions, GradeRequest, GradeVerdict, Language, Limits, RunRequest, SandboxError,
    ServerConfig, StdioCase, Tests, serve,
};
use serde_json::{Value, json};

fn adds_one() -> GradeRequest {
    GradeRequest {
        code: "print(int(input()) + 1)".to_owned(),
        language: Language::Python,
        engine: None,
        tests: Tests::Stdio { cases: vec![StdioCase { input: "1".to_owned(), output: "2".to_owned() }] },
        limits: Limits::default(),
        stop_at_first_failure: false,
    }
}

fn impatient() -> ClientOptions {
    ClientOptions { attempts: 2, backoff_seconds: 0.01, timeout_seconds: 20.0, ..ClientOptions::default() }
}

#[tokio::test]
async fn bad_requests_are_answered_with_a_reason() {
    let handle = serve(ServerConfig { workers: 1, body_bytes: 10_000, ..ServerConfig::default() }).await.unwrap();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let post = |body: String| http.post(format!("{}/grade", handle.url())).body(body).send();
    let good = json!({"code": "print(1)", "tests": {"kind": "stdio", "cases": [{"input": "", "output": "1"}]}});
    let no_cases = json!({"code": "x", "tests": {"kind": "stdio", "cases": []}});
    let no_output = json!({"code": "x", "tests": {"kind": "stdio", "cases": [{"input": ""}]}});
    let language = json!({"code": "x", "language": "cobol", "tests": good["tests"]});
    let limits = json!({"code": "x", "tests": good["tests"], "limits": {"wall_seconds": 0}});
    let function = json!({"code": "f = abs", "tests": {"kind": "function", "entry_point": "f", "cases": [{"args": [-1.5], "expected": 1.5}]}});
    let cases = [
        (good.to_string(), 200, ""),
        (function.to_string(), 200, ""),
        ("{".to_owned(), 400, "EOF"),
        (no_output.to_string(), 400, "output"),
        (language.to_string(), 400, "cobol"),
        (no_cases.to_string(), 422, "no case"),
        (limits.to_string(), 422, "wall_seconds"),
        (" ".repeat(20_000), 413, "limit"),
    ];
    for (body, status, word) in cases {
        let response = post(body.clone()).await.unwrap();
        assert_eq!(response.status().as_u16(), status, "{body:.200}");
        let answer: Value = response.json().await.unwrap();
        match status {
            200 => assert_eq!(answer["verdict"], "passed"),
            _ => assert!(answer["error"].as_str().unwrap().contains(word), "{answer}"),
        }
    }
    let health = http.get(format!("{}/healthz", handle.url())).send().await.unwrap();
    assert!(health.status().is_success());
    let metrics = http.get(format!("{}/metrics", handle.url())).send().await.unwrap().text().await.unwrap();
    assert!(metrics.contains("sandbox_gradings_total{verdict=\"passed\"} 2"), "{metrics}");
    assert!(metrics.contains("sandbox_bad_requests_total 6"), "{metrics}");
    handle.shutdown().await;
}

#[tokio::test]
async fn a_full_queue_is_refused_and_waited_out() {
    let handle = serve(ServerConfig { workers: 1, queue: 1, ..ServerConfig::default() }).await.unwrap();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let body =
        serde_json::to_string(&RunRequest { code: "import time\ntime.sleep(0.5)".to_owned(), ..RunRequest::default() })
            .unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..5 {
        let (http, body, url) = (http.clone(), body.clone(), format!("{}/run", handle.url()));
        tasks.spawn(async move {
            let response = http.post(url).body(body).send().await.unwrap();
            (response.status().as_u16(), response.headers().contains_key("retry-after"))
        });
    }
    let answers = tasks.join_all().await;
    assert!(answers.contains(&(429, true)), "{answers:?}");
    assert!(answers.contains(&(200, false)), "{answers:?}");
    let client = Client::with_options(vec![handle.url()], impatient()).unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..5 {
        let client = client.clone();
        tasks.spawn(async move { client.grade(&adds_one()).await.unwrap().verdict });
    }
    assert!(tasks.join_all().await.iter().all(|verdict| *verdict == GradeVerdict::Passed));
    handle.shutdown().await;
}

#[tokio::test]
async fn a_lost_worker_is_replaced_and_its_request_answered() {
    let handle = serve(ServerConfig { workers: 1, ..ServerConfig::default() }).await.unwrap();
    let client = Client::with_options(vec![handle.url()], impatient()).unwrap();
    assert_eq!(client.grade(&adds_one()).await.unwrap().verdict, GradeVerdict::Passed);
    let workers = handle.worker_ids();
    assert_eq!(workers.len(), 1);
    let slow = RunRequest { code: "import time\ntime.sleep(1)\nprint('done')".to_owned(), ..RunRequest::default() };
    let running = tokio::spawn({
        let client = client.clone();
        async move { client.run(&slow).await }
    });
    tokio::time::sleep(Duration::from_millis(300)).await;
    kill(workers[0]);
    assert_eq!(running.await.unwrap().unwrap().stdout, "done\n");
    assert_ne!(handle.worker_ids(), workers);
    assert_eq!(client.grade(&adds_one()).await.unwrap().verdict, GradeVerdict::Passed);
    let last = handle.worker_ids()[0];
    handle.shutdown().await;
    assert!(!std::path::Path::new(&format!("/proc/{last}")).exists(), "no worker outlives its server");
}

fn kill(id: u32) {
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(id as i32), nix::sys::signal::Signal::SIGKILL).unwrap();
}

#[tokio::test]
async fn the_client_turns_to_another_server_and_gives_up_with_an_error() {
    let handle = serve(ServerConfig { workers: 1, ..ServerConfig::default() }).await.unwrap();
    let dead = "http://127.0.0.1:9".to_owned();
    let client = Client::with_options(vec![dead.clone(), handle.url()], impatient()).unwrap();
    assert_eq!(client.grade(&adds_one()).await.unwrap().verdict, GradeVerdict::Passed);
    let alone = Client::with_options(vec![dead], impatient()).unwrap();
    let error = alone.grade(&adds_one()).await.unwrap_err();
    assert!(matches!(error, ClientError::Unavailable { attempts: 2, .. }), "{error}");
    assert!(matches!(Client::new(Vec::new()), Err(ClientError::BadConfig(_))));
    handle.shutdown().await;
}

#[tokio::test]
async fn bad_settings_are_refused() {
    let refused = |config| async { serve(config).await.err().expect("refused") };
    let error = refused(ServerConfig { workers: 0, ..ServerConfig::default() }).await;
    assert!(matches!(error, SandboxError::BadConfig(_)), "{error}");
    let error = refused(ServerConfig { python: Some("/nonexistent/python".into()), ..ServerConfig::default() }).await;
    assert!(error.to_string().contains("/nonexistent/python"), "{error}");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = taken.local_addr().unwrap();
    let error = refused(ServerConfig { listen, ..ServerConfig::default() }).await;
    assert!(matches!(error, SandboxError::Listen { .. }), "{error}");
}
