//! The server's own choice of an engine: what a program needs decides, before it runs or after the wasm engine stopped,
//! and its own faults never do.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use sandbox::{ServerConfig, ServerHandle, doctor, serve};
use sandbox_api::{
    Client, EngineKind, GradeRequest, GradeVerdict, Language, Limits, ProcessNeed, RunReport, RunRequest, RunStatus,
    StdioCase, Tests,
};
use serde_json::{Value, json};

use crate::support::{metrics, patient_limits, server};

/// A server that chooses, and a client of it; `None` where the wasm engine is not set up.
async fn choosing() -> Option<(ServerHandle, Client)> {
    let worker = Some(env!("CARGO_BIN_EXE_sandbox-worker").into());
    let handle = serve(ServerConfig { workers: 1, worker, ..ServerConfig::default() }).await.expect("it starts");
    let client = Client::new(vec![handle.url()]).unwrap();
    if run(&client, "print(1)").await.engine == Some(EngineKind::Wasm) {
        return Some((handle, client));
    }
    eprintln!("LEFT OUT: the wasm engine is not set up");
    None
}

fn program(code: &str) -> RunRequest {
    RunRequest { code: code.to_owned(), limits: patient_limits(), ..RunRequest::default() }
}

async fn run(client: &Client, code: &str) -> RunReport {
    client.run(&program(code)).await.unwrap_or_else(|error| panic!("{code}: {error}"))
}

fn graded(code: &str, tests: Tests) -> GradeRequest {
    GradeRequest {
        code: code.to_owned(),
        language: Language::Python,
        engine: None,
        tests,
        limits: patient_limits(),
        stop_at_first_failure: false,
    }
}

fn stdio(cases: &[(&str, &str)]) -> Tests {
    let case = |(input, output): &(&str, &str)| StdioCase { input: (*input).to_owned(), output: (*output).to_owned() };
    Tests::Stdio { cases: cases.iter().map(case).collect() }
}

/// The value of a sample in the metrics; 0 where it is not there.
async fn sample(server: &ServerHandle, name: &str) -> f64 {
    let text = metrics(server).await;
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.map_or(0.0, |value| value.parse().unwrap())
}

async fn choices(server: &ServerHandle, engine: &str, need: &str, seen: &str) -> f64 {
    sample(server, &format!("sandbox_engine_choices_total{{engine=\"{engine}\",need=\"{need}\",seen=\"{seen}\"}}"))
        .await
}

const DEEP: &str = "import sys, threading
def depth(n):
    return 0 if n == 0 else 1 + depth(n - 1)
def main():
    print(depth(int(input())))
sys.setrecursionlimit(1 << 25)
threading.stack_size(1 << 27)
thread = threading.Thread(target=main)
thread.start()
thread.join()
";

#[tokio::test]
async fn what_a_program_needs_is_seen_before_it_runs() {
    let Some((server, client)) = choosing().await else { return };
    let programs = [
        ("import threading\nt = threading.Thread(target=print, args=(7,))\nt.start(); t.join()", "7\n", "thread"),
        (
            "from concurrent.futures import ThreadPoolExecutor as P\nwith P(3) as p: print(*p.map(abs, [-1, -2]))",
            "1 2\n",
            "thread",
        ),
        (
            "import subprocess, sys\nprint(subprocess.check_output([sys.executable, '-c', 'print(5)']))",
            "b'5\\n'\n",
            "process",
        ),
        // Closed, not left: a pool that is left ends its workers at any point, and now and then waits for a lock that
        // one of them held (python/cpython issue 73945).
        (
            "import multiprocessing as m\np = m.Pool(2)\nprint(p.map(abs, [-3, 4]))\np.close(); p.join()",
            "[3, 4]\n",
            "process",
        ),
        (
            "import multiprocessing as m\nq = m.Queue()\nm.Process(target=q.put, args=(9,)).start()\nprint(q.get())",
            "9\n",
            "process",
        ),
        (
            "import os\nchild = os.fork()\nif not child: os._exit(3)\nprint(os.waitpid(child, 0)[1] >> 8)",
            "3\n",
            "process",
        ),
        (
            "import signal\nsignal.signal(signal.SIGALRM, lambda *_: print('rang'))\nsignal.alarm(1)\nsignal.pause()",
            "rang\n",
            "signal",
        ),
        ("import ctypes\nprint(ctypes.c_uint8(257).value)", "1\n", "module"),
        ("try:\n    import resource as r\nexcept ImportError:\n    r = None\nprint(bool(r))", "True\n", "module"),
        ("import os\nr, w = os.pipe()\nos.write(w, b'x')\nprint(os.read(r, 9))", "b'x'\n", "system"),
    ];
    for (code, stdout, need) in programs {
        let before = choices(&server, "process", need, "before").await;
        let report = run(&client, code).await;
        assert_eq!((report.status, report.stdout.as_str()), (RunStatus::Ok, stdout), "{code}: {report:?}");
        assert_eq!((report.engine, report.unmet_need), (Some(EngineKind::Process), None), "{code}");
        assert_eq!(
            choices(&server, "process", need, "before").await,
            before + 1.0,
            "{code}: {}",
            metrics(&server).await
        );
    }
    let report = client.grade(&graded(DEEP, stdio(&[("9", "9"), ("60000", "60000")]))).await.unwrap();
    assert_eq!((report.verdict, report.engine), (GradeVerdict::Passed, Some(EngineKind::Process)), "{report:?}");
    server.shutdown().await;
}

