//! The client: several servers, failing ones, lost answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use sandbox_api::{Client, ClientError, ClientOptions, GradeVerdict};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::{adds_one, impatient, metric, one_worker, program, sleeps};

#[tokio::test]
async fn turns_to_another_server_and_gives_up_with_an_error() {
    let server = one_worker().await;
    let dead = "http://127.0.0.1:9".to_owned();
    let client = Client::with_options(vec![dead.clone(), server.url()], impatient()).unwrap();
    assert_eq!(client.grade(&adds_one()).await.unwrap().verdict, GradeVerdict::Passed);
    let alone = Client::with_options(vec![dead], impatient()).unwrap();
    let error = alone.grade(&adds_one()).await.unwrap_err();
    assert!(matches!(error, ClientError::Unavailable { attempts: 2, .. }), "{error}");
    for urls in [vec![], vec!["no url".to_owned()], vec!["https://example.org".to_owned()]] {
        assert!(matches!(Client::new(urls), Err(ClientError::BadConfig(_))));
    }
    let options = ClientOptions { attempt_seconds: -1.0, ..ClientOptions::default() };
    let error = Client::with_options(vec![server.url()], options).err().unwrap();
    assert!(error.to_string().contains("attempt_seconds"), "{error}");
    server.shutdown().await;
}

#[tokio::test]
async fn calls_go_to_the_least_loaded_server() {
    let (one, two) = (one_worker().await, one_worker().await);
    let client = Client::new(vec![one.url(), two.url()]).unwrap();
    let slow = tokio::spawn({
        let client = client.clone();
        async move { client.run(&sleeps(60.0)).await.unwrap() }
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    let began = Instant::now();
    for _ in 0..5 {
        client.run(&program("print(1)")).await.unwrap();
    }
    assert!(began.elapsed() < Duration::from_secs(50), "none waited behind the slow one");
    slow.abort();
    one.shutdown().await;
    two.shutdown().await;
}

#[tokio::test]
async fn a_server_that_keeps_failing_is_left_alone_and_tried_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let num_calls = Arc::new(AtomicUsize::new(0));
    let broken = tokio::spawn({
        let num_calls = num_calls.clone();
        async move {
            loop {
                let (mut connection, _) = listener.accept().await.unwrap();
                num_calls.fetch_add(1, Ordering::SeqCst);
                let _ = connection
                    .write_all(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
                    .await;
                let _ = connection.read(&mut [0; 4096]).await;
            }
        }
    });
    let server = one_worker().await;
    let options = ClientOptions { breaker_failures: 2, breaker_seconds: 1.5, ..impatient() };
    let client = Client::with_options(vec![url, server.url()], options).unwrap();
    let began = Instant::now();
    for _ in 0..20 {
        client.run(&program("print(1)")).await.unwrap();
    }
    if began.elapsed() < Duration::from_millis(1500) {
        assert_eq!(num_calls.load(Ordering::SeqCst), 2, "it is left alone after two failures");
    }
    tokio::time::sleep(Duration::from_millis(1600)).await;
    for _ in 0..4 {
        client.run(&program("print(1)")).await.unwrap();
    }
    assert!(num_calls.load(Ordering::SeqCst) > 2, "it is tried again later");
    broken.abort();
    server.shutdown().await;
}

#[tokio::test]
async fn a_long_call_that_tries_a_server_is_no_failure_of_those_that_wait_for_it() {
    const REPORT: &str = r#"{"stdout":"1\n","stderr":"","exit":0,"status":"ok","seconds":0.1,
        "peak_memory_bytes":1}"#;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    // Fails at the first call, and takes its time for all others.
    let slow = tokio::spawn(async move {
        for number in 0.. {
            let (mut connection, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let _ = connection.read(&mut [0; 1 << 16]).await;
                let (status, body) = if number == 0 { ("502 Bad Gateway", "") } else { ("200 OK", REPORT) };
                tokio::time::sleep(Duration::from_millis(if number == 0 { 0 } else { 1000 })).await;
                let head = format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}", body.len());
                let _ = connection.write_all(format!("{head}\r\n\r\n{body}").as_bytes()).await;
            });
        }
    });
    let options = ClientOptions { breaker_failures: 1, breaker_seconds: 0.3, ..impatient() };
    let client = Client::with_options(vec![url], options).unwrap();
    let mut calls = JoinSet::new();
    for _ in 0..8 {
        let client = client.clone();
        calls.spawn(async move { client.run(&program("print(1)")).await.map(|report| report.stdout) });
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for answer in calls.join_all().await {
        assert_eq!(answer.unwrap(), "1\n");
    }
    slow.abort();
}

#[tokio::test]
async fn an_answer_that_is_lost_on_the_way_is_not_paid_for_twice() {
    let server = one_worker().await;
    let target = server.url().replace("http://", "");
    // Passes the first call on, throws its answer away and hangs up; then passes everything.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let relay = tokio::spawn(async move {
        for is_first in [true, false] {
            let (mut caller, _) = listener.accept().await.unwrap();
            let mut server = tokio::net::TcpStream::connect(&target).await.unwrap();
            let mut request = vec![0; 1 << 16];
            let length = caller.read(&mut request).await.unwrap();
            server.write_all(&request[..length]).await.unwrap();
            if is_first {
                let _ = server.read(&mut request).await.unwrap();
                continue;
            }
            let _ = tokio::io::copy_bidirectional(&mut caller, &mut server).await;
        }
    });
    let client = Client::with_options(vec![url], impatient()).unwrap();
    let report = client.run(&program("import random\nprint(random.random())")).await.unwrap();
    assert!(report.stdout.starts_with("0."), "{report:?}");
    assert_eq!(metric(&server, "sandbox_repeats_total{how=\"remembered\"}").await, 1.0);
    assert_eq!(metric(&server, "sandbox_queue_seconds_count").await, 1.0, "it ran once");
    relay.abort();
    server.shutdown().await;
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_given_up() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server = one_worker().await;
    let urls = vec![format!("http://{}", silent.local_addr().unwrap()), server.url()];
    let client = Client::with_options(urls, ClientOptions { attempt_seconds: 5.0, ..impatient() }).unwrap();
    let mut tasks = JoinSet::new();
    for _ in 0..4 {
        let client = client.clone();
        tasks.spawn(async move { client.grade(&adds_one()).await.unwrap().verdict });
    }
    assert!(tasks.join_all().await.iter().all(|verdict| *verdict == GradeVerdict::Passed));
    server.shutdown().await;
}
