//! What a step leaves behind: its metrics and every rollout as Parquet.

use std::collections::BTreeMap;

use anyhow::Result;
use math_verifier::MathVerdictKind;
use record::metrics::Metrics;
use record::rollouts::{RolloutRow, write_rollouts};

use crate::group::{Group, Rollout, SamplingCost};
use crate::judge::math_kind;
use crate::learner::Learner;
use crate::model_thread::ModelThread;
use crate::session::Session;

/// One step's groups, kept ones with their advantages.
pub struct StepRecord<'a> {
    /// Counted from 1.
    pub step: u64,
    /// What was learned from.
    pub kept: &'a [Group],
    /// Flat groups, and those whose verifier broke.
    pub left_out: &'a [Group],
    /// One for each rollout of each kept group.
    pub advantages: &'a [Vec<f32>],
}

impl StepRecord<'_> {
    /// Writes the step's Parquet file. `policy_logprobs` are the kept rollouts' in order.
    ///
    /// # Errors
    /// The prompts cannot be decoded, or the file cannot be written.
    pub async fn write(
        &self,
        session: &Session,
        model: &ModelThread<Learner>,
        policy_logprobs: Vec<Vec<f32>>,
    ) -> Result<()> {
        let groups = self.kept.iter().chain(self.left_out);
        let prompts: Vec<Vec<u32>> =
            groups.map(|group| group.sampled().next().map_or(vec![], |r| r.completion.prompt_ids.clone())).collect();
        let prompts = model
            .run(move |learner| {
                prompts.iter().map(|ids| learner.policy.tokenizer.decode(ids, false)).collect::<Result<Vec<_>, _>>()
            })
            .await??;
        let mut policy_logprobs = policy_logprobs.into_iter();
        let mut rows = Vec::new();
        for (i, (group, prompt)) in self.kept.iter().chain(self.left_out).zip(prompts).enumerate() {
            let advantages = self.advantages.get(i);
            for (j, rollout) in group.rollouts.iter().enumerate() {
                rows.push(RolloutRow {
                    advantage: advantages.map(|advantages| advantages[j]),
                    policy_logprobs: advantages.and_then(|_| policy_logprobs.next()),
                    kept: advantages.is_some(),
                    ..row(self.step, group, rollout, &prompt)
                });
            }
            rows.extend(group.masked.iter().map(|rollout| row(self.step, group, rollout, &prompt)));
        }
        write_rollouts(&session.folder.rollouts(self.step), &rows)
    }
}

fn row(step: u64, group: &Group, rollout: &Rollout, prompt: &str) -> RolloutRow {
    let completion = &rollout.completion;
    let (score, reason) = match &rollout.verdict {
        Ok(verdict) => (Some(verdict.score), verdict.reason.clone()),
        Err(error) => (None, format!("verifier error: {error}")),
    };
    RolloutRow {
        step,
        task_id: group.task.id.clone(),
        task_kind: group.task.kind.as_str().to_owned(),
        source: group.task.source.clone().unwrap_or_default(),
        sample_index: completion.sample_index as u32,
        prompt: prompt.to_owned(),
        completion: completion.text.clone(),
        completion_ids: completion.ids.clone(),
        rollout_logprobs: completion.rollout_logprobs.clone(),
        policy_logprobs: None,
        finish_reason: completion.finish_reason.as_str().to_owned(),
        policy_version: completion.policy_version,
        reward: rollout.reward.as_ref().map_or(f32::NAN, |reward| reward.total),
        advantage: None,
        verdict_score: score,
        verdict_reason: reason,
        breakdown: rollout.reward.as_ref().map_or(Vec::new(), |reward| reward.breakdown.clone()),
        kept: false,
    }
}

