//! The WebAssembly engine: the same verdicts as the process engine, and what it alone promises.
//!
//! Where its interpreter is not set up these tests say so and check nothing; `cargo xtask test` sets it up.

use std::time::{Duration, Instant};

use sandbox::{ServerConfig, serve};
use sandbox_api::{
    Client, EngineKind, FunctionCase, GradeReport, GradeRequest, GradeVerdict, Language, Limits, RunReport, RunRequest,
    RunStatus, StdioCase, Tests, missing_in_wasm,
};
use serde_json::json;

use crate::support::{patient_limits, server};

/// Small limits on memory and output, and time to spare.
fn small_limits() -> Limits {
    Limits { memory_bytes: 128 << 20, output_bytes: 100_000, ..patient_limits() }
}

/// Limits for programs that reach the limit of time.
fn quick_limits() -> Limits {
    Limits { wall_seconds: 4.0, cpu_seconds: 4.0, ..small_limits() }
}

fn request(code: &str, tests: Tests) -> GradeRequest {
    GradeRequest {
        code: code.to_owned(),
        language: Language::Python,
        engine: Some(EngineKind::Wasm),
        tests,
        limits: small_limits(),
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

async fn run(client: &Client, code: &str) -> RunReport {
    let engine = Some(EngineKind::Wasm);
    let request = RunRequest { code: code.to_owned(), engine, limits: small_limits(), ..RunRequest::default() };
    client.run(&request).await.expect("the sandbox answers")
}

/// Grades with both engines; the verdict and the number of cases that passed must be the same.
async fn both(client: &Client, request: &GradeRequest) -> GradeReport {
    let wasm = client.grade(request).await.expect("the wasm engine answers");
    let other = GradeRequest { engine: Some(EngineKind::Process), ..request.clone() };
    let process = client.grade(&other).await.expect("the process engine answers");
    assert_eq!(
        (wasm.verdict, wasm.num_passed),
        (process.verdict, process.num_passed),
        "{}\nwasm: {wasm:?}\nprocess: {process:?}",
        request.code
    );
    wasm
}

#[tokio::test]
async fn programs_get_the_same_verdict_from_both_engines() {
    let Some((handle, client)) = server(EngineKind::Wasm, 1).await else { return };
    let programs = [
        ("a, b = map(int, input().split())\nprint(a + b)", GradeVerdict::Passed),
        ("import sys\nprint(sum(map(int, sys.stdin.read().split())))", GradeVerdict::Passed),
        ("print(sum(map(int, open(0).read().split())))", GradeVerdict::Passed),
        ("import sys\nsys.stdout.write('7\\n')\nsys.exit()", GradeVerdict::Passed),
        ("import os\nos.write(1, b'7')\nos._exit(0)", GradeVerdict::Passed),
        ("import atexit\natexit.register(print, 7)", GradeVerdict::Passed),
        (
            "import asyncio\nasync def f():\n    await asyncio.sleep(0.01)\n    return 7\nprint(asyncio.run(f()))",
            GradeVerdict::Passed,
        ),
        ("import email, http, sqlite3, tomllib, xml.dom, doctest\nprint(7)", GradeVerdict::Passed),
        (
            concat!(
                "class N:\n    def __init__(self, n): self.n = n\nh = None\n",
                "for i in range(200000): h = N(h)\ndel h\nprint(7)",
            ),
            GradeVerdict::Passed,
        ),
        ("raise ValueError('MemoryError')", GradeVerdict::RuntimeError),
        ("print(8)", GradeVerdict::WrongAnswer),
        ("import os\nos._exit(0)", GradeVerdict::WrongAnswer),
        ("print(7)\nraise SystemExit(1)", GradeVerdict::RuntimeError),
        ("print(1 / 0)", GradeVerdict::RuntimeError),
        ("def f(:", GradeVerdict::RuntimeError),
        ("a\0b", GradeVerdict::RuntimeError),
        ("import no_such_module", GradeVerdict::RuntimeError),
        ("import os\nos._exit(3)", GradeVerdict::RuntimeError),
        ("def f(n): return f(n + 1)\nf(0)", GradeVerdict::RuntimeError),
        (
            "class A:\n    def __repr__(self): return repr([self])\nimport sys\nsys.setrecursionlimit(2000)\nrepr(A())",
            GradeVerdict::RuntimeError,
        ),
        ("import socket\nsocket.socket()", GradeVerdict::RuntimeError),
        ("import os\nos.kill(1, 9)\nos.fork()\nos.execv('/bin/sh', ['sh'])", GradeVerdict::RuntimeError),
        ("print(open('/etc/passwd').read())", GradeVerdict::RuntimeError),
        ("open('/usr/x', 'w')", GradeVerdict::RuntimeError),
        ("import os\nos.setuid(0)\nos.listdir('/root')", GradeVerdict::RuntimeError),
        ("while True: pass", GradeVerdict::TimeLimit),
        ("import time\ntime.sleep(100)", GradeVerdict::TimeLimit),
        ("import re\nre.match('(a+)+$', 'a' * 40 + 'b')", GradeVerdict::TimeLimit),
        ("while True: print('x' * 1000)", GradeVerdict::OutputLimit),
        ("import sys\nwhile True: sys.stderr.write('x' * 1000)", GradeVerdict::OutputLimit),
        ("x = []\nwhile True: x.append(bytearray(1 << 20))", GradeVerdict::MemoryLimit),
        ("x = bytearray(1 << 30)", GradeVerdict::MemoryLimit),
        ("import sys\nsys.stdout.buffer.write(b'\\xff\\xfe')", GradeVerdict::WrongAnswer),
    ];
    for (code, verdict) in programs {
        let mut request = stdio(code, "3 4\n", "7\n");
        if verdict == GradeVerdict::TimeLimit {
            request.limits = quick_limits();
        }
        let report = both(&client, &request).await;
        assert_eq!(report.verdict, verdict, "{code}: {report:?}");
    }
    handle.shutdown().await;
}

/// Writes, reads, lists, moves, links and removes; imports a module that it wrote; keeps a database.
const USES_FILES: &str = r#"
import glob, os, pathlib, shutil, sqlite3, sys, tempfile
with open("data.txt", "w") as file:
    file.write("one\ntwo\n")
with open("data.txt", "a") as file:
    file.write("three\n")
assert open("data.txt").readlines() == ["one\n", "two\n", "three\n"]
with open("data.bin", "wb+") as file:
    file.write(b"x" * 300_000)
    file.seek(5)
    file.write(b"hello")
    file.seek(0)
    assert (file.read(12), len(file.read())) == (b"xxxxxhelloxx", 299_988)
    file.truncate(10)
assert os.stat("data.bin").st_size == 10
with tempfile.TemporaryDirectory() as folder:
    inner = pathlib.Path(folder) / "a" / "b"
    inner.mkdir(parents=True)
    (inner / "f.txt").write_text("hi")
    os.rename(inner / "f.txt", inner / "g.txt")
    assert [path.name for path in sorted(pathlib.Path(folder).rglob("*"))] == ["a", "b", "g.txt"]
assert not os.path.exists(folder)
os.symlink("data.txt", "link")
os.link("data.txt", "second")
assert open("link").readline() == "one\n" and os.stat("second").st_nlink == 2
base = sqlite3.connect("base.db")
base.execute("create table t(a)")
base.execute("insert into t values (4)")
base.commit()
assert sqlite3.connect("base.db").execute("select a from t").fetchall() == [(4,)]
pathlib.Path("/tmp/written.py").write_text("value = 3")
sys.path.append("/tmp")
import written
print("gone", file=open("/dev/null", "w"))
shutil.copy("data.txt", "/tmp/copy")
print(written.value + len(glob.glob("/tmp/c*")) + 3)
"#;

#[tokio::test]
async fn files_are_those_of_the_run_alone() {
    let Some((handle, client)) = server(EngineKind::Wasm, 1).await else { return };
    both(&client, &stdio("print(open('/dev/null').read() + '7')", "", "7")).await;
    let report = client.grade(&stdio(USES_FILES, "", "7")).await.unwrap();
    assert_eq!(report.verdict, GradeVerdict::Passed, "{report:?}");
    let next = run(&client, "import os\nprint(os.listdir('/'), os.listdir('/tmp'))").await;
    assert_eq!(next.stdout, "['dev', 'tmp'] []\n", "{next:?}");
    let full = "file = open('big', 'wb')\nfor index in range(100): file.write(bytes(1 << 20))";
    let mut request = stdio(full, "", "");
    request.limits.file_bytes = 20 << 20;
    let report = client.grade(&request).await.unwrap();
    assert_eq!(report.verdict, GradeVerdict::RuntimeError, "{report:?}");
    assert!(report.reason.contains("OSError"), "{report:?}");
    handle.shutdown().await;
}

#[tokio::test]
async fn functions_return_values_by_a_way_of_their_own() {
    let Some((handle, client)) = server(EngineKind::Wasm, 1).await else { return };
    let tests = |expected| Tests::Function {
        entry_point: "f".to_owned(),
        cases: vec![FunctionCase { args: json!([2, [3]]), expected }],
    };
    let cases = [
        ("def f(a, b):\n    print('[2, 3]')\n    return (a, b[0])", GradeVerdict::Passed),
        ("class Solution:\n    def f(self, a, b): return [a] + b", GradeVerdict::Passed),
        ("def f(a, b): print('[2, 3]')", GradeVerdict::WrongAnswer),
        ("def f(a, b):\n    import os\n    os.write(1, b'[2, 3]')\n    os._exit(0)", GradeVerdict::RuntimeError),
        ("def f(a, b): raise SystemExit(0)", GradeVerdict::RuntimeError),
        ("def g(a, b): return [2, 3]", GradeVerdict::RuntimeError),
    ];
    for (code, verdict) in cases {
        let report = both(&client, &request(code, tests(json!([2, 3])))).await;
        assert_eq!(report.verdict, verdict, "{code}: {report:?}");
    }
    let big: serde_json::Value = serde_json::from_str(&"7".repeat(6000)).unwrap();
    let code = "def f(a, b): return int('7' * 6000)";
    assert_eq!(both(&client, &request(code, tests(big))).await.verdict, GradeVerdict::Passed);
    handle.shutdown().await;
}

#[tokio::test]
async fn asserts_run_in_an_instance_of_their_own() {
    let Some((handle, client)) = server(EngineKind::Wasm, 1).await else { return };
    let cases: &[(&str, &[&str], GradeVerdict, usize)] = &[
        (
            "def add(a, b): return a + b",
            &["assert add(1, 2) == 3", "assert add('a', 'b') == 'ab'"],
            GradeVerdict::Passed,
            2,
        ),
        ("def pair(a): return (a, {a}, {a: [a]})", &["assert pair(1) == (1, {1}, {1: [1]})"], GradeVerdict::Passed, 1),
        ("def order(x): x.sort()", &["a = [3, 1, 2]\norder(a)\nassert a == [1, 2, 3]"], GradeVerdict::Passed, 1),
        ("def f(x):\n    for i in range(x): yield i", &["assert list(f(3)) == [0, 1, 2]"], GradeVerdict::Passed, 1),
        ("def f(x): return x", &["assert f(1) == 1", "assert f(1) == 2"], GradeVerdict::WrongAnswer, 1),
        ("def f(x): return x[9]", &["assert f([1]) == 1"], GradeVerdict::RuntimeError, 0),
        ("1 / 0", &["assert f(1) == 1"], GradeVerdict::RuntimeError, 0),
        (
            "def f(x):\n    while x == 2: pass\n    return x",
            &["assert f(1) == 1", "assert f(2) == 2"],
            GradeVerdict::TimeLimit,
            1,
        ),
        (
            "import time\ndef f(x):\n    time.sleep(x)\n    return x",
            &["assert f(0) == 0", "assert f(99) == 99"],
            GradeVerdict::TimeLimit,
            1,
        ),
        ("import os\ndef f(x): os._exit(0)", &["assert f(0) == 0"], GradeVerdict::RuntimeError, 0),
    ];
    for (code, tests, verdict, num_passed) in cases {
        let mut request = asserts(code, tests);
        if *verdict == GradeVerdict::TimeLimit {
            request.limits = quick_limits();
        }
        let report = both(&client, &request).await;
        assert_eq!((report.verdict, report.num_passed), (*verdict, *num_passed), "{code}: {report:?}");
    }
    let unusable = client.grade(&asserts("f = 1", &["assert f(1) =="])).await.unwrap_err();
    assert!(unusable.to_string().contains("422"), "{unusable}");
    handle.shutdown().await;
}

#[tokio::test]
async fn no_cheating_passes() {
    let Some((handle, client)) = server(EngineKind::Wasm, 1).await else { return };
    let cheats = [
        "import os\nos._exit(0)",
        "raise SystemExit(0)",
        "def f(x):\n    import os\n    os._exit(0)",
        concat!(
            "class E(int):\n    def __eq__(self, o): return True\n",
            "    def __ne__(self, o): return False\ndef f(x): return E(0)",
        ),
        "class E:\n    def __eq__(self, o): return True\ndef f(x): return E()",
        "import wit_world\nwit_world.leave(0)",
        "import wit_world\ndef f(x): return wit_world.ask('')",
        "import wit_world\nwit_world.ask = lambda request: '{\"ok\": true}'\ndef f(x): pass",
        concat!(
            "import sys\nfor module in list(sys.modules.values()):\n",
            "    for name in ('run_test', 'judge', 'encode', 'json'):\n",
            "        if hasattr(module, name): setattr(module, name, lambda *a, **k: {'ok': True})\n",
            "def f(x): pass",
        ),
        concat!(
            "import json\njson.loads = lambda *a, **k: {'ok': True}\n",
            "json.dumps = lambda *a, **k: '{\"results\": [{\"ok\": true}, {\"ok\": true}]}'\n",
            "def f(x): pass",
        ),
        "import gc\ndef f(x): return next((o for o in gc.get_objects() if isinstance(o, dict) and 'tests' in o), None)",
        concat!(
            "import os\nfor fd in range(64):\n",
            "    try: os.write(fd, b'{\"results\": [{\"ok\": true}, {\"ok\": true}]}')\n",
            "    except OSError: pass\ndef f(x): return x",
        ),
        "import atexit, os\natexit.register(os._exit, 0)\ndef f(x): pass",
        "def f(x): return float('nan')",
        "f = True",
    ];
    for code in cheats {
        let report = client.grade(&asserts(code, &["assert f(3) == 123457", "assert f(4) == 99"])).await.unwrap();
        assert_ne!(report.verdict, GradeVerdict::Passed, "{code}");
        assert_eq!(report.num_passed, 0, "{code}: {report:?}");
    }
    handle.shutdown().await;
}

#[tokio::test]
async fn what_is_missing_is_an_ordinary_import_error() {
    let Some((handle, client)) = server(EngineKind::Wasm, 1).await else { return };
    for module in ["ctypes", "ssl", "bz2", "lzma", "numpy", "multiprocessing.shared_memory", "tkinter", "fcntl"] {
        let report =
            run(&client, &format!("try:\n    import {module}\nexcept ImportError as error:\n    print(error)")).await;
        assert_eq!(report.status, RunStatus::Ok, "{module}: {report:?}");
        assert!(report.stdout.starts_with("No module named"), "{module}: {report:?}");
    }
    for code in
        ["import threading\nthreading.Thread(target=print).start()", "import subprocess\nsubprocess.run(['true'])"]
    {
        let report = run(&client, code).await;
        assert_ne!(report.status, RunStatus::Ok, "{code}: {report:?}");
    }
    handle.shutdown().await;
}

#[tokio::test]
async fn modules_that_count_as_there_are() {
    let Some((handle, client)) = server(EngineKind::Wasm, 1).await else { return };
    let modules = include_str!("../api/src/modules.txt").split_whitespace();
    let code: String = modules.map(|module| format!("import {module}\n")).collect();
    let report = run(&client, &code).await;
    assert_eq!(report.status, RunStatus::Ok, "{report:?}");
    assert_eq!(missing_in_wasm(&code), None);
    handle.shutdown().await;
}

#[tokio::test]
async fn nothing_survives_a_run() {
    let Some((handle, client)) = server(EngineKind::Wasm, 1).await else { return };
    let code = concat!(
        "import builtins, os, sys\nprint(hasattr(builtins, 'left'), os.environ, sys.argv)\n",
        "builtins.left = 1\nos.environ['x'] = 'y'",
    );
    for _ in 0..3 {
        assert_eq!(run(&client, code).await.stdout.trim(), "False environ({}) ['main.py']");
    }
    let mut random = std::collections::HashSet::new();
    for _ in 0..4 {
        random.insert(run(&client, "import random, uuid\nprint(random.random(), uuid.uuid4())").await.stdout);
    }
    assert_eq!(random.len(), 4, "each run has a seed of its own");
    handle.shutdown().await;
}

#[tokio::test]
async fn fuel_ends_a_program_at_the_same_place_every_time() {
    let Some((handle, client)) = server(EngineKind::Wasm, 2).await else { return };
    let code =
        "import random, time\nn = 0\nwhile True:\n    n += 1\n    print(n, random.random(), time.time(), flush=True)";
    let limits = Limits { fuel: Some(300_000_000), wall_seconds: 60.0, cpu_seconds: 60.0, ..Limits::default() };
    let request = RunRequest { code: code.to_owned(), limits, ..RunRequest::default() };
    let first = client.run(&request).await.unwrap();
    assert_eq!(first.status, RunStatus::TimeLimit, "{first:?}");
    assert!(first.stdout.lines().count() > 10, "{first:?}");
    for _ in 0..3 {
        assert_eq!(client.run(&request).await.unwrap().stdout, first.stdout);
    }
    let refused = client.run(&RunRequest { engine: Some(EngineKind::Process), ..request }).await.unwrap_err();
    assert!(refused.to_string().contains("fuel"), "{refused}");
    handle.shutdown().await;
}

#[tokio::test]
async fn a_worker_that_is_killed_is_replaced_and_its_request_answered() {
    let Some((handle, client)) = server(EngineKind::Wasm, 1).await else { return };
    assert_eq!(run(&client, "print(1)").await.stdout, "1\n");
    let worker = handle.worker_ids()[0];
    let waiting = tokio::spawn({
        let client = client.clone();
        async move { run(&client, "import time\ntime.sleep(2)\nprint(2)").await }
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(worker as i32), nix::sys::signal::Signal::SIGKILL).unwrap();
    assert_eq!(waiting.await.unwrap().stdout, "2\n");
    assert_ne!(handle.worker_ids()[0], worker);
    handle.shutdown().await;
}

#[tokio::test]
async fn a_component_that_is_not_there_says_what_to_do() {
    let config = ServerConfig {
        component: Some("/nonexistent/python.wasm".into()),
        default_engine: Some(EngineKind::Wasm),
        ..ServerConfig::default()
    };
    let error = serve(config).await.err().expect("there is no such file").to_string();
    assert!(error.contains("/nonexistent/python.wasm"), "{error}");
}

#[tokio::test]
async fn one_gradings_time_is_printed() {
    let Some((handle, client)) = server(EngineKind::Wasm, 2).await else { return };
    let requests = [
        ("stdio", stdio("print(1)", "", "1")),
        ("asserts", asserts("def f(x): return x + 1", &["assert f(1) == 2"; 3])),
    ];
    for (name, wasm) in requests {
        for engine in EngineKind::ALL.iter().copied() {
            let request = GradeRequest { engine: Some(engine), ..wasm.clone() };
            let mut times = Vec::new();
            for _ in 0..40 {
                let began = Instant::now();
                assert_eq!(client.grade(&request).await.unwrap().verdict, GradeVerdict::Passed);
                times.push(began.elapsed());
            }
            times.sort();
            let began = Instant::now();
            let mut tasks = tokio::task::JoinSet::new();
            for _ in 0..200 {
                let (client, request) = (client.clone(), request.clone());
                tasks.spawn(async move { client.grade(&request).await.unwrap() });
            }
            assert!(tasks.join_all().await.iter().all(|report| report.verdict == GradeVerdict::Passed));
            let rate = 200.0 / began.elapsed().as_secs_f64();
            println!("{engine} {name}: median {:?}, {rate:.0} gradings/s", times[times.len() / 2]);
        }
    }
    handle.shutdown().await;
}

#[tokio::test]
async fn a_worker_is_in_a_group_of_its_own() {
    let Some((handle, client)) = server(EngineKind::Wasm, 1).await else { return };
    assert_eq!(client.run(&RunRequest::default()).await.unwrap().status, RunStatus::Ok);
    for id in handle.worker_ids() {
        let worker = nix::unistd::Pid::from_raw(id as i32);
        assert_eq!(nix::unistd::getpgid(Some(worker)), Ok(worker), "a terminal's signals to the server end it");
    }
    handle.shutdown().await;
}
