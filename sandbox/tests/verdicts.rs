//! Ordinary, broken and hostile programs: each gets its verdict and leaves the server as it was.

use std::time::Duration;

use sandbox::{Isolation, ServerConfig, ServerHandle, doctor, serve};
use sandbox_api::{
    Client, FunctionCase, GradeReport, GradeRequest, GradeVerdict, Language, RunRequest, RunStatus, StdioCase, Tests,
};
use serde_json::json;

use crate::support::patient_limits;

async fn server() -> (ServerHandle, Client) {
    let config = ServerConfig { workers: 2, ..ServerConfig::default() };
    let handle = serve(config).await.expect("the server starts");
    let client = Client::new(vec![handle.url()]).unwrap();
    (handle, client)
}

fn request(code: &str, tests: Tests) -> GradeRequest {
    GradeRequest {
        code: code.to_owned(),
        language: Language::Python,
        engine: None,
        tests,
        limits: patient_limits(),
        stop_at_first_failure: true,
    }
}

fn stdio(code: &str, input: &str, output: &str) -> GradeRequest {
    request(code, Tests::Stdio { cases: vec![StdioCase { input: input.to_owned(), output: output.to_owned() }] })
}

fn asserts(code: &str, tests: &[&str]) -> GradeRequest {
    let tests = tests.iter().map(|test| (*test).to_owned()).collect();
    request(code, Tests::Asserts { setup: String::new(), tests })
}

/// Grades, then checks that an ordinary program still passes.
async fn grade(client: &Client, request: &GradeRequest) -> GradeReport {
    let report = client.grade(request).await.expect("the sandbox answers");
    let next = client.grade(&stdio("print(int(input()) + 1)", "41", "42")).await.expect("the next request is answered");
    assert_eq!(next.verdict, GradeVerdict::Passed, "after {:?}: {next:?}", request.code);
    report
}

#[tokio::test]
async fn correct_and_wrong_programs() {
    let (handle, client) = server().await;
    let code = "a, b = map(int, input().split())\nprint(a + b)";
    let report = grade(&client, &stdio(code, "1 2\n", "3\n")).await;
    assert_eq!((report.verdict, report.num_passed, report.num_tests), (GradeVerdict::Passed, 1, 1));
    // Threads get no stack that the limit on memory has no room for.
    let deep = "import sys, threading\nsys.setrecursionlimit(1 << 20)\nthreading.stack_size(1 << 29)\n\
                def depth(n): return 0 if n == 0 else 1 + depth(n - 1)\n\
                thread = threading.Thread(target=lambda: print(depth(9000)))\nthread.start()\nthread.join()";
    assert_eq!(grade(&client, &stdio(deep, "", "9000")).await.verdict, GradeVerdict::Passed);
    // And no more address space than their stacks.
    let many = "import threading\nover = threading.Event()\n\
                threads = [threading.Thread(target=over.wait) for _ in range(24)]\n\
                for thread in threads: thread.start()\nroom = bytearray(60 << 20)\nover.set()\nprint(42)";
    assert_eq!(grade(&client, &stdio(many, "", "42")).await.verdict, GradeVerdict::Passed);
    let report = grade(&client, &stdio("print('no')", "", "yes")).await;
    assert_eq!(report.verdict, GradeVerdict::WrongAnswer);
    assert!(report.reason.starts_with("case 1 of 1") && report.reason.contains("no"), "{report:?}");
    let report = grade(&client, &stdio("print(1 / 0)", "", "1")).await;
    assert_eq!(report.verdict, GradeVerdict::RuntimeError);
    assert!(report.reason.contains("ZeroDivisionError"), "{report:?}");
    assert_eq!(grade(&client, &stdio("def f(:", "", "1")).await.verdict, GradeVerdict::RuntimeError);
    assert_eq!(grade(&client, &stdio("  \n", "", "1")).await.verdict, GradeVerdict::NoCode);
    let cases = ["1", "x", "3"].map(|input| StdioCase { input: input.to_owned(), output: input.to_owned() });
    let mut several = request("print(int(input()))", Tests::Stdio { cases: cases.to_vec() });
    several.stop_at_first_failure = false;
    let report = grade(&client, &several).await;
    assert_eq!((report.verdict, report.num_passed, report.num_tests), (GradeVerdict::RuntimeError, 2, 3));
    assert!(report.reason.starts_with("case 2 of 3"), "{report:?}");
    handle.shutdown().await;
}

