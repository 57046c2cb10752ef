//! The queue before the workers: refusals, turns, deadlines, callers that leave, repeats, lost workers, shutdown.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use sandbox::{ServerConfig, ServerHandle, serve};
use sandbox_api::{Client, GradeVerdict};
use serde_json::json;
use tokio::task::JoinSet;

use super::{adds_one, http, impatient, metric, one_worker, post, program, sleeps, until};

#[tokio::test]
async fn a_full_queue_is_refused_and_waited_out() {
    let server = serve(ServerConfig { workers: 1, queue: 1, ..ServerConfig::default() }).await.unwrap();
    let url = format!("{}/run", server.url());
    let mut slow = JoinSet::new();
    for sample in ["sandbox_workers_busy", "sandbox_queue_depth"] {
        let url = url.clone();
        slow.spawn(async move { post(&url, &sleeps(60.0), &[]).await });
        until(&server, sample, 1.0).await;
    }
    for _ in 0..3 {
        let response = http().post(&url).json(&program("print(1)")).send().await.unwrap();
        assert_eq!(response.status(), 429);
        let wait: u64 = response.headers()["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((1..=30).contains(&wait), "{wait}");
    }
    slow.abort_all();
    assert_eq!(metric(&server, "sandbox_errors_total{type=\"queue_full\"}").await, 3.0);
    let client = Client::with_options(vec![server.url()], impatient()).unwrap();
    let mut tasks = JoinSet::new();
    for _ in 0..5 {
        let client = client.clone();
        tasks.spawn(async move { client.grade(&adds_one()).await.unwrap().verdict });
    }
    assert!(tasks.join_all().await.iter().all(|verdict| *verdict == GradeVerdict::Passed));
    server.shutdown().await;
}

#[tokio::test]
async fn clients_take_turns() {
    let server = one_worker().await;
    let url = format!("{}/run", server.url());
    let finished = Arc::new(Mutex::new(Vec::new()));
    let mut tasks = JoinSet::new();
    let mut send = |client: &'static str, seconds: f64| {
        let (url, finished) = (url.clone(), finished.clone());
        tasks.spawn(async move {
            assert_eq!(post(&url, &sleeps(seconds), &[("x-client-id", client)]).await.0, 200);
            finished.lock().unwrap().push(client);
        });
    };
    send("greedy", 8.0);
    until(&server, "sandbox_workers_busy", 1.0).await;
    (0..10).for_each(|_| send("greedy", 0.05));
    until(&server, "sandbox_queue_depth", 10.0).await;
    send("modest", 0.05);
    until(&server, "sandbox_queue_clients", 2.0).await;
    tasks.join_all().await;
    let place = finished.lock().unwrap().iter().position(|client| *client == "modest").unwrap();
    assert!(place <= 3, "the second client's only request was number {place}");
    server.shutdown().await;
}

#[tokio::test]
async fn a_request_whose_deadline_has_passed_is_never_run() {
    let server = one_worker().await;
    let url = format!("{}/run", server.url());
    let (status, answer) = post(&url, &program("print(1)"), &[("x-deadline-ms", "0")]).await;
    assert_eq!((status, &answer["type"]), (504, &json!("deadline_passed")));
    let busy = tokio::spawn({
        let url = url.clone();
        async move { post(&url, &sleeps(60.0), &[]).await }
    });
    until(&server, "sandbox_workers_busy", 1.0).await;
    let began = Instant::now();
    let (status, answer) = post(&url, &program("print(1)"), &[("x-deadline-ms", "200")]).await;
    assert_eq!((status, &answer["type"]), (504, &json!("deadline_passed")), "{answer}");
    assert!(began.elapsed() < Duration::from_secs(50), "it is answered when the time is up");
    assert_eq!(metric(&server, "sandbox_queue_depth").await, 0.0, "and leaves the queue");
    assert_eq!(metric(&server, "sandbox_queue_seconds_count").await, 1.0, "no worker saw it");
    busy.abort();
    assert_eq!(post(&url, &program("print(1)"), &[("x-deadline-ms", "60000")]).await.0, 200);
    server.shutdown().await;
}

