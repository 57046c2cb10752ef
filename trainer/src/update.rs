//! From trajectories to new weights, on the model's thread.
//!
//! A step's batch is split into `updates_per_step` minibatches; each is one optimizer update whose gradient is summed
//! over micro-batches with one divisor, so that the split changes nothing. With one update a step the old policy is the
//! policy itself; with more, its logprobs are computed before the first.

use anyhow::{Context, Result};
use policy::{HeadOutput, accumulate_gradient, token_logprobs};
use record::metrics::Metrics;
use tch::{Kind, Tensor};

use crate::algorithm::aggregation::{Divisor, Sequences};
use crate::algorithm::loss_metrics::LossMetrics;
use crate::algorithm::mismatch::{Band, Mismatch};
use crate::algorithm::policy_loss::{LossInputs, PolicyLossConfig, policy_loss};
use crate::config::UpdateSection;
use crate::learner::Learner;
use crate::optimizer::gradient_norm::{clip_by_global_norm, gradients};
use crate::optimizer::schedule::Schedule;
use crate::trajectory::{MicroBatch, Trajectory, micro_batches};

/// How an update is computed.
#[derive(Clone, Debug)]
pub struct UpdatePlan {
    /// Splits and memory.
    pub section: UpdateSection,
    /// The loss.
    pub loss: PolicyLossConfig,
    /// The rollout's temperature: the policy's logits are divided by it.
    pub temperature: f64,
    /// The rate of each update.
    pub schedule: Schedule,
    /// The bound on the gradient's norm.
    pub max_gradient_norm: f64,
}

/// What an update leaves behind.
#[derive(Debug, Default)]
pub struct UpdateOutcome {
    /// `policy/*` and `mismatch/*`.
    pub metrics: Metrics,
    /// The policy's logprobs of each trajectory's completion, as its update began.
    pub policy_logprobs: Vec<Vec<f32>>,
}

/// Updates the policy on the trajectories.
///
/// # Errors
/// The loss's inputs do not fit together, or the optimizer refuses.
pub fn update(learner: &mut Learner, trajectories: &[Trajectory], plan: &UpdatePlan) -> Result<UpdateOutcome> {
    let device = learner.policy.decoder.device();
    let section = &plan.section;
    let num_updates = section.updates_per_step.min(trajectories.len());
    let per_update = trajectories.len().div_ceil(num_updates.max(1)).max(1);
    let minibatches: Vec<Vec<MicroBatch>> = trajectories
        .chunks(per_update)
        .map(|minibatch| micro_batches(minibatch, section.micro_batch_tokens, device))
        .collect();
    let old: Vec<Vec<Option<HeadOutput>>> = minibatches
        .iter()
        .map(|minibatch| {
            let decoder = &learner.policy.decoder;
            let off_policy = minibatches.len() > 1;
            let logprobs = |batch: &MicroBatch| {
                off_policy.then(|| token_logprobs(decoder, &batch.packed, plan.temperature, section.head_chunk))
            };
            minibatch.iter().map(logprobs).collect()
        })
        .collect();
    let mut totals = Totals::default();
    for (minibatch, old) in minibatches.iter().zip(old) {
        update_minibatch(learner, minibatch, old, plan, &mut totals)?;
    }
    Ok(totals.finish(minibatches.len(), learner))
}

fn update_minibatch(
    learner: &mut Learner,
    minibatch: &[MicroBatch],
    old: Vec<Option<HeadOutput>>,
    plan: &UpdatePlan,
    totals: &mut Totals,
) -> Result<()> {
    let lengths = minibatch.iter().flat_map(|batch| batch.packed.target_lengths.iter().map(|n| *n as i64));
    let divisor = Divisor::from_counts(lengths);
    for (batch, old) in minibatch.iter().zip(old) {
        accumulate(learner, batch, old, plan, &divisor, totals)?;
    }
    let (optimizer, parameters) = learner.optimizer.as_mut().context("this policy is not trainable")?;
    let norm = clip_by_global_norm(&mut gradients(parameters), plan.max_gradient_norm);
    let lr = plan.schedule.rate(learner.num_updates);
    learner.num_updates += 1;
    totals.gradient_norm += norm;
    totals.lr = lr;
    if norm.is_finite() {
        optimizer.step(parameters, lr)?;
        learner.policy_version += 1;
    } else {
        tracing::warn!("the gradient is not finite: this update is skipped");
        totals.num_skipped += 1;
    }
    for (_, tensor) in parameters {
        tensor.zero_grad();
    }
    Ok(())
}