#[tokio::test]
async fn functions_are_compared_outside() {
    let (handle, client) = server().await;
    let cases = vec![
        FunctionCase { args: json!([2, 3]), expected: json!([6, 5.0]) },
        FunctionCase { args: json!([0, 1]), expected: json!([0, 1]) },
    ];
    let tests = Tests::Function { entry_point: "both".to_owned(), cases };
    let plain = "def both(a, b):\n    return a * b, a + b";
    assert_eq!(grade(&client, &request(plain, tests.clone())).await.verdict, GradeVerdict::Passed);
    let method = "class Solution:\n    def both(self, a, b):\n        return [a * b, a + b]";
    assert_eq!(grade(&client, &request(method, tests.clone())).await.verdict, GradeVerdict::Passed);
    let wrong = grade(&client, &request("def both(a, b):\n    return [a, b]", tests.clone())).await;
    assert_eq!(wrong.verdict, GradeVerdict::WrongAnswer);
    assert!(wrong.reason.contains("expected [6,5.0]"), "{wrong:?}");
    for code in ["import os\ndef both(a, b):\n    os._exit(0)", "raise SystemExit(0)", "x = 1"] {
        assert_eq!(grade(&client, &request(code, tests.clone())).await.verdict, GradeVerdict::RuntimeError, "{code}");
    }
    let object = "class E:\n    def __eq__(self, o): return True\ndef both(a, b):\n    return E()";
    assert_eq!(grade(&client, &request(object, tests.clone())).await.verdict, GradeVerdict::WrongAnswer);
    let big = "123456789012345678901234567890";
    let expected = serde_json::from_str(&format!("{big}1")).unwrap();
    let cases = vec![FunctionCase { args: serde_json::from_str(&format!("[{big}]")).unwrap(), expected }];
    let tests = Tests::Function { entry_point: "f".to_owned(), cases };
    assert_eq!(grade(&client, &request("f = lambda n: n * 10 + 1", tests)).await.verdict, GradeVerdict::Passed);
    handle.shutdown().await;
}

