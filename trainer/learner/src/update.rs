//! From groups of trajectories to new weights.
//!
//! A step's batch is split into minibatches of whole groups; each is one optimizer update whose gradient is summed over
//! micro-batches with the counts of the whole minibatch, so that neither the micro-batches nor the head's chunks change
//! anything. The old policy is the policy as the step began: in the first minibatch that is the policy itself, for
//! later ones its logprobs are computed before the first update.

use std::ops::Range;

use anyhow::{Context, Result};
use policy::{
    Decoder, HeadPair, LanguageGradient, LanguageHead, LanguageOutput, LossScope, accumulate_gradient, outputs,
};
use tch::Tensor;

use crate::aggregation::Divisor;
use crate::critic::{estimate, update_critic, value_gradient, value_inputs};
use crate::learner::Learner;
use crate::loss::{LossInputs, policy_loss};
use crate::micro_batch::{MicroBatch, Minibatch};
use crate::minibatch::{minibatches, minibatches_on};
use crate::mismatch::{Band, Mismatch};
use crate::ranks::Ranks;
use crate::trainable::{Actor, Model};
use crate::trajectory::{Trajectory, TrajectoryGroup, trajectories_of};
use crate::update_outcome::{PolicyTotals, SkippedBatch, TargetTotals, UpdateOutcome};
use crate::update_plan::{OldLogprobs, UpdatePlan};
use crate::value_loss::ValueLossMetrics;

/// Updates policy and critic on a step's groups; `step` counts from 0 and places the updates in the schedules.
///
/// Where the learner has ranks, all of them call this at once, each with the groups that were [dealt](crate::dealing)
/// to it; figures are those of all ranks, trajectories and skipped batches this rank's.
///
/// # Errors
/// The trajectories' numbers do not fit together, a model is frozen or cannot be shared by the ranks, or an operation
/// between ranks failed.
pub fn update(
    learner: &mut Learner,
    mut groups: Vec<TrajectoryGroup>,
    plan: &UpdatePlan,
    step: u64,
) -> Result<UpdateOutcome> {
    if let Some(ranks) = &learner.ranks {
        let critic = learner.critic.as_ref().map(|critic| &critic.model.decoder);
        let decoders = [Some(&learner.policy.model.policy.decoder), learner.reference.as_ref(), critic];
        decoders.into_iter().flatten().try_for_each(|decoder| ranks.fits(decoder))?;
    }
    let mut outcome = UpdateOutcome::default();
    let mut first_step = 0;
    if let Some(critic) = &plan.critic {
        outcome.critic = Some(estimate(learner, &mut groups, plan, critic)?);
        first_step = critic.pretrain_steps;
    }
    // While a critic is trained beforehand, the policy stands still.
    if let Some(step) = step.checked_sub(first_step) {
        add_logprobs(learner, &mut groups, plan)?;
        update_policy(learner, &groups, plan, step, &mut outcome)?;
    }
    if let Some(critic) = &plan.critic {
        update_critic(learner, &groups, plan, critic, step, &mut outcome)?;
    }
    let counts = [Some(learner.policy.counts), learner.critic.as_ref().map(|critic| critic.counts)];
    outcome.skipped_in_a_row = counts.iter().flatten().map(|counts| counts.skipped_in_a_row).max().unwrap_or(0);
    outcome.trajectories = groups.into_iter().flat_map(|group| group.trajectories).collect();
    Ok(outcome)
}

/// Gives the trajectories the logprobs of the old and of the frozen policy that the loss needs and they lack.
fn add_logprobs(learner: &Learner, groups: &mut [TrajectoryGroup], plan: &UpdatePlan) -> Result<()> {
    let (decoder, ranks) = (&learner.policy.model.policy.decoder, learner.ranks.as_ref());
    if plan.loss.kl_coefficient != 0.0 {
        let reference = learner.reference.as_ref().context("the loss has a KL term, and there is no reference")?;
        score(reference, trajectories_of(groups), plan, ranks, |trajectory| &mut trajectory.reference_logprobs)?;
    }
    match plan.old_logprobs {
        OldLogprobs::Rollout => {
            for trajectory in trajectories_of(groups) {
                let rollout = trajectory.rollout_logprobs.clone();
                trajectory.old_logprobs.get_or_insert(rollout);
            }
            Ok(())
        }
        // In the first minibatch the old policy is the policy itself.
        OldLogprobs::Recompute => {
            let num_first = minibatches(groups, plan.updates_per_step).first().map_or(0, |piece| piece.len());
            let later = trajectories_of(&mut groups[num_first..]);
            score(decoder, later, plan, ranks, |trajectory| &mut trajectory.old_logprobs)
        }
    }
}

