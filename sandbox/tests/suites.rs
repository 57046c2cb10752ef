//! The code verifiers' judging of public suites, from a completion to its verdict, on every engine that is set up: what
//! HumanEval, MBPP, LiveCodeBench and EvalPlus ask for, in tasks of our own.

use std::sync::Arc;

use datasets::{Task, TaskKind, TaskVerifier};
use sandbox_api::{EngineKind, Limits};
use serde_json::{Value, json};
use verifiers::{CodeConfig, Judged, Verdict, Verifiers, VerifiersConfig};

use crate::support::server;

/// Judges completions of tasks on one engine.
struct Judge {
    verifiers: Verifiers,
    _server: sandbox::ServerHandle,
}

impl Judge {
    async fn on(engine: EngineKind) -> Option<Self> {
        let (server, client) = server(engine, 2).await?;
        let limits = Limits { wall_seconds: 60.0, cpu_seconds: 60.0, ..Limits::default() };
        let code = CodeConfig { limits, ..CodeConfig::default() };
        let config = VerifiersConfig { code, ..VerifiersConfig::default() };
        Some(Self { verifiers: Verifiers::standard(&config, client), _server: server })
    }

    async fn judge(&self, verifier: &str, ground_truth: &Value, completion: &str) -> Verdict {
        let verifier = TaskVerifier::new(verifier, ground_truth.clone());
        let task = Arc::new(Task::new("t", TaskKind::CODE, Vec::new(), verifier));
        let judgement = self.verifiers.judge(&Judged::new(task, completion)).await;
        judgement.verdicts.into_iter().next().unwrap().verdict.unwrap()
    }

    /// Judges programs, each in a block of its own, and gives what is not as expected.
    async fn problems(&self, verifier: &str, ground_truth: &Value, programs: &[(&str, bool)]) -> Vec<String> {
        let mut problems = Vec::new();
        for (program, is_right) in programs {
            let verdict = self.judge(verifier, ground_truth, &format!("So:\n```python\n{program}\n```\n")).await;
            if verdict.passed() != *is_right {
                problems.push(format!("{verifier}: {}\n{program}", verdict.reason));
            }
        }
        problems
    }
}

const ENGINES: [EngineKind; 2] = [EngineKind::Wasm, EngineKind::Process];

const ENCODE: &str = "def encode_words(s: str):\n    \"\"\"Turns the text round.\"\"\"\n    return s[::-1]\n\n\n\
                      def decode_words(s: str):\n    import math\n    \"\"\"\n    Undoes `encode_words`.\n    \"\"\"\n";

fn human_eval() -> Value {
    json!({
        "prelude": ENCODE,
        "setup": "METADATA = {}\n\n\ndef check(candidate):\n    for text in ['', 'abc', 'a b']:\n        \
                  assert candidate(encode_words(text)) == text\n",
        "tests": ["check(decode_words)"],
    })
}

#[tokio::test]
async fn a_function_alone_passes_tests_that_call_the_prompts_helper() {
    for engine in ENGINES {
        let Some(judge) = Judge::on(engine).await else { continue };
        let programs = [
            ("def decode_words(s):\n    return s[::-1]", true),
            ("def decode_words(s):\n    return encode_words(s)", true),
            ("def decode_words(s):\n    return s[::-1] if math.pi else ''", true),
            ("return s[::-1]", true),
            ("    return encode_words(s)", true),
            ("def decode_words(s):\n    return s", false),
            ("pass", false),
            ("import sys\nsys.exit(0)", false),
            ("import os\nos._exit(0)", false),
            ("print('all passed')", false),
            ("def decode_words(s):\n    raise SystemExit(0)", false),
        ];
        let problems = judge.problems("code_asserts", &human_eval(), &programs).await;
        assert!(problems.is_empty(), "{}", problems.join("\n"));
        let continued = judge.judge("code_asserts", &human_eval(), "    return s[::-1]\n").await;
        assert!(continued.passed(), "{continued:?}");
        let verdict = judge.judge("code_asserts", &human_eval(), "```python\nreturn s\n```").await;
        assert_eq!(verdict.answer.as_deref(), Some("return s\n"));
    }
}

