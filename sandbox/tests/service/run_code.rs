//! SandboxFusion's interface, with the requests that trainers send and the fields that they read.

use serde_json::{Value, json};

use super::{one_worker, post};

/// What verl's client sends: every field, the optional ones empty.
fn request(code: &str, stdin: &str) -> Value {
    json!({
        "compile_timeout": 10, "run_timeout": 2, "code": code, "stdin": stdin, "memory_limit_MB": 1024,
        "language": "python", "files": {}, "fetch_files": [],
    })
}

#[tokio::test]
async fn programs_are_answered_as_that_service_does() {
    let server = one_worker().await;
    let url = format!("{}/run_code", server.url());
    let (status, answer) = post(&url, &request("print(int(input()) * 2)", "21\n"), &[]).await;
    assert_eq!((status, &answer["status"], &answer["message"]), (200, &json!("Success"), &json!("")));
    assert_eq!((&answer["compile_result"], &answer["files"]), (&Value::Null, &json!({})));
    let run = &answer["run_result"];
    assert_eq!((&run["status"], &run["return_code"], &run["stdout"]), (&json!("Finished"), &json!(0), &json!("42\n")));
    assert!(run["execution_time"].as_f64().unwrap() > 0.0 && run["stderr"] == "");
    let (_, answer) = post(&url, &request("import sys\nprint('half')\nsys.exit(3)", ""), &[]).await;
    let run = &answer["run_result"];
    assert_eq!(
        (&answer["status"], &run["status"], &run["return_code"]),
        (&json!("Failed"), &json!("Finished"), &json!(3))
    );
    assert_eq!(run["stdout"], "half\n");
    let (_, answer) = post(&url, &request("1 / 0", ""), &[]).await;
    assert!(answer["run_result"]["stderr"].as_str().unwrap().contains("ZeroDivisionError"), "{answer}");
    let (_, answer) = post(&url, &request("while True: pass", ""), &[]).await;
    let run = &answer["run_result"];
    assert_eq!((&answer["status"], &run["status"]), (&json!("Failed"), &json!("TimeLimitExceeded")), "{answer}");
    assert_eq!(run["return_code"], Value::Null);
    let (status, answer) = post(&url, &json!({"code": "print(1)", "language": "python", "stdin": null}), &[]).await;
    assert_eq!((status, &answer["run_result"]["stdout"]), (200, &json!("1\n")));
    server.shutdown().await;
}

#[tokio::test]
async fn a_compiler_has_a_result_of_its_own() {
    let server = one_worker().await;
    let url = format!("{}/run_code", server.url());
    let ask = |code: &str| json!({"code": code, "language": "cpp", "stdin": "4"});
    let good = "#include <iostream>\nint main() { int n; std::cin >> n; std::cout << n * n; return 5; }";
    let (status, answer) = post(&url, &ask(good), &[]).await;
    if status == 422 {
        assert_eq!(answer["type"], "language_missing");
        return eprintln!("left out: {answer}");
    }
    assert_eq!((&answer["status"], &answer["compile_result"]["status"]), (&json!("Failed"), &json!("Finished")));
    assert_eq!(
        (&answer["compile_result"]["return_code"], &answer["run_result"]["return_code"]),
        (&json!(0), &json!(5))
    );
    assert_eq!(answer["run_result"]["stdout"], "16");
    let (_, answer) = post(&url, &ask("int main() { return x; }"), &[]).await;
    assert_eq!((&answer["status"], &answer["run_result"]), (&json!("Failed"), &Value::Null), "{answer}");
    assert_eq!(answer["compile_result"]["return_code"], 1);
    assert!(answer["compile_result"]["stderr"].as_str().unwrap().contains("error"), "{answer}");
    server.shutdown().await;
}

#[tokio::test]
async fn what_is_not_offered_is_refused() {
    let server = one_worker().await;
    let url = format!("{}/run_code", server.url());
    for (key, value, kind, word) in [
        ("language", json!("verilog"), "language_missing", "verilog"),
        ("files", json!({"a.txt": "YQ=="}), "bad_request", "files"),
        ("fetch_files", json!(["a.txt"]), "bad_request", "files"),
        ("run_timeout", json!(0), "bad_request", "wall_seconds"),
    ] {
        let mut body = request("print(1)", "");
        body[key] = value;
        let (status, answer) = post(&url, &body, &[]).await;
        assert_eq!((status, &answer["type"]), (422, &json!(kind)), "{answer}");
        assert!(answer["error"].as_str().unwrap().contains(word), "{answer}");
    }
    server.shutdown().await;
}
