//! What functions return and programs print, compared with what is expected, on every engine that is set up.

use std::path::Path;

use sandbox::{Tasks, grade_solutions};
use sandbox_api::{EngineKind, FunctionCase, GradeRequest, GradeVerdict, Language, Limits, StdioCase, Tests};
use serde_json::{Value, json};

use crate::support::{patient_limits, server};

const PASSED: &[GradeVerdict] = &[GradeVerdict::Passed];
const WRONG: &[GradeVerdict] = &[GradeVerdict::WrongAnswer, GradeVerdict::RuntimeError];

fn function(code: &str, args: Value, expected: Value) -> GradeRequest {
    let cases = vec![FunctionCase { args, expected }];
    request(code, Tests::Function { entry_point: "f".to_owned(), cases })
}

fn stdio(code: &str, input: &str, output: String) -> GradeRequest {
    request(code, Tests::Stdio { cases: vec![StdioCase { input: input.to_owned(), output }] })
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

async fn grade(requests: &[(GradeRequest, &[GradeVerdict])]) {
    for engine in EngineKind::ALL.iter().copied() {
        let Some((server, client)) = server(engine, 1).await else { continue };
        for (request, expected) in requests {
            let report = client.grade(request).await.unwrap();
            assert!(expected.contains(&report.verdict), "{engine}: {}\n{report:?}", request.code);
        }
        server.shutdown().await;
    }
}

#[tokio::test]
async fn returned_values_are_compared_by_what_json_can_say() {
    let named =
        "from collections import namedtuple\nP = namedtuple('P', 'x y')\ndef f(a): return [P(a, 2), {'p': P(a, 3)}]";
    let member = "import enum\nclass C(enum.Enum):\n A = 1\n B = (2, 3)\ndef f(a): return [C.A, C.B, {C.A: C.B}]";
    let flags =
        "import enum\nclass C(enum.IntEnum):\n A = 1\nclass S(str, enum.Enum):\n B = 'b'\ndef f(a): return [C.A, S.B]";
    // A number as numpy has them, on engines that have no numpy.
    let scalar =
        "class N:\n shape = ()\n tolist = lambda s: 3\nN.__module__ = 'numpy'\ndef f(a): return [N(), {N(): a}]";
    grade(&[
        (function(scalar, json!([1]), json!([3, {"3": 1}])), PASSED),
        (function(scalar, json!([1]), json!([4, {"4": 1}])), WRONG),
        (function("def f(n): return [(i, i + 1) for i in range(n)]", json!([2]), json!([[0, 1], [1, 2]])), PASSED),
        (function("def f(n): return ((0, (1,)), {'a': (2,)})", json!([2]), json!([[0, [1]], {"a": [2]}])), PASSED),
        (function("def f(n): return [(i + 1, i) for i in range(n)]", json!([2]), json!([[0, 1], [1, 2]])), WRONG),
        (function(named, json!([1]), json!([[1, 2], {"p": [1, 3]}])), PASSED),
        (function(named, json!([1]), json!([[1, 2], {"p": {"x": 1, "y": 3}}])), WRONG),
        (function(member, json!([1]), json!([1, [2, 3], {"1": [2, 3]}])), PASSED),
        (function(member, json!([1]), json!(["A", "B", {"A": "B"}])), WRONG),
        (function(flags, json!([1]), json!([1, "b"])), PASSED),
        (function("def f(a): return {i: i * i for i in range(a)}", json!([2]), json!({"0": 0, "1": 1})), PASSED),
        (function("def f(a): return {str(i): i for i in range(a)}", json!([2]), json!({"0": 0, "1": 2})), WRONG),
        (function("def f(a): return {1, 2}", json!([2]), json!([1, 2])), WRONG),
        (function("def f(a): return range(2)", json!([2]), json!([0, 1])), WRONG),
        (function("def f(a): return True", json!([2]), json!(1)), PASSED),
        (function("def f(a): return 1.0", json!([2]), json!(true)), PASSED),
        (function("def f(a): return '1'", json!([2]), json!(1)), WRONG),
        (function("def f(a): return [1, float('nan')]", json!([2]), json!([1, 2])), WRONG),
        (function("def f(a): return float('inf')", json!([2]), json!(1e300)), WRONG),
        (function("async def f(a): return a, a", json!([2]), json!([2, 2])), PASSED),
        (function("async def f(a): return a", json!([2]), json!(3)), WRONG),
        (function("class Solution:\n async def f(self, a): return a + 1", json!([2]), json!(3)), PASSED),
        (function("import asyncio\nasync def f(a):\n await asyncio.sleep(0)\n return a", json!([2]), json!(2)), PASSED),
    ])
    .await;
}

#[tokio::test]
async fn output_may_be_as_long_as_what_is_expected() {
    let lines = |num: usize| (0..num).map(|line| format!("{line}\n")).collect::<String>();
    let print = "print('\\n'.join(map(str, range(int(input())))))";
    let power = "print(2 ** int(input()))";
    let long = "7".repeat(5000);
    let pairs: Value = (0..60_000).map(|index| json!([index, 2])).collect();
    grade(&[
        (stdio(print, "400000", lines(400_000)), PASSED),
        (stdio(print, "400001", lines(400_000)), &[GradeVerdict::WrongAnswer]),
        (stdio(print, "2000000", lines(400_000)), &[GradeVerdict::OutputLimit]),
        (stdio(print, "400000", lines(40)), &[GradeVerdict::OutputLimit]),
        (stdio(power, "4", "16".to_owned()), PASSED),
        // Beyond the digits at which Python refuses to read and to write integers unless it is told otherwise.
        (stdio("print(int(input()) - 1 + 1)", &long, long.clone()), PASSED),
        (stdio("print(int(input()) + 1)", &long, long.clone()), WRONG),
        (function("def f(n): return [(i, 2) for i in range(n)]", json!([60_000]), pairs.clone()), PASSED),
        (function("def f(n): return [(i, 3) for i in range(n)]", json!([60_000]), pairs), WRONG),
    ])
    .await;
}

/// Grades the public reports' programs, where they lie beside this repository.
#[tokio::test]
async fn programs_after_public_reports_are_judged_right() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/field");
    let (tasks, solutions) = (folder.join("code_tasks.jsonl"), folder.join("code_solutions.jsonl"));
    let Ok(text) = std::fs::read_to_string(&solutions) else {
        return eprintln!("LEFT OUT: {} is not there", solutions.display());
    };
    let expected: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let tasks = Tasks::read(&tasks).unwrap();
    for engine in EngineKind::ALL.iter().copied() {
        let Some((server, _)) = server(engine, 2).await else { continue };
        let options = sandbox::BatchOptions {
            url: server.url(),
            engine: Some(engine),
            limits: Limits { wall_seconds: 30.0, cpu_seconds: 30.0, ..Limits::default() },
            stop_at_first_failure: true,
            num_open: 2,
        };
        let mut wrong = Vec::new();
        let mut rows = expected.iter();
        let take = |line: sandbox::VerdictLine| {
            let (line, row) = (serde_json::to_value(&line).unwrap(), rows.next().unwrap());
            let got = match line["verdict"].as_str().unwrap() {
                "passed" => "pass",
                "sandbox_error" => "error",
                _ => "fail",
            };
            if row["expected"] != got {
                wrong.push(format!("{}: {line}", row["id"]));
            }
            true
        };
        grade_solutions(&tasks, &solutions, &options, take).await.unwrap();
        assert!(wrong.is_empty(), "{engine}:\n{}", wrong.join("\n"));
        server.shutdown().await;
    }
}