#[tokio::test]
async fn a_function_may_be_called_as_a_harness_is() {
    let setup = "import math";
    let asserts =
        json!({"setup": setup, "tests": ["assert check(70) == False", "assert check(math.floor(73.5)) == True"]});
    for engine in ENGINES {
        let Some(judge) = Judge::on(engine).await else { continue };
        let programs = [
            ("def check(n):\n    return n == 2 * int(str(n)[::-1]) - 1", true),
            ("def check(n):\n    return False", false),
        ];
        let problems = judge.problems("code_asserts", &asserts, &programs).await;
        assert!(problems.is_empty(), "{}", problems.join("\n"));
    }
}

#[tokio::test]
async fn livecodebenchs_programs_read_input_and_need_no_imports() {
    let sum = json!({"comparison": "livecodebench", "cases": [
        {"input": "2\n3 4\n", "output": "7\n"}, {"input": "1\n5", "output": "5"},
    ]});
    let third = json!({"comparison": "livecodebench", "cases": [{"input": "1", "output": "0.3333"}]});
    let one = json!({"comparison": "livecodebench", "cases": [{"input": "1", "output": "1 2\n3"}]});
    for engine in ENGINES {
        let Some(judge) = Judge::on(engine).await else { continue };
        let guarded = "def main() -> None:\n    counts: List[int] = []\n    input()\n    \
                       counts += map(int, input().split())\n    \
                       print(reduce(add, counts))\n\nif __name__ == \"__main__\":\n    main()";
        let buffered =
            "n = int(sys.stdin.buffer.readline())\nprint(sum(map(int, sys.stdin.buffer.readline().split())))";
        let programs = [(guarded, true), (buffered, true), ("print(7)", false)];
        let mut problems = judge.problems("code_stdio", &sum, &programs).await;
        let decimals = [("print(0.33330)", true), ("print(0.333)", false), ("print(pow(3, -1))", false)];
        problems.extend(judge.problems("code_stdio", &third, &decimals).await);
        let lines =
            [("print(' 1.0   2')\nprint(3)\n", true), ("print(1, 2, 3)", false), ("print('1 2\\n3\\n4')", false)];
        problems.extend(judge.problems("code_stdio", &one, &lines).await);
        assert!(problems.is_empty(), "{}", problems.join("\n"));
    }
}

#[tokio::test]
async fn livecodebenchs_functions_are_called_with_a_value_a_line() {
    let scale = json!({"comparison": "livecodebench", "entry_point": "Solution().scaleList", "cases": [
        {"input": "[1, 2]\n3", "output": "[3, 6]"}, {"input": "[]\n3", "output": "[]"},
    ]});
    for engine in ENGINES {
        let Some(judge) = Judge::on(engine).await else { continue };
        let programs = [
            (
                "class Solution:\n    def scaleList(self, nums: List[int], k: int) -> List[int]:\n        \
                 return [n * k for n in nums]",
                true,
            ),
            (
                "class Solution:\n    def scaleList(self, nums, k):\n        return tuple(float(n * k) for n in nums)",
                true,
            ),
            ("def scaleList(nums, k):\n    return list(map(partial(mul, k), nums))", true),
            ("class Solution:\n    def scaleList(self, nums, k):\n        return nums", false),
            ("class Solution:\n    def scaleList(self, nums, k):\n        return str([n * k for n in nums])", false),
        ];
        let problems = judge.problems("code_function", &scale, &programs).await;
        assert!(problems.is_empty(), "{}", problems.join("\n"));
    }
}

