//! Bodies, headers and answers: each bad request has its type, and the server stays up.

use std::io::{Read, Write};
use std::net::TcpStream;

use sandbox::{ServerConfig, serve};
use serde_json::{Value, json};

use super::{adds_one, http, metric, metrics, one_worker, post, program};

#[tokio::test]
async fn bad_requests_are_answered_with_a_type_and_a_reason() {
    let config =
        ServerConfig { workers: 1, body_bytes: 50_000, code_bytes: 20_000, batch: 3, ..ServerConfig::default() };
    let server = serve(config).await.unwrap();
    let good = json!({"code": "print(1)", "tests": {"kind": "stdio", "cases": [{"input": "", "output": "1"}]}});
    let with = |key: &str, value: Value| {
        let mut request = good.clone();
        request[key] = value;
        request.to_string()
    };
    let cases = [
        (good.to_string(), 200, "", ""),
        ("{".to_owned(), 400, "bad_json", "EOF"),
        ("[]".to_owned(), 400, "bad_json", ""),
        (json!({"tests": good["tests"]}).to_string(), 400, "bad_json", "code"),
        (with("tests", json!({"kind": "stdio", "cases": [{"input": ""}]})), 400, "bad_json", "output"),
        (with("tests", json!({"kind": "oracle"})), 400, "bad_json", "oracle"),
        (with("language", json!("cobol")), 422, "language_missing", "cobol"),
        (with("engine", json!("steam")), 400, "bad_json", "steam"),
        (with("tests", json!({"kind": "stdio", "cases": []})), 422, "bad_request", "no case"),
        (with("limits", json!({"wall_seconds": 0})), 422, "bad_request", "wall_seconds"),
        (with("limits", json!({"memory_bytes": 1_u64 << 60})), 422, "bad_request", "memory_bytes"),
        (with("code", json!("#".repeat(30_000))), 413, "code_too_long", "20000"),
        (" ".repeat(200_000), 413, "body_too_large", "50000"),
    ];
    for (body, status, kind, word) in &cases {
        let response = http().post(format!("{}/grade", server.url())).body(body.clone()).send().await.unwrap();
        assert_eq!(response.status().as_u16(), *status, "{body:.200}");
        let answer: Value = response.json().await.unwrap();
        match status {
            200 => assert_eq!(answer["verdict"], "passed"),
            _ => {
                assert_eq!(answer["type"], *kind, "{answer}");
                assert!(answer["error"].as_str().unwrap().contains(word), "{answer}");
            }
        }
    }
    let url = format!("{}/grade", server.url());
    for (name, value) in [("x-deadline-ms", "soon"), ("x-request-id", ""), ("x-client-id", &"x".repeat(200))] {
        let (status, answer) = post(&url, &good, &[(name, value)]).await;
        assert_eq!((status, &answer["type"]), (400, &json!("bad_header")), "{name}: {answer}");
        assert!(answer["error"].as_str().unwrap().contains(name), "{answer}");
    }
    let (status, answer) = post(&format!("{}/run/batch", server.url()), &json!([{}, {}, {}, {}]), &[]).await;
    assert_eq!((status, &answer["type"]), (413, &json!("batch_too_long")));
    let (status, answer) = post(&format!("{}/evaluate", server.url()), &good, &[]).await;
    assert_eq!((status, &answer["type"]), (404, &json!("not_found")));
    let wrong_method = http().get(&url).send().await.unwrap();
    assert_eq!(wrong_method.status().as_u16(), 405);
    assert_eq!(wrong_method.json::<Value>().await.unwrap()["type"], "method_not_allowed");
    let counted = metric(&server, "sandbox_errors_total{type=\"bad_json\"}").await;
    assert_eq!(counted, 6.0, "{}", metrics(&server).await);
    assert_eq!(post(&url, &good, &[]).await.1["verdict"], "passed", "the server stays up");
    server.shutdown().await;
}