#[tokio::test]
async fn a_program_is_ended_when_its_deadline_passes_or_its_caller_leaves() {
    let server = one_worker().await;
    let url = format!("{}/run", server.url());
    let began = Instant::now();
    assert_eq!(post(&url, &sleeps(60.0), &[("x-deadline-ms", "1500")]).await.0, 504);
    let caller = tokio::spawn({
        let url = url.clone();
        async move { post(&url, &sleeps(60.0), &[]).await }
    });
    until(&server, "sandbox_queue_seconds_count", 2.0).await;
    caller.abort();
    assert_eq!(post(&url, &program("print(1)"), &[]).await.0, 200);
    assert!(began.elapsed() < Duration::from_secs(50), "neither sleep was waited for");
    let text = super::metrics(&server).await;
    let replaced = text.lines().find(|line| line.contains("workers_replaced") && line.contains("reason=\"cancelled\""));
    assert!(replaced.is_some_and(|line| line.ends_with(" 2")), "{text}");
    server.shutdown().await;
}

#[tokio::test]
async fn a_caller_that_leaves_gives_up_its_place_in_the_queue() {
    let server = one_worker().await;
    let url = format!("{}/run", server.url());
    let mut tasks = JoinSet::new();
    for _ in 0..4 {
        let url = url.clone();
        tasks.spawn(async move { post(&url, &sleeps(60.0), &[]).await });
    }
    until(&server, "sandbox_queue_depth", 3.0).await;
    tasks.abort_all();
    until(&server, "sandbox_queue_depth", 0.0).await;
    until(&server, "sandbox_http_requests_in_flight", 0.0).await;
    server.shutdown().await;
}

#[tokio::test]
async fn a_request_that_comes_again_runs_once() {
    let server = one_worker().await;
    let url = format!("{}/run", server.url());
    let random = program("import random, time\ntime.sleep(3)\nprint(random.random())");
    let send = |body: sandbox_api::RunRequest, id: &'static str, client: &'static str| {
        let url = url.clone();
        async move { post(&url, &body, &[("x-request-id", id), ("x-client-id", client)]).await }
    };
    let (first, joined) = tokio::join!(send(random.clone(), "a", "one"), send(random.clone(), "a", "one"));
    let remembered = send(random.clone(), "a", "one").await;
    assert_eq!(first.0, 200);
    assert!(first == joined && first == remembered, "{first:?} {joined:?} {remembered:?}");
    assert_ne!(send(random.clone(), "b", "one").await.1["stdout"], first.1["stdout"]);
    assert_ne!(send(random.clone(), "a", "two").await.1["stdout"], first.1["stdout"], "ids are the client's own");
    let (status, answer) = send(program("print(1)"), "a", "one").await;
    assert_eq!((status, &answer["type"]), (422, &json!("request_id_reused")));
    assert_eq!(metric(&server, "sandbox_repeats_total{how=\"joined\"}").await, 1.0);
    assert_eq!(metric(&server, "sandbox_repeats_total{how=\"remembered\"}").await, 1.0);
    // The first caller leaves; the one that joined it still gets its answer.
    let leaves = tokio::spawn(send(random.clone(), "c", "one"));
    until(&server, "sandbox_workers_busy", 1.0).await;
    let stays = tokio::spawn(send(random.clone(), "c", "one"));
    until(&server, "sandbox_repeats_total{how=\"joined\"}", 2.0).await;
    leaves.abort();
    assert_eq!(stays.await.unwrap().0, 200);
    server.shutdown().await;
}

#[tokio::test]
async fn a_lost_worker_is_replaced_and_its_request_answered() {
    let server = one_worker().await;
    let client = Client::with_options(vec![server.url()], impatient()).unwrap();
    assert_eq!(client.grade(&adds_one()).await.unwrap().verdict, GradeVerdict::Passed);
    let workers = server.worker_ids();
    assert_eq!(workers.len(), 1);
    let running = tokio::spawn({
        let client = client.clone();
        async move { client.run(&sleeps(5.0)).await }
    });
    until(&server, "sandbox_workers_busy", 1.0).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    kill(workers[0]);
    assert_eq!(running.await.unwrap().unwrap().stdout, "done\n");
    assert_ne!(server.worker_ids(), workers);
    assert_eq!(client.grade(&adds_one()).await.unwrap().verdict, GradeVerdict::Passed);
    let last = server.worker_ids()[0];
    server.shutdown().await;
    assert!(!std::path::Path::new(&format!("/proc/{last}")).exists(), "no worker outlives its server");
}

