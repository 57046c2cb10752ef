//! `trainer verify-math`: one pair for people, JSON lines for pipelines; and what verdicts are worth in a run.

use serde_json::Value;

use crate::support::{Bench, run};

/// What it printed on standard output.
fn printed(arguments: &[&str], code: i32) -> String {
    String::from_utf8(run(arguments, code).stdout).expect("text")
}

/// What it said on standard error.
fn said(arguments: &[&str], code: i32) -> String {
    String::from_utf8(run(arguments, code).stderr).expect("text")
}

#[test]
fn one_pair_is_judged_and_explained() {
    assert!(printed(&["verify-math", "1/2", r"\boxed{0.5}"], 0).starts_with("equal ("));
    assert!(printed(&["verify-math", "-3", "-4"], 0).starts_with("not_equal ("));
    assert!(printed(&["verify-math", "5", "I do not know why that is."], 0).starts_with("no_answer (extraction)"));
    let explained = printed(&["verify-math", "--explain", r"so \boxed{7}", "The answer is 7."], 0);
    for line in ["verdict     equal", "gold        7", "answer      7", "found by    the rule statement"] {
        assert!(explained.lines().any(|found| found == line), "{explained}");
    }
    assert_eq!(printed(&["verify-math", r"so \boxed{7}", "The answer is 7.", "--explain"], 0), explained);
    assert!(said(&["verify-math", "7"], 2).contains("COMPLETION"));
    assert!(said(&["verify-math", "7", "7", "--input", "x"], 2).contains("--input"));
}

#[test]
fn the_config_switches_rules() {
    let bench = Bench::new();
    bench
        .write("strict.toml", "[run]\nseed = 1\n[verifiers.math.extraction]\nstatement = false\nlast_number = false\n");
    let strict = bench.text("strict.toml");
    let judged = |more: &[&str]| printed(&[&["verify-math", "7", "The answer is 7, I think."], more].concat(), 0);
    assert!(judged(&[]).starts_with("equal"));
    assert!(judged(&["--config", &strict]).starts_with("no_answer"));
    assert!(judged(&["--set", "verifiers.math.extraction.statement=false"]).contains("last_number"));
    let wrong = said(&["verify-math", "7", "7", "--set", "verifiers.math.extraction.boxes=false"], 2);
    assert!(wrong.contains("boxes"), "{wrong}");
    assert!(said(&["verify-math", "7", "7", "--config", "nowhere.toml"], 2).contains("nowhere.toml"));
}

#[test]
fn a_file_of_pairs_is_judged_in_order() {
    let bench = Bench::new();
    let pair = |i: usize| format!(r#"{{"id": "p{i}", "gold": "{}", "completion": "so \\boxed{{{}}}"}}"#, i % 5, i % 3);
    let lines: String = (0..1000).map(|i| pair(i) + "\n").collect();
    bench.write("pairs.jsonl", &lines);
    let (input, output) = (bench.text("pairs.jsonl"), bench.text("verdicts.jsonl"));
    let summary = said(&["verify-math", "--input", &input, "--output", &output], 0);
    assert!(summary.contains("1000 pairs") && summary.contains("pairs/s") && summary.contains("slowest pair: line "));
    let verdicts = std::fs::read_to_string(&output).unwrap();
    for (i, line) in verdicts.lines().enumerate() {
        let verdict: Value = serde_json::from_str(line).unwrap();
        let expected = if i % 5 == i % 3 { "equal" } else { "not_equal" };
        assert_eq!((verdict["id"].as_str(), verdict["verdict"].as_str()), (Some(&*format!("p{i}")), Some(expected)));
    }
    assert_eq!(verdicts.lines().count(), 1000);
    assert_eq!(printed(&["verify-math", "--input", &input], 0), verdicts);
}

#[test]
fn a_line_that_is_no_pair_is_named_and_nothing_is_left() {
    let bench = Bench::new();
    bench.write("pairs.jsonl", "{\"id\": 1, \"gold\": \"1\", \"completion\": \"1\"}\n{\"id\": 2, \"gold\": \"1\"}\n");
    let (input, output) = (bench.text("pairs.jsonl"), bench.text("verdicts.jsonl"));
    let error = said(&["verify-math", "--input", &input, "--output", &output], 1);
    assert!(error.contains("pairs.jsonl") && error.contains("line 2") && error.contains("completion"), "{error}");
    let left: Vec<_> = std::fs::read_dir(bench.path("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().contains("verdicts")), "{left:?}");
    assert!(said(&["verify-math", "--input", "nowhere.jsonl"], 1).contains("nowhere.jsonl"));
    bench.write("pairs.jsonl", "{\"id\": 1, \"gold\": \"1\", \"completion\": \"1\"}\n");
    let full = said(&["verify-math", "--input", &input, "--output", "/dev/full"], 1);
    assert!(full.contains("/dev/full") && full.contains("No space left"), "{full}");
}

/// Maths tasks whose final answers are given, or blank: unreadable.
fn tasks(golds: &[&str]) -> String {
    let task = |(i, gold): (usize, &&str)| {
        let task = serde_json::json!({
            "id": format!("t{i}"), "task": "math", "verifier": "math", "ground_truth": gold,
            "messages": [{"role": "user", "content": "What is it?"}],
        });
        task.to_string() + "\n"
    };
    golds.iter().enumerate().map(task).collect()
}

#[test]
fn verdicts_are_counted_and_worth_what_the_reward_section_says() {
    let bench = Bench::new();
    run(&["cold-start", "--config", &bench.text("cold-start.toml")], 0);
    bench.write("blank.jsonl", &tasks(&["5", "", "7"]));
    let stage = |dir: &str, sets: &[&str], code: i32| {
        let data = format!("data=[{{path={:?}}}]", bench.text("blank.jsonl"));
        let (config, dir) = (bench.text("stage-1.toml"), bench.text(dir));
        let mut arguments = vec!["--stage", "1", "--config", &config, "--run-dir", &dir];
        for set in [&*data, "eval.datasets=[]", "update.steps=1"].iter().chain(sets) {
            arguments.extend(["--set", set]);
        }
        let error = said(&arguments, code);
        let metrics = std::fs::read_to_string(std::path::Path::new(&dir).join("metrics.jsonl")).unwrap_or_default();
        let last = metrics.lines().last().map(|line| serde_json::from_str::<Value>(line).unwrap()).unwrap_or_default();
        (error, last)
    };
    // Three tasks of two samples each; one task's answer is blank.
    let (_, masked) = stage("masked", &[], 0);
    let kinds = ["equal", "not_equal", "gold_unparsed", "completion_unparsed", "no_answer", "budget_exceeded"];
    let counts = kinds.map(|kind| masked[format!("verify/math/{kind}")].as_f64().unwrap());
    assert_eq!(counts.iter().sum::<f64>(), 6.0, "{masked}");
    assert_eq!(masked["verify/math/gold_unparsed"], 2.0);
    assert_eq!((masked["verify/masked"].as_f64(), masked["groups/broken"].as_f64()), (Some(2.0), Some(1.0)));

    let wrong = ["reward.math.gold_unparsed=wrong", "reward.math.no_answer=mask"];
    let (_, judged) = stage("judged", &wrong, 0);
    assert_eq!(judged["verify/masked"], judged["verify/math/no_answer"], "{judged}");
    assert_eq!(judged["verify/math/gold_unparsed"], 2.0);

    let (error, _) = stage("aborted", &["reward.math.gold_unparsed=abort"], 1);
    assert!(error.contains("t1") && error.contains("reward.math.gold_unparsed"), "{error}");
}