#[tokio::test]
async fn a_batch_is_answered_in_order_each_with_its_own_result() {
    let server = one_worker().await;
    let unfit = json!({"code": "print(1)", "limits": {"wall_seconds": 1e9}});
    let requests = json!([program("print('first')"), {"no": "code"}, unfit, program("print('fourth')")]);
    let (status, answer) = post(&format!("{}/run/batch", server.url()), &requests, &[]).await;
    assert_eq!(status, 200);
    let statuses: Vec<u64> = answer.as_array().unwrap().iter().map(|one| one["status"].as_u64().unwrap()).collect();
    assert_eq!(statuses, [200, 400, 422, 200], "{answer}");
    assert_eq!(
        (&answer[0]["report"]["stdout"], &answer[3]["report"]["stdout"]),
        (&json!("first\n"), &json!("fourth\n"))
    );
    assert_eq!((&answer[1]["type"], &answer[2]["type"]), (&json!("bad_json"), &json!("bad_request")));
    let requests: Vec<_> = (0..20).map(|_| adds_one()).collect();
    let (_, answer) = post(&format!("{}/grade/batch", server.url()), &requests, &[]).await;
    assert_eq!(answer.as_array().unwrap().len(), 20);
    assert!(answer.as_array().unwrap().iter().all(|one| one["report"]["verdict"] == "passed"), "{answer}");
    assert_eq!(post(&format!("{}/run/batch", server.url()), &json!([]), &[]).await, (200, json!([])));
    server.shutdown().await;
}

#[tokio::test]
async fn health_metrics_and_the_description_are_served() {
    let server = one_worker().await;
    post(&format!("{}/grade", server.url()), &adds_one(), &[]).await;
    post(&format!("{}/run", server.url()), &program("1 / 0"), &[]).await;
    let health: Value = http().get(format!("{}/healthz", server.url())).send().await.unwrap().json().await.unwrap();
    assert_eq!((&health["status"], &health["workers"]), (&json!("ok"), &json!(1)));
    let response = http().get(format!("{}/metrics", server.url())).send().await.unwrap();
    assert!(response.headers()["content-type"].to_str().unwrap().starts_with("text/plain; version=0.0.4"));
    let engine = health["default_engine"].as_str().unwrap();
    let text = response.text().await.unwrap();
    for line in [
        "# TYPE sandbox_gradings_total counter",
        &format!("sandbox_gradings_total{{engine=\"{engine}\",verdict=\"passed\"}} 1"),
        &format!("sandbox_runs_total{{engine=\"{engine}\",status=\"runtime_error\"}} 1"),
        "# TYPE sandbox_http_request_seconds histogram",
        "sandbox_http_request_seconds_bucket{endpoint=\"/grade\",le=\"+Inf\"} 1",
        "sandbox_http_requests_total{endpoint=\"/run\",status=\"200\"} 1",
        "sandbox_queue_depth 0",
        "sandbox_queue_seconds_count 2",
        "sandbox_workers 1",
    ] {
        assert!(text.lines().any(|other| other == line), "{line} is missing in\n{text}");
    }
    let description: Value =
        http().get(format!("{}/openapi.json", server.url())).send().await.unwrap().json().await.unwrap();
    for (path, methods) in description["paths"].as_object().unwrap() {
        for method in methods.as_object().unwrap().keys() {
            let method = method.to_uppercase().parse().unwrap();
            let response = http().request(method, format!("{}{path}", server.url())).send().await.unwrap();
            assert!(![404, 405].contains(&response.status().as_u16()), "{path} is described and not served");
        }
    }
    let verdicts = &description["components"]["schemas"]["GradeReport"]["properties"]["verdict"]["enum"];
    let known: Vec<&str> = sandbox_api::GradeVerdict::ALL.iter().map(|verdict| verdict.as_str()).collect();
    assert_eq!(verdicts, &json!(known));
    server.shutdown().await;
}

#[tokio::test]
async fn http_2_is_spoken_too() {
    let server = one_worker().await;
    let http = reqwest::Client::builder().no_proxy().http2_prior_knowledge().build().unwrap();
    let response = http.post(format!("{}/grade", server.url())).json(&adds_one()).send().await.unwrap();
    assert_eq!(response.version(), reqwest::Version::HTTP_2);
    assert_eq!(response.json::<Value>().await.unwrap()["verdict"], "passed");
    server.shutdown().await;
}

#[tokio::test]
async fn a_body_that_does_not_arrive_is_given_up() {
    let server = serve(ServerConfig { workers: 1, read_seconds: 0.2, ..ServerConfig::default() }).await.unwrap();
    let address = server.url().replace("http://", "");
    let answer = tokio::task::spawn_blocking(move || {
        let mut connection = TcpStream::connect(address).unwrap();
        connection.write_all(b"POST /run HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{").unwrap();
        let mut answer = [0; 12];
        connection.read_exact(&mut answer).unwrap();
        answer
    });
    assert_eq!(&answer.await.unwrap(), b"HTTP/1.1 408");
    server.shutdown().await;
}
