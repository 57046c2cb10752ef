//! Sums over the micro-batches of a step's updates, and the metrics that they become.

use policy::HeadOutput;
use record::metrics::Metrics;
use record::names;
use tch::{Kind, Tensor};

use learner::loss::LossMetrics;
use learner::mismatch::Mismatch;
use crate::learner::Learner;
use crate::micro_batch::MicroBatch;

/// Metrics and logprobs of the updates of one step.
#[derive(Debug, Default)]
pub(crate) struct UpdateOutcome {
    /// Metrics `policy/*` and `mismatch/*`.
    pub metrics: Metrics,
    /// Logprobs of each trajectory's completion under the policy, as its update began.
    pub policy_logprobs: Vec<Vec<f32>>,
}

/// Sums over a step's micro-batches.
#[derive(Default)]
pub(crate) struct Totals {
    loss: f64,
    loss_metrics: LossMetrics,
    mismatch: Mismatch,
    entropy: f64,
    num_tokens: i64,
    /// Sum over the updates of the norm before clipping.
    pub gradient_norm: f64,
    /// Rate of the last update.
    pub lr: f64,
    /// Updates whose gradient was not finite.
    pub num_skipped: u32,
    policy_logprobs: Vec<Vec<f32>>,
}

impl Totals {
    pub(crate) fn add(
        &mut self,
        loss: f64,
        metrics: &LossMetrics,
        mismatch: &Mismatch,
        output: &HeadOutput,
        batch: &MicroBatch,
    ) {
        self.loss += loss;
        self.loss_metrics.merge(metrics);
        self.mismatch.merge(mismatch);
        self.entropy += output.entropy.sum(Kind::Double).double_value(&[]);
        self.num_tokens += output.entropy.numel() as i64;
        let lengths: Vec<i64> = batch.packed.target_lengths.iter().map(|length| *length as i64).collect();
        let rows = output.logprobs.split_with_sizes(lengths, 0);
        self.policy_logprobs.extend(rows.iter().map(floats));
    }

    pub(crate) fn finish(self, num_minibatches: usize, learner: &Learner) -> UpdateOutcome {
        let mut metrics = Metrics::new();
        let count = num_minibatches.max(1) as f64;
        metrics.set(names::POLICY_LOSS, self.loss / count);
        metrics.set(names::POLICY_ENTROPY, self.entropy / self.num_tokens.max(1) as f64);
        metrics.set(names::POLICY_GRADIENT_NORM, self.gradient_norm / count);
        metrics.set(names::POLICY_LR, self.lr);
        metrics.set(names::POLICY_VERSION, learner.policy_version as f64);
        metrics.set(names::POLICY_CLIP_FRACTION, self.loss_metrics.clip_fraction);
        metrics.set(names::POLICY_KL_OLD, self.loss_metrics.approximate_kl);
        metrics.set(names::POLICY_RATIO_MAX, self.loss_metrics.ratio_max);
        metrics.set(names::POLICY_SKIPPED_UPDATES, f64::from(self.num_skipped));
        if let Some(kl) = self.loss_metrics.reference_kl {
            metrics.set(names::POLICY_KL_REFERENCE, kl);
        }
        if let Some(cut) = self.loss_metrics.correction_cut_fraction {
            metrics.set(names::MISMATCH_CORRECTION_CUT_FRACTION, cut);
        }
        metrics.set(names::MISMATCH_KL, self.mismatch.kl);
        metrics.set(names::MISMATCH_MEAN_ABS, self.mismatch.mean_abs_difference);
        metrics.set(names::MISMATCH_MAX_ABS, self.mismatch.max_abs_difference);
        metrics.set(names::MISMATCH_OUTSIDE_FRACTION, self.mismatch.outside_fraction);
        UpdateOutcome { metrics, policy_logprobs: self.policy_logprobs }
    }
}

fn floats(tensor: &Tensor) -> Vec<f32> {
    let mut values = vec![0.0; tensor.numel()];
    tensor.to_kind(Kind::Float).contiguous().copy_data(&mut values, tensor.numel());
    values
}
