//! Every suite on the sample files of its published layouts: a right and a wrong completion of each task get their
//! verdicts. The samples are invented (tests/golden/README.md).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::{Bench, run};

/// A file of a suite, with right completions of its tasks in their order.
struct Case {
    suite: &'static str,
    file: &'static str,
    right: Vec<String>,
}

fn case(suite: &'static str, file: &'static str, right: &[String]) -> Case {
    Case { suite, file, right: right.to_vec() }
}

fn boxed(answers: &[&str]) -> Vec<String> {
    answers.iter().map(|answer| format!("So it is $\\boxed{{{answer}}}$.")).collect()
}

fn letters(letters: &[&str]) -> Vec<String> {
    letters.iter().map(|letter| format!("Answer: {letter}")).collect()
}

fn programs(programs: &[&str]) -> Vec<String> {
    programs.iter().map(|program| format!("Here it is.\n```python\n{program}\n```\n")).collect()
}

fn calls(calls: &[&str]) -> Vec<String> {
    calls.iter().map(|call| call.lines().map(|one| format!("<tool_call>\n{one}\n</tool_call>\n")).collect()).collect()
}

const PLUS_THREE: &str = "def plus_three(n):\n    return n + 3";
const REPEAT: &str = "def rep(w, k):\n    return w * k";
const BELOW: &str = "def below(a, b):\n    return sum(x < b[-1] for x in a)";
const SHOUT: &str = "print(input().upper())";
const ADD: &str = "input()\nprint(sum(map(int, input().split() or [0])))";
const SCALE: &str =
    "class Solution:\n    def scaleList(self, nums: List[int], k: int):\n        return [n * k for n in nums]";
const HARBOUR: &str = "The harbour lies still at dawn while small boats rest against their ropes and the gulls have not yet \
    begun their noise; a single lamp burns by the stone steps and the water holds its light like a thread that \
    no wind has moved";

fn maths() -> Vec<Case> {
    let olympiad = boxed(&["2,3", "14.1", "(-2,2)"]);
    vec![
        case("aime24", "aime_2024_h4.parquet", &boxed(&["3", "025"])),
        case("aime24", "aime_2024_maxwell.parquet", &boxed(&["003", "25"])),
        case("aime24", "aime24_math_ai.parquet", &boxed(&["3"])),
        case("aime24", "qwq/aime24.jsonl", &boxed(&["25"])),
        case("aime25", "aime_2025_opencompass", &boxed(&["10", "4", "140"])),
        case("aime25", "aime25_math_ai.jsonl", &boxed(&["36", "16"])),
        case("math500", "math_500.jsonl", &boxed(&["0.7", "3.60", "\\text{Bo}"])),
        case("gsm8k", "gsm8k.parquet", &boxed(&["2125", "-5"])),
        case("gsm8k", "gsm8k_github.jsonl", &boxed(&["2,125", "-5"])),
        case("amc23", "amc23_math_ai.parquet", &boxed(&["18", "-1"])),
        case("amc23", "amc23_qwen.jsonl", &boxed(&["18"])),
        case("minerva", "minerva_math_qwen.jsonl", &boxed(&["4500", "\\frac{2\\pi}{\\omega}"])),
        case("minerva", "minervamath_math_ai.jsonl", &boxed(&["4.5e3"])),
        case("olympiadbench", "olympiadbench_OE_TO_maths_en_COMP.json", &olympiad),
        case("olympiadbench", "olympiadbench_qwen.jsonl", &olympiad),
        case("olympiadbench", "olympiadbench_hothan.parquet", &olympiad),
    ]
}

fn rules_and_choices() -> Vec<Case> {
    let harbour = HARBOUR.to_owned();
    vec![
        case("ifeval", "ifeval_input_data.jsonl", &[harbour.clone(), "{\"port\": 1}".to_owned()]),
        case("ifeval", "ifeval_converted.parquet", std::slice::from_ref(&harbour)),
        case("ifeval", "qwq/ifeval.jsonl", &["rhine, seine, po".to_owned()]),
        case("mmlu", "mmlu.parquet", &letters(&["C"])),
        case("mmlu", "mmlu_original_test.csv", &letters(&["C"])),
        case("mmlu-pro", "mmlu_pro.parquet", &letters(&["D", "B"])),
        case("arc", "arc.parquet", &letters(&["B", "3"])),
    ]
}