#[tokio::test]
async fn a_request_that_loses_two_workers_gets_a_typed_error_and_the_next_one_none() {
    let server = one_worker().await;
    let url = format!("{}/run", server.url());
    let running = tokio::spawn({
        let url = url.clone();
        async move { post(&url, &sleeps(60.0), &[]).await }
    });
    kill_two_workers(&server).await;
    let (status, answer) = running.await.unwrap();
    assert_eq!((status, &answer["type"]), (500, &json!("worker_lost")), "{answer}");
    assert_eq!(post(&url, &program("print(1)"), &[]).await.0, 200);
    server.shutdown().await;
}

#[tokio::test]
async fn a_failure_of_the_sandbox_is_not_remembered_where_it_is_an_answer() {
    let server = one_worker().await;
    let url = format!("{}/run_code", server.url());
    let body = json!({"code": "import time\ntime.sleep(60)", "language": "python", "run_timeout": 8});
    let ask = || {
        let (url, body) = (url.clone(), body.clone());
        async move { post(&url, &body, &[("x-request-id", "a")]).await }
    };
    let running = tokio::spawn(ask());
    kill_two_workers(&server).await;
    let (status, answer) = running.await.unwrap();
    assert_eq!((status, &answer["status"]), (200, &json!("SandboxError")), "{answer}");
    let (status, answer) = ask().await;
    assert_eq!((status, &answer["run_result"]["status"]), (200, &json!("TimeLimitExceeded")), "{answer}");
    server.shutdown().await;
}

#[tokio::test]
async fn shutdown_lets_open_requests_finish_and_turns_new_ones_away() {
    let config = ServerConfig { workers: 1, drain_seconds: 60.0, ..ServerConfig::default() };
    let server = serve(config).await.unwrap();
    let url = server.url();
    let mut tasks = JoinSet::new();
    for _ in 0..2 {
        let url = url.clone();
        tasks.spawn(async move { post(&format!("{url}/run"), &sleeps(4.0), &[]).await });
    }
    until(&server, "sandbox_queue_depth", 1.0).await;
    let shutdown = tokio::spawn(server.shutdown());
    tokio::time::sleep(Duration::from_millis(50)).await;
    let (status, answer) = post(&format!("{url}/run"), &program("print(1)"), &[]).await;
    assert_eq!((status, &answer["type"]), (503, &json!("shutting_down")));
    assert_eq!(http().get(format!("{url}/healthz")).send().await.unwrap().status(), 503);
    for (status, answer) in tasks.join_all().await {
        assert_eq!((status, &answer["stdout"]), (200, &json!("done\n")), "{answer}");
    }
    shutdown.await.unwrap();
    assert!(http().get(format!("{url}/healthz")).send().await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn shutdown_does_not_wait_for_ever() {
    let server = serve(ServerConfig { workers: 1, drain_seconds: 0.3, ..ServerConfig::default() }).await.unwrap();
    let url = format!("{}/run", server.url());
    let running = tokio::spawn(async move { post(&url, &sleeps(60.0), &[]).await });
    until(&server, "sandbox_workers_busy", 1.0).await;
    let began = Instant::now();
    server.shutdown().await;
    assert!(began.elapsed() < Duration::from_secs(50));
    let (status, answer) = running.await.unwrap();
    assert_eq!((status, &answer["type"]), (503, &json!("shutting_down")), "{answer}");
}

/// Kills the only worker, which is about to be busy, and the one that takes its place.
async fn kill_two_workers(server: &ServerHandle) {
    until(server, "sandbox_workers_busy", 1.0).await;
    let first = server.worker_ids();
    tokio::time::sleep(Duration::from_millis(100)).await;
    kill(first[0]);
    let second = loop {
        match server.worker_ids()[..] {
            [id] if id != first[0] => break id,
            _ => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    };
    tokio::time::sleep(Duration::from_millis(500)).await;
    kill(second);
}

fn kill(id: u32) {
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(id as i32), nix::sys::signal::Signal::SIGKILL).unwrap();
}
