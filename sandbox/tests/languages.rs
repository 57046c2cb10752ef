//! Programs in other languages than Python, where this machine has the toolchain.

use sandbox::{CommandLanguage, ServerConfig, ServerHandle, serve};
use sandbox_api::{
    Client, EngineKind, GradeReport, GradeRequest, GradeVerdict, Language, Limits, RunRequest, RunStatus, StdioCase,
    Tests,
};

const ADD_CPP: &str =
    "#include <iostream>\nint main() { long a, b; std::cin >> a >> b; std::cout << a + b << std::endl; }";
const ADD_RUST: &str = "fn main() {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    println!(\"{}\", line.split_whitespace().map(|n| n.parse::<i64>().unwrap()).sum::<i64>());
}";
const ADD_JAVASCRIPT: &str =
    "const [a, b] = require('fs').readFileSync(0, 'utf8').split(' ').map(Number);\nconsole.log(a + b);";

async fn server() -> (ServerHandle, Client) {
    let shell = CommandLanguage {
        language: "shell".to_owned(),
        source: "main.sh".to_owned(),
        run: vec!["/bin/sh".to_owned(), "main.sh".to_owned()],
        needs: vec!["/bin/sh".into()],
        limits_address_space: true,
        ..CommandLanguage::default()
    };
    let config = ServerConfig { workers: 2, commands: vec![shell], ..ServerConfig::default() };
    let handle = serve(config).await.expect("the server starts");
    let client = Client::new(vec![handle.url()]).unwrap();
    (handle, client)
}

fn request(language: Language, code: &str, cases: &[(&str, &str)]) -> GradeRequest {
    let case = |(input, output): &(&str, &str)| StdioCase { input: (*input).to_owned(), output: (*output).to_owned() };
    GradeRequest {
        code: code.to_owned(),
        language,
        engine: None,
        tests: Tests::Stdio { cases: cases.iter().map(case).collect() },
        limits: Limits { wall_seconds: 60.0, cpu_seconds: 60.0, ..Limits::default() },
        stop_at_first_failure: false,
    }
}

/// Grades where the toolchain is there; a machine without it must say so.
async fn grade(client: &Client, request: &GradeRequest) -> Option<GradeReport> {
    match client.grade(request).await {
        Ok(report) => Some(report),
        Err(error) => {
            let text = error.to_string();
            assert!(text.contains("422") && text.contains("toolchain is not on this machine"), "{text}");
            eprintln!("left out: {text}");
            None
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_add_in_every_language() {
    let (handle, client) = server().await;
    let shell = Language::Other("shell".to_owned());
    for (language, code) in [
        (Language::Cpp, ADD_CPP),
        (Language::Rust, ADD_RUST),
        (Language::JavaScript, ADD_JAVASCRIPT),
        (shell, "read a b\necho $((a + b))"),
    ] {
        let request = request(language.clone(), code, &[("1 2", "3"), ("40 2", "42"), ("1 1", "3")]);
        let Some(report) = grade(&client, &request).await else { continue };
        assert_eq!((report.verdict, report.num_passed), (GradeVerdict::WrongAnswer, 2), "{language}: {report:?}");
    }
    handle.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_have_their_verdicts() {
    let (handle, client) = server().await;
    let eats = "#include <vector>\nint main() { std::vector<long*> v; while (true) v.push_back(new long[100000]()); }";
    let cases = [
        (Language::Cpp, "int main() { retrun 0; }", GradeVerdict::RuntimeError, "does not compile: main.cpp:1:"),
        (Language::Cpp, "int main() { volatile int *p = 0; return *p; }", GradeVerdict::RuntimeError, "signal 11"),
        (Language::Cpp, "int main() { for (;;); }", GradeVerdict::TimeLimit, "s"),
        (Language::Cpp, eats, GradeVerdict::MemoryLimit, "held more than"),
        (Language::Cpp, "#include <cstdio>\nint main() { for (;;) puts(\"x\"); }", GradeVerdict::OutputLimit, "bytes"),
        (
            Language::Cpp,
            "#include <unistd.h>\nint main() { for (;;) fork(); }",
            GradeVerdict::ProcessLimit,
            "processes",
        ),
        (
            Language::Rust,
            "fn main() { let v: Vec<u8> = vec![]; println!(\"{}\", v[3]); }",
            GradeVerdict::RuntimeError,
            "index out of bounds",
        ),
        (Language::JavaScript, "throw new TypeError('no')", GradeVerdict::RuntimeError, "TypeError: no"),
        (
            Language::JavaScript,
            "const a = []; for (;;) a.push(new Array(100000).fill(1));",
            GradeVerdict::MemoryLimit,
            "",
        ),
        (Language::JavaScript, "require('fs').readFileSync('/etc/passwd')", GradeVerdict::RuntimeError, "/etc/passwd"),
    ];
    for (language, code, verdict, word) in cases {
        let mut request = request(language, code, &[("", "never")]);
        if verdict == GradeVerdict::TimeLimit {
            request.limits.wall_seconds = 3.0;
        }
        let Some(report) = grade(&client, &request).await else { continue };
        assert_eq!(report.verdict, verdict, "{code}: {report:?}");
        assert!(report.reason.contains(word), "{code}: {report:?}");
    }
    handle.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_has_its_signals_threads_and_stack_as_elsewhere() {
    let (handle, client) = server().await;
    let signals = "#include <csignal>
        #include <cstdio>
        int main() {
            struct sigaction now;
            for (int n = 1; n < 32; n++)
                if (!sigaction(n, nullptr, &now) && now.sa_handler == SIG_IGN) printf(\"%d\\n\", n);
        }";
    let threads = "#include <thread>
        #include <vector>
        int main() {
            std::vector<std::thread> all;
            for (int n = 0; n < 20; n++) all.emplace_back([] { delete new int; });
            for (auto &one : all) one.join();
        }";
    let stack = "#include <sys/resource.h>
        int main() {
            rlimit whole = {RLIM_INFINITY, RLIM_INFINITY};
            return setrlimit(RLIMIT_STACK, &whole);
        }";
    for code in [signals, threads, stack] {
        let mut request = request(Language::Cpp, code, &[("", "")]);
        request.limits.memory_bytes = 128 << 20;
        let Some(report) = grade(&client, &request).await else { continue };
        assert_eq!(report.verdict, GradeVerdict::Passed, "{code}: {report:?}");
    }
    handle.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_take_a_language_and_refuse_one_that_is_not_there() {
    let (handle, client) = server().await;
    let run = |language: &str, code: &str| RunRequest {
        code: code.to_owned(),
        language: Language::from(language.to_owned()),
        stdin: "5 6".to_owned(),
        ..RunRequest::default()
    };
    let report = client.run(&run("shell", "read a b\necho $b $a\nexit 3")).await.unwrap();
    assert_eq!((report.stdout.as_str(), report.exit, report.status), ("6 5\n", 3, RunStatus::RuntimeError));
    let error = client.run(&run("cobol", "DISPLAY 1")).await.unwrap_err().to_string();
    assert!(error.contains("cobol") && error.contains("python") && error.contains("shell"), "{error}");
    let mut function = request(Language::Other("shell".to_owned()), "f() { echo 1; }", &[("", "")]);
    function.tests = Tests::Asserts { setup: String::new(), tests: vec!["assert f() == 1".to_owned()] };
    let error = client.grade(&function).await.unwrap_err().to_string();
    assert!(error.contains("kind stdio"), "{error}");
    assert_eq!(function.wanted_engine(), Some(EngineKind::Process));
    handle.shutdown().await;
}