fn code() -> Vec<Case> {
    vec![
        case("humaneval", "HumanEval.jsonl.gz", &programs(&[PLUS_THREE])),
        case("humaneval", "humaneval.parquet", &programs(&[PLUS_THREE])),
        case("humaneval+", "HumanEvalPlus.jsonl.gz", &programs(&[PLUS_THREE, "def half(x):\n    return x / 2"])),
        case("mbpp", "mbpp.jsonl", &programs(&[REPEAT])),
        case("mbpp+", "MbppPlus.jsonl.gz", &programs(&[BELOW])),
        case("mbpp+", "mbppplus.parquet", &programs(&[BELOW])),
        case("mbpp@sanitized", "sanitized-mbpp.json", &programs(&[REPEAT])),
        case("livecodebench", "livecodebench", &programs(&[SHOUT, ADD, SCALE])),
        case("livecodebench@v5", "qwq/livecodebench_v5.jsonl", &programs(&[ADD])),
    ]
}

/// Right calls of BFCL's sample, by the task's id.
fn right_calls() -> BTreeMap<&'static str, String> {
    let area = "{\"name\": \"shape.area\", \"arguments\": {\"width\": 2, \"height\": 3.0}}";
    let note = |text: &str| format!("{{\"name\": \"save_note\", \"arguments\": {{\"text\": \"{text}\"}}}}");
    let right = [
        ("simple_python_0", area.to_owned()),
        ("simple_python_1", "{\"name\": \"box.pack\", \"arguments\": {\"size\": {\"w\": 4, \"h\": 2}}}".to_owned()),
        ("multiple_0", area.to_owned()),
        ("parallel_0", format!("{}\n{}", note("milk"), note("tea"))),
        (
            "simple_java_0",
            "{\"name\": \"Ledger.open\", \"arguments\": {\"page\": \"3\", \"quiet\": \"true\"}}".to_owned(),
        ),
        ("live_simple_0-0-0", note("Rope")),
    ];
    right.into_iter().map(|(id, call)| (id, calls(&[&call]).remove(0))).collect()
}

/// The path of a sample file.
fn sample(file: &str) -> String {
    format!("{}/../tests/golden/suites/{file}", env!("CARGO_MANIFEST_DIR"))
}

/// The ids of a suite's tasks, in their order, and what each would be asked.
fn asked(bench: &Bench, suite: &str, data: &str) -> Vec<Value> {
    let prompts = bench.text("prompts.jsonl");
    run(&["eval", "--suite", suite, "--data", data, "--prompts", &prompts], 0);
    let lines = std::fs::read_to_string(&prompts).unwrap();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Judges completions of each task; returns whether each passed.
fn judged(
    bench: &Bench,
    suite: &str,
    data: &str,
    completions: &[(Value, Vec<String>)],
) -> BTreeMap<(String, u64), bool> {
    let lines = completions.iter().map(|(id, texts)| json!({"id": id, "completions": texts}).to_string() + "\n");
    bench.write("texts.jsonl", &lines.collect::<String>());
    let folder = bench.path("judged");
    let _ = std::fs::remove_dir_all(&folder);
    let (texts, output) = (bench.text("texts.jsonl"), bench.text("judged"));
    run(&["eval", "--suite", suite, "--data", data, "--completions", &texts, "--output", &output], 0);
    let record = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).find(|path| path.is_dir());
    let samples = std::fs::read_to_string(record.unwrap().join("samples.jsonl")).unwrap();
    let row = |line: &str| {
        let row: Value = serde_json::from_str(line).unwrap();
        let verdict = &row["verdict"];
        assert!(!verdict["score"].is_null(), "{suite} {data}: no verdict: {verdict}");
        (
            (row["task_id"].as_str().unwrap().to_owned(), row["sample_index"].as_u64().unwrap()),
            verdict["kind"] == "passed",
        )
    };
    samples.lines().map(row).collect()
}

