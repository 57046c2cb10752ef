//! From trajectories to new weights, on the model's thread.
//!
//! A step's batch is split into `updates_per_step` minibatches; each is one optimizer update whose gradient is summed
//! over micro-batches with one divisor, so that the split changes nothing. With one update a step the old policy is the
//! policy itself; with more, its logprobs are computed before the first.

use anyhow::{Context, Result};
use policy::{HeadOptions, HeadOutput, accumulate_gradient, token_logprobs};
use tch::{Kind, Tensor};

use learner::aggregation::{Divisor, Sequences};
use learner::mismatch::{Band, Mismatch};
use learner::loss::{LossInputs, PolicyLossConfig, policy_loss};
use crate::config::UpdateSection;
use crate::learner::Learner;
use crate::micro_batch::{MicroBatch, micro_batches};
use learner::optimizer::gradient_norm::{clip_by_global_norm, gradients};
use learner::optimizer::schedule::Schedule;
use crate::trajectory::Trajectory;
use crate::update_totals::{Totals, UpdateOutcome};

/// Settings of an update.
#[derive(Clone, Debug)]
pub(crate) struct UpdatePlan {
    /// Splits and memory.
    pub section: UpdateSection,
    pub loss: PolicyLossConfig,
    /// Temperature of the rollout, by which the policy's logits are divided.
    pub temperature: f64,
    /// Learning rate of each update.
    pub schedule: Schedule,
    /// Bound on the gradient's norm.
    pub max_gradient_norm: f64,
}

impl UpdatePlan {
    /// Settings of every pass through the head.
    fn head_options(&self) -> HeadOptions {
        HeadOptions { temperature: self.temperature, chunk: self.section.head_chunk }
    }
}

/// Updates the policy on the trajectories.
///
/// # Errors
/// The loss's inputs do not fit together, or the optimizer refuses.
pub(crate) fn update(learner: &mut Learner, trajectories: &[Trajectory], plan: &UpdatePlan) -> Result<UpdateOutcome> {
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
            let logprobs =
                |batch: &MicroBatch| off_policy.then(|| token_logprobs(decoder, &batch.packed, plan.head_options()));
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
    let options = plan.head_options();
    let reference = match &learner.reference {
        Some(reference) if plan.loss.kl_coefficient != 0.0 => {
            Some(token_logprobs(reference, &batch.packed, options).logprobs)
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
    accumulate_gradient(&learner.policy.decoder, &batch.packed, options, plan.section.recompute, |output| {
        let policy_logprobs = output.logprobs.detach().set_requires_grad(true);
        let old_logprobs = old.as_ref().map_or(&output.logprobs, |old| &old.logprobs);
        let inputs = LossInputs {
            old_logprobs: Some(old_logprobs.shallow_clone()),
            rollout_logprobs: Some(batch.rollout_logprobs.shallow_clone()),
            reference_logprobs: reference.as_ref().map(Tensor::shallow_clone),
            advantages: batch.advantages.shallow_clone(),
            mask: mask.shallow_clone(),
            weights: plan.loss.aggregation.token_weights(&mask, &sequences, divisor),
            sequences,
        };
        let loss = policy_loss(&policy_logprobs, &inputs, &plan.loss)?;
        loss.loss.backward();
        let mismatch = Mismatch::measure(&batch.rollout_logprobs, old_logprobs, &mask, Band::default());
        totals.add(loss.loss.double_value(&[]), &loss.metrics, &mismatch, output, batch);
        Ok(policy_logprobs.grad())
    })
}
