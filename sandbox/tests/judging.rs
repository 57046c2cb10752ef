//! What asserts and checkers say of programs that answer in unusual ways, on every engine that is set up: none of them
//! makes the judge fail, and none is taken to be right by a gap in it.

use sandbox_api::{EngineKind, FunctionCase, GradeRequest, GradeVerdict, Language, Limits, Tests};
use serde_json::json;

use crate::support::{patient_limits, server};

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

/// Grades each program by its test, on each engine; `is_right` says which verdicts may be.
async fn judge(cases: &[(&str, &str)], limits: &Limits, is_right: impl Fn(GradeVerdict) -> bool) {
    for engine in EngineKind::ALL.iter().copied() {
        let Some((server, client)) = server(engine, 1).await else { continue };
        for (code, test) in cases {
            let tests = Tests::Asserts { setup: String::new(), tests: vec![(*test).to_owned()] };
            let request = GradeRequest { limits: limits.clone(), ..request(code, tests) };
            let report = client.grade(&request).await;
            let report = report.unwrap_or_else(|error| panic!("{engine}: {code}\n{test}\n{error}"));
            assert!(is_right(report.verdict), "{engine}: {code}\n{test}\n{report:?}");
        }
        server.shutdown().await;
    }
}

#[tokio::test]
async fn answers_that_are_no_plain_data_are_wrong_and_break_nothing() {
    let wrong = |verdict| matches!(verdict, GradeVerdict::WrongAnswer | GradeVerdict::RuntimeError);
    let cases = [
        // Half of a surrogate pair in what is told of a failure.
        ("def f(x): raise ValueError('\\ud800 x')", "assert f(3) == 1"),
        ("def f(x): return '\\ud800'", "r = f(3)\nassert r == 1, r"),
        // Slices of what is no list.
        ("class A:\n __getitem__ = lambda s, k: [1, 2]\ndef f(x): return A()", "assert f(3)[:2] == [5, 7]"),
        ("def f(x): return (c for c in [1, 2])", "s = f(3)\nassert s == s[::-1] and list(s) == [7]"),
        ("class A:\n __getitem__ = lambda s, k: 1\ndef f(x): return A()", "assert f(3)[lambda: 1] == 1"),
        // Questions about a plain value, asked of an object that says yes to all.
        ("class E:\n __getattr__ = lambda s, n: lambda *a: True\ndef f(x): return E()", "assert f(3).startswith('zq')"),
        (
            "class E:\n __getattr__ = lambda s, n: lambda *a: True\ndef f(x): return E()",
            "assert f(3).issuperset({5, 6})",
        ),
        ("class E:\n isdigit = lambda s: True\ndef f(x): return E()", "assert f(3).isdigit()"),
        ("class E:\n startswith = staticmethod(lambda *a: True)\ndef f(x): return E", "assert f(3).startswith('zq')"),
        ("class E(Exception):\n startswith = lambda *a: True\ndef f(x): return E()", "assert f(3).startswith('zq')"),
        (
            "class E(Exception):\n startswith = staticmethod(lambda *a: True)\ndef f(x): return E",
            "assert f(3).startswith('zq')",
        ),
        ("def f(x):\n e = ValueError()\n e.startswith = lambda *a: True\n return e", "assert f(3).startswith('zq')"),
        (
            "import collections\nP = collections.namedtuple('P', 'startswith')\ndef f(x): return P(lambda *a: True)",
            "assert f(3).startswith('zq')",
        ),
        // A class that a test could name, in the place of an answer.
        ("class E:\n __class_getitem__ = lambda k: 1\ndef f(x): return E", "assert f(3)[lambda: 1] == 1"),
        ("f = bool", "assert f(3) == 3"),
        ("class E(Exception): pass\ndef f(x): raise E", "try: f(3)\nexcept ValueError: pass"),
        // Names of errors that are taken away from the test: no fault of the test's.
        ("TypeError = 1", "try:\n sum('a')\n assert False\nexcept TypeError:\n assert sum([1, 2]) == 4"),
        ("def sum(x): return 4\nTypeError = 1", "assert sum([1, 2]) == 3\ntry: sum('a')\nexcept TypeError: pass"),
        // What would end the test's own loop.
        ("def f(x): raise StopIteration", "assert all(map(lambda c: f(c[0]) == c[1], [(1, 2), (3, 9)]))"),
        ("def f(x): raise StopIteration", "for got, want in zip(map(f, [1, 2]), [7, 8]): assert got == want"),
        ("class S(StopIteration): pass\ndef f(x): raise S", "assert all(a == b for a, b in zip(map(f, [1]), [7]))"),
        // The name of what is expected to decide.
        ("def f(x): return 0\ndef abs(x): return 0", "def check(f):\n assert abs(f(3) - 1.5) < 1e-6\ncheck(f)"),
        ("def f(x): return 0\ndef abs(x): return 0", "assert (lambda f: abs(f(3) - 1.5) < 1e-6)(f)"),
        ("def f(x): return 0\ndef set(x): return 0", "for f in [f]: assert set(f(3)) == set([1])"),
        ("def f(x): return 0\ndef eval(x): return True", "assert eval('f(3) == 5')"),
        ("def abs(x): return 0\ndef isclose(a, b): return True", "assert isclose(abs(-1.5), 1.5)"),
        ("def sorted(x): return 0\ndef len(x): return 3", "assert len(sorted([3, 1, 2])) == 3"),
        ("def f(x): return 0\ndef fabs(x): return 0", "assert fabs(f(3) - 1.5) < 1e-6"),
        ("def f(x): return 0\ndef sqrt(x): return 0", "assert f(3) == sqrt(16)"),
        (
            "class Solution:\n def f(self, x): return 0\ndef abs(x): return 0",
            "def check(f):\n assert abs(f(3) - 1.5) < 1\ncheck(f)",
        ),
        // Functions of the standard library that a task asks for and a program does not define.
        ("pass", "assert factorial(5) == 120"),
        ("def len(x): return 3", "assert factorial(len([1, 2, 3])) == 6"),
        ("pass", "def check(candidate):\n assert candidate(12, 8) == 4\ncheck(gcd)"),
    ];
    judge(&cases, &patient_limits(), wrong).await;
}