fn accumulate(
    learner: &Learner,
    batch: &MicroBatch,
    old: Option<HeadOutput>,
    plan: &UpdatePlan,
    divisor: &Divisor,
    totals: &mut Totals,
) -> Result<()> {
    let chunk = plan.section.head_chunk;
    let reference = match &learner.reference {
        Some(reference) if plan.loss.kl_coefficient != 0.0 => {
            Some(token_logprobs(reference, &batch.packed, plan.temperature, chunk).logprobs)
        }
        _ => None,
    };
    let cu_seqlens: Vec<i64> = std::iter::once(0)
        .chain(batch.packed.target_lengths.iter().scan(0, |end, length| {
            *end += *length as i64;
            Some(*end)
        }))
        .collect();
    let sequences = Sequences::from_cu_seqlens(&cu_seqlens)?;
    let mask = batch.advantages.ones_like().to_kind(Kind::Bool);
    let mut result = Ok(());
    accumulate_gradient(
        &learner.policy.decoder,
        &batch.packed,
        plan.temperature,
        chunk,
        plan.section.recompute,
        |output| {
            let policy_logprobs = output.logprobs.detach().set_requires_grad(true);
            let old_logprobs = old.as_ref().map_or(&output.logprobs, |old| &old.logprobs);
            let inputs = LossInputs {
                policy_logprobs: &policy_logprobs,
                old_logprobs,
                rollout_logprobs: Some(&batch.rollout_logprobs),
                reference_logprobs: reference.as_ref(),
                advantages: &batch.advantages,
                mask: &mask,
                sequences: &sequences,
            };
            match policy_loss(&inputs, &plan.loss, divisor) {
                Ok(loss) => {
                    loss.loss.backward();
                    let mismatch = Mismatch::measure(&batch.rollout_logprobs, old_logprobs, &mask, Band::default());
                    totals.add(loss.loss.double_value(&[]), &loss.metrics, &mismatch, output, batch);
                    policy_logprobs.grad()
                }
                Err(error) => {
                    result = Err(error);
                    output.logprobs.zeros_like()
                }
            }
        },
    );
    result
}

/// Sums over a step's micro-batches.
#[derive(Default)]
struct Totals {
    loss: f64,
    loss_metrics: LossMetrics,
    mismatch: Mismatch,
    entropy: f64,
    num_tokens: i64,
    gradient_norm: f64,
    lr: f64,
    num_skipped: u32,
    policy_logprobs: Vec<Vec<f32>>,
}

impl Totals {
    fn add(&mut self, loss: f64, metrics: &LossMetrics, mismatch: &Mismatch, output: &HeadOutput, batch: &MicroBatch) {
        self.loss += loss;
        self.loss_metrics.merge(metrics);
        self.mismatch.merge(mismatch);
        self.entropy += output.entropy.sum(Kind::Double).double_value(&[]);
        self.num_tokens += output.entropy.numel() as i64;
        let lengths: Vec<i64> = batch.packed.target_lengths.iter().map(|length| *length as i64).collect();
        let rows = output.logprobs.split_with_sizes(lengths, 0);
        self.policy_logprobs.extend(rows.iter().map(floats));
    }

    fn finish(self, num_minibatches: usize, learner: &Learner) -> UpdateOutcome {
        let mut metrics = Metrics::new();
        let count = num_minibatches.max(1) as f64;
        metrics.set("policy/loss", self.loss / count);
        metrics.set("policy/entropy", self.entropy / self.num_tokens.max(1) as f64);
        metrics.set("policy/gradient_norm", self.gradient_norm / count);
        metrics.set("policy/lr", self.lr);
        metrics.set("policy/version", learner.policy_version as f64);
        metrics.set("policy/clip_fraction", self.loss_metrics.clip_fraction);
        metrics.set("policy/kl_old", self.loss_metrics.approximate_kl);
        metrics.set("policy/ratio_max", self.loss_metrics.ratio_max);
        metrics.set("policy/skipped_updates", f64::from(self.num_skipped));
        if let Some(kl) = self.loss_metrics.reference_kl {
            metrics.set("policy/kl_reference", kl);
        }
        if let Some(cut) = self.loss_metrics.correction_cut_fraction {
            metrics.set("mismatch/correction_cut_fraction", cut);
        }
        metrics.set("mismatch/kl", self.mismatch.kl);
        metrics.set("mismatch/mean_abs", self.mismatch.mean_abs_difference);
        metrics.set("mismatch/max_abs", self.mismatch.max_abs_difference);
        metrics.set("mismatch/outside_fraction", self.mismatch.outside_fraction);
        UpdateOutcome { metrics, policy_logprobs: self.policy_logprobs }
    }
}

fn floats(tensor: &Tensor) -> Vec<f32> {
    let mut values = vec![0.0; tensor.numel()];
    tensor.to_kind(Kind::Float).contiguous().copy_data(&mut values, tensor.numel());
    values
}
