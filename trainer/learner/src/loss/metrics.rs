//! Metrics of a policy loss, summed over the micro-batches of an update.
//!
//! Everything is a plain number, detached from the graph; means are over trained tokens.

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::masked_statistics::pooled;
use crate::ranks::Ranks;

/// Metrics of one or more micro-batches.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LossMetrics {
    /// Trained tokens that the means are over.
    pub num_tokens: i64,
    /// Share of tokens whose ratio was cut by the clip, so that they gave no gradient (CISPO: a bounded one).
    pub clip_fraction: f64,
    /// Mean of k3 between the old and the current policy, in nats: the movement of this update.
    pub approximate_kl: f64,
    /// Largest ratio of current to old policy (GSPO: of the sequence's ratio).
    pub ratio_max: f64,
    /// Share of tokens whose rollout correction was capped or dropped; none without a correction.
    pub correction_cut_fraction: Option<f64>,
    /// Mean KL estimate to the reference, in nats; none without reference logprobs.
    pub reference_kl: Option<f64>,
}

impl LossMetrics {
    /// Adds another micro-batch's metrics, weighing means by trained tokens.
    pub fn merge(&mut self, other: &Self) {
        if other.num_tokens == 0 {
            return;
        }
        if self.num_tokens == 0 {
            *self = other.clone();
            return;
        }
        let mix = pooled(self.num_tokens, other.num_tokens);
        let mix_optional = |mine: Option<f64>, theirs: Option<f64>| mine.zip(theirs).map(|(a, b)| mix(a, b));
        *self = Self {
            num_tokens: self.num_tokens + other.num_tokens,
            clip_fraction: mix(self.clip_fraction, other.clip_fraction),
            approximate_kl: mix(self.approximate_kl, other.approximate_kl),
            ratio_max: self.ratio_max.max(other.ratio_max),
            correction_cut_fraction: mix_optional(self.correction_cut_fraction, other.correction_cut_fraction),
            reference_kl: mix_optional(self.reference_kl, other.reference_kl),
        };
    }

    /// The metrics of all ranks.
    pub(crate) fn over(self, ranks: Option<&Ranks>) -> Result<Self> {
        let Some(ranks) = ranks else { return Ok(self) };
        let optional = |value: Option<f64>| [f64::from(u8::from(value.is_some())), value.unwrap_or(0.0)];
        let own = [self.num_tokens as f64, self.clip_fraction, self.approximate_kl, self.ratio_max];
        let own = [&own[..], &optional(self.correction_cut_fraction), &optional(self.reference_kl)].concat();
        let mut all = Self::default();
        for numbers in ranks.gathered(&own)? {
            let optional = |place: usize| (numbers[place] != 0.0).then_some(numbers[place + 1]);
            all.merge(&Self {
                num_tokens: numbers[0] as i64,
                clip_fraction: numbers[1],
                approximate_kl: numbers[2],
                ratio_max: numbers[3],
                correction_cut_fraction: optional(4),
                reference_kl: optional(6),
            });
        }
        Ok(all)
    }
}