/// Puts a decoder's logprobs where they are absent.
fn score<'a>(
    decoder: &Decoder,
    trajectories: impl Iterator<Item = &'a mut Trajectory>,
    plan: &UpdatePlan,
    ranks: Option<&Ranks>,
    place: impl Fn(&mut Trajectory) -> &mut Option<Vec<f32>>,
) -> Result<()> {
    let mut lacking = Vec::new();
    for trajectory in trajectories {
        if place(trajectory).is_none() {
            lacking.push(trajectory);
        }
    }
    let device = decoder.device();
    let batch = Minibatch::new(lacking.iter().map(|it| &**it), plan.micro_batch_tokens, device)?.on(ranks, device)?;
    let head = LanguageHead::new(decoder, plan.head);
    let mut scored = Vec::with_capacity(lacking.len());
    for micro_batch in &batch.micro_batches {
        scored.extend(micro_batch.by_trajectory(&outputs(decoder, &head, &micro_batch.packed).logprobs()));
    }
    decoder.store().verify()?;
    ranks.map_or(Ok(()), Ranks::verify)?;
    for (trajectory, logprobs) in lacking.into_iter().zip(scored) {
        *place(trajectory) = Some(logprobs);
    }
    Ok(())
}

fn update_policy(
    learner: &mut Learner,
    groups: &[TrajectoryGroup],
    plan: &UpdatePlan,
    step: u64,
    outcome: &mut UpdateOutcome,
) -> Result<()> {
    let (device, ranks) = (learner.policy.model.policy.decoder.device(), learner.ranks.as_ref());
    let mut totals = PolicyTotals::default();
    for (place, piece) in minibatches_on(groups, plan.updates_per_step, ranks)?.into_iter().enumerate() {
        let batch = Minibatch::of_groups(piece, plan.micro_batch_tokens, device)?.on(ranks, device)?;
        let mut targets = TargetTotals::default();
        let (loss, logprobs) = accumulate(&mut learner.policy.model, &batch, plan, &mut targets)?;
        if plan.old_logprobs == OldLogprobs::Rollout && totals.num_applied > 0 {
            // The old policy's own logprobs are not known, and the policy is not the old one any more.
            targets.mismatch = Mismatch::default();
        }
        outcome.policy_logprobs.extend(logprobs);
        let applied = learner.policy.apply(step * plan.updates_per_step as u64 + place as u64, loss, ranks)?;
        totals.add_update(&targets, &applied);
        if applied.applied {
            learner.policy_version += 1;
        } else {
            outcome.skipped.push(SkippedBatch::new("policy", place, piece));
        }
    }
    let totals = totals.over(ranks)?;
    let ValueLossMetrics { num_tokens, clip_fraction } = totals.targets.value_metrics;
    if let Some(critic) = &mut outcome.critic {
        critic.clip_fraction = (num_tokens > 0).then_some(clip_fraction);
    }
    outcome.policy = Some(totals.finish(learner.policy_version));
    Ok(())
}