#[tokio::test]
async fn asserts_judge_from_another_process() {
    let (handle, client) = server().await;
    let passing: &[(&str, &[&str])] = &[
        ("def add(a, b):\n    return a + b", &["assert add(1, 2) == 3", "assert add('a', 'b') == 'ab'"]),
        ("def pair(a):\n    return (a, {a}, {a: [a]})", &["assert pair(1) == (1, {1}, {1: [1]})"]),
        ("def sum(a, b):\n    return a * 10 + b", &["assert sum(1, 2) == 12"]),
        ("def order(x):\n    x.sort()", &["a = [3, 1, 2]\norder(a)\nassert a == [1, 2, 3]"]),
        (
            concat!(
                "class Node:\n    def __init__(self, v):\n        self.v, self.next = v, None\n",
                "def total(n):\n    return n.v + n.next.v",
            ),
            &["n = Node(1)\nn.next = Node(2)\nassert total(n) == 3 and n.next.v == 2"],
        ),
        ("def squares(n):\n    for i in range(n):\n        yield i * i", &["assert list(squares(4)) == [0, 1, 4, 9]"]),
        ("def f(x):\n    raise ValueError('no')", &["try:\n    f(1)\n    assert False\nexcept ValueError:\n    pass"]),
        (
            "def f(x):\n    return x + 1",
            &["def check(candidate):\n    assert candidate(1) == 2\n    assert candidate(2) == 3\ncheck(f)"],
        ),
    ];
    for (code, tests) in passing {
        let report = grade(&client, &asserts(code, tests)).await;
        assert_eq!(report.verdict, GradeVerdict::Passed, "{code}: {report:?}");
        assert_eq!(report.num_passed, tests.len());
    }
    let report = grade(&client, &asserts("def f(x):\n    return x", &["assert f(1) == 1", "assert f(1) == 2"])).await;
    assert_eq!((report.verdict, report.num_passed), (GradeVerdict::WrongAnswer, 1));
    assert!(report.reason.contains("case 2 of 2") && report.reason.contains("assert f(1) == 2"), "{report:?}");
    let report = grade(&client, &asserts("def f(x):\n    return x[9]", &["assert f([1]) == 1"])).await;
    assert_eq!(report.verdict, GradeVerdict::RuntimeError);
    assert!(report.reason.contains("IndexError"), "{report:?}");
    let report = grade(&client, &asserts("def g(x):\n    return x", &["assert f(1) == 1"])).await;
    assert_eq!(report.verdict, GradeVerdict::RuntimeError);
    let unusable = client.grade(&asserts("f = 1", &["assert f(1) =="])).await.unwrap_err();
    assert!(unusable.to_string().contains("422"), "{unusable}");
    let mut slow = asserts(
        "def f(x):\n    while x == 2: pass\n    return x",
        &["assert f(1) == 1", "assert f(2) == 2", "assert f(3) == 3"],
    );
    (slow.limits.wall_seconds, slow.limits.cpu_seconds) = (3.0, 3.0);
    let report = grade(&client, &slow).await;
    assert_eq!((report.verdict, report.num_passed), (GradeVerdict::TimeLimit, 1), "{report:?}");
    let mut dying = asserts(
        "import os\ndef f(x):\n    if x == 1: os._exit(0)\n    return x",
        &["assert f(0) == 0", "assert f(1) == 1", "assert f(2) == 2"],
    );
    dying.stop_at_first_failure = false;
    let report = grade(&client, &dying).await;
    assert_eq!((report.verdict, report.num_passed), (GradeVerdict::RuntimeError, 2), "{report:?}");
    handle.shutdown().await;
}

#[tokio::test]
async fn every_signal_that_ends_a_process_ends_a_program() {
    let (handle, client) = server().await;
    // Neither those that are ignored by default, nor those that stop a process (signal(7)), nor the C library's own.
    let others = [17, 18, 19, 20, 21, 22, 23, 28, 32, 33];
    for signal in (1..=64).filter(|signal| !others.contains(signal)) {
        // CPython makes something of its own of these three.
        let is_python_s = [2, 13, 25].contains(&signal);
        let restore = format!("signal.signal({signal}, signal.signal({signal}, print))");
        let default = format!("signal.signal({signal}, signal.SIG_DFL)");
        let preparations = match signal {
            9 => vec![String::new()],
            _ if is_python_s => vec![default],
            _ => vec![String::new(), restore, default],
        };
        for preparation in preparations {
            let code =
                format!("import os, signal\nprint(42, flush=True)\n{preparation}\nos.kill(os.getpid(), {signal})");
            let report = client.grade(&stdio(&code, "", "42")).await.unwrap();
            assert_eq!(report.verdict, GradeVerdict::RuntimeError, "{code}: {report:?}");
        }
    }
    handle.shutdown().await;
}

