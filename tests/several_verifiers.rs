//! Tasks that several verifiers judge, of which one crashes and one hangs: what is dropped, masked, counted and paid is
//! as the configuration says. Rewards of terms. And cases judged without a model.

use std::path::Path;

use record::metrics::{Metrics, read_metrics};
use record::rollouts::{read_recorded, read_rollouts};
use record::run_folder::RunFolder;
use serde_json::{Value, json};

use crate::support::{Bench, run, trainer};

/// A stage's configuration over tasks that name `math`, `crashes` and `hangs`.
fn three_verifiers() -> Bench {
    let bench = Bench::new();
    run(&["cold-start", "--config", &bench.text("cold-start.toml")], 0);
    let tasks = std::fs::read_to_string(bench.path("data/math_train.jsonl")).unwrap();
    let several: String = tasks
        .lines()
        .take(6)
        .map(|line| {
            let mut task: Value = serde_json::from_str(line).unwrap();
            let fields = task.as_object_mut().unwrap();
            let (_, gold) = (fields.remove("verifier"), fields.remove("ground_truth"));
            fields.insert(
                "verifiers".into(),
                json!([
                    {"name": "math", "ground_truth": gold, "weight": 2.0},
                    {"name": "crashes", "weight": 1.0},
                    {"name": "hangs", "weight": 1.0},
                ]),
            );
            format!("{task}\n")
        })
        .collect();
    bench.write("several.jsonl", &several);
    let config = std::fs::read_to_string(bench.path("stage-1.toml")).unwrap();
    let commands = "[verifiers.command.crashes]\ncommand = [\"sh\", \"-c\", \"echo out of cheese >&2; exit 3\"]\n\
                    [verifiers.command.hangs]\ncommand = [\"sleep\", \"600\"]\nworkers = 6\ntimeout_seconds = 0.1\n";
    bench.write("several.toml", &format!("{config}{commands}"));
    bench
}

/// The metrics of the first step of a run with these assignments.
fn first_step(bench: &Bench, name: &str, assignments: &[&str]) -> Metrics {
    let (config, dir) = (bench.text("several.toml"), bench.text(name));
    let data = format!("data=[{{path = {:?}}}]", bench.text("several.jsonl"));
    let mut arguments = vec!["--stage", "1", "--config", &config, "--run-dir", &dir, "--set", &data];
    for assignment in ["update.steps=1", "update.updates_per_step=1", "eval.at_start=false", "eval.at_end=false"] {
        arguments.extend(["--set", assignment]);
    }
    assignments.iter().for_each(|assignment| arguments.extend(["--set", assignment]));
    run(&arguments, 0);
    let metrics = read_metrics(&Path::new(&dir).join("metrics.jsonl")).unwrap();
    metrics.into_iter().find(|row| row.step() == Some(1)).expect("a first step")
}

#[test]
fn what_is_dropped_masked_counted_and_paid_is_as_the_configuration_says() {
    let bench = three_verifiers();
    let counts = |metrics: &Metrics| {
        ["groups/broken", "verify/masked", "verify/crashes/crashed", "verify/hangs/timed_out"]
            .map(|name| metrics.get(name).unwrap_or_else(|| panic!("no {name}")))
    };
    // Three prompts with two completions each.
    let dropped = first_step(&bench, "dropped", &[]);
    assert_eq!(counts(&dropped), [3.0, 0.0, 6.0, 6.0]);
    assert_eq!(dropped.get("groups/kept"), Some(0.0));

    let masked = first_step(&bench, "masked", &["reward.worth.crashed=mask", "reward.worth.timed_out=wrong"]);
    assert_eq!(counts(&masked), [3.0, 6.0, 6.0, 6.0]);

    let paid = ["reward.worth_of.crashes.crashed=wrong", "reward.worth.timed_out=wrong", "reward.correct=0.5"];
    let paid = first_step(&bench, "paid", &paid);
    assert_eq!(counts(&paid), [0.0, 0.0, 6.0, 6.0]);
    assert_eq!(paid.get("groups/kept"), Some(3.0));
    let rows = read_recorded(&RunFolder::open(&bench.path("paid")).unwrap(), 1).unwrap();
    assert_eq!(rows.len(), 6);
    for row in rows {
        let learned = row.update.unwrap().policy_logprobs.unwrap();
        let row = row.rollout;
        assert!(learned.len() == row.completion_ids.len() && learned.iter().all(Option::is_some));
        let kinds: Vec<_> = row.judgement.iter().flatten().map(|said| said.kind.as_str()).collect();
        assert_eq!(kinds[1..], ["crashed", "timed_out"]);
        let said: Vec<_> = row.verdicts.iter().map(|(name, word)| format!("{name}: {word}")).collect();
        assert!(said[1..] == ["crashes: crashed", "hangs: timed_out"], "{said:?}");
        assert!(row.verdict_reason.contains("out of cheese"), "{}", row.verdict_reason);
        let outcome = row.breakdown.iter().find(|(name, _)| name == "outcome").unwrap().1;
        let right = row.verdicts[0].1 == "equal" && row.finish_reason != "length";
        assert_eq!(outcome, if right { 0.25 } else { 0.0 });
    }

    let config = bench.text("several.toml");
    let dir = bench.text("aborted");
    let data = format!("data=[{{path = {:?}}}]", bench.text("several.jsonl"));
    let abort = "reward.worth_of.crashes.crashed=abort";
    let arguments = ["--stage", "1", "--config", &config, "--run-dir", &dir, "--set", &data, "--set", abort];
    let output = trainer().args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("reward.worth_of.crashes.crashed") && said.contains("out of cheese"), "{said}");
}