#[tokio::test]
async fn several_hundred_tests_with_large_inputs_are_judged() {
    let cases: Vec<Value> =
        (0..300).map(|at| json!({"input": format!("{at} {}", "9".repeat(40_000)), "output": at.to_string()})).collect();
    let ground_truth = json!({"comparison": "livecodebench", "cases": cases});
    let Some(judge) = Judge::on(EngineKind::Wasm).await else { return };
    let programs =
        [("print(input().split()[0])", true), ("n = input().split()[0]\nprint(n if n != '299' else 0)", false)];
    let problems = judge.problems("code_stdio", &ground_truth, &programs).await;
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[tokio::test]
async fn a_program_that_runs_out_of_time_is_told_from_a_wrong_one() {
    let ground_truth =
        json!({"comparison": "livecodebench", "time_limit_seconds": 1, "cases": [{"input": "", "output": "1"}]});
    for engine in ENGINES {
        let Some(judge) = Judge::on(engine).await else { continue };
        let looping = judge.judge("code_stdio", &ground_truth, "```python\nwhile True:\n    pass\n```").await;
        assert!(looping.has_timed_out() && !looping.passed(), "{looping:?}");
        let wrong = judge.judge("code_stdio", &ground_truth, "```python\nprint(2)\n```").await;
        assert!(!wrong.has_timed_out() && !wrong.passed(), "{wrong:?}");
    }
}

fn figures(verdict: &Verdict) -> Vec<(&str, f64)> {
    verdict.measures.iter().map(|measure| (&*measure.name, measure.value)).collect()
}

#[tokio::test]
async fn evalplus_compares_with_what_its_reference_gives() {
    let three = json!({
        "entry_point": "plus_three", "rebuild": "HumanEval/0",
        "prelude": "def plus_three(n: int) -> int:\n    \"\"\"Doc.\"\"\"\n",
        "reference": "def plus_three(n: int) -> int:\n    \"\"\"Doc.\"\"\"\n    return n + 3\n",
        "base_input": [[1], [-3]], "plus_input": [[0], [1_u64 << 60]], "atol": 0,
    });
    let half = json!({
        "entry_point": "half", "reference": "def half(x):\n    return x / 2\n", "prelude": "",
        "inputs": [[1.0], [0.1], [1e300]], "num_base": 1, "atol": 1e-6,
    });
    let below = json!({
        "entry_point": "below", "rebuild": "Mbpp/2", "atol": 0,
        "reference": "def below(a, b):\n    return (type(a) is tuple, sum(x < b[-1] for x in a))\n",
        "base_input": [[[1, 5, 9], [2, 6]]], "plus_input": [[[], [0]]],
    });
    for engine in ENGINES {
        let Some(judge) = Judge::on(engine).await else { continue };
        let mut problems = judge
            .problems(
                "code_evalplus",
                &three,
                &[
                    ("def plus_three(n):\n    return n + 3", true),
                    ("return n + 3", true),
                    ("def plus_three(n):\n    return n + 2", false),
                    ("def plus_three(n):\n    return str(n + 3)", false),
                    ("import sys\nsys.exit(0)", false),
                    ("def plus_three(n):\n    import os\n    os._exit(0)", false),
                ],
            )
            .await;
        let halves = [
            ("def half(x):\n    return x * 0.5 + 1e-9", true),
            ("def half(x):\n    return x * 0.5 + 1e-3", false),
            ("def half(x):\n    return int(x)", false),
        ];
        problems.extend(judge.problems("code_evalplus", &half, &halves).await);
        let belows = [
            ("def below(a, b):\n    return (isinstance(a, tuple), len([x for x in a if x < b[-1]]))", true),
            ("def below(a, b):\n    return (isinstance(a, list), len([x for x in a if x < b[-1]]))", false),
        ];
        problems.extend(judge.problems("code_evalplus", &below, &belows).await);
        assert!(problems.is_empty(), "{}", problems.join("\n"));

        let base_only = "```python\ndef plus_three(n):\n    return n + 3 if n else 0\n```";
        let verdict = judge.judge("code_evalplus", &three, base_only).await;
        assert_eq!((verdict.passed(), figures(&verdict)), (false, vec![("base", 1.0), ("plus", 0.0)]));
        let plus_only = "```python\ndef plus_three(n):\n    return n + 3 if n != 1 else 0\n```";
        let verdict = judge.judge("code_evalplus", &three, plus_only).await;
        assert_eq!(figures(&verdict), [("base", 0.0), ("plus", 0.0)]);
    }
}

#[tokio::test]
async fn evalplus_has_rules_of_its_own_for_some_tasks() {
    let root = json!({
        "entry_point": "find_zero", "atol": 0.0001, "inputs": [[[-2, 1]], [[6, -5, 1]]], "num_base": 1,
        "reference": "def find_zero(xs):\n    return 2.0\n",
    });
    let shared = json!({
        "entry_point": "similar_elements", "rebuild": "Mbpp/2", "inputs": [[[3, 4, 5], [5, 7, 4]]], "num_base": 1,
        "reference": "def similar_elements(a, b):\n    return tuple(set(a) & set(b))\n",
    });
    let matched = json!({
        "entry_point": "check_str", "inputs": [["annie"], ["dawood"]], "num_base": 1,
        "reference": "import re\ndef check_str(s):\n    return re.match('^[aeiou]', s)\n",
    });
    let Some(judge) = Judge::on(EngineKind::Wasm).await else { return };
    let mut problems = judge
        .problems(
            "code_evalplus",
            &root,
            &[
                ("def find_zero(xs):\n    return 2.0 if len(xs) == 2 else 3.0", true),
                ("def find_zero(xs):\n    return 2.5", false),
            ],
        )
        .await;
    let sets = [
        ("def similar_elements(a, b):\n    return [4, 5, 5]", true),
        ("def similar_elements(a, b):\n    return (4,)", false),
    ];
    problems.extend(judge.problems("code_evalplus", &shared, &sets).await);
    let matches = [
        ("import re\ndef check_str(s):\n    return re.search('^[aeiou]', s)", true),
        ("def check_str(s):\n    return s[0] in 'aeiou'", true),
        ("def check_str(s):\n    return True", false),
    ];
    problems.extend(judge.problems("code_evalplus", &matched, &matches).await);
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[tokio::test]
async fn evalplus_asks_for_a_thousand_inputs() {
    let inputs: Vec<Value> = (0..1000).map(|at| json!([(0..at % 50).collect::<Vec<_>>(), at])).collect();
    let sums = json!({
        "entry_point": "shifted", "inputs": inputs, "num_base": 10,
        "reference": "def shifted(xs, k):\n    return [x + k for x in xs]\n",
    });
    let Some(judge) = Judge::on(EngineKind::Wasm).await else { return };
    let programs = [
        ("def shifted(xs, k):\n    for at in range(len(xs)):\n        xs[at] += k\n    return xs", true),
        ("def shifted(xs, k):\n    return [x + min(k, 998) for x in xs]", false),
    ];
    let problems = judge.problems("code_evalplus", &sums, &programs).await;
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[tokio::test]
async fn a_reference_that_fails_is_the_tasks_fault() {
    let broken =
        json!({"entry_point": "f", "inputs": [[1]], "num_base": 1, "reference": "def f(x):\n    return 1 / 0\n"});
    let Some(judge) = Judge::on(EngineKind::Wasm).await else { return };
    let task = Task::new("t", TaskKind::CODE, Vec::new(), TaskVerifier::new("code_evalplus", broken));
    let judgement = judge.verifiers.judge(&Judged::new(task, "```python\ndef f(x):\n    return x\n```")).await;
    let error = judgement.error().unwrap().to_string();
    assert!(error.contains("`reference`") && error.contains("ZeroDivisionError"), "{error}");
}
