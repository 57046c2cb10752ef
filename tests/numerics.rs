//! `rollout.numerics`: what is exact to the bit over steps of a stage, and where it cannot be.

use record::metrics::read_metrics;

use crate::support::{Bench, NO_EVAL, run};

/// Numbers of a metric, one a step.
fn metric(bench: &Bench, folder: &str, name: &str) -> Vec<f64> {
    let rows = read_metrics(&bench.path(folder).join("metrics.jsonl")).expect("a run has metrics");
    rows.iter().filter_map(|row| row.iter().find(|(own, _)| *own == name).map(|(_, value)| value)).collect()
}

#[test]
fn three_exact_steps_train_on_the_bits_that_were_sampled() {
    let bench = Bench::new();
    let (cold_start, stage) = (bench.text("cold-start.toml"), bench.text("stage-1.toml"));
    run(&[&["cold-start", "--config", &cold_start], NO_EVAL.as_slice()].concat(), 0);
    for (folder, more) in [
        ("whole", ["--set", "update.recompute=\"nothing\"", "--set", "rollout.temperature=1.0"]),
        ("streamed", ["--set", "update.recompute=\"blocks\"", "--set", "rollout.temperature=0.8"]),
    ] {
        let dir = bench.text(folder);
        let arguments = ["--stage", "1", "--config", &stage, "--run-dir", &dir, "--set", "update.steps=3"];
        let exact = ["--set", "rollout.numerics=\"exact\"", "--set", "rollout.engine.prefill_tokens=11"];
        run(&[arguments.as_slice(), &exact, &more, &NO_EVAL].concat(), 0);
        assert_eq!(metric(&bench, folder, "mismatch/max_logprob"), [0.0; 3]);
        assert_eq!(metric(&bench, folder, "mismatch/kl"), [0.0; 3]);
        let distances = metric(&bench, folder, "policy/kl_reference");
        assert!(distances[1..].iter().all(|distance| *distance != 0.0), "the policy did not move: {distances:?}");
    }
}

#[test]
fn nothing_drifts_over_twenty_steps_at_a_learning_rate_of_zero() {
    let bench = Bench::new();
    let (cold_start, stage, dir) = (bench.text("cold-start.toml"), bench.text("stage-1.toml"), bench.text("still"));
    run(&[&["cold-start", "--config", &cold_start], NO_EVAL.as_slice()].concat(), 0);
    let arguments = ["--stage", "1", "--config", &stage, "--run-dir", &dir, "--set", "update.steps=20"];
    let still = ["--set", "schedule.lr=0", "--set", "schedule.min_lr=0", "--set", "checkpoint.every=20"];
    run(&[arguments.as_slice(), &still, &NO_EVAL].concat(), 0);
    for (name, most) in [("policy/kl_reference", 1e-10), ("mismatch/max_logprob", 1e-4)] {
        let distances = metric(&bench, "still", name);
        assert!(distances.len() == 20 && distances.iter().all(|distance| *distance < most), "{name}: {distances:?}");
    }
    let weights = |folder: &str| std::fs::read(bench.path(folder).join("checkpoints/last/model.safetensors")).unwrap();
    assert!(weights("still") == weights("runs/cold-start"), "weights have moved");
}

#[test]
fn what_cannot_be_exact_is_refused_with_what_to_do() {
    let bench = Bench::new();
    let stage = bench.text("stage-1.toml");
    for (more, expected) in [
        ("run.dtype=\"bfloat16\"", "run.dtype is bfloat16; set run.dtype = \"float32\""),
        ("parallel.tensor=2", "parallel.tensor is 2; set parallel.tensor = 1 and start one process"),
        ("parallel.context=2", "parallel.context is 2; set parallel.context = 1 and start one process"),
        ("rollout.partial.prompts_in_flight=9", "rollout.partial has tokens of several versions of the weights; leave"),
    ] {
        let arguments = ["--stage", "1", "--config", &stage, "--set", "rollout.numerics=\"exact\"", "--set", more];
        let said = String::from_utf8(run(&arguments, 2).stderr).unwrap();
        let whole = format!("rollout.numerics: \"exact\" is for float32 on the CPU of one process, and {expected}");
        assert!(said.contains(&whole) && said.contains("or leave rollout.numerics at \"fast\""), "{said}");
    }
    let exact = ["--stage", "1", "--config", &stage, "--set", "rollout.numerics=\"exact\""];
    let kept = ["--set", "rollout.top_k=5", "--set", "rollout.kept_sets=true"];
    let said = String::from_utf8(run(&[exact.as_slice(), &kept].concat(), 2).stderr).unwrap();
    assert!(said.contains("rollout.kept_sets has other sums; set rollout.kept_sets = false and leave"), "{said}");
    let arguments = ["--stage", "1", "--config", &stage, "--set", "rollout.numerics=\"precise\""];
    let said = String::from_utf8(run(&arguments, 2).stderr).unwrap();
    assert!(said.contains("unknown variant `precise`, expected `fast` or `exact`"), "{said}");
}
