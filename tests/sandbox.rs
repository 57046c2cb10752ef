//! The sandbox from the command line: one program with `run`, files of tasks and solutions with `grade`.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::support::run;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary folder"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    fn write(&self, name: &str, text: &str) -> String {
        std::fs::write(self.path(name), text).expect("a file in a temporary folder");
        self.text(name)
    }

    fn lines(&self, name: &str, lines: &[Value]) -> String {
        let lines: Vec<String> = lines.iter().map(Value::to_string).collect();
        self.write(name, &(lines.join("\n") + "\n"))
    }
}

fn described(arguments: &[&str]) -> Value {
    let output = run(&[&["sandbox", "run", "--engine", "process", "--json"], arguments].concat(), 0);
    serde_json::from_slice(&output.stdout).expect("one JSON object")
}

#[test]
fn a_program_is_run_and_described() {
    let folder = Folder::new();
    let program = folder.write("main.py", "import sys\nprint(int(input()) + 1)\nprint('careful', file=sys.stderr)\n");
    let stdin = folder.write("in.txt", "41\n");
    let answer = described(&[&program, "--stdin", &stdin]);
    assert_eq!(answer["verdict"], "ok", "{answer}");
    assert_eq!((&answer["exit_status"], &answer["stdout"]), (&json!(0), &json!("42\n")), "{answer}");
    assert_eq!(answer["stderr"], "careful\n");
    assert!(answer["seconds"].as_f64().unwrap() > 0.0 && answer["peak_memory_bytes"].as_u64().unwrap() > 0, "{answer}");
    for (code, option, verdict) in [
        ("while True: pass", ["--time-limit", "0.5"], "time_limit"),
        ("x = bytearray(500 << 20)", ["--memory-limit", "128MiB"], "memory_limit"),
        ("print('x' * 10000)", ["--output-limit", "1KiB"], "output_limit"),
        ("import os\nfor _ in range(20): os.fork()", ["--process-limit", "4"], "process_limit"),
        ("open('x', 'wb').write(bytes(2 << 20))", ["--disk-limit", "1MiB"], "runtime_error"),
        ("raise SystemExit(3)", ["--time-limit", "5"], "runtime_error"),
    ] {
        let program = folder.write("main.py", code);
        let answer = described(&[&program, option[0], option[1]]);
        assert_eq!(answer["verdict"], verdict, "{code}: {answer}");
    }
}

#[test]
fn a_run_passes_its_output_on_and_fails_as_the_program_does() {
    let folder = Folder::new();
    let good = folder.write("good.py", "print('hello')");
    assert_eq!(run(&["sandbox", "run", &good, "--engine", "process"], 0).stdout, b"hello\n");
    let bad = folder.write("bad.py", "print('half')\n1 / 0");
    let output = run(&["sandbox", "run", &bad, "--engine", "process"], 1);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.stdout, b"half\n");
    assert!(said.contains("ZeroDivisionError") && said.contains("error: runtime_error"), "{said}");
}

#[test]
fn wrong_usage_of_the_sandbox_ends_with_2() {
    let folder = Folder::new();
    let program = folder.write("main.py", "print(1)");
    let says = |arguments: &[&str], word: &str| {
        let said = String::from_utf8_lossy(&run(&[&["sandbox"], arguments].concat(), 2).stderr).into_owned();
        assert!(said.contains(word), "no `{word}` in: {said}");
    };
    says(&["run", "nowhere.py"], "nowhere.py");
    says(&["run", &program, "--memory-limit", "lots"], "256MiB");
    says(&["run", &program, "--time-limit", "0"], "--time-limit");
    says(&["run", &program, "--memory-limit", "1GiB", "--process-limit", "0"], "--process-limit");
    says(&["run", &program, "--engine", "docker"], "docker");
    let tasks = folder.write("tasks.jsonl", "{\"id\": \"a\", \"kind\": \"stdio\", \"tests\": []}\nnonsense\n");
    let solutions = folder.write("solutions.jsonl", "");
    says(&["grade", &tasks, &solutions], "tasks.jsonl line 2");
    says(&["grade", &solutions, "nowhere.jsonl"], "nowhere.jsonl");
}

