//! Evaluations from outside: a record that outlives kills, another engine's completions, samples judged again, results
//! held against each other, and what is refused.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::{Bench, NO_EVAL, run, trainer};

fn read(path: &str) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap_or_else(|error| panic!("{path}: {error}"))).unwrap()
}

/// Figures without the seconds, which no clock repeats.
fn figures(path: &str) -> Value {
    let mut results = read(path);
    for result in results.as_array_mut().unwrap() {
        result.as_object_mut().unwrap().remove("seconds");
    }
    results
}

/// What it says on standard error where it must fail with this code.
#[track_caller]
fn refused(arguments: &[&str], code: i32, words: &[&str]) {
    let said = String::from_utf8_lossy(&run(arguments, code).stderr).into_owned();
    for word in words {
        assert!(said.contains(word), "no `{word}` in: {said}");
    }
    assert!(!said.contains("panicked"), "{said}");
}

/// The folder of the only record beside a file of results.
fn record_of(folder: &Path) -> std::path::PathBuf {
    let mut records: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    records.retain(|path| path.is_dir());
    assert_eq!(records.len(), 1, "{records:?}");
    records.remove(0)
}

/// Three sums, each with its answer.
fn sums(bench: &Bench, name: &str) -> String {
    let task = |id: usize| {
        let messages = json!([{"role": "user", "content": format!("What is {id} + {id}?")}]);
        let task = json!({"id": format!("sum-{id}"), "task": "math", "messages": messages, "verifier": "math",
            "ground_truth": (2 * id).to_string()});
        task.to_string() + "\n"
    };
    bench.write(name, &(1..=3).map(task).collect::<String>());
    bench.text(name)
}

/// Completions of the sums, of which those in `right` are right.
fn completions(bench: &Bench, name: &str, right: &[usize]) -> String {
    let line = |id: usize| {
        let answer = if right.contains(&id) { 2 * id } else { 99 };
        json!({"id": format!("sum-{id}"), "completions": [format!("It is \\boxed{{{answer}}}.")]}).to_string() + "\n"
    };
    bench.write(name, &(1..=3).map(line).collect::<String>());
    bench.text(name)
}

