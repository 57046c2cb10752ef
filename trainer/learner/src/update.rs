//! From groups of trajectories to new weights.
//!
//! A step's batch is split into minibatches of whole groups; each is one optimizer update whose gradient is summed over
//! micro-batches with the counts of the whole minibatch, so that neither the micro-batches nor the head's chunks change
//! anything. The old policy is the policy as the step began: in the first minibatch that is the policy itself, for
//! later ones its logprobs are computed before the first update.

use std::ops::Range;

use anyhow::{Context, Result};
use policy::{
    Decoder, HeadOptions, HeadPair, LanguageGradient, LanguageHead, LanguageOutput, LossScope, Recompute,
    accumulate_gradient, outputs,
};
use serde::{Deserialize, Serialize};
use tch::{Device, Tensor};

use crate::aggregation::Divisor;
use crate::critic::{CriticPlan, estimate, update_critic, value_gradient, value_inputs};
use crate::learner::Learner;
use crate::loss::{LossInputs, PolicyLossConfig, policy_loss};
use crate::micro_batch::{MicroBatch, by_sequence, micro_batches};
use crate::minibatch::minibatches;
use crate::mismatch::{Band, Mismatch};
use crate::trainable::Actor;
use crate::trajectory::Trajectory;
use crate::update_outcome::{PolicyTotals, SkippedBatch, UpdateOutcome};

/// Which logprobs stand for the old policy in the ratio.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OldLogprobs {
    /// The policy's own as the step begins, computed by the code that trains; a rollout correction then weighs how far
    /// the rollout's are from them.
    #[default]
    Recompute,
    /// Those that were recorded while sampling: a pass less, and the ratio holds the mismatch of the engines too.
    Rollout,
}

/// Settings of an update.
#[derive(Clone, Debug)]
pub struct UpdatePlan {
    /// Number of optimizer updates of the policy in each step.
    pub updates_per_step: usize,
    /// Most tokens that go through a model at a time.
    pub micro_batch_tokens: usize,
    /// Temperature of the rollout, and the head's chunk.
    pub head: HeadOptions,
    /// Part of the forward pass that the backward pass computes again.
    pub recompute: Recompute,
    /// Old policy of the ratio.
    pub old_logprobs: OldLogprobs,
    /// The policy's loss.
    pub loss: PolicyLossConfig,
    /// Critic, where the algorithm has one.
    pub critic: Option<CriticPlan>,
}

/// Updates policy and critic on a step's groups; `step` counts from 0 and places the updates in the schedules.
///
/// # Errors
/// The trajectories' numbers do not fit together, or a model is frozen.
pub fn update(
    learner: &mut Learner,
    mut groups: Vec<Vec<Trajectory>>,
    plan: &UpdatePlan,
    step: u64,
) -> Result<UpdateOutcome> {
    let mut outcome = UpdateOutcome::default();
    let mut first_step = 0;
    if let Some(critic) = &plan.critic {
        outcome.critic = Some(estimate(learner, &mut groups, plan, critic)?);
        first_step = critic.pretrain_steps;
    }
    // While a critic is trained beforehand, the policy stands still.
    if let Some(step) = step.checked_sub(first_step) {
        update_policy(learner, &groups, plan, step, &mut outcome)?;
    }
    if let Some(critic) = &plan.critic {
        update_critic(learner, &groups, plan, critic, step, &mut outcome)?;
    }
    let counts = [Some(learner.policy.counts), learner.critic.as_ref().map(|critic| critic.counts)];
    outcome.skipped_in_a_row = counts.iter().flatten().map(|counts| counts.skipped_in_a_row).max().unwrap_or(0);
    outcome.trajectories = groups.into_iter().flatten().collect();
    Ok(outcome)
}

fn update_policy(
    learner: &mut Learner,
    groups: &[Vec<Trajectory>],
    plan: &UpdatePlan,
    step: u64,
    outcome: &mut UpdateOutcome,
) -> Result<()> {
    let device = learner.policy.model.policy.decoder.device();
    let pieces = minibatches(groups, plan.updates_per_step);
    let batches = pieces.iter().map(|piece| Minibatch::new(piece, plan, device)).collect::<Result<Vec<_>>>()?;
    let old: Vec<Vec<OldPolicy>> =
        batches.iter().enumerate().map(|(place, batch)| old_policies(learner, batch, place, plan)).collect();
    let mut totals = PolicyTotals::default();
    for (place, (batch, old)) in batches.iter().zip(old).enumerate() {
        let mut loss = 0.0;
        for (micro_batch, old) in batch.micro_batches.iter().zip(&old) {
            let pass = PolicyPass { batch: micro_batch, divisor: &batch.divisor, old, plan };
            let logprobs = pass.run(learner, &mut loss, &mut totals)?;
            outcome.policy_logprobs.extend(by_sequence(&logprobs, &micro_batch.target_lengths()));
        }
        let applied = learner.policy.apply(step * plan.updates_per_step as u64 + place as u64, loss)?;
        totals.add_update(loss, &applied);
        if applied.applied {
            learner.policy_version += 1;
        } else {
            outcome.skipped.push(SkippedBatch { model: "policy".into(), place, trajectories: pieces[place].concat() });
        }
    }
    outcome.policy = Some(totals.finish(learner.policy_version));
    Ok(())
}