#[tokio::test]
async fn the_modules_of_tests_count_too() {
    let Some((server, client)) = choosing().await else { return };
    let tests = vec!["assert f(ctypes.c_uint8(258).value) == 3".to_owned()];
    let asserts = Tests::Asserts { setup: "import ctypes".to_owned(), tests };
    let report = client.grade(&graded("def f(x): return x + 1", asserts)).await.unwrap();
    assert_eq!((report.verdict, report.engine), (GradeVerdict::Passed, Some(EngineKind::Process)), "{report:?}");
    let checker = "import ctypes\ndef check(i, e, g): return int(g) == ctypes.c_uint8(int(i)).value".to_owned();
    let tests = Tests::Checked { checker, tests: Box::new(stdio(&[("260", "0")])) };
    let report = client.grade(&graded("print(int(input()) % 256)", tests)).await.unwrap();
    assert_eq!((report.verdict, report.engine), (GradeVerdict::Passed, Some(EngineKind::Process)), "{report:?}");
    server.shutdown().await;
}

#[tokio::test]
async fn what_shows_in_a_run_moves_the_program_on() {
    let Some((server, client)) = choosing().await else { return };
    let programs = [
        ("t = __import__('threading').Thread(target=print, args=(7,))\nt.start(); t.join()", "7\n", "thread"),
        (
            "import asyncio\nasync def f(): return await asyncio.to_thread(abs, -2)\nprint(asyncio.run(f()))",
            "2\n",
            "thread",
        ),
        ("import importlib\nprint(importlib.import_module('ctypes').c_uint8(257).value)", "1\n", "module"),
        ("from os import getppid as f\nprint(f() >= 0)", "True\n", "system"),
        ("s = __import__('signal')\nprint(s.alarm(0))", "0\n", "signal"),
        (
            "from functools import lru_cache\nimport sys\nsys.setrecursionlimit(10**6)\n@lru_cache(None)\n\
             def f(n): return 0 if n == 0 else 1 + f(n - 1)\nprint(f(8000))",
            "8000\n",
            "limit",
        ),
    ];
    for (code, stdout, need) in programs {
        let report = run(&client, code).await;
        assert_eq!((report.status, report.stdout.as_str()), (RunStatus::Ok, stdout), "{code}: {report:?}");
        assert_eq!((report.engine, report.unmet_need), (Some(EngineKind::Process), None), "{code}");
        assert!(choices(&server, "process", need, "after").await >= 1.0, "{code}: {}", metrics(&server).await);
    }
    // The first case is answered wrong, the second one needs a module: that case counts.
    let code = "n = int(input())\nprint(n if n < 5 else __import__('ctypes').c_uint8(n).value)";
    let report = client.grade(&graded(code, stdio(&[("1", "2"), ("258", "2")]))).await.unwrap();
    assert_eq!((report.verdict, report.num_passed), (GradeVerdict::WrongAnswer, 1), "{report:?}");
    assert_eq!(report.engine, Some(EngineKind::Process));
    server.shutdown().await;
}

