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
const HARBOUR: &str = "The harbour lies still at dawn while small boats rest against their ropes and the gulls have \
    not yet begun their noise; a single lamp burns by the stone steps and the water holds its light like a thread that \
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
        case(
            "ifeval",
            "qwq/ifeval.jsonl",
            &["the thames, the severn and the trent are three long rivers of england".to_owned()],
        ),
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

/// Whether each completion passed, by suite, task and place.
type Passed = BTreeMap<(String, String, u64), bool>;

/// What the command line says of some suites, each with its file.
fn arguments<'a>(flag: &'a str, files: &'a [(&str, String)]) -> Vec<String> {
    files.iter().flat_map(|(suite, file)| [flag.to_owned(), format!("{}={file}", name_of(suite))]).collect()
}

/// The name of a suite, without its version.
fn name_of(suite: &str) -> &str {
    suite.split('@').next().unwrap_or(suite)
}

fn eval(suites: &[(&str, String)], more: &[String]) {
    let mut all = vec!["eval".to_owned()];
    all.extend(suites.iter().flat_map(|(suite, _)| ["--suite".to_owned(), (*suite).to_owned()]));
    all.extend(arguments("--data", suites));
    all.extend_from_slice(more);
    run(&all.iter().map(String::as_str).collect::<Vec<_>>(), 0);
}

/// What would be asked, by suite: a line a task, in their order.
fn asked(bench: &Bench, suites: &[(&str, String)]) -> BTreeMap<String, Vec<Value>> {
    let prompts = bench.text("prompts.jsonl");
    eval(suites, &["--prompts".to_owned(), prompts.clone()]);
    let mut tasks: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for line in std::fs::read_to_string(&prompts).unwrap().lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let suite = line["suite"].as_str().map_or(suites[0].0, |suite| suite);
        tasks.entry(name_of(suite).to_owned()).or_default().push(line.clone());
    }
    tasks
}

/// Judges completions of the tasks of some suites.
fn judged(
    bench: &Bench,
    suites: &[(&str, String)],
    completions: &BTreeMap<String, Vec<(Value, Vec<String>)>>,
) -> Passed {
    let mut files = Vec::new();
    for (suite, completions) in completions {
        let name = format!("{suite}-texts.jsonl");
        let lines = completions.iter().map(|(id, texts)| json!({"id": id, "completions": texts}).to_string() + "\n");
        bench.write(&name, &lines.collect::<String>());
        files.push((suite.as_str(), bench.text(&name)));
    }
    let folder = bench.path("judged");
    let _ = std::fs::remove_dir_all(&folder);
    let mut more = arguments("--completions", &files);
    more.extend(["--output".to_owned(), bench.text("judged")]);
    eval(suites, &more);
    let mut passed = Passed::new();
    for record in std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()) {
        for line in std::fs::read_to_string(record.join("samples.jsonl")).unwrap().lines() {
            let row: Value = serde_json::from_str(line).unwrap();
            let text = |field: &str| row[field].as_str().unwrap().to_owned();
            assert!(!row["verdict"]["score"].is_null(), "no verdict: {row}");
            let key = (name_of(&text("suite")).to_owned(), text("task_id"), row["sample_index"].as_u64().unwrap());
            passed.insert(key, row["verdict"]["kind"] == "passed");
        }
    }
    passed
}

/// Judges a right and a wrong completion of each task; files of one suite go to commands of their own.
fn check(bench: &Bench, mut cases: Vec<Case>) {
    while !cases.is_empty() {
        let mut round: Vec<Case> = Vec::new();
        let mut later = Vec::new();
        for case in cases {
            let is_there = round.iter().any(|other| name_of(other.suite) == name_of(case.suite));
            if is_there { later.push(case) } else { round.push(case) }
        }
        cases = later;
        let suites: Vec<(&str, String)> = round.iter().map(|case| (case.suite, sample(case.file))).collect();
        let tasks = asked(bench, &suites);
        let mut completions = BTreeMap::new();
        for Case { suite, file, right } in &round {
            let tasks = &tasks[name_of(suite)];
            assert_eq!(tasks.len(), right.len(), "{suite} {file}: {tasks:?}");
            let both = |right: &String| vec![right.clone(), "I cannot say, but 711.".to_owned()];
            let own = tasks.iter().zip(right).map(|(task, right)| (task["id"].clone(), both(right)));
            completions.insert(name_of(suite).to_owned(), own.collect());
        }
        let passed = judged(bench, &suites, &completions);
        assert_eq!(passed.len(), round.iter().map(|case| 2 * case.right.len()).sum::<usize>());
        for ((suite, id, index), passed) in passed {
            let file = round.iter().find(|case| name_of(case.suite) == suite).map(|case| case.file);
            assert_eq!(passed, index == 0, "{suite} {file:?}: sample {index} of {id}");
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
    let suites = [("gpqa", sample("gpqa_diamond.csv")), ("bfcl", sample("bfcl"))];
    let tasks = asked(&bench, &suites);
    let right = right_calls();
    let wrong = calls(&["{\"name\": \"save_note\", \"arguments\": {\"text\": \"salt\"}}"]).remove(0);
    let of_call = |task: &Value| {
        let text = right.get(task["id"].as_str().unwrap()).cloned();
        (task["id"].clone(), vec![text.unwrap_or_else(|| "I do not know.".to_owned()), wrong.clone()])
    };
    let of_choice = |task: &Value| (task["id"].clone(), letters(&["A", "B", "C", "D"]));
    assert!(tasks["bfcl"].len() >= 7, "{tasks:?}");
    let completions = BTreeMap::from([
        ("bfcl".to_owned(), tasks["bfcl"].iter().map(of_call).collect()),
        ("gpqa".to_owned(), tasks["gpqa"].iter().map(of_choice).collect()),
    ]);
    let passed = judged(&bench, &suites, &completions);
    assert_eq!(passed.iter().filter(|((suite, ..), passed)| suite == "gpqa" && **passed).count(), 1, "{passed:?}");
    for ((suite, id, index), passed) in passed {
        assert!(suite == "gpqa" || passed == (index == 0), "bfcl: sample {index} of {id}");
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