/// A minibatch, packed, and the counts that its losses are divided by.
#[derive(Debug)]
pub(crate) struct Minibatch {
    pub micro_batches: Vec<MicroBatch>,
    pub divisor: Divisor,
}

impl Minibatch {
    pub(crate) fn new(groups: &[Vec<Trajectory>], plan: &UpdatePlan, device: Device) -> Result<Self> {
        let trajectories: Vec<&Trajectory> = groups.iter().flatten().collect();
        let micro_batches = micro_batches(&trajectories, plan.micro_batch_tokens, device)?;
        let divisor = Divisor::from_counts(micro_batches.iter().flat_map(MicroBatch::target_lengths));
        Ok(Self { micro_batches, divisor })
    }
}

/// Old logprobs of a micro-batch.
enum OldPolicy {
    /// The policy is still what it was: its own.
    Current,
    /// `[targets]` float32
    Known(Tensor),
}

fn old_policies(learner: &Learner, batch: &Minibatch, place: usize, plan: &UpdatePlan) -> Vec<OldPolicy> {
    let decoder = &learner.policy.model.policy.decoder;
    let old = |batch: &MicroBatch| match (plan.old_logprobs, place) {
        (OldLogprobs::Rollout, _) => OldPolicy::Known(batch.rollout_logprobs.shallow_clone()),
        (OldLogprobs::Recompute, 0) => OldPolicy::Current,
        (OldLogprobs::Recompute, _) => OldPolicy::Known(logprobs(decoder, batch, plan.head)),
    };
    batch.micro_batches.iter().map(old).collect()
}

/// Logprobs of a micro-batch's targets, `[targets]`, without a graph.
fn logprobs(decoder: &Decoder, batch: &MicroBatch, head: HeadOptions) -> Tensor {
    outputs(decoder, &LanguageHead::new(decoder.store(), head), &batch.packed).logprobs()
}

/// One micro-batch's way through the policy.
struct PolicyPass<'a> {
    batch: &'a MicroBatch,
    divisor: &'a Divisor,
    old: &'a OldPolicy,
    plan: &'a UpdatePlan,
}

impl PolicyPass<'_> {
    /// Gathers the gradient and adds to the minibatch's loss; returns the logprobs of the targets, `[targets]`.
    fn run(&self, learner: &mut Learner, loss: &mut f64, totals: &mut PolicyTotals) -> Result<Tensor> {
        let Self { batch, divisor, plan, .. } = *self;
        let reference = learner.reference.as_ref().filter(|_| plan.loss.kl_coefficient != 0.0);
        let inputs = LossInputs {
            old_logprobs: match self.old {
                OldPolicy::Current => None,
                OldPolicy::Known(old) => Some(old.shallow_clone()),
            },
            rollout_logprobs: Some(batch.rollout_logprobs.shallow_clone()),
            reference_logprobs: reference.map(|reference| logprobs(reference, batch, plan.head)),
            advantages: batch.advantages.shallow_clone(),
            mask: batch.mask.shallow_clone(),
            weights: plan.loss.aggregation.token_weights(&batch.mask, &batch.sequences, divisor),
            sequences: batch.sequences.clone(),
        };
        let scope = if plan.loss.is_token_wise() { LossScope::Token } else { LossScope::Batch };
        let mut policy_gradient = |range: &Range<i64>, output: &LanguageOutput| {
            let policy_logprobs = output.logprobs().set_requires_grad(true);
            let inputs = inputs.narrow(range.start, range.end - range.start);
            let share = policy_loss(&policy_logprobs, &inputs, &plan.loss)?;
            share.loss.backward();
            *loss += share.loss.double_value(&[]);
            let old = inputs.old_logprobs.as_ref().unwrap_or(&policy_logprobs);
            let rollout = inputs.rollout_logprobs.as_ref().context("the rollout's logprobs")?;
            totals.add(&share.metrics, &Mismatch::measure(rollout, old, &inputs.mask, Band::default()), &output.entropy);
            Ok::<_, anyhow::Error>(LanguageGradient { logprob: policy_logprobs.grad(), entropy: None })
        };
        let Actor { policy, value_head } = &mut learner.policy.model;
        let mut head = LanguageHead::new(policy.decoder.store(), plan.head);
        let (Some(value_head), Some(critic)) = (value_head, &plan.critic) else {
            let gradient = |range: Range<i64>, output: &LanguageOutput| policy_gradient(&range, output);
            let output =
                accumulate_gradient(&mut policy.decoder, &mut head, &batch.packed, plan.recompute, scope, gradient)?;
            return Ok(output.logprobs());
        };
        let (mut value_loss, targets) = (0.0, value_inputs(batch, divisor)?);
        let gradient = |range: Range<i64>, (language, values): &(LanguageOutput, Tensor)| {
            let (value, gradient) = value_gradient(&range, values, &targets, critic)?;
            value_loss += critic.coefficient * value.loss.double_value(&[]);
            Ok::<_, anyhow::Error>((policy_gradient(&range, language)?, gradient * critic.coefficient))
        };
        let mut heads = HeadPair(&mut head, value_head);
        let (output, _) =
            accumulate_gradient(&mut policy.decoder, &mut heads, &batch.packed, plan.recompute, scope, gradient)?;
        *loss += value_loss;
        Ok(output.logprobs())
    }
}