/// Gathers the gradient of a minibatch and no other; returns its loss, and the logprobs of each trajectory's targets.
pub(crate) fn accumulate(
    actor: &mut Actor,
    batch: &Minibatch,
    plan: &UpdatePlan,
    totals: &mut TargetTotals,
) -> Result<(f64, Vec<Vec<f32>>)> {
    actor.clear_gradients(); // of a minibatch that ended in an error
    let mut head = LanguageHead::new(&actor.policy.decoder, plan.head);
    let (mut loss, mut logprobs) = (0.0, Vec::new());
    for micro_batch in &batch.micro_batches {
        let pass = PolicyPass { batch: micro_batch, divisor: &batch.divisor, plan };
        let of_targets = pass.run(actor, &mut head, &mut loss, totals)?;
        let old = match plan.old_logprobs {
            OldLogprobs::Recompute => micro_batch.old_logprobs.as_ref().unwrap_or(&of_targets),
            OldLogprobs::Rollout => &of_targets,
        };
        let MicroBatch { rollout_logprobs, mask, .. } = micro_batch;
        totals.mismatch.merge(&Mismatch::measure(rollout_logprobs, old, mask, Band::default()));
        logprobs.extend(micro_batch.by_trajectory(&of_targets));
    }
    Ok((loss, logprobs))
}

/// One micro-batch's way through the policy.
struct PolicyPass<'a> {
    batch: &'a MicroBatch,
    divisor: &'a Divisor,
    plan: &'a UpdatePlan,
}

impl PolicyPass<'_> {
    /// Gathers the gradient and adds to the minibatch's loss; returns the logprobs of the targets, `[targets]`.
    fn run(
        &self,
        actor: &mut Actor,
        head: &mut LanguageHead,
        loss: &mut f64,
        totals: &mut TargetTotals,
    ) -> Result<Tensor> {
        let Self { batch, divisor, plan } = *self;
        let inputs = self.inputs();
        let scope = if plan.loss.is_token_wise() { LossScope::Token } else { LossScope::Batch };
        let mut policy_gradient = |range: &Range<i64>, output: &LanguageOutput| {
            let policy_logprobs = output.logprobs().set_requires_grad(true);
            let inputs = inputs.narrow(range.start, range.end - range.start);
            let share = policy_loss(&policy_logprobs, &inputs, &plan.loss)?;
            share.loss.backward();
            *loss += share.loss.double_value(&[]);
            totals.loss_metrics.merge(&share.metrics);
            if !batch.is_padding {
                totals.add_entropy(&output.entropy);
            }
            Ok::<_, anyhow::Error>(LanguageGradient { logprob: policy_logprobs.grad(), entropy: None })
        };
        let Actor { policy, value_head } = actor;
        let (Some(value_head), Some(critic)) = (value_head, &plan.critic) else {
            let gradient = |range: Range<i64>, output: &LanguageOutput| policy_gradient(&range, output);
            let output =
                accumulate_gradient(&mut policy.decoder, head, &batch.packed, plan.recompute, scope, gradient)?;
            return Ok(output.logprobs());
        };
        let (mut value_loss, mut value_metrics) = (0.0, ValueLossMetrics::default());
        let targets = value_inputs(batch, divisor)?;
        let gradient = |range: Range<i64>, (language, values): &(LanguageOutput, Tensor)| {
            let (value, gradient) = value_gradient(&range, values, &targets, critic)?;
            value_loss += critic.coefficient * value.loss.double_value(&[]);
            value_metrics.merge(&value.metrics);
            Ok::<_, anyhow::Error>((policy_gradient(&range, language)?, gradient * critic.coefficient))
        };
        let mut heads = HeadPair(head, value_head);
        let (output, _) =
            accumulate_gradient(&mut policy.decoder, &mut heads, &batch.packed, plan.recompute, scope, gradient)?;
        *loss += value_loss;
        totals.value_metrics.merge(&value_metrics);
        Ok(output.logprobs())
    }

    /// What the policy's loss is computed from, beside the policy's own logprobs.
    fn inputs(&self) -> LossInputs {
        let Self { batch, divisor, plan } = *self;
        let shared = |tensor: &Option<Tensor>| tensor.as_ref().map(Tensor::shallow_clone);
        LossInputs {
            old_logprobs: shared(&batch.old_logprobs),
            rollout_logprobs: Some(batch.rollout_logprobs.shallow_clone()),
            reference_logprobs: shared(&batch.reference_logprobs),
            advantages: batch.advantages.shallow_clone(),
            mask: batch.mask.shallow_clone(),
            weights: plan.loss.aggregation.token_weights(&batch.mask, &batch.sequences, divisor),
            sequences: batch.sequences.clone(),
        }
    }
}