#[tokio::test]
async fn a_test_that_catches_everything_catches_no_program_that_has_ended() {
    let cases = [
        ("import os\ndef f(x): os._exit(0)", "try:\n f(-1)\n ok = False\nexcept:\n ok = True\nassert ok"),
        ("def f(x):\n while True: pass", "try:\n f(-1)\n ok = False\nexcept BaseException:\n ok = True\nassert ok"),
    ];
    let limits = Limits { wall_seconds: 2.0, cpu_seconds: 2.0, ..Limits::default() };
    judge(&cases, &limits, |verdict| matches!(verdict, GradeVerdict::RuntimeError | GradeVerdict::TimeLimit)).await;
}

#[tokio::test]
async fn right_answers_pass_however_they_are_asked_for() {
    let cases = [
        ("def f(x): return list(range(x))", "assert f(9)[2:6:2] == [2, 4]"),
        ("class A:\n def __getitem__(s, k): return [0, 1, 2, 3][k]\ndef f(): return A()", "assert f()[1:3] == [1, 2]"),
        ("def f(x): return (c for c in range(x))", "assert all(a == b for a, b in zip(f(3), [0, 1, 2]))"),
        ("def f(n): return 2 ** n", "assert f(100_000) == 2 ** 100_000"),
        // Functions that are called as builtins or standard functions are, and do something else.
        ("def sum(a, b): return a * b", "assert sum(3, 4) == 12"),
        ("def median(xs): return 7", "assert abs(median([1, 2]) - 7) < 1e-6"),
        ("def factorial(n): return n", "def check(candidate):\n assert candidate(5) == 5\ncheck(factorial)"),
        ("def sqrt(n): return n", "assert sqrt(16) == 16"),
        ("from math import gcd\ndef lcm(a, b): return a * b // gcd(a, b)", "assert fabs(lcm(4, 6) - 12) < 1e-6"),
        ("def max(xs): return 7", "assert max([len([1, 2])]) == 7"),
        ("def f(x): return x", "result = f(3)\nassert result == 3 and sum([f(n) for n in range(3)]) == 3"),
        ("def f(x): return x", "f = f\nassert abs(f(-3)) == 3"),
        ("import datetime\ndef f(x): return datetime.date(2020, 1, x)", "assert f(3) == datetime.date(2020, 1, 3)"),
        (
            "from datetime import *\ndef f(x): return x + timedelta(1)",
            "import datetime\nassert f(datetime.datetime(2020, 1, 1, 5)) == datetime.datetime(2020, 1, 2, 5)",
        ),
        ("from collections import deque\ndef f(x): return deque([x], 4)", "assert f(3) == deque([3])"),
        ("def f(x): return x\nif __name__ == '__main__':\n raise SystemExit(f(int(input())))", "assert f(3) == 3"),
        ("class Text:\n isdigit = staticmethod(lambda x: x == '5')", "assert Text.isdigit('5')"),
        ("def f(x): return x / 3", "assert math.isclose(f(1), 1 / 3) and isclose(f(1), 1 / 3) and fabs(f(0)) < 1"),
        ("def f(x):\n if x < 0: raise ValueError('no')", "try:\n f(-1)\n assert False\nexcept ValueError: pass"),
    ];
    judge(&cases, &patient_limits(), |verdict| verdict == GradeVerdict::Passed).await;
}