#[tokio::test]
async fn a_programs_own_faults_are_judged_once_and_where_it_ran() {
    let Some((server, client)) = choosing().await else { return };
    let short = Limits { wall_seconds: 5.0, cpu_seconds: 5.0, ..Limits::default() };
    let programs = [
        ("while True: pass", GradeVerdict::TimeLimit),
        ("kept = []\nwhile True: kept.append(bytearray(1 << 20))", GradeVerdict::MemoryLimit),
        ("while True: print('x' * 1000)", GradeVerdict::OutputLimit),
        ("1 / 0", GradeVerdict::RuntimeError),
        ("def f(): return f()\nf()", GradeVerdict::RuntimeError),
        ("import nobody_has_this", GradeVerdict::RuntimeError),
        ("from math import nobody_has_this", GradeVerdict::RuntimeError),
        ("import os\nos.nobody_has_this()", GradeVerdict::RuntimeError),
        ("import os\nprint(os.path.exists('x'))", GradeVerdict::WrongAnswer),
        ("raise MemoryError", GradeVerdict::MemoryLimit),
        ("# import threading\nprint('import threading')", GradeVerdict::WrongAnswer),
    ];
    let begun = sample(&server, "sandbox_queue_seconds_count").await;
    for (code, verdict) in programs {
        let request = GradeRequest { limits: short.clone(), ..graded(code, stdio(&[("", "right")])) };
        let report = client.grade(&request).await.unwrap();
        assert_eq!((report.verdict, report.engine), (verdict, Some(EngineKind::Wasm)), "{code}: {report:?}");
        assert_eq!(report.unmet_need, None, "{code}");
    }
    let bomb = "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass";
    let request = GradeRequest { limits: short.clone(), ..graded(bomb, stdio(&[("", "right")])) };
    let report = client.grade(&request).await.unwrap();
    assert_eq!((report.verdict, report.engine), (GradeVerdict::ProcessLimit, Some(EngineKind::Process)), "{report:?}");
    let count = sample(&server, "sandbox_queue_seconds_count").await - begun;
    assert_eq!(count, programs.len() as f64 + 1.0, "each was queued once");
    server.shutdown().await;
}

#[tokio::test]
async fn an_engine_that_is_named_is_kept() {
    let Some((server, client)) = choosing().await else { return };
    let code = "import threading\nthreading.Thread(target=print).start()";
    let request = GradeRequest { engine: Some(EngineKind::Wasm), ..graded(code, stdio(&[("", "")])) };
    let report = client.grade(&request).await.unwrap();
    assert_eq!((report.verdict, report.engine), (GradeVerdict::ProcessLimit, Some(EngineKind::Wasm)), "{report:?}");
    assert_eq!(report.unmet_need, Some(ProcessNeed::Thread));
    let request = RunRequest { engine: Some(EngineKind::Process), ..program("print(1)") };
    assert_eq!(client.run(&request).await.unwrap().engine, Some(EngineKind::Process));
    let fuel = Limits { fuel: Some(1 << 40), ..patient_limits() };
    let report = client.run(&RunRequest { limits: fuel, ..program(code) }).await.unwrap();
    assert_eq!((report.engine, report.unmet_need), (Some(EngineKind::Wasm), Some(ProcessNeed::Thread)), "{report:?}");
    server.shutdown().await;
    // So is one that the settings name.
    let Some((server, client)) = crate::support::server(EngineKind::Wasm, 1).await else { return };
    let report = run(&client, code).await;
    assert_eq!((report.status, report.engine), (RunStatus::ProcessLimit, Some(EngineKind::Wasm)), "{report:?}");
    assert_eq!(report.unmet_need, Some(ProcessNeed::Thread));
    server.shutdown().await;
}

