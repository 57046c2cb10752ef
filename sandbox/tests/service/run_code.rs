//! SandboxFusion's interface, with the requests that trainers send and the fields that they read.

use sandbox_api::EngineKind;
use serde_json::{Value, json};

use super::{one_worker, post};
use crate::support::server;

/// What verl's client sends: every field, the optional ones empty.
fn request(code: &str, stdin: &str) -> Value {
    json!({
        "compile_timeout": 60, "run_timeout": 60, "code": code, "stdin": stdin, "memory_limit_MB": 1024,
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
    let mut endless = request("while True: pass", "");
    endless["run_timeout"] = json!(2);
    let (_, answer) = post(&url, &endless, &[]).await;
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

/// Programs that read `in/a.bin` and write `out.bin`; what they write, and their exit status.
const COPIERS: [(&str, &str, &str, i32); 3] = [
    (
        "python",
        "with open('in/a.bin', 'rb') as file: data = file.read()\nopen('out.bin', 'wb').write(data[::-1])",
        "Cv8A",
        0,
    ),
    ("shell", "cat in/a.bin in/a.bin > out.bin", "AP8KAP8K", 0),
    (
        "cpp",
        concat!(
            "#include <fstream>\n",
            "int main() { std::ofstream(\"out.bin\") << std::ifstream(\"in/a.bin\").rdbuf(); return 3; }",
        ),
        "AP8K",
        3,
    ),
];

#[tokio::test]
async fn files_go_in_and_come_out() {
    for engine in EngineKind::ALL.iter().copied() {
        let Some((server, _)) = server(engine, 1).await else { continue };
        let url = format!("{}/run_code", server.url());
        for (language, code, written, exit) in COPIERS {
            let mut body = request(code, "");
            body["language"] = json!(language);
            body["files"] = json!({"in/a.bin": "AP8K", "no.bin": null});
            body["fetch_files"] = json!(["out.bin", "never.bin"]);
            let (status, answer) = post(&url, &body, &[]).await;
            if status == 422 && answer["type"] == "language_missing" {
                eprintln!("left out: {answer}");
                continue;
            }
            let files = json!({"out.bin": written});
            assert_eq!((status, &answer["files"]), (200, &files), "{language}: {answer}");
            assert_eq!(answer["run_result"]["return_code"], exit, "{language}: {answer}");
        }
        // The next program finds nothing of them.
        let (_, answer) = post(&url, &request("import os\nprint(os.path.exists('out.bin'))", ""), &[]).await;
        assert_eq!((&answer["run_result"]["stdout"], &answer["files"]), (&json!("False\n"), &json!({})), "{answer}");
        // What a program says in the place of its files is no file.
        let mut forged =
            request("import os\nfor f in range(3, 10):\n    try: os.write(f, b'{')\n    except OSError: pass", "");
        forged["fetch_files"] = json!(["out.bin"]);
        let (status, answer) = post(&url, &forged, &[]).await;
        assert_eq!((status, &answer["files"]), (200, &json!({})), "{answer}");
        // A child's end is told as its own: where files are wanted, another process runs the program.
        let endless = json!({"code": "int main() { for (;;); }", "language": "cpp", "fetch_files": ["out.bin"],
            "limits": {"cpu_seconds": 1}});
        let (status, answer) = post(&format!("{}/run", server.url()), &endless, &[]).await;
        assert!(status == 422 || answer["status"] == "time_limit", "{answer}");
        let huge = json!({"code": "open('out.bin', 'wb').write(bytes(9 << 20))", "fetch_files": ["out.bin"]});
        let (status, answer) = post(&format!("{}/run", server.url()), &huge, &[]).await;
        assert_eq!((status, &answer["status"]), (200, &json!("output_limit")));
        assert!(answer["files"].is_null(), "none is given past the limit");
        server.shutdown().await;
    }
}

#[tokio::test]
async fn a_compiler_has_the_time_that_is_asked_for() {
    let server = one_worker().await;
    let slow = "template <int N> struct F { static const int v = F<N-1>::v + F<N-2>::v % 7; };\n\
        template <> struct F<0> { static const int v = 0; }; template <> struct F<1> { static const int v = 1; };\n\
        #include <regex>\nint main() { std::regex r(\"a+\"); return F<400>::v & 1; }";
    let body = json!({"code": slow, "language": "cpp", "compile_timeout": 0.05});
    let (status, answer) = post(&format!("{}/run_code", server.url()), &body, &[]).await;
    if status == 422 && answer["type"] == "language_missing" {
        return eprintln!("left out: {answer}");
    }
    assert_eq!((&answer["status"], &answer["run_result"]), (&json!("Failed"), &Value::Null), "{answer}");
    assert_eq!(answer["compile_result"]["status"], "TimeLimitExceeded", "{answer}");
    server.shutdown().await;
}

#[tokio::test]
async fn what_is_not_offered_is_refused() {
    let server = one_worker().await;
    let url = format!("{}/run_code", server.url());
    for (key, value, kind, word) in [
        ("language", json!("verilog"), "language_missing", "verilog"),
        ("files", json!({"a.txt": "no base64"}), "bad_request", "a.txt"),
        ("files", json!({"": "YQ=="}), "bad_request", "a path is empty"),
        ("fetch_files", json!(["a\0b"]), "bad_request", "NUL"),
        ("run_timeout", json!(0), "bad_request", "wall_seconds"),
        ("compile_timeout", json!(-1), "bad_request", "compile_seconds"),
    ] {
        let mut body = request("print(1)", "");
        body[key] = value;
        let (status, answer) = post(&url, &body, &[]).await;
        assert_eq!((status, &answer["type"]), (422, &json!(kind)), "{answer}");
        assert!(answer["error"].as_str().unwrap().contains(word), "{answer}");
    }
    server.shutdown().await;
}
