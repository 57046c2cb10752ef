//! The critic of PPO: values of the targets before an update, advantages and returns from them, and its own updates.
//!
//! Advantages are GAE's with the policy's lambda, returns with the
//! critic's own (VAPO, arXiv 2504.05118, takes 1 for the critic and less for the policy).

use std::ops::Range;

use anyhow::{Context, Result};
use policy::{LossScope, RewardModel, accumulate_gradient, outputs};
use tch::Tensor;

use crate::aggregation::{Aggregation, Divisor};
use crate::explained_variance::explained_variance;
use crate::gae::{GaeConfig, gae};
use crate::learner::Learner;
use crate::micro_batch::{MicroBatch, Minibatch};
use crate::minibatch::minibatches_on;
use crate::ranks::Ranks;
use crate::trainable::Model;
use crate::trajectory::{Advantages, Trajectory, TrajectoryGroup, trajectories_of};
use crate::update_outcome::{CriticOutcome, SkippedBatch, UpdateOutcome};
use crate::update_plan::{CriticPlan, UpdatePlan};
use crate::value_loss::{ValueLossInputs, ValueLossMetrics, ValueLossOutput, value_loss};
use crate::whitening::whitened_among;

/// Gives each trajectory its values, returns and advantages.
pub(crate) fn estimate(
    learner: &Learner,
    groups: &mut [TrajectoryGroup],
    plan: &UpdatePlan,
    critic: &CriticPlan,
) -> Result<CriticOutcome> {
    add_values(learner, groups, plan)?;
    let (mut advantages, mut all_values, mut all_returns) = (Vec::new(), Vec::new(), Vec::new());
    for trajectory in trajectories_of(groups) {
        let rewards = trajectory.token_rewards();
        let values = trajectory.old_values.as_deref().unwrap_or_default();
        advantages.push(gae(&critic.gae, &rewards, values)?.advantages);
        let of_critic = GaeConfig { lambda: critic.lambda, ..critic.gae };
        let returns = gae(&of_critic, &rewards, values)?.returns;
        all_values.extend_from_slice(values);
        all_returns.extend_from_slice(&returns);
        trajectory.returns = Some(returns);
    }
    if let Some(ranks) = &learner.ranks {
        (all_values, all_returns) = (ranks.joined(&all_values)?, ranks.joined(&all_returns)?);
    }
    if critic.gae.whiten {
        let own = advantages.concat();
        let all = learner.ranks.as_ref().map_or(Ok(own.clone()), |ranks| ranks.joined(&own))?;
        advantages = whitened_among(&advantages, &all);
    }
    for (trajectory, advantages) in trajectories_of(groups).zip(advantages) {
        trajectory.advantages = Advantages::Tokens(advantages);
    }
    Ok(CriticOutcome {
        value_mean: mean(&all_values),
        return_mean: mean(&all_returns),
        explained_variance: explained_variance(&all_values, &all_returns),
        ..CriticOutcome::default()
    })
}

/// Gives the trajectories the critic's values where they lack them.
fn add_values(learner: &Learner, groups: &mut [TrajectoryGroup], plan: &UpdatePlan) -> Result<()> {
    let lacking: Vec<&mut Trajectory> =
        trajectories_of(groups).filter(|trajectory| trajectory.old_values.is_none()).collect();
    let device = learner.policy.model.policy.decoder.device();
    let batch = Minibatch::new(lacking.iter().map(|it| &**it), plan.micro_batch_tokens, device)?;
    let batch = batch.on(learner.ranks.as_ref(), device)?;
    let mut values = Vec::with_capacity(lacking.len());
    for micro_batch in &batch.micro_batches {
        values.extend(micro_batch.by_trajectory(&values_of(learner, micro_batch)?));
    }
    let critic = learner.critic.as_ref().map(|critic| &critic.model.decoder);
    critic.unwrap_or(&learner.policy.model.policy.decoder).store().verify()?;
    learner.ranks.as_ref().map_or(Ok(()), Ranks::verify)?;
    for (trajectory, values) in lacking.into_iter().zip(values) {
        trajectory.old_values = Some(values);
    }
    Ok(())
}

fn mean(values: &[f32]) -> f64 {
    values.iter().map(|value| f64::from(*value)).sum::<f64>() / values.len().max(1) as f64
}

