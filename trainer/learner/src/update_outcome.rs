//! What an update did, and the sums over micro-batches that it is made of.

use anyhow::Result;
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use crate::loss::LossMetrics;
use crate::mismatch::Mismatch;
use crate::ranks::Ranks;
use crate::trainable::StepOutcome;
use crate::trajectory::{Trajectory, TrajectoryGroup};
use crate::value_loss::ValueLossMetrics;

/// What the updates of one step did.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct UpdateOutcome {
    /// Of the policy; absent while a critic is trained beforehand.
    pub policy: Option<PolicyOutcome>,
    /// Of the critic, where there is one.
    pub critic: Option<CriticOutcome>,
    /// The trajectories in their order, with the advantages and returns that were learned from.
    pub trajectories: Vec<Trajectory>,
    /// Logprobs of each trajectory's targets under the policy as its update began; empty where there was none.
    pub policy_logprobs: Vec<Vec<f32>>,
    /// Minibatches whose loss or gradient was not finite.
    pub skipped: Vec<SkippedBatch>,
    /// Largest number of updates that were skipped in a row, of policy or critic.
    pub skipped_in_a_row: u32,
}

/// A minibatch whose update was skipped.
#[derive(Debug, Serialize, Deserialize)]
pub struct SkippedBatch {
    /// Name of the model that was not updated: `policy` or `critic`.
    pub model: String,
    /// Place of the minibatch among the step's, from 0.
    pub place: usize,
    /// The trajectories of the minibatch.
    pub trajectories: Vec<Trajectory>,
}

impl SkippedBatch {
    pub(crate) fn new(model: &str, place: usize, groups: &[TrajectoryGroup]) -> Self {
        let trajectories = groups.iter().flat_map(|group| group.trajectories.iter().cloned()).collect();
        Self { model: model.to_owned(), place, trajectories }
    }
}

/// Figures of the policy's updates of one step: of those that were applied, 0 where none was.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct PolicyOutcome {
    /// Mean loss of the updates.
    pub loss: f64,
    /// Mean entropy over all targets, in nats.
    pub entropy: f64,
    /// Mean norm of the gradients before clipping.
    pub gradient_norm: f64,
    /// Learning rate of the last update, applied or not.
    pub lr: f64,
    /// Number of updates that were applied.
    pub num_applied: u32,
    /// Number of updates that were skipped.
    pub num_skipped: u32,
    /// Version of the policy after the updates.
    pub policy_version: u64,
    /// Figures of the loss; of no token where no update was applied.
    pub loss_metrics: LossMetrics,
    /// Distance of the rollout's probabilities from the old policy's. Where the rollout's logprobs stand for the old
    /// policy's, it is measured as long as the policy is still as the step began: in the first minibatch.
    pub mismatch: Mismatch,
}

/// Figures of the critic in one step; those of updates are absent where none was applied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CriticOutcome {
    /// Mean value of the targets before the updates.
    pub value_mean: f64,
    /// Mean return of the targets.
    pub return_mean: f64,
    /// Share of the returns' variance that the values explained before the updates; none where the returns are equal.
    pub explained_variance: Option<f64>,
    /// Mean value loss of the critic's own updates; of a shared trunk it is part of the policy's loss.
    pub loss: Option<f64>,
    /// Share of targets whose value loss was clipped, on a shared trunk too.
    pub clip_fraction: Option<f64>,
    /// Mean norm of the critic's own gradients before clipping.
    pub gradient_norm: Option<f64>,
    /// Learning rate of the critic's last own update.
    pub lr: Option<f64>,
}

/// Sums over the targets of some micro-batches.
#[derive(Debug, Default)]
pub(crate) struct TargetTotals {
    pub(crate) loss_metrics: LossMetrics,
    pub(crate) mismatch: Mismatch,
    /// Of the value loss, where the critic shares the policy's trunk.
    pub(crate) value_metrics: ValueLossMetrics,
    entropy: f64,
    num_targets: i64,
}

impl TargetTotals {
    /// Adds the entropies of some targets, `[targets]`.
    pub(crate) fn add_entropy(&mut self, entropy: &Tensor) {
        self.entropy += entropy.sum(Kind::Double).double_value(&[]);
        self.num_targets += entropy.numel() as i64;
    }

    fn merge(&mut self, other: &Self) {
        self.loss_metrics.merge(&other.loss_metrics);
        self.mismatch.merge(&other.mismatch);
        self.value_metrics.merge(&other.value_metrics);
        self.entropy += other.entropy;
        self.num_targets += other.num_targets;
    }

    /// The sums of all ranks.
    fn over(self, ranks: Option<&Ranks>) -> Result<Self> {
        let Some(some) = ranks else { return Ok(self) };
        let [entropy, num_targets] = some.sums([self.entropy, self.num_targets as f64])?;
        Ok(Self {
            loss_metrics: self.loss_metrics.over(ranks)?,
            mismatch: self.mismatch.over(ranks)?,
            value_metrics: self.value_metrics.over(ranks)?,
            entropy,
            num_targets: num_targets as i64,
        })
    }
}

/// Sums over a step's minibatches.
#[derive(Debug, Default)]
pub(crate) struct PolicyTotals {
    /// Of the minibatches whose update was applied: of the others hardly a number is finite.
    pub(crate) targets: TargetTotals,
    loss: f64,
    gradient_norm: f64,
    pub(crate) num_applied: u32,
    num_skipped: u32,
    lr: f64,
}

impl PolicyTotals {
    /// Adds a minibatch and what its update did.
    pub(crate) fn add_update(&mut self, targets: &TargetTotals, step: &StepOutcome) {
        self.lr = step.lr;
        if !step.applied {
            self.num_skipped += 1;
            return;
        }
        self.targets.merge(targets);
        self.loss += step.loss;
        self.gradient_norm += step.gradient_norm;
        self.num_applied += 1;
    }

    /// The same with the targets of all ranks, which took part in the same updates.
    pub(crate) fn over(self, ranks: Option<&Ranks>) -> Result<Self> {
        Ok(Self { targets: self.targets.over(ranks)?, ..self })
    }

    pub(crate) fn finish(self, policy_version: u64) -> PolicyOutcome {
        let updates = f64::from(self.num_applied.max(1));
        PolicyOutcome {
            loss: self.loss / updates,
            entropy: self.targets.entropy / self.targets.num_targets.max(1) as f64,
            gradient_norm: self.gradient_norm / updates,
            lr: self.lr,
            num_applied: self.num_applied,
            num_skipped: self.num_skipped,
            policy_version,
            loss_metrics: self.targets.loss_metrics,
            mismatch: self.targets.mismatch,
        }
    }
}
