//! Steps that leave what is unfinished to the next: one run, a run in parts, and what is recorded of both.

use record::rollouts::read_rollouts;
use record::run_folder::RunFolder;

use crate::support::remains::{after_cold_start, assert_same, metrics};
use crate::support::{NO_EVAL, run};

/// More draws under way than a step learns from, and fewer places than they have sequences, so that they end apart.
pub(crate) const PARTIAL: [&str; 7] = [
    "rollout.partial.prompts_in_flight=7",
    "rollout.max_new_tokens=24",
    "rollout.engine.max_sequences=5",
    "dynamic_sampling.enabled=false",
    "dynamic_sampling.lag=2",
    "algorithm.old_logprobs=rollout",
    "reward.format_bonus=0.1",
];

#[test]
fn a_run_that_leaves_rollouts_to_its_next_steps_is_resumed_as_if_it_had_not_stopped() {
    let bench = after_cold_start();
    let config = bench.text("stage-1.toml");
    let stage = |name: &str, more: &[&str], code: i32| {
        let dir = bench.text(name);
        let mut arguments = vec!["--stage", "1", "--config", &config, "--run-dir", &dir];
        PARTIAL.iter().for_each(|set| arguments.extend(["--set", set]));
        arguments.extend(more);
        String::from_utf8(run(&arguments, code).stderr).unwrap()
    };
    let refused = [
        ("rollout.partial.prompts_in_flight=3", "prompts_in_flight: must be above rollout.prompts_per_step"),
        ("rollout.engine.cache_after_update=keep", "computed again"),
        ("algorithm.old_logprobs=recompute", "by their recorded logprobs"),
    ];
    for (set, expected) in refused {
        let said = stage("refused", &["--set", set], 2);
        assert!(said.contains(expected), "{said} lacks {expected}");
    }
    // Evaluations between steps find an idle engine.
    stage("whole", &["--set", "eval.every=1"], 0);
    stage("parts", &[&NO_EVAL[..], &["--set", "update.steps=1"]].concat(), 0);
    stage("parts", &[&NO_EVAL[..], &["--set", "update.steps=3", "--resume"]].concat(), 0);
    stage("parts", &[&NO_EVAL[..], &["--resume"]].concat(), 0);
    stage("again", &NO_EVAL, 0);
    assert_same(&bench.path("again"), &bench.path("parts"), "in parts");

    let (whole, again) = (bench.path("whole"), bench.path("again"));
    let rows = metrics(&again);
    assert!(rows.iter().all(|row| row.get("groups/kept") == Some(3.0)), "{rows:?}");
    assert!(rows.iter().all(|row| row.get("rollout/unfinished").unwrap() > 0.0), "{rows:?}");
    assert!(rows.iter().any(|row| row.get("rollout/older_tokens").unwrap() > 0.0), "{rows:?}");
    assert!(rows.iter().any(|row| row.get("rollout/largest_age").unwrap() >= 2.0), "{rows:?}");
    let (mut num_spans, mut addresses) = (0, Vec::new());
    for (step, path) in RunFolder::open(&again).unwrap().rollout_files().unwrap() {
        let rollouts = read_rollouts(&path).unwrap();
        assert_eq!(rollouts, read_rollouts(&RunFolder::open(&whole).unwrap().rollouts(step)).unwrap());
        for rollout in rollouts {
            num_spans += usize::from(rollout.segments.unwrap().len() > 1);
            addresses.push((rollout.draw, rollout.sample_index));
        }
    }
    assert!(num_spans > 0, "no completion has tokens of two policies");
    let num_rollouts = addresses.len();
    addresses.sort_unstable();
    addresses.dedup();
    assert_eq!(addresses.len(), num_rollouts, "a rollout is learned from once");
}
