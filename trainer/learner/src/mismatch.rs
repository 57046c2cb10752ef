//! Distance of the engine that sampled from the policy that learns, on the same weights and tokens.
//!
//! With `p` and `q` the probabilities that training and rollout gave each sampled token, over trained tokens:
//! KL(rollout, policy) by k3 (`p/q - 1 - log p/q`), the mean and largest `|p - q|`, the largest `|log p - log q|`, and
//! the share of tokens whose `p/q` leaves a band. All are 0 where the two engines compute the same, as exact ones do.

use anyhow::Result;
use serde::{Deserialize, Serialize};
use tch::Tensor;

use crate::kl::{KlEstimator, log_ratio};
use crate::masked_statistics::{MaskedStatistics, pooled};
use crate::ranks::Ranks;

/// Band of ratios of training to rollout probability that pass as agreement.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Band {
    /// Smallest ratio that passes.
    pub low: f64,
    /// Largest ratio that passes.
    pub high: f64,
}

impl Default for Band {
    /// 0.5 to 2: a factor of two either way.
    fn default() -> Self {
        Self { low: 0.5, high: 2.0 }
    }
}

/// Metrics of the difference between rollout and training.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Mismatch {
    /// Trained tokens that the means are over.
    pub num_tokens: i64,
    /// Mean k3 estimate of KL(rollout, policy), in nats.
    pub kl: f64,
    /// Mean absolute difference of the sampled token's probability.
    pub mean_abs_difference: f64,
    /// Largest absolute difference of the sampled token's probability.
    pub max_abs_difference: f64,
    /// Largest absolute difference of the sampled token's logprob, in nats: 0 where both have the same bits.
    pub max_logprob_difference: f64,
    /// Share of tokens whose ratio of probabilities is outside the band.
    pub outside_fraction: f64,
}

impl Mismatch {
    /// Compares logprobs `[tokens]` on the tokens where `mask` `[tokens]` (bool or numbers) is true.
    ///
    /// `policy_logprobs` are those of training before any update on these tokens: the old logprobs.
    pub fn measure(rollout_logprobs: &Tensor, policy_logprobs: &Tensor, mask: &Tensor, band: Band) -> Self {
        let mask = mask.to_kind(tch::Kind::Bool);
        if mask.numel() == 0 {
            return Self::default();
        }
        let masked = mask.logical_not();
        let kept = |logprobs: &Tensor| {
            let logprobs = logprobs.detach().to_kind(tch::Kind::Float);
            logprobs.masked_fill(&masked, 0.0)
        };
        let (rollout, policy) = (kept(rollout_logprobs), kept(policy_logprobs));
        let difference = (policy.exp() - rollout.exp()).abs(); // [tokens]
        let ratio = log_ratio(&policy, &rollout).exp();
        let outside = ratio.lt(band.low).logical_or(&ratio.gt(band.high));

        let mut statistics = MaskedStatistics::new(&mask);
        let kl = statistics.mean(&KlEstimator::K3.estimate(&rollout, &policy));
        let mean_abs_difference = statistics.mean(&difference);
        let max_abs_difference = statistics.max(&difference);
        let max_logprob_difference = statistics.max(&(&policy - &rollout).abs());
        let outside_fraction = statistics.mean(&outside);
        let (num_tokens, values) = statistics.finish();
        Self {
            num_tokens,
            kl: values[kl],
            mean_abs_difference: values[mean_abs_difference],
            max_abs_difference: values[max_abs_difference],
            max_logprob_difference: values[max_logprob_difference],
            outside_fraction: values[outside_fraction],
        }
    }

    /// Adds another micro-batch's metrics, weighing means by trained tokens.
    pub fn merge(&mut self, other: &Self) {
        let mix = pooled(self.num_tokens, other.num_tokens);
        *self = Self {
            num_tokens: self.num_tokens + other.num_tokens,
            kl: mix(self.kl, other.kl),
            mean_abs_difference: mix(self.mean_abs_difference, other.mean_abs_difference),
            max_abs_difference: self.max_abs_difference.max(other.max_abs_difference),
            max_logprob_difference: self.max_logprob_difference.max(other.max_logprob_difference),
            outside_fraction: mix(self.outside_fraction, other.outside_fraction),
        };
    }

    /// The metrics of all ranks.
    pub(crate) fn over(self, ranks: Option<&Ranks>) -> Result<Self> {
        let Some(ranks) = ranks else { return Ok(self) };
        let Self { num_tokens, kl, mean_abs_difference, max_abs_difference, max_logprob_difference, outside_fraction } =
            self;
        let largest = [max_abs_difference, max_logprob_difference];
        let own = [num_tokens as f64, kl, mean_abs_difference, largest[0], largest[1], outside_fraction];
        let mut all = Self::default();
        for numbers in ranks.gathered(&own)? {
            all.merge(&Self {
                num_tokens: numbers[0] as i64,
                kl: numbers[1],
                mean_abs_difference: numbers[2],
                max_abs_difference: numbers[3],
                max_logprob_difference: numbers[4],
                outside_fraction: numbers[5],
            });
        }
        Ok(all)
    }
}