#[tokio::test]
async fn nothing_survives_a_run() {
    let (handle, client) = server().await;
    let run = |code: &str| RunRequest { code: code.to_owned(), limits: patient_limits(), ..RunRequest::default() };
    // It looks at its arguments, so its own text is there.
    let environment = concat!(
        "import os, sys\n",
        "print(len(os.environ), os.getuid(), os.getpid(), os.listdir('.'), os.listdir('/box'), sys.argv)\n",
        "open('mine', 'w').write('x')",
    );
    for _ in 0..4 {
        let report = client.run(&run(environment)).await.unwrap();
        assert_eq!(report.status, RunStatus::Ok, "{report:?}");
        assert_eq!(report.stdout.trim(), "0 1000 1 ['main.py'] ['tmp'] ['main.py']", "{report:?}");
    }
    let report =
        client.run(&run("import sys\nprint('out')\nprint('err', file=sys.stderr)\nsys.exit(3)")).await.unwrap();
    assert_eq!((report.stdout.as_str(), report.stderr.as_str(), report.exit), ("out\n", "err\n", 3));
    assert_eq!(report.status, RunStatus::RuntimeError);
    let descriptors = concat!(
        "import os\nprint([fd for fd in range(3, 200) if os.path.exists(f'/proc/self/fd/{fd}')])\n",
        "for fd in range(4, 200):\n    try: os.fstat(fd); print('open', fd)\n    except OSError: pass",
    );
    let report = client.run(&run(descriptors)).await.unwrap();
    assert_eq!(report.stdout.trim(), "[]", "no file but the program's own is open: {report:?}");
    let mut random = std::collections::HashSet::new();
    for _ in 0..4 {
        random.insert(client.run(&run("import random\nprint(random.random())")).await.unwrap().stdout);
    }
    assert!(random.len() > 1, "each run has a seed of its own");
    handle.shutdown().await;
}

#[tokio::test]
async fn packages_of_a_virtual_environment_can_be_imported() {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("environment");
    let is_taken = folder.starts_with("/tmp");
    let made =
        std::process::Command::new("python3").args(["-m", "venv", "--without-pip"]).arg(&folder).status().unwrap();
    if !made.success() {
        return eprintln!("left out: this Python has no venv");
    }
    let python = folder.join("bin").join("python3");
    let question = "import sysconfig; print(sysconfig.get_path('purelib'))";
    let answer = std::process::Command::new(&python).args(["-c", question]).output().unwrap();
    let packages = String::from_utf8(answer.stdout).unwrap();
    std::fs::write(std::path::Path::new(packages.trim()).join("installed_here.py"), "value = 42").unwrap();
    let config = ServerConfig { workers: 1, python: Some(python), ..ServerConfig::default() };
    let handle = match serve(config).await {
        Err(error) if is_taken => return assert!(error.to_string().contains("another folder"), "{error}"),
        served => served.unwrap(),
    };
    let client = Client::new(vec![handle.url()]).unwrap();
    let report = grade(&client, &stdio("import installed_here\nprint(installed_here.value)", "", "42")).await;
    assert_eq!(report.verdict, GradeVerdict::Passed, "{report:?}");
    handle.shutdown().await;
}

#[tokio::test]
async fn layers_are_reported() {
    let report = tokio::task::spawn_blocking(doctor).await.unwrap();
    assert!(report.level() >= Isolation::Standard, "{report}");
    assert_eq!(report.landlock, report.landlock_abi > 0, "{report}");
    assert_eq!(report.notes.len(), usize::from(!report.cgroup), "{report}");
}

#[tokio::test]
async fn one_gradings_time_is_printed() {
    let (handle, client) = server().await;
    let requests = [
        ("stdio", stdio("print(1)", "", "1")),
        ("asserts", asserts("def f(x):\n    return x + 1", &["assert f(1) == 2"; 3])),
    ];
    for (name, request) in requests {
        let mut times = Vec::new();
        for _ in 0..40 {
            let began = std::time::Instant::now();
            assert_eq!(client.grade(&request).await.unwrap().verdict, GradeVerdict::Passed);
            times.push(began.elapsed());
        }
        times.sort();
        let began = std::time::Instant::now();
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..100 {
            let (client, request) = (client.clone(), request.clone());
            tasks.spawn(async move { client.grade(&request).await.unwrap() });
        }
        assert!(tasks.join_all().await.iter().all(|report| report.verdict == GradeVerdict::Passed));
        let rate = 100.0 / began.elapsed().max(Duration::from_micros(1)).as_secs_f64();
        println!("{name}: median {:?}, {rate:.0} gradings/s", times[times.len() / 2]);
    }
    handle.shutdown().await;
}