/// Values of a micro-batch's targets, `[targets]` float32.
fn values_of(learner: &Learner, batch: &MicroBatch) -> Result<Tensor> {
    if let Some(critic) = &learner.critic {
        return Ok(outputs(&critic.model.decoder, &critic.model.head, &batch.packed));
    }
    let actor = &learner.policy.model;
    let head = actor.value_head.as_ref().context("the algorithm needs a critic, and none is loaded")?;
    Ok(outputs(&actor.policy.decoder, head, &batch.packed))
}

/// What a micro-batch's values are held to; `divisor` counts the whole minibatch.
pub(crate) fn value_inputs(batch: &MicroBatch, divisor: &Divisor) -> Result<ValueLossInputs> {
    let returns = batch.returns.as_ref().context("these trajectories have no returns")?;
    Ok(ValueLossInputs {
        old_values: batch.old_values.as_ref().map(Tensor::shallow_clone),
        returns: returns.shallow_clone(),
        mask: batch.mask.shallow_clone(),
        weights: Aggregation::TokenMean.token_weights(&batch.mask, &batch.sequences, divisor),
    })
}

/// The share of the minibatch's value loss that the targets in `range` make, and its gradient in their values, both
/// `[targets]`.
pub(crate) fn value_gradient(
    range: &Range<i64>,
    values: &Tensor,
    inputs: &ValueLossInputs,
    critic: &CriticPlan,
) -> Result<(ValueLossOutput, Tensor)> {
    let values = values.detach().set_requires_grad(true);
    let share = value_loss(&values, &inputs.narrow(range.start, range.end - range.start), &critic.value_loss)?;
    share.loss.backward();
    let gradient = values.grad();
    Ok((share, gradient))
}

/// The updates of a critic with weights of its own.
pub(crate) fn update_critic(
    learner: &mut Learner,
    groups: &[TrajectoryGroup],
    plan: &UpdatePlan,
    critic: &CriticPlan,
    step: u64,
    outcome: &mut UpdateOutcome,
) -> Result<()> {
    let ranks = learner.ranks.as_ref();
    let Some(trainable) = &mut learner.critic else { return Ok(()) };
    let device = trainable.model.decoder.device();
    let pieces = minibatches_on(groups, critic.updates_per_step, ranks)?;
    let (mut total_loss, mut total_norm, mut num_applied) = (0.0, 0.0, 0);
    let (mut lr, mut metrics) = (None, ValueLossMetrics::default());
    for (place, piece) in pieces.iter().enumerate() {
        let batch = Minibatch::of_groups(piece, plan.micro_batch_tokens, device)?.on(ranks, device)?;
        trainable.model.clear_gradients(); // of a minibatch that ended in an error
        let (mut loss, mut of_batch) = (0.0, ValueLossMetrics::default());
        for micro_batch in &batch.micro_batches {
            let inputs = value_inputs(micro_batch, &batch.divisor)?;
            let gradient = |range: Range<i64>, values: &Tensor| {
                let (share, gradient) = value_gradient(&range, values, &inputs, critic)?;
                loss += share.loss.double_value(&[]);
                of_batch.merge(&share.metrics);
                Ok::<_, anyhow::Error>(gradient)
            };
            let RewardModel { decoder, head, .. } = &mut trainable.model;
            let _ =
                accumulate_gradient(decoder, head, &micro_batch.packed, plan.recompute, LossScope::Token, gradient)?;
        }
        let applied = trainable.apply(step * critic.updates_per_step as u64 + place as u64, loss, ranks)?;
        lr = Some(applied.lr);
        if applied.applied {
            (total_loss, total_norm) = (total_loss + applied.loss, total_norm + applied.gradient_norm);
            metrics.merge(&of_batch);
            num_applied += 1;
        } else {
            outcome.skipped.push(SkippedBatch::new("critic", place, piece));
        }
    }
    let metrics = metrics.over(ranks)?;
    if let Some(figures) = &mut outcome.critic {
        figures.lr = lr;
        if num_applied > 0 {
            figures.loss = Some(total_loss / f64::from(num_applied));
            figures.gradient_norm = Some(total_norm / f64::from(num_applied));
            figures.clip_fraction = Some(metrics.clip_fraction);
        }
    }
    Ok(())
}
