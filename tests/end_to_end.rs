//! The recipe from nothing to its report, with a model of a few thousand parameters; and what must hold of runs.

use std::path::Path;

use record::metrics::read_metrics;
use record::names;

use crate::support::{Bench, run};

/// The lines of a run's `metrics.jsonl`, without what measures the machine.
fn metrics(run: &Path) -> Vec<serde_json::Map<String, serde_json::Value>> {
    let text = std::fs::read_to_string(run.join("metrics.jsonl")).expect("a run has metrics");
    let of_the_machine = ["time/", "throughput/", "memory/", "seconds"];
    text.lines()
        .map(|line| {
            let mut row: serde_json::Map<_, _> = serde_json::from_str(line).expect("a line is an object");
            row.retain(|name, _| !of_the_machine.iter().any(|prefix| name.starts_with(prefix)));
            row
        })
        .collect()
}

fn bytes(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn the_recipe_runs_from_nothing_to_its_report() {
    let bench = Bench::new();
    let moved = bench.text("moved");
    std::fs::create_dir_all(bench.path("moved")).unwrap();
    std::fs::rename(bench.path("data"), bench.path("moved/data")).unwrap();
    // A recipe's own folder is where its stages' data are: with another folder the paths in the stages' files move too.
    for file in ["cold-start.toml", "stage-1.toml", "reward-model.toml", "stage-2.toml"] {
        let text = std::fs::read_to_string(bench.path(file)).unwrap();
        bench.write(file, &text.replace(&bench.text("data"), &bench.text("runs/data")));
    }
    let recipe = bench.text("recipe.toml");
    let arguments = ["recipe", "--config", &recipe, "--seed", "5", "--run-dir", &moved, "--resume"];
    let output = run(&arguments, 0);
    let printed = String::from_utf8_lossy(&output.stdout);
    let told = String::from_utf8_lossy(&output.stderr);
    for line in
        ["phase 1 of 4, cold start 4/4", "phase 2 of 4, stage 1 4/4", "phase 4 of 4, stage 2 4/4", "recipe done in"]
    {
        assert!(told.contains(line) && !printed.contains(line), "{line}: {told}");
    }
    for stage in ["cold-start", "stage-1", "stage-2"] {
        assert!(printed.contains(stage), "{printed}");
        let folder = bench.path("moved").join(stage);
        for file in
            ["config.toml", "metrics.jsonl", "checkpoints/last/model.safetensors", "checkpoints/last/config.json"]
        {
            assert!(folder.join(file).is_file(), "{stage} lacks {file}");
        }
    }
    assert!(bench.path("moved/stage-1/rollouts/step_00004.parquet").is_file());
    let summary: serde_json::Value = serde_json::from_slice(&bytes(&bench.path("moved/summary.json"))).unwrap();
    let rows = summary["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 3);
    for row in rows {
        for column in ["maths", "code", "instruction"] {
            let value = row[column].as_f64().unwrap();
            assert!((0.0..=1.0).contains(&value), "{row}");
        }
        assert!(row["seconds"].as_f64().unwrap() > 0.0);
    }
    assert_eq!(summary["seed"], 5);
    for suite in ["maths", "code", "instruction"] {
        assert!(rows[0]["changes"][suite]["change"].is_null() && rows[0]["changes"][suite]["lost"] == false);
        for pair in rows.windows(2) {
            let change = &pair[1]["changes"][suite];
            let difference = pair[1][suite].as_f64().unwrap() - pair[0][suite].as_f64().unwrap();
            assert!((change["change"].as_f64().unwrap() - difference).abs() < 1e-9, "{change}");
            let [low, high] = [0, 1].map(|end| change["interval"][end].as_f64().unwrap());
            assert!(low <= difference && difference <= high && low < high, "{change}");
            assert!(change["lost"].is_boolean(), "{change}");
        }
    }
    let seed_of = |stage: &str| {
        let text = std::fs::read_to_string(bench.path("moved").join(stage).join("config.toml")).unwrap();
        text.parse::<toml::Table>().unwrap()["run"]["seed"].as_integer().unwrap()
    };
    let seeds = ["cold-start", "stage-1", "reward-model", "stage-2"].map(seed_of);
    assert_eq!(seeds.iter().collect::<std::collections::HashSet<_>>().len(), 4, "{seeds:?}");
    let report = String::from_utf8(bytes(&bench.path("moved/report.html"))).unwrap();
    assert!(
        report.contains("Seed 5:")
            && report.contains("<svg")
            && report.contains("stage-2")
            && !report.contains("src=\"http")
    );
    let steps = metrics(&bench.path("moved/stage-1"));
    assert_eq!(steps.iter().filter_map(|row| row["step"].as_u64()).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    for row in &steps[1..] {
        for name in ["reward/mean", "policy/entropy", "policy/kl_reference", "mismatch/max_abs", "accuracy/math"] {
            assert!(row[name].is_number(), "{name} in {row:?}");
        }
        assert!(row["mismatch/max_abs"].as_f64().unwrap() < 1e-4, "rollout and policy logprobs differ: {row:?}");
        assert_eq!(row["verifier/errors"].as_f64(), Some(0.0));
    }
    for stage in ["cold-start", "stage-1", "reward-model", "stage-2"] {
        for row in read_metrics(&bench.path("moved").join(stage).join("metrics.jsonl")).unwrap() {
            for (name, _) in row.iter().filter(|(name, _)| *name != "step") {
                assert!(names::find(name).is_some(), "{stage} records {name}, which record::names lacks");
            }
        }
    }

    // A stage names the checkpoint that it starts from, not the link that may come to name another.
    for (stage, from) in [("stage-1", "cold-start"), ("reward-model", "cold-start"), ("stage-2", "stage-1")] {
        let config = std::fs::read_to_string(bench.path("moved").join(stage).join("config.toml")).unwrap();
        let config: toml::Table = config.parse().unwrap();
        let path = config["model"]["path"].as_str().unwrap();
        assert!(path.ends_with(&format!("moved/{from}/checkpoints/step_00004")), "{stage}: {path}");
    }

    // Once more with --resume: every stage is done, and the table comes again.
    let again = run(&arguments, 0);
    assert_eq!(String::from_utf8_lossy(&again.stdout), printed);

    // A stage that is done was another one: what came after it stands on that.
    let file = std::fs::read_to_string(bench.path("stage-1.toml")).unwrap();
    bench.write("stage-1.toml", &file.replace("kl_coefficient = 0.01", "kl_coefficient = 0.02"));
    let said = String::from_utf8(run(&arguments, 2).stderr).unwrap();
    assert!(said.contains("loss.kl_coefficient: 0.01 -> 0.02") && said.contains("stage-1"), "{said}");
    bench.write("stage-1.toml", &file);

    // Killed at the end of the reward model's training, before its link followed: the link is put right.
    let links = bench.path("moved/reward-model/checkpoints");
    std::fs::remove_file(links.join("last")).unwrap();
    std::os::unix::fs::symlink("step_00002", links.join("last")).unwrap();

    // Interrupted before stage 2: that stage alone is run, from the same random numbers, whatever seed is left out.
    let mut shorter = summary.clone();
    shorter["rows"].as_array_mut().unwrap().pop();
    bench.write("moved/summary.json", &shorter.to_string());
    std::fs::remove_dir_all(bench.path("moved/stage-2")).unwrap();
    run(&["recipe", "--config", &recipe, "--run-dir", &moved, "--resume"], 0);
    let resumed: serde_json::Value = serde_json::from_slice(&bytes(&bench.path("moved/summary.json"))).unwrap();
    assert_eq!(resumed["rows"][2]["changes"], summary["rows"][2]["changes"]);
    assert_eq!(resumed["rows"][1], summary["rows"][1]);
    assert_eq!(resumed["seed"], 5);
    assert_eq!(std::fs::read_link(links.join("last")).unwrap(), Path::new("step_00004"));
}

#[test]
fn a_resumed_run_is_the_uninterrupted_run() {
    let bench = Bench::new();
    let (cold, stage) = (bench.text("cold-start.toml"), bench.text("stage-1.toml"));
    run(&["cold-start", "--config", &cold], 0);
    let reward_model = bench.text("reward-model.toml");
    let modes = [(vec!["cold-start"], &cold), (vec!["--stage", "1"], &stage), (vec!["reward-model"], &reward_model)];
    for (mode, config) in modes {
        let whole = bench.text(&format!("whole-{}", mode.join("")));
        let parts = bench.text(&format!("parts-{}", mode.join("")));
        let with = |more: &[&str]| {
            let mut arguments = mode.clone();
            arguments.extend(["--config", config]);
            arguments.extend(more);
            run(&arguments, 0);
        };
        with(&["--run-dir", &whole]);
        with(&["--run-dir", &parts, "--set", "update.steps=2"]);
        // What an interrupted third step would leave behind.
        let metrics_file = Path::new(&parts).join("metrics.jsonl");
        let mut text = std::fs::read_to_string(&metrics_file).unwrap();
        text.push_str("{\"step\":3,\"reward/mean\":9.0}\n");
        std::fs::write(&metrics_file, text).unwrap();
        with(&["--run-dir", &parts, "--resume"]);

        let (whole, parts) = (Path::new(&whole), Path::new(&parts));
        let last = |run: &Path| bytes(&run.join("checkpoints/step_00004/model.safetensors"));
        assert!(last(whole) == last(parts), "{mode:?}: the weights differ");
        let without_eval = |run: &Path| {
            let mut rows = metrics(run);
            rows.iter_mut().for_each(|row| row.retain(|name, _| !name.starts_with("eval/")));
            rows
        };
        assert_eq!(without_eval(whole), without_eval(parts), "{mode:?}");
    }
}

#[test]
fn generate_and_eval_write_what_they_say() {
    let bench = Bench::new();
    run(&["cold-start", "--config", &bench.text("cold-start.toml")], 0);
    let model = bench.text("runs/cold-start/checkpoints/last");
    bench.write(
        "prompts.jsonl",
        concat!(
            "{\"id\": 7, \"prompt\": \"Tom has 7 pens.\"}\n",
            "{\"id\": \"b\", \"messages\": [{\"role\": \"user\", \"content\": \"1 + 1?\"}]}\n",
        ),
    );
    let output = bench.text("completions.jsonl");
    let input = bench.text("prompts.jsonl");
    let generate_with = |flags: &str, code: i32| {
        let mut arguments = vec!["generate", "--model", &model, "--input", &input, "--output", &output];
        arguments.extend("--temperature 0 --max-new-tokens 9 --ignore-eos".split(' ').chain(flags.split(' ')));
        let ran = run(&arguments, code);
        if code == 0 { std::fs::read_to_string(&output).unwrap() } else { String::from_utf8(ran.stderr).unwrap() }
    };
    let generate = |batch: &str| generate_with(&format!("--max-sequences {batch}"), 0);
    let parsed = |text: &str| -> Vec<serde_json::Value> {
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let together = generate("8");
    let lines = parsed(&together);
    assert_eq!((&lines[0]["id"], &lines[1]["id"]), (&7.into(), &"b".into()));
    for line in &lines {
        assert_eq!(line["completion_ids"].as_array().unwrap().len(), 9);
        assert_eq!(line["logprobs"].as_array().unwrap().len(), 9);
        assert_eq!(line["finish_reason"], "length");
        assert!(line["prompt_ids"].as_array().unwrap().len() > 2);
        assert!(line.get("top_logprobs").is_none() && line.get("entropies").is_none());
    }
    let told = generate_with("--top-logprobs 2 --entropies --top-k 4 --kept-ids", 0);
    for (told, line) in parsed(&told).iter().zip(&lines) {
        assert_eq!(told["completion_ids"], line["completion_ids"]);
        for (at, logprob) in line["logprobs"].as_array().unwrap().iter().enumerate() {
            // Greedy: the token is the likeliest, and all that is kept.
            assert_eq!(told["top_logprobs"][at][0], serde_json::json!([line["completion_ids"][at], logprob]));
            assert_eq!(told["top_logprobs"][at].as_array().unwrap().len(), 2);
            assert_eq!(told["kept_ids"][at], serde_json::json!([line["completion_ids"][at]]));
            assert!(told["entropies"][at].as_f64().unwrap() > 0.0);
        }
    }
    let first = &lines[0]["completion_ids"][0];
    let banned = generate_with(&format!("--bad-words {first} --repetition-penalty 1.1 --stop-repetition 1,2"), 0);
    assert!(parsed(&banned).iter().all(|line| !line["completion_ids"].as_array().unwrap().contains(first)));
    let looping = parsed(&generate_with("--logit-bias 300=1000 --stop-repetition 4,3", 0));
    assert_eq!(looping[0]["completion_ids"], serde_json::json!([300, 300, 300]));
    assert_eq!(looping[1]["finish_reason"], "repetition");
    let said = generate_with("--presence-penalty -3", 2);
    assert!(said.contains("presence_penalty = -3: must lie in [-2, 2]"), "{said}");
    let said = generate_with("--logit-bias 99999999=1", 1);
    assert!(said.contains("logit_bias names token 99999999"), "{said}");
    let ids = |text: &str| -> Vec<serde_json::Value> {
        text.lines().map(|l| serde_json::from_str::<serde_json::Value>(l).unwrap()["completion_ids"].clone()).collect()
    };
    assert_eq!(ids(&together), ids(&generate("1")), "the batch changed a completion");

    let figures = bench.text("figures.json");
    let data = bench.text("data/math_eval.jsonl");
    run(
        &["eval", "--model", &model, "--data", &data, "--samples", "2", "--max-new-tokens", "6", "--json", &figures],
        0,
    );
    let figures: serde_json::Value = serde_json::from_slice(&bytes(Path::new(&figures))).unwrap();
    assert_eq!(figures[0]["num_tasks"], 5);
    assert_eq!(figures[0]["num_samples"], 2);
    for figure in ["pass@1", "avg@k"] {
        assert!(figures[0][figure].is_f64(), "{figure} in {figures}");
    }
}
