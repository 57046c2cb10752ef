//! The critic's loss: half the squared distance of values from returns, with PPO's clip.
//!
//! With `V` the value, `V_old` the value that the advantages were computed from, and `R` the return:
//! `0.5 max((V - R)^2, (V_old + clip(V - V_old, -c, c) - R)^2)` (OpenAI's baselines, `ppo2`; verl and TRL have the same
//! half), or `0.5 (V - R)^2` without a clip. Losses are summed by the weights of an aggregation
//! ([`crate::aggregation`]), so that pieces of a batch add up to the whole.
//!
//! Departures: PPO's paper (arXiv 1707.06347) has the square alone; clip and half come from its code.

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor, no_grad};

use crate::masked_statistics::{MaskedStatistics, pooled};
use crate::ranks::Ranks;

/// Settings of the critic's loss.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ValueLossConfig {
    /// Distance by which a value may move from its old one, in units of reward; 0.2 is usual. None leaves it free.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clip: Option<f64>,
}

impl ValueLossConfig {
    /// # Errors
    /// The clip is not positive or not finite.
    pub fn validate(&self) -> Result<()> {
        if let Some(clip) = self.clip {
            ensure!(
                clip.is_finite() && clip > 0.0,
                "the value loss's clip is {clip}; set it over 0 (0.2 is usual), or leave it out for none"
            );
        }
        Ok(())
    }
}

/// Tensors that a value loss is computed from, beside the values. Masked tokens may hold anything, even NaN.
#[derive(Debug)]
pub struct ValueLossInputs {
    /// `[tokens]`, the values that the advantages were computed from; needed by a clip.
    pub old_values: Option<Tensor>,
    /// `[tokens]`, what the values should be.
    pub returns: Tensor,
    /// `[tokens]`, bool or numbers: true or not 0 for the tokens that are trained on.
    pub mask: Tensor,
    /// `[tokens]` float32, by [`crate::aggregation::Aggregation::token_weights`].
    pub weights: Tensor,
}

impl ValueLossInputs {
    /// The inputs of the `length` tokens from `start` on, as views.
    pub fn narrow(&self, start: i64, length: i64) -> Self {
        let cut = |tensor: &Tensor| tensor.narrow(0, start, length);
        Self {
            old_values: self.old_values.as_ref().map(cut),
            returns: cut(&self.returns),
            mask: cut(&self.mask),
            weights: cut(&self.weights),
        }
    }

    fn check(&self, values: &Tensor) -> Result<()> {
        let size = values.size();
        ensure!(size.len() == 1 && size[0] > 0, "values have shape {size:?}; give one for each token, at least one");
        let named = [
            ("old_values", self.old_values.as_ref()),
            ("returns", Some(&self.returns)),
            ("mask", Some(&self.mask)),
            ("weights", Some(&self.weights)),
        ];
        for (name, tensor) in named {
            if let Some(tensor) = tensor {
                ensure!(tensor.size() == size, "{name} has shape {:?}, but values have {size:?}", tensor.size());
            }
        }
        Ok(())
    }
}

/// A value loss and its metrics.
#[derive(Debug)]
pub struct ValueLossOutput {
    /// Scalar float32 with a graph: these tokens' share of the minibatch's loss.
    pub loss: Tensor,
    /// Metrics of these tokens.
    pub metrics: ValueLossMetrics,
}

/// Metrics of one or more pieces of a batch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ValueLossMetrics {
    /// Trained tokens that the means are over.
    pub num_tokens: i64,
    /// Share of tokens that gave no gradient, as the clip held their value.
    pub clip_fraction: f64,
}

impl ValueLossMetrics {
    /// Adds another piece's metrics, weighing means by trained tokens.
    pub fn merge(&mut self, other: &Self) {
        let mix = pooled(self.num_tokens, other.num_tokens);
        *self = Self {
            num_tokens: self.num_tokens + other.num_tokens,
            clip_fraction: mix(self.clip_fraction, other.clip_fraction),
        };
    }

    /// The metrics of all ranks.
    pub(crate) fn over(self, ranks: Option<&Ranks>) -> Result<Self> {
        let Some(ranks) = ranks else { return Ok(self) };
        let mut all = Self::default();
        for numbers in ranks.gathered(&[self.num_tokens as f64, self.clip_fraction])? {
            all.merge(&Self { num_tokens: numbers[0] as i64, clip_fraction: numbers[1] });
        }
        Ok(all)
    }
}

/// The share of the minibatch's value loss that these tokens make, for `values` `[tokens]` of the critic being trained,
/// with a graph.
///
/// # Errors
/// The clip has no old values, or the inputs' lengths differ.
pub fn value_loss(values: &Tensor, inputs: &ValueLossInputs, config: &ValueLossConfig) -> Result<ValueLossOutput> {
    inputs.check(values)?;
    let mask = inputs.mask.to_kind(Kind::Bool); // [tokens]
    let masked = mask.logical_not();
    let kept = |values: &Tensor| values.to_kind(Kind::Float).masked_fill(&masked, 0.0);
    let (values, returns) = (kept(values), kept(&inputs.returns.detach()));
    let free = (&values - &returns).square();
    let (squares, clipped) = match config.clip {
        Some(clip) => {
            let old = inputs.old_values.as_ref().context("the value loss's clip needs the old values; pass them")?;
            let old = kept(&old.detach());
            let change = &values - &old;
            let bounded = (change.clamp(-clip, clip) + old - &returns).square();
            // Within the clip the two differ by rounding, and have one gradient.
            let is_held = no_grad(|| change.abs().gt(clip).logical_and(&bounded.gt_tensor(&free)));
            (free.maximum(&bounded), is_held)
        }
        None => (free.shallow_clone(), mask.zeros_like()),
    };
    let mut statistics = MaskedStatistics::new(&mask);
    let clip_fraction = statistics.mean(&clipped);
    let loss = (squares * 0.5 * kept(&inputs.weights)).sum(Kind::Float);
    let (num_tokens, means) = statistics.finish();
    Ok(ValueLossOutput { loss, metrics: ValueLossMetrics { num_tokens, clip_fraction: means[clip_fraction] } })
}