#[tokio::test]
async fn what_a_function_returns_counts_as_output() {
    for engine in EngineKind::ALL.iter().copied() {
        let Some((server, client)) = server(engine, 1).await else { continue };
        let grade = async |code: &str, output_bytes: u64| {
            let cases = vec![FunctionCase { args: json!([3]), expected: json!(3) }];
            let mut request = request(code, Tests::Function { entry_point: "f".to_owned(), cases });
            request.limits.output_bytes = output_bytes;
            client.grade(&request).await.unwrap().verdict
        };
        let default = Limits::default().output_bytes;
        assert_eq!(grade("def f(x): return 'a' * 2_000_000", default).await, GradeVerdict::OutputLimit, "{engine}");
        assert_eq!(grade("def f(x): return 'a' * 20_000", 10_000).await, GradeVerdict::OutputLimit, "{engine}");
        assert_eq!(grade("def f(x): return [0] * 10_000", 10_000).await, GradeVerdict::OutputLimit, "{engine}");
        let main = "def f(x): return x\nif __name__ == '__main__':\n import sys\n sys.exit(input())";
        assert_eq!(grade(main, default).await, GradeVerdict::Passed, "{engine}: what is for programs alone is not run");
        server.shutdown().await;
    }
}

#[tokio::test]
async fn a_checker_is_given_answers_that_can_be_read_or_none() {
    let deep = "def f():\n x = 1\n for _ in range(126): x = [x]\n return x";
    let key = "def f(): return {'$serde_json::private::Number': '5'}";
    for engine in EngineKind::ALL.iter().copied() {
        let Some((server, client)) = server(engine, 1).await else { continue };
        for code in [deep, key] {
            let cases = vec![FunctionCase { args: json!([]), expected: json!(5) }];
            let tests = Tests::Function { entry_point: "f".to_owned(), cases };
            let checker = "def check(input, expected, got): return got == expected".to_owned();
            let report =
                client.grade(&request(code, Tests::Checked { checker, tests: Box::new(tests) })).await.unwrap();
            assert_eq!(report.verdict, GradeVerdict::WrongAnswer, "{engine}: {report:?}");
        }
        server.shutdown().await;
    }
}