fn check(bench: &Bench, cases: Vec<Case>) {
    for Case { suite, file, right } in cases {
        let data = sample(file);
        let tasks = asked(bench, suite, &data);
        assert_eq!(tasks.len(), right.len(), "{suite} {file}: {tasks:?}");
        let wrong = "I cannot say, but 711.".to_owned();
        let completions: Vec<_> = tasks
            .iter()
            .zip(&right)
            .map(|(task, right)| (task["id"].clone(), vec![right.clone(), wrong.clone()]))
            .collect();
        let passed = judged(bench, suite, &data, &completions);
        assert_eq!(passed.len(), 2 * right.len());
        for ((id, index), passed) in passed {
            assert_eq!(passed, index == 0, "{suite} {file}: sample {index} of {id}");
        }
    }
}

#[test]
fn right_and_wrong_answers_of_maths_get_their_verdicts() {
    check(&Bench::new(), maths());
}

#[test]
fn right_and_wrong_answers_to_rules_and_choices_get_their_verdicts() {
    let bench = Bench::new();
    check(&bench, rules_and_choices());
    // The choices of GPQA have no order of their own: exactly one letter is right, wherever it was put.
    let data = sample("gpqa_diamond.csv");
    let id = asked(&bench, "gpqa", &data)[0]["id"].clone();
    let passed = judged(&bench, "gpqa", &data, &[(id, letters(&["A", "B", "C", "D"]))]);
    assert_eq!(passed.values().filter(|passed| **passed).count(), 1, "{passed:?}");

    let data = sample("bfcl");
    let right = right_calls();
    let completions: Vec<_> = asked(&bench, "bfcl", &data)
        .into_iter()
        .map(|task| {
            let id = task["id"].as_str().unwrap();
            let text = right.get(id).cloned().unwrap_or_else(|| "I do not know.".to_owned());
            let wrong = calls(&["{\"name\": \"save_note\", \"arguments\": {\"text\": \"salt\"}}"]).remove(0);
            (task["id"].clone(), vec![text, wrong])
        })
        .collect();
    assert!(completions.len() >= 7, "{completions:?}");
    for ((id, index), passed) in judged(&bench, "bfcl", &data, &completions) {
        assert_eq!(passed, index == 0, "bfcl: sample {index} of {id}");
    }
}

#[test]
fn right_and_wrong_programs_get_their_verdicts() {
    check(&Bench::new(), code());
}

#[test]
fn rewards_are_summed_up_by_the_scores_of_a_judge() {
    let bench = Bench::new();
    let scored = |suite: &str, file: &str, scores: &str| {
        bench.write("scores.jsonl", scores);
        let (scores, json) = (bench.text("scores.jsonl"), bench.text("rewards.json"));
        run(&["eval", "--suite", suite, "--data", &sample(file), "--scores", &scores, "--json", &json], 0);
        let results: Value = serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap();
        results[0].clone()
    };
    let file = "reward_bench_filtered.parquet";
    let right = scored("rewardbench", file, "{\"id\": 9000, \"chosen\": 2.0, \"rejected\": 1.0}\n");
    assert_eq!((&right["pass@1"], &right["measures"]["tie"]), (&json!(1.0), &json!(0.0)));
    let tied = scored("rewardbench", file, "{\"id\": \"9000\", \"chosen\": [1.0], \"rejected\": [1.0]}\n");
    assert_eq!((&tied["pass@1"], &tied["measures"]["tie"]), (&json!(0.0), &json!(1.0)));
    let several = "{\"id\": \"0\", \"chosen\": [3], \"rejected\": [1, 2, 3]}\n{\"id\": \"ref:0\", \"chosen\": [2], \
                   \"rejected\": [1]}\n{\"id\": \"tied:0\", \"chosen\": [4, 5, 6], \"rejected\": [1]}\n";
    let best = scored("rewardbench2", "reward_bench_2.parquet", several);
    assert_eq!(best["num_tasks"], 3);
    assert!((best["avg@k"].as_f64().unwrap() - 2.5 / 3.0).abs() < 1e-6, "{}", best["avg@k"]);
}