#[test]
fn terms_make_the_reward_and_are_recorded() {
    let bench = Bench::new();
    run(&["cold-start", "--config", &bench.text("cold-start.toml")], 0);
    let config = std::fs::read_to_string(bench.path("stage-1.toml"))
        .unwrap()
        .replace("format_bonus = 0.1", "judge_truncated = true");
    let terms = "[[reward.term]]\nname = \"right\"\nreads = \"verdict\"\nweight = 2.0\n\
                 [[reward.term]]\nname = \"style\"\nreads = \"verifier:style\"\nweight = 0.5\n\
                 [[reward.term]]\nname = \"short\"\nreads = \"overlong\"\ntokens = 12\nbuffer = 6\n\
                 [verifiers.command.style]\n\
                 command = [\"sh\", \"-c\", \"while read -r l; do echo '{\\\"score\\\": 1}'; done\"]\n";
    bench.write("terms.toml", &format!("{config}{terms}"));
    let dir = bench.text("terms");
    let config = bench.text("terms.toml");
    run(&["--stage", "1", "--config", &config, "--run-dir", &dir, "--set", "update.steps=2"], 0);
    let metrics = read_metrics(&Path::new(&dir).join("metrics.jsonl")).unwrap();
    let step = metrics.iter().find(|row| row.step() == Some(1)).unwrap();
    assert_eq!(step.get("reward/style"), Some(0.5));
    assert!(step.get("verify/style/passed").is_some_and(|count| count > 0.0));
    for row in read_rollouts(&bench.path("terms/rollouts/step_00001.parquet")).unwrap() {
        let names: Vec<_> = row.breakdown.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["right", "style", "short"]);
        let sum: f32 = row.breakdown.iter().map(|(_, value)| value).sum();
        assert!((sum - row.reward).abs() < 1e-6);
    }
    let circle = "reward.term=[{name = \"a\", reads = \"term:b\"}, {name = \"b\", reads = \"term:a\"}]";
    let output = trainer()
        .args(["--stage", "1", "--config", &bench.text("stage-1.toml"), "--set", "reward.format_bonus=0.0"])
        .args(["--run-dir", &bench.text("circle"), "--set", circle])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(2) && said.contains("reward.term") && said.contains("circle"), "{said}");
}

#[test]
fn cases_are_judged_in_order_without_a_model() {
    let bench = Bench::new();
    bench.write(
        "cases.jsonl",
        concat!(
            r#"{"id": 1, "verifier": "math", "ground_truth": "4", "completion": "\\boxed{4}", "expected": true}"#,
            "\n\n",
            r#"{"id": "b", "verifier": "math", "ground_truth": "4", "completion": "5", "thinking_open": true, "#,
            r#""expected": false}"#,
            "\n",
            r#"{"id": "c", "verifier": "preference", "completions": ["yes", ""]}"#,
            "\n",
        ),
    );
    let (input, output) = (bench.text("cases.jsonl"), bench.text("verdicts.jsonl"));
    run(&["verify", "--input", &input, "--output", &output], 0);
    let lines = std::fs::read_to_string(&output).unwrap();
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let brief: Vec<_> = lines.iter().map(|line| json!([line["id"], line["verdict"], line["passed"]])).collect();
    assert_eq!(
        brief,
        [
            json!([1, "passed", true]),
            json!(["b", "no_answer", false]),
            json!(["c", "passed", true]),
            json!(["c", "no_answer", false]),
        ]
    );
    assert!(lines.iter().all(|line| line["score"].is_number() && line["seconds"].is_number()), "{lines:?}");

    bench.write("style.py", "def verify(prompt, completion, answer, **extra):\n    return float('4' in completion)\n");
    let style = bench.text("style.py");
    let checked = run(&["verifier", "check", &style, "--isolation", "trusted", "--input", &input], 0);
    let checked = String::from_utf8_lossy(&checked.stdout);
    assert!(checked.contains("agreement   2 of 2") && checked.contains("verdicts/s"), "{checked}");

    bench.write("bad.jsonl", "{\"id\": 1, \"verifier\": \"nobody\", \"completion\": \"x\"}\n");
    let refused = run(&["verify", "--input", &bench.text("bad.jsonl")], 2);
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(said.contains("bad.jsonl: line 1") && said.contains("`nobody`"), "{said}");
}