#[test]
fn an_evaluation_outlives_kills_and_its_samples_are_judged_again() {
    let bench = Bench::new();
    let cold = bench.text("cold-start.toml");
    run(&[&["cold-start", "--config", &cold, "--set", "update.steps=1"], &NO_EVAL[..]].concat(), 0);
    let (model, data) = (bench.text("runs/cold-start/checkpoints/last"), bench.text("data/math_eval.jsonl"));
    let arguments = |name: &str| {
        let (json, details) = (bench.text(&format!("{name}.json")), bench.text(&format!("{name}.parquet")));
        ["eval", "--model", &model, "--data", &data, "--samples", "4", "--max-new-tokens", "24", "--json", &json]
            .into_iter()
            .chain(["--details", &details])
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let evaluate = |name: &str, more: &[&str], code| {
        let arguments = arguments(name);
        let all: Vec<&str> = arguments.iter().map(String::as_str).chain(more.iter().copied()).collect();
        run(&all, code)
    };
    evaluate("whole", &[], 0);
    let whole = figures(&bench.text("whole.json"));
    assert_eq!((&whole[0]["num_tasks"], &whole[0]["num_asked"]), (&5.into(), &20.into()));
    for figure in ["pass_at", "majority_at", "intervals", "truncated", "no_answer", "low", "high", "settings"] {
        assert!(!whole[0][figure].is_null(), "{figure} in {whole}");
    }
    let table = std::fs::read(bench.path("whole.parquet")).unwrap();
    assert!(bench.path("whole.evaluation/evaluation.html").is_file());

    // A process that is killed as soon as a few samples are there.
    let mut child = trainer().args(arguments("killed")).stderr(std::process::Stdio::null()).spawn().unwrap();
    let num_lines = || {
        let folder = bench.path("killed.evaluation");
        let mut records = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
        let samples = records.find_map(|record| std::fs::read_to_string(record.join("samples.jsonl")).ok());
        samples.map_or(0, |text| text.lines().count())
    };
    while num_lines() < 3 && child.try_wait().unwrap().is_none() {
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    evaluate("killed", &[], 0);
    assert_eq!(figures(&bench.text("killed.json")), whole);
    assert_eq!(std::fs::read(bench.path("killed.parquet")).unwrap(), table);

    // Kills at other moments leave as much of the log: the rest is sampled, and the bytes are the same.
    let record = record_of(&bench.path("whole.evaluation"));
    let samples = std::fs::read(record.join("samples.jsonl")).unwrap();
    for cut in [0, samples.len() / 3, samples.len() - 1] {
        std::fs::write(record.join("samples.jsonl"), &samples[..cut]).unwrap();
        evaluate("whole", &[], 0);
        assert_eq!(std::fs::read(record.join("samples.jsonl")).unwrap(), samples, "cut at {cut}");
        assert_eq!(
            (figures(&bench.text("whole.json")), std::fs::read(bench.path("whole.parquet")).unwrap()),
            (whole.clone(), table.clone())
        );
    }

    // Other settings go elsewhere, or are refused where the folder is named.
    evaluate("whole", &["--temperature", "0.9"], 0);
    assert_eq!(
        std::fs::read_dir(bench.path("whole.evaluation"))
            .unwrap()
            .filter(|entry| entry.as_ref().unwrap().path().is_dir())
            .count(),
        2
    );
    let folder = bench.text("named");
    evaluate("named", &["--output", &folder], 0);
    let arguments = arguments("named");
    let other: Vec<&str> =
        arguments.iter().map(String::as_str).chain(["--output", &folder, "--temperature", "0.9"]).collect();
    refused(&other, 2, &["protocol.temperature", "0.6", "0.9"]);

    // The same texts from a file are the same figures, without a model.
    let mut by_task: std::collections::BTreeMap<String, Vec<String>> = std::collections::BTreeMap::new();
    for line in String::from_utf8(samples).unwrap().lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        by_task
            .entry(row["task_id"].as_str().unwrap().into())
            .or_default()
            .push(row["completion"].as_str().unwrap().into());
    }
    let lines =
        by_task.iter().map(|(id, completions)| json!({"id": id, "completions": completions}).to_string() + "\n");
    bench.write("texts.jsonl", &lines.collect::<String>());
    let (texts, given) = (bench.text("texts.jsonl"), bench.text("given.json"));
    run(&["eval", "--data", &data, "--completions", &texts, "--json", &given], 0);
    for figure in ["pass@1", "interval", "pass_at", "majority_at", "no_answer"] {
        assert_eq!(figures(&given)[0][figure], whole[0][figure], "{figure}");
    }
    refused(
        &["eval", "--data", &data, "--completions", &texts, "--samples", "8"],
        2,
        &["8 completions", "texts.jsonl"],
    );

    // Judged again by other rules, without a model: the verdict before stays beside.
    let again =
        ["eval", "--data", &data, "--samples", "4", "--max-new-tokens", "24", "--json", &bench.text("named.json")];
    let again = [&again[..], &["--output", &folder, "--rejudge", "--verifier", "think_format"]].concat();
    run(&again, 0);
    let results = read(&bench.text("named.json"));
    let notes = results[0]["notes"].to_string();
    assert!(notes.contains("20 samples judged again"), "{notes}");
    let first = std::fs::read_to_string(bench.path("named/math_eval/verdicts.jsonl")).unwrap();
    let first: Value = serde_json::from_str(first.lines().next().unwrap()).unwrap();
    assert!(first["earlier"]["kind"].is_string() && first["verdict"]["kind"].is_string(), "{first}");

    // What would be asked, as text and ids.
    let prompts = bench.text("prompts.jsonl");
    run(&["eval", "--model", &model, "--data", &data, "--prompts", &prompts], 0);
    let lines = std::fs::read_to_string(&prompts).unwrap();
    let line: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert_eq!(line["ids"], whole[0]["settings"]["first_prompt"]["ids"]);
    assert_eq!(line["text"], whole[0]["settings"]["first_prompt"]["text"]);

    // A suite of choices goes by the logprobs of its letters: nothing is sampled.
    let (mmlu, json) =
        (format!("{}/../tests/golden/suites/mmlu.parquet", env!("CARGO_MANIFEST_DIR")), bench.text("mmlu.json"));
    run(&["eval", "--suite", "mmlu", "--data", &mmlu, "--model", &model, "--json", &json], 0);
    let result = &read(&json)[0];
    assert_eq!(result["measures"]["likeliest"], result["pass@1"]);
    assert!(result["marks"].to_string().contains("1 rows, where the set has 14042"), "{}", result["marks"]);
    let record = record_of(&bench.path("mmlu.evaluation"));
    let row: Value = serde_json::from_slice(&std::fs::read(record.join("samples.jsonl")).unwrap()).unwrap();
    assert!(row["verdict"]["reason"].as_str().unwrap().ends_with("the key is C"), "{row}");
}

#[test]
fn results_are_compared_task_by_task() {
    let bench = Bench::new();
    let data = sums(&bench, "sums.jsonl");
    let judged = |name: &str, right: &[usize], data: &str| {
        let texts = completions(&bench, &format!("{name}.jsonl"), right);
        let json = bench.text(&format!("{name}.json"));
        run(&["eval", "--data", data, "--completions", &texts, "--json", &json], 0);
        json
    };
    let (a, b, c) = (judged("a", &[1], &data), judged("b", &[1, 2, 3], &data), judged("c", &[2], &data));
    assert_eq!(read(&b)[0]["pass@1"], 1.0);
    let json = bench.text("compared.json");
    run(&["compare", &a, &b, "--margin", "0.1", "--json", &json], 0);
    let compared = read(&json);
    assert_eq!((&compared["num_tasks"], &compared["gained"], &compared["lost"]), (&3.into(), &2.into(), &0.into()));
    assert!((compared["difference"].as_f64().unwrap() - 2.0 / 3.0).abs() < 1e-12);
    assert_eq!(compared["p_exact"], 0.5);
    for field in ["interval", "p_value", "test", "smallest_detectable", "no_worse"] {
        assert!(!compared[field].is_null(), "{field} in {compared}");
    }
    run(&["compare", &a, &b, &c, "--json", &json], 0);
    let several = read(&json);
    assert_eq!(several.as_array().unwrap().len(), 2);
    assert!(several[0]["p_corrected"].as_f64() >= several[0]["p_value"].as_f64());

    // Other keys are other tasks; and results may share none.
    let text = std::fs::read_to_string(&data).unwrap();
    bench.write("other.jsonl", &text.replace("\"ground_truth\":\"2\"", "\"ground_truth\":\"3\""));
    let other = judged("other_keys", &[1], &bench.text("other.jsonl"));
    refused(&["compare", &a, &other], 2, &["cannot be compared", "--anyway"]);
    let said = String::from_utf8(run(&["compare", &a, &other, "--anyway"], 0).stdout).unwrap();
    assert!(said.contains("NOT THE SAME"), "{said}");
    let mut elsewhere = read(&b);
    for task in elsewhere[0]["tasks"].as_array_mut().unwrap() {
        task["task_id"] = format!("not {}", task["task_id"]).into();
    }
    bench.write("elsewhere.json", &elsewhere.to_string());
    refused(&["compare", &a, &bench.text("elsewhere.json")], 2, &["share no task"]);
    refused(&["compare", &a], 2, &["compare"]);
}

#[test]
fn settings_that_do_not_go_together_are_usage_errors() {
    let bench = Bench::new();
    let (data, texts) = (sums(&bench, "sums.jsonl"), completions(&bench, "texts.jsonl", &[1]));
    let eval = |more: &[&str], words: &[&str]| refused(&[&["eval", "--data", &data], more].concat(), 2, words);
    eval(&[], &["--model", "--completions"]);
    eval(&["--model", "nowhere", "--samples", "4", "--temperature", "0"], &["4 samples at temperature 0"]);
    eval(&["--completions", &texts, "--pass-at", "2"], &["--pass-at 2", "1 samples"]);
    eval(&["--suite", "gsm9k", "--completions", &texts], &["gsm9k", "did you mean `gsm8k`"]);
    eval(&["--completions", &texts, "--rejudge"], &["--rejudge", "--completions"]);
    let short = bench.text("short.jsonl");
    bench.write("short.jsonl", "{\"id\": \"sum-1\", \"completions\": [\"2\"]}\n");
    eval(&["--completions", &short], &["short.jsonl", "2 of 3 tasks have no completions", "sum-2, sum-3"]);
    eval(&["--rejudge", "--output", &bench.text("nothing")], &["--rejudge", "evaluate first"]);

    // A verifier that breaks makes two ends, and too many of them a failure.
    let breaks =
        "def compute_score(data_source, solution_str, ground_truth, extra_info):\n    raise ValueError('no')\n";
    bench.write("breaks.py", breaks);
    let set = format!("verifiers.python.mine.file={:?}", bench.text("breaks.py"));
    let json = bench.text("broken.json");
    let one = std::fs::read_to_string(&data).unwrap().replacen("\"verifier\":\"math\"", "\"verifier\":\"mine\"", 1);
    bench.write("one.jsonl", &one);
    let one = bench.text("one.jsonl");
    let arguments = ["eval", "--data", &one, "--completions", &texts, "--set", &set, "--json", &json];
    refused(&arguments, 1, &["33.3 %", "--max-verifier-errors"]);
    let broken = read(&json);
    assert_eq!((broken[0]["low"].as_f64(), broken[0]["high"].as_f64()), (Some(0.0), Some(1.0 / 3.0)));
    run(&[&arguments[..], &["--max-verifier-errors", "0.5"]].concat(), 0);
}
