//! Filters in training: their kept sets are recorded, and logprobs are over them on both sides.

use record::rollouts::read_recorded;
use record::run_folder::RunFolder;

use crate::support::remains::{after_cold_start, metrics};
use crate::support::run;

#[test]
fn what_is_sampled_under_filters_is_trained_over_what_they_kept() {
    let bench = after_cold_start();
    let config = bench.text("stage-1.toml");
    let stage = |sets: &[&str], code: i32| {
        let mut arguments = vec!["--stage", "1", "--config", &config, "--set", "update.steps=1"];
        sets.iter().for_each(|set| arguments.extend(["--set", set]));
        String::from_utf8(run(&arguments, code).stderr).unwrap()
    };
    let said = stage(&["rollout.top_p=0.9"], 2);
    assert!(said.contains("rollout.kept_sets: top_k, top_p and min_p leave tokens out"), "{said}");
    let said = stage(&["rollout.top_p=0.9", "rollout.kept_sets=true"], 2);
    assert!(said.contains("rollout.top_k: bounds the sets"), "{said}");
    let filters = ["rollout.top_k=12", "rollout.top_p=0.9", "rollout.kept_sets=true"];
    let said = stage(&[&filters[..], &["rollout.top_p=1.5"]].concat(), 2);
    assert!(said.contains("rollout.top_p = 1.5"), "{said}");
    stage(&[&filters[..], &["dynamic_sampling.enabled=false", "reward.format_bonus=0.1"]].concat(), 0);

    let dir = bench.path("runs/stage-1");
    let row = metrics(&dir).pop().unwrap();
    let largest = row.get("mismatch/max_abs").unwrap();
    assert!(largest < 1e-4, "{largest}");
    let (mut num_tokens, mut num_kept) = (0, 0);
    for recorded in read_recorded(&RunFolder::open(&dir).unwrap(), 1).unwrap() {
        let (rollout, kept) = (&recorded.rollout, recorded.rollout.kept_ids.as_ref().unwrap());
        for (id, kept) in rollout.completion_ids.iter().zip(kept) {
            assert!(kept.contains(id) && kept.len() <= 12 && kept.is_sorted());
            (num_tokens, num_kept) = (num_tokens + 1, num_kept + kept.len());
        }
        let Some(update) = &recorded.update else { continue };
        for (policy, sampled) in update.policy_logprobs.iter().flatten().zip(&rollout.rollout_logprobs) {
            assert!((policy.unwrap() - sampled.unwrap()).abs() < 1e-4);
        }
    }
    assert!(num_tokens > 30 && num_kept > num_tokens, "{num_kept} ids for {num_tokens} tokens");
}
