//! The metrics of the groups that a step sampled.

use std::collections::BTreeMap;

use learner::update_outcome::{PolicyOutcome, UpdateOutcome};
use math_verifier::MathVerdictKind;
use record::metrics::Metrics;
use record::names;
use rollout::{Sequence, TokenSource};
use verifiers::{VerdictKind, VerifierVerdict};

use crate::collect::{Batch, Group, Rollout};
use crate::memory::peak_memory;

/// The verifier whose words are counted even where none of its verdicts has them.
const MATH: &str = "math";

/// Rewards, accuracies, lengths and times over all groups that a step sampled, flat ones too.
pub(crate) fn batch_metrics(batch: &Batch) -> Metrics {
    let Batch { kept, left_out, cost } = batch;
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
        let judged = group.sampled().filter(|rollout| rollout.judgement.error().is_none());
        let passed = judged.filter_map(|rollout| rollout.judgement.verdict());
        by_kind.entry(group.task.kind.as_str()).or_default().extend(passed.map(|v| f64::from(u8::from(v.passed()))));
    }
    for (kind, passed) in by_kind {
        metrics.set(names::ACCURACY.of(kind), mean(&passed));
    }
    let errors = rollouts.iter().filter(|rollout| rollout.judgement.error().is_some()).count();
    let refused = left_out.iter().filter(|group| group.is_refused()).count();
    let broken = left_out.iter().filter(|group| group.rewards().is_none()).count() - refused;
    metrics.set(names::VERIFIER_ERRORS, errors as f64);
    metrics.merge(verdict_metrics(&rollouts));
    metrics.set(names::VERIFY_MASKED, all().map(|group| group.masked.len() as f64).sum());
    metrics.set(names::GROUPS_KEPT, kept.len() as f64);
    metrics.set(names::GROUPS_FLAT, (left_out.len() - broken - refused) as f64);
    metrics.set(names::GROUPS_BROKEN, broken as f64);
    metrics.set(names::GROUPS_REFUSED, refused as f64);
    metrics.set(names::GROUPS_DRAWN, (kept.len() + left_out.len()) as f64);
    let lengths: Vec<f64> = rollouts.iter().map(|rollout| rollout.num_sampled() as f64).collect();
    let truncated: Vec<f64> = rollouts.iter().map(|rollout| f64::from(u8::from(rollout.truncated()))).collect();
    metrics.set(names::COMPLETION_TOKENS_MEAN, mean(&lengths));
    metrics.set(names::COMPLETION_TOKENS_MAX, lengths.iter().copied().fold(0.0, f64::max));
    metrics.set(names::COMPLETION_TRUNCATED, mean(&truncated));
    let forced = rollouts.iter().map(|rollout| rollout.num_tokens_of(TokenSource::Forced) as f64);
    metrics.set(names::COMPLETION_FORCED_TOKENS, forced.sum());
    metrics.set(names::TIME_ROLLOUT, cost.rollout_seconds);
    metrics.set(names::TIME_VERIFY, cost.verify_seconds);
    metrics.set(names::TIME_REWARD_MODEL, cost.reward_model_seconds);
    metrics.set(names::ROLLOUT_ROWS_IN_FLIGHT, cost.rows_in_flight);
    metrics.set(names::ROLLOUT_TOKENS_PER_SECOND, cost.num_tokens as f64 / cost.rollout_seconds.max(1e-9));
    if let Some(bytes) = peak_memory() {
        metrics.set(names::MEMORY_PEAK_MIB, bytes as f64 / f64::from(1 << 20));
    }
    metrics
}

/// Ages of the tokens that the step learned from, in updates of the policy, where it learned.
pub(crate) fn age_metrics(batch: &Batch, outcome: &UpdateOutcome) -> Metrics {
    let mut metrics = Metrics::new();
    let Some(policy) = &outcome.policy else { return metrics };
    let version = policy.policy_version.saturating_sub(u64::from(policy.num_applied));
    let sequences = batch.kept.iter().flat_map(|group| &group.rollouts).flat_map(|rollout| &rollout.sequences);
    let ages: Vec<u64> = sequences.flat_map(Sequence::policy_versions).map(|it| version.saturating_sub(it)).collect();
    let num_older = ages.iter().filter(|age| **age > 0).count();
    metrics.set(names::ROLLOUT_OLDER_TOKENS, num_older as f64 / ages.len().max(1) as f64);
    metrics.set(names::ROLLOUT_LARGEST_AGE, ages.iter().copied().max().unwrap_or(0) as f64);
    metrics
}