/// Rewards, accuracy, lengths and times over everything a step sampled, flat groups too.
pub fn batch_metrics(kept: &[Group], left_out: &[Group], cost: &SamplingCost) -> Metrics {
    let mut metrics = Metrics::new();
    let all = || kept.iter().chain(left_out);
    let rollouts: Vec<&Rollout> = all().flat_map(Group::sampled).collect();
    let rewards: Vec<f64> = rollouts.iter().filter_map(|r| r.reward.as_ref()).map(|r| f64::from(r.total)).collect();
    let mean_reward = mean(&rewards);
    metrics.set("reward/mean", mean_reward);
    metrics.set("reward/std", mean(&rewards.iter().map(|r| (r - mean_reward).powi(2)).collect::<Vec<_>>()).sqrt());
    let mut parts: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for (name, value) in rollouts.iter().filter_map(|r| r.reward.as_ref()).flat_map(|reward| &reward.breakdown) {
        parts.entry(name).or_default().push(f64::from(*value));
    }
    for (name, values) in parts {
        metrics.set(format!("reward/{name}"), mean(&values));
    }
    let mut by_kind: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for group in all() {
        let passed = group.sampled().filter_map(|rollout| rollout.verdict.as_ref().ok());
        by_kind.entry(group.task.kind.as_str()).or_default().extend(passed.map(|v| f64::from(u8::from(v.passed))));
    }
    for (kind, passed) in by_kind {
        metrics.set(format!("accuracy/{kind}"), mean(&passed));
    }
    let errors = rollouts.iter().filter(|rollout| rollout.verdict.is_err()).count();
    let broken = left_out.iter().filter(|group| group.rewards().is_none()).count();
    metrics.set("verifier/errors", errors as f64);
    metrics.merge(math_metrics(&rollouts));
    metrics.set("verify/masked", all().map(|group| group.masked.len() as f64).sum());
    metrics.set("groups/kept", kept.len() as f64);
    metrics.set("groups/flat", (left_out.len() - broken) as f64);
    metrics.set("groups/broken", broken as f64);
    let lengths: Vec<f64> = rollouts.iter().map(|rollout| rollout.completion.ids.len() as f64).collect();
    let truncated: Vec<f64> = rollouts.iter().map(|rollout| f64::from(u8::from(rollout.truncated()))).collect();
    metrics.set("completion/tokens_mean", mean(&lengths));
    metrics.set("completion/tokens_max", lengths.iter().copied().fold(0.0, f64::max));
    metrics.set("completion/truncated", mean(&truncated));
    metrics.set("time/rollout", cost.rollout_seconds);
    metrics.set("time/verify", cost.verify_seconds);
    metrics.set("time/reward_model", cost.reward_model_seconds);
    metrics.set("throughput/rollout_tokens_per_second", cost.num_tokens as f64 / cost.rollout_seconds.max(1e-9));
    if let Some(bytes) = peak_memory() {
        metrics.set("memory/peak_mib", bytes as f64 / f64::from(1 << 20));
    }
    metrics
}

/// How many rollouts the maths verifier gave each kind of verdict, where it judged any.
fn math_metrics(rollouts: &[&Rollout]) -> Metrics {
    let kinds: Vec<MathVerdictKind> = rollouts.iter().filter_map(|rollout| math_kind(&rollout.verdict)).collect();
    if kinds.is_empty() {
        return Metrics::new();
    }
    let count = |kind| kinds.iter().filter(|found| **found == kind).count() as f64;
    MathVerdictKind::ALL.into_iter().map(|kind| (format!("verify/math/{}", kind.as_str()), count(kind))).collect()
}

/// One line for people: how the step went.
pub fn update_line(metrics: &Metrics) -> String {
    let shown = [
        ("reward", "reward/mean", 3),
        ("math", "accuracy/math", 2),
        ("code", "accuracy/code", 2),
        ("instruction", "accuracy/instruction_following", 2),
        ("entropy", "policy/entropy", 2),
        ("tokens", "completion/tokens_mean", 0),
        ("seconds", "time/step", 1),
    ];
    let parts = shown.iter().filter_map(|(label, key, digits)| {
        metrics.get(key).map(|value| format!("{label} {value:.digits$}", digits = *digits))
    });
    parts.collect::<Vec<_>>().join("  ")
}

/// The process's largest resident size so far, in bytes.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok().map(|kib| kib * 1024)
}

fn mean(values: &[f64]) -> f64 {
    if values.is_empty() { 0.0 } else { values.iter().sum::<f64>() / values.len() as f64 }
}
