//! The service: what each endpoint answers, the queue before the workers, and the client.

mod access;
mod client;
mod http;
mod queue;
mod run_code;

use std::time::Duration;

use sandbox::{ServerConfig, ServerHandle, serve};
use sandbox_api::{ClientOptions, GradeRequest, Language, Limits, RunRequest, StdioCase, Tests};
use serde::Serialize;
use serde_json::Value;

/// A server with one worker.
async fn one_worker() -> ServerHandle {
    serve(ServerConfig { workers: 1, ..ServerConfig::default() }).await.expect("the server starts")
}

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

fn program(code: &str) -> RunRequest {
    RunRequest { code: code.to_owned(), ..RunRequest::default() }
}

/// A program that sleeps, with time enough for it.
fn sleeps(seconds: f64) -> RunRequest {
    let limits = Limits { wall_seconds: 100.0, ..Limits::default() };
    RunRequest { limits, ..program(&format!("import time\ntime.sleep({seconds})\nprint('done')")) }
}

fn impatient() -> ClientOptions {
    ClientOptions { attempts: 2, backoff_seconds: 0.01, timeout_seconds: 20.0, ..ClientOptions::default() }
}

fn http() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().unwrap()
}

/// Posts JSON with headers; the answer's status and body.
async fn post(url: &str, body: &impl Serialize, headers: &[(&str, &str)]) -> (u16, Value) {
    let mut request = http().post(url).body(serde_json::to_vec(body).unwrap());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

async fn metrics(server: &ServerHandle) -> String {
    http().get(format!("{}/metrics", server.url())).send().await.unwrap().text().await.unwrap()
}

/// The value of a sample in the metrics' text; 0 where it is not there yet.
async fn metric(server: &ServerHandle, sample: &str) -> f64 {
    let text = metrics(server).await;
    let line = text.lines().find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
    line.map_or(0.0, |value| value.parse().unwrap())
}

/// Waits until `sample` has `value`, for 20 s at most.
pub(crate) async fn until(server: &ServerHandle, sample: &str, value: f64) {
    for _ in 0..2000 {
        if metric(server, sample).await == value {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{sample} is not {value}:\n{}", metrics(server).await);
}