#[tokio::test]
async fn auto_is_the_name_of_the_choice_in_json() {
    let Some((server, _)) = choosing().await else { return };
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let post = async |path: &str, body: Value| -> Value {
        http.post(format!("{}{path}", server.url())).json(&body).send().await.unwrap().json().await.unwrap()
    };
    for engine in [json!("auto"), json!(null)] {
        let answer = post("/run", json!({"code": "import threading\nprint(2)", "engine": engine})).await;
        assert_eq!((&answer["engine"], &answer["stdout"]), (&json!("process"), &json!("2\n")), "{answer}");
        let tests = json!({"kind": "stdio", "cases": [{"input": "", "output": "2"}]});
        let answer = post("/grade", json!({"code": "print(2)", "engine": engine, "tests": tests})).await;
        assert_eq!((&answer["engine"], &answer["verdict"]), (&json!("wasm"), &json!("passed")), "{answer}");
    }
    let answer = post("/run_code", json!({"code": "import signal\nprint(2)", "language": "python"})).await;
    assert_eq!((&answer["engine"], &answer["run_result"]["stdout"]), (&json!("process"), &json!("2\n")), "{answer}");
    let answer = post("/run", json!({"code": "", "engine": "docker"})).await;
    assert_eq!(answer["type"], "bad_json", "{answer}");
    server.shutdown().await;
}

#[tokio::test]
async fn without_the_wasm_engine_the_choice_is_the_other() {
    let component = Some("/nonexistent/python.wasm".into());
    let server = serve(ServerConfig { workers: 1, component, ..ServerConfig::default() }).await.unwrap();
    let client = Client::new(vec![server.url()]).unwrap();
    let report = run(&client, "print(1)").await;
    assert_eq!((report.status, report.engine), (RunStatus::Ok, Some(EngineKind::Process)), "{report:?}");
    let named = RunRequest { engine: Some(EngineKind::Wasm), ..program("print(1)") };
    assert!(client.run(&named).await.unwrap_err().to_string().contains("/nonexistent/python.wasm"));
    server.shutdown().await;
}

/// The server as a program of its own, ended when dropped.
struct Alone(Child);

