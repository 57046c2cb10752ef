//! What an update did, and the sums over micro-batches that it is made of.

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use crate::loss::LossMetrics;
use crate::mismatch::Mismatch;
use crate::trainable::StepOutcome;
use crate::trajectory::Trajectory;

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

/// Figures of the policy's updates of one step.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct PolicyOutcome {
    /// Mean loss of the updates.
    pub loss: f64,
    /// Mean entropy over all targets, in nats.
    pub entropy: f64,
    /// Mean norm of the gradients before clipping.
    pub gradient_norm: f64,
    /// Learning rate of the last update.
    pub lr: f64,
    /// Number of updates that were skipped.
    pub num_skipped: u32,
    /// Version of the policy after the updates.
    pub policy_version: u64,
    /// Figures of the loss.
    pub loss_metrics: LossMetrics,
    /// Distance of the rollout's probabilities from the old policy's.
    pub mismatch: Mismatch,
}

/// Figures of the critic in one step.
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
    /// Share of targets whose value loss was clipped.
    pub clip_fraction: Option<f64>,
    /// Mean norm of the critic's own gradients before clipping.
    pub gradient_norm: Option<f64>,
    /// Learning rate of the critic's last own update.
    pub lr: Option<f64>,
}

/// Sums over a step's micro-batches.
#[derive(Debug, Default)]
pub(crate) struct PolicyTotals {
    sums: PolicyOutcome,
    num_updates: u32,
    num_targets: i64,
}

impl PolicyTotals {
    /// Adds some targets; `entropy` is `[targets]`.
    pub(crate) fn add(&mut self, metrics: &LossMetrics, mismatch: &Mismatch, entropy: &Tensor) {
        self.sums.loss_metrics.merge(metrics);
        self.sums.mismatch.merge(mismatch);
        self.sums.entropy += entropy.sum(Kind::Double).double_value(&[]);
        self.num_targets += entropy.numel() as i64;
    }

    pub(crate) fn add_update(&mut self, loss: f64, step: &StepOutcome) {
        self.sums.loss += loss;
        self.sums.gradient_norm += step.gradient_norm;
        self.sums.lr = step.lr;
        self.sums.num_skipped += u32::from(!step.applied);
        self.num_updates += 1;
    }

    pub(crate) fn finish(self, policy_version: u64) -> PolicyOutcome {
        let updates = f64::from(self.num_updates.max(1));
        PolicyOutcome {
            loss: self.sums.loss / updates,
            entropy: self.sums.entropy / self.num_targets.max(1) as f64,
            gradient_norm: self.sums.gradient_norm / updates,
            policy_version,
            ..self.sums
        }
    }
}
