//! The metrics of the groups that a step sampled.

use std::collections::BTreeMap;

use math_verifier::MathVerdictKind;
use record::metrics::Metrics;
use record::names;

use crate::group::{Group, Rollout, SamplingCost};
use crate::judge::math_kind;
use crate::memory::peak_memory;

/// Rewards, accuracies, lengths and times over all groups that a step sampled, flat ones too.
pub(crate) fn batch_metrics(kept: &[Group], left_out: &[Group], cost: &SamplingCost) -> Metrics {
    let mut metrics = Metrics::new();
    let all = || kept.iter().chain(left_out);
    let rollouts: Vec<&Rollout> = all().flat_map(Group::sampled).collect();
    let rewards: Vec<f64> = rollouts.iter().filter_map(|r| r.reward.as_ref()).map(|r| f64::from(r.total)).collect();
    let mean_reward = mean(&rewards);
    metrics.set(names::REWARD_MEAN, mean_reward);
    metrics.set(names::REWARD_STD, mean(&rewards.iter().map(|r| (r - mean_reward).powi(2)).collect::<Vec<_>>()).sqrt());
    let mut parts: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for (name, value) in rollouts.iter().filter_map(|r| r.reward.as_ref()).flat_map(|reward| &reward.breakdown) {
        parts.entry(name).or_default().push(f64::from(*value));
    }
    for (name, values) in parts {
        metrics.set(names::REWARD_PART.of(name), mean(&values));
    }
    let mut by_kind: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for group in all() {
        let passed = group.sampled().filter_map(|rollout| rollout.verdict.as_ref().ok());
        by_kind.entry(group.task.kind.as_str()).or_default().extend(passed.map(|v| f64::from(u8::from(v.passed))));
    }
    for (kind, passed) in by_kind {
        metrics.set(names::ACCURACY.of(kind), mean(&passed));
    }
    let errors = rollouts.iter().filter(|rollout| rollout.verdict.is_err()).count();
    let broken = left_out.iter().filter(|group| group.rewards().is_none()).count();
    metrics.set(names::VERIFIER_ERRORS, errors as f64);
    metrics.merge(math_metrics(&rollouts));
    metrics.set(names::VERIFY_MASKED, all().map(|group| group.masked.len() as f64).sum());
    metrics.set(names::GROUPS_KEPT, kept.len() as f64);
    metrics.set(names::GROUPS_FLAT, (left_out.len() - broken) as f64);
    metrics.set(names::GROUPS_BROKEN, broken as f64);
    let lengths: Vec<f64> = rollouts.iter().map(|rollout| rollout.completion.ids.len() as f64).collect();
    let truncated: Vec<f64> = rollouts.iter().map(|rollout| f64::from(u8::from(rollout.truncated()))).collect();
    metrics.set(names::COMPLETION_TOKENS_MEAN, mean(&lengths));
    metrics.set(names::COMPLETION_TOKENS_MAX, lengths.iter().copied().fold(0.0, f64::max));
    metrics.set(names::COMPLETION_TRUNCATED, mean(&truncated));
    metrics.set(names::TIME_ROLLOUT, cost.rollout_seconds);
    metrics.set(names::TIME_VERIFY, cost.verify_seconds);
    metrics.set(names::TIME_REWARD_MODEL, cost.reward_model_seconds);
    metrics.set(names::ROLLOUT_TOKENS_PER_SECOND, cost.num_tokens as f64 / cost.rollout_seconds.max(1e-9));
    if let Some(bytes) = peak_memory() {
        metrics.set(names::MEMORY_PEAK_MIB, bytes as f64 / f64::from(1 << 20));
    }
    metrics
}

/// Number of rollouts by the maths verifier's verdict; empty where that verifier judged none.
fn math_metrics(rollouts: &[&Rollout]) -> Metrics {
    let kinds: Vec<MathVerdictKind> = rollouts.iter().filter_map(|rollout| math_kind(&rollout.verdict)).collect();
    if kinds.is_empty() {
        return Metrics::new();
    }
    let count = |kind| kinds.iter().filter(|found| **found == kind).count() as f64;
    MathVerdictKind::ALL.iter().copied().map(|kind| (names::VERIFY_MATH.of(kind.as_str()), count(kind))).collect()
}

fn mean(values: &[f64]) -> f64 {
    if values.is_empty() { 0.0 } else { values.iter().sum::<f64>() / values.len() as f64 }
}