impl Drop for Alone {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test]
async fn where_the_process_engine_is_refused_the_wasm_engine_serves_alone() {
    let Some((server, _)) = server(EngineKind::Wasm, 1).await else { return };
    server.shutdown().await;
    let folder = tempfile::tempdir().unwrap();
    let settings = folder.path().join("settings.json");
    std::fs::write(&settings, r#"{"listen": "127.0.0.1:0", "workers": 1}"#).unwrap();
    // No interpreter is on this path, so there is no process engine.
    let mut command = Command::new(env!("CARGO_BIN_EXE_sandbox-server"));
    command.arg(&settings).env("PATH", "/nonexistent").stdout(Stdio::piped());
    let mut alone = Alone(command.spawn().unwrap());
    let mut lines = BufReader::new(alone.0.stdout.take().unwrap()).lines();
    let first = lines.next().unwrap().unwrap();
    let note = lines.next().unwrap().unwrap();
    assert!(note.contains("the process engine cannot be used"), "{note}");
    let url = first.split([' ', ',']).find(|word| word.starts_with("http")).unwrap().to_owned();
    let client = Client::new(vec![url]).unwrap();
    let report = run(&client, "print(1)").await;
    assert_eq!((report.status, report.engine), (RunStatus::Ok, Some(EngineKind::Wasm)), "{report:?}");
    for (code, need) in [
        ("import threading\nthreading.Thread(target=print).start()", ProcessNeed::Thread),
        ("import subprocess\nsubprocess.run(['true'])", ProcessNeed::Process),
        ("import numpy", ProcessNeed::Module),
    ] {
        let report = run(&client, code).await;
        assert_eq!((report.engine, report.unmet_need), (Some(EngineKind::Wasm), Some(need)), "{code}: {report:?}");
        assert_ne!(report.status, RunStatus::Ok, "{code}");
    }
    let named = RunRequest { engine: Some(EngineKind::Process), ..program("print(1)") };
    assert!(client.run(&named).await.unwrap_err().to_string().contains("process engine cannot be used"));
}

#[tokio::test]
async fn device_files_and_line_ends_are_the_same_on_both_engines() {
    for engine in EngineKind::ALL.iter().copied() {
        let Some((server, client)) = server(engine, 1).await else { continue };
        for (code, stdout) in [
            ("print(open('/dev/null').read() + '7')", "7\n"),
            (
                "print(open('/dev/zero', 'rb').read(3), open('/dev/full', 'rb').read(1))",
                "b'\\x00\\x00\\x00' b'\\x00'\n",
            ),
            (
                "a, b = (open(f'/dev/{n}', 'rb', 0).read(16) for n in ('random', 'urandom'))\nprint(len(a), a != b)",
                "16 True\n",
            ),
            ("print(repr(open('/dev/stdin').read()))", "'1 2\\nab\\n'\n"),
            ("import sys\nprint([repr(line) for line in open('/dev/fd/0')])", "[\"'1 2\\\\n'\", \"'ab\\\\n'\"]\n"),
            ("from pathlib import Path\nprint(repr(Path('/dev/stdin').read_bytes()))", "b'1 2\\r\\nab\\r\\n'\n"),
            ("import os\nprint(os.read(os.open('/dev/stdin', os.O_RDONLY), 3))", "b'1 2'\n"),
            ("n = input()\nprint(n, len(open('/dev/stdin').read()))", "1 2 7\n"),
            ("print('out', file=open('/dev/stdout', 'w'))", "out\n"),
            ("with open('/dev/fd/1', 'w') as f: f.write('out')\nprint('more')", "outmore\n"),
            ("print(open('/dev/stderr', 'w').write('x'))", "1\n"),
            ("print('lost', file=open('/dev/zero', 'w') if False else open('/dev/null', 'w'))", ""),
            ("try: open('/dev/tty')\nexcept FileNotFoundError: print('none')", "none\n"),
            ("import sys\nprint(repr(sys.stdin.readline()), repr(input()))", "'1 2\\n' 'ab'\n"),
            ("import sys\nprint(sys.stdin.buffer.read())", "b'1 2\\r\\nab\\r\\n'\n"),
            ("print(repr(open(0).read()))", "'1 2\\nab\\n'\n"),
            ("import sys\nprint(list(sys.stdin), sys.stdin.newlines)", "['1 2\\n', 'ab\\n'] \r\n\n"),
        ] {
            let request = RunRequest { stdin: "1 2\r\nab\r\n".to_owned(), ..program(code) };
            let report = client.run(&request).await.unwrap();
            assert_eq!(
                (report.status, report.stdout.as_str()),
                (RunStatus::Ok, stdout),
                "{engine}: {code}: {report:?}"
            );
        }
        let code = "with open('/dev/full', 'w') as f: f.write('x')";
        assert_eq!(run(&client, code).await.status, RunStatus::RuntimeError, "{engine}");
        let flood = "with open('/dev/stdout', 'w') as f:\n    for _ in range(3000): f.write('x' * 1000)";
        assert_eq!(run(&client, flood).await.status, RunStatus::OutputLimit, "{engine}");
        server.shutdown().await;
    }
}

#[tokio::test]
async fn numpy_is_there_where_the_set_up_brought_it() {
    let report = tokio::task::spawn_blocking(doctor).await.unwrap();
    if report.numpy.is_none() {
        return eprintln!("LEFT OUT: numpy is not set up:\n{report}");
    }
    assert!(report.packages.contains(&"numpy".to_owned()), "{report}");
    let server = serve(ServerConfig { workers: 1, ..ServerConfig::default() }).await.unwrap();
    let client = Client::new(vec![server.url()]).unwrap();
    let code =
        "import numpy as np\na = np.arange(6).reshape(2, 3)\nprint((a @ a.T).tolist(), np.linalg.det(np.eye(3)))";
    let report = client.run(&RunRequest { limits: Limits::default(), ..program(code) }).await.unwrap();
    let expected = "[[5, 14], [14, 50]] 1.0\n";
    assert_eq!((report.status, report.stdout.as_str()), (RunStatus::Ok, expected), "{report:?}");
    assert_eq!(report.engine, Some(EngineKind::Process));
    let hog = graded("import numpy\nnumpy.zeros(10**9)", stdio(&[("", "")]));
    assert_eq!(client.grade(&hog).await.unwrap().verdict, GradeVerdict::MemoryLimit);
    let write = "import numpy, os\nopen(os.path.join(os.path.dirname(numpy.__file__), 'x.py'), 'w')";
    assert!(run(&client, write).await.stderr.contains("Read-only file system"));
    server.shutdown().await;
}