/// What the completions of a step called.
pub(crate) fn tool_metrics(batch: &Batch) -> Metrics {
    let rollouts = || batch.kept.iter().chain(&batch.left_out).flat_map(Group::sampled);
    let calls = || rollouts().flat_map(|rollout| &rollout.calls);
    let mut metrics = Metrics::new();
    metrics.set(names::TOOLS_CALLS, calls().count() as f64);
    metrics.set(names::TOOLS_ERRORS, calls().filter(|call| !call.outcome.is_answered()).count() as f64);
    metrics.set(names::TOOLS_SECONDS, calls().map(|call| call.seconds).sum());
    metrics.set(names::TOOLS_TOKENS, rollouts().map(|rollout| rollout.num_tokens_of(TokenSource::Tool) as f64).sum());
    metrics
}

/// What the updates of a step did.
pub(crate) fn update_metrics(outcome: &UpdateOutcome) -> Metrics {
    let mut metrics = Metrics::new();
    if let Some(policy) = &outcome.policy {
        let PolicyOutcome { loss_metrics, mismatch, .. } = policy;
        metrics.set(names::POLICY_LR, policy.lr);
        metrics.set(names::POLICY_VERSION, policy.policy_version as f64);
        metrics.set(names::POLICY_SKIPPED_UPDATES, f64::from(policy.num_skipped));
        // Where every update of the step was skipped there is nothing to say of them.
        if loss_metrics.num_tokens > 0 {
            metrics.set(names::POLICY_LOSS, policy.loss);
            metrics.set(names::POLICY_ENTROPY, policy.entropy);
            metrics.set(names::POLICY_GRADIENT_NORM, policy.gradient_norm);
            metrics.set(names::POLICY_CLIP_FRACTION, loss_metrics.clip_fraction);
            metrics.set(names::POLICY_KL_OLD, loss_metrics.approximate_kl);
            metrics.set(names::POLICY_RATIO_MAX, loss_metrics.ratio_max);
        }
        if let Some(kl) = loss_metrics.reference_kl {
            metrics.set(names::POLICY_KL_REFERENCE, kl);
        }
        if let Some(cut) = loss_metrics.correction_cut_fraction {
            metrics.set(names::MISMATCH_CORRECTION_CUT_FRACTION, cut);
        }
        if mismatch.num_tokens > 0 {
            metrics.set(names::MISMATCH_KL, mismatch.kl);
            metrics.set(names::MISMATCH_MEAN_ABS, mismatch.mean_abs_difference);
            metrics.set(names::MISMATCH_MAX_ABS, mismatch.max_abs_difference);
            metrics.set(names::MISMATCH_MAX_LOGPROB, mismatch.max_logprob_difference);
            metrics.set(names::MISMATCH_OUTSIDE_FRACTION, mismatch.outside_fraction);
        }
    }
    if let Some(critic) = &outcome.critic {
        metrics.set(names::CRITIC_VALUE_MEAN, critic.value_mean);
        metrics.set(names::CRITIC_RETURN_MEAN, critic.return_mean);
        let figures = [
            (names::CRITIC_EXPLAINED_VARIANCE, critic.explained_variance),
            (names::CRITIC_LOSS, critic.loss),
            (names::CRITIC_CLIP_FRACTION, critic.clip_fraction),
            (names::CRITIC_GRADIENT_NORM, critic.gradient_norm),
            (names::CRITIC_LR, critic.lr),
        ];
        for (name, value) in figures {
            if let Some(value) = value {
                metrics.set(name, value);
            }
        }
    }
    metrics
}

/// Number of rollouts by verifier and kind of verdict, and by the verifier's own word for it where it has one.
fn verdict_metrics(rollouts: &[&Rollout]) -> Metrics {
    let mut by_verifier: BTreeMap<&str, Vec<&VerifierVerdict>> = BTreeMap::new();
    for verdict in rollouts.iter().flat_map(|rollout| &rollout.judgement.verdicts) {
        by_verifier.entry(&verdict.verifier).or_default().push(verdict);
    }
    let mut metrics = Metrics::new();
    for (verifier, verdicts) in by_verifier {
        let mut count = |word: &str, num: usize| {
            metrics.set(names::VERIFY.of(&format!("{verifier}/{word}")), num as f64);
        };
        for kind in VerdictKind::ALL {
            count(kind.as_str(), verdicts.iter().filter(|verdict| verdict.kind() == *kind).count());
        }
        let known: &[MathVerdictKind] = if verifier == MATH { MathVerdictKind::ALL } else { &[] };
        let mut by_word: BTreeMap<&str, usize> = known.iter().map(|kind| (kind.as_str(), 0)).collect();
        for word in verdicts.iter().filter_map(|verdict| verdict.detail()) {
            *by_word.entry(word).or_default() += 1;
        }
        by_word.into_iter().for_each(|(word, num)| count(word, num));
    }
    metrics
}

fn mean(values: &[f64]) -> f64 {
    if values.is_empty() { 0.0 } else { values.iter().sum::<f64>() / values.len() as f64 }
}