/// The tasks and solutions of the test below, and each solution's verdict and counts.
fn bench(folder: &Folder) -> (String, String, Vec<(&'static str, u64, u64)>) {
    let big: Value = serde_json::from_str("10000000000000000000000000000001").unwrap();
    let tasks = folder.lines(
        "tasks.jsonl",
        &[
            json!({"id": "add", "kind": "stdio",
                   "tests": [{"input": "1 2", "output": "3"}, {"input": "2 2", "output": "4"}]}),
            json!({"id": "big", "kind": "function", "entry_point": "f",
                   "tests": [{"args": [2], "expected": 2}, {"args": [100], "expected": big}]}),
            json!({"id": "names", "kind": "function", "entry_point": "pair",
                   "tests": [{"args": [[1, 2]], "expected": [2, [1]]}]}),
            json!({"id": "asserts", "kind": "asserts", "entry_point": "g",
                   "tests": ["import math", "assert g(2) == math.sqrt(4)"]}),
            json!({"id": "any", "kind": "stdio", "tests": [{"input": "6", "output": "2 3"}],
            "checker": concat!(
                "def check(input, expected, got):\n    a, b = map(int, got.split())\n",
                "    return a * b == int(input) or f'{a} times {b}'",
            )}),
            json!({"id": "half", "kind": "stdio", "tests": [{"input": "1"}]}),
            json!({"id": "none", "kind": "stdio", "tests": []}),
        ],
    );
    let add = "print(sum(map(int, input().split())))";
    let rows = [
        ("add", json!(add), ("passed", 2, 2)),
        ("add", json!("print(3)"), ("wrong_answer", 1, 2)),
        ("add", json!("import os, sys\nwhile True: os.fork()"), ("process_limit", 0, 2)),
        ("add", json!("while True: pass"), ("time_limit", 0, 2)),
        ("add", json!("while True: print('x' * 9999)"), ("output_limit", 0, 2)),
        ("add", json!("x = [0] * 10 ** 9"), ("memory_limit", 0, 2)),
        ("add", json!("print(undefined)"), ("runtime_error", 0, 2)),
        ("add", json!("a\0b"), ("runtime_error", 0, 2)),
        ("add", json!("  "), ("no_code", 0, 2)),
        ("add", json!(null), ("no_code", 0, 2)),
        ("add", json!("#".repeat(10_000_000)), ("sandbox_error", 0, 2)),
        ("big", json!("f = lambda n: 2 if n < 9 else 10 ** 31 + 1"), ("passed", 2, 2)),
        (
            "names",
            json!(concat!(
                "class Solution:\n    def pair(self, xs: List[int]) -> Optional[int]:\n",
                "        return Counter(xs)[1] + 1, [1]",
            )),
            ("passed", 1, 1),
        ),
        ("names", json!("def pair(xs):\n    return [2, (3,)]"), ("wrong_answer", 0, 1)),
        ("asserts", json!("def g(x):\n    return x ** 0.5 + 0.5857864376269049"), ("passed", 2, 2)),
        ("any", json!("print(6, 1)"), ("passed", 1, 1)),
        ("any", json!("print(4, 2)"), ("wrong_answer", 0, 1)),
        ("any", json!("print('six')"), ("wrong_answer", 0, 1)),
        ("half", json!(add), ("sandbox_error", 0, 0)),
        ("none", json!(add), ("sandbox_error", 0, 0)),
        ("nowhere", json!(add), ("sandbox_error", 0, 0)),
    ];
    let lines: Vec<Value> = rows
        .iter()
        .enumerate()
        .map(|(index, (task, code, _))| json!({"id": index, "task_id": task, "code": code}))
        .collect();
    (tasks, folder.lines("solutions.jsonl", &lines), rows.into_iter().map(|row| row.2).collect())
}

#[test]
fn solutions_are_graded_in_order_and_bad_lines_hold_nothing_up() {
    let folder = Folder::new();
    let (tasks, solutions, expected) = bench(&folder);
    std::fs::write(&solutions, std::fs::read_to_string(&solutions).unwrap() + "not JSON\n").unwrap();
    let output = folder.text("verdicts.jsonl");
    let arguments = ["sandbox", "grade", &tasks, &solutions, "--engine", "process", "--jobs", "2", "--output", &output];
    let said = run(&[&arguments[..], &["--time-limit", "6", "--process-limit", "8"]].concat(), 0);
    let table = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(table.contains("22 solutions") && table.contains("sandbox_error"), "{table}");
    let text = std::fs::read_to_string(&output).unwrap();
    let verdicts: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(verdicts.len(), expected.len() + 1);
    for (index, (verdict, (name, passed, cases))) in verdicts.iter().zip(&expected).enumerate() {
        assert_eq!(verdict["id"], json!(index), "{verdict}");
        assert_eq!(
            (&verdict["verdict"], &verdict["passed_cases"], &verdict["cases"]),
            (&json!(name), &json!(passed), &json!(cases)),
            "{verdict}"
        );
        assert_eq!(verdict["detail"] == "", *name == "passed", "{verdict}");
        assert!(verdict["seconds"].is_number() && verdict["task_id"].is_string(), "{verdict}");
    }
    let detail = |index: usize| verdicts[index]["detail"].as_str().unwrap().to_owned();
    assert!(
        detail(1).contains("case 2 of 2") && detail(1).contains("\"3\"") && detail(1).contains("\"4\""),
        "{}",
        detail(1)
    );
    assert!(detail(6).contains("NameError"), "{}", detail(6));
    assert!(detail(16).contains("4 times 2"), "{}", detail(16));
    assert!(detail(18).contains("tasks.jsonl line 6") && detail(18).contains("output"), "{}", detail(18));
    assert!(detail(20).contains("solutions.jsonl line 21") && detail(20).contains("nowhere"), "{}", detail(20));
    assert_eq!((&verdicts[21]["id"], &verdicts[21]["verdict"]), (&Value::Null, &json!("sandbox_error")));
    assert!(detail(21).contains("solutions.jsonl line 22"), "{}", detail(21));
}
