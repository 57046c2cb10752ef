//! Policy-gradient losses on packed tokens.
//!
//! With `r = exp(policy - old)`, `A` the advantage and `sg` the stop-gradient, per token:
//!
//! | kind | loss | paper |
//! | --- | --- | --- |
//! | `ppo_clip` | `-min(r A, clip(r, 1 - low, 1 + high) A)` | PPO 1707.06347; low < high: DAPO 2503.14476 |
//! | with `dual_clip` c | where `A < 0`, at most `-c A` | 1912.09729 |
//! | `gspo` | the same with `s = exp(mean of log r over the completion)` for `r` | GSPO 2507.18071 |
//! | `cispo` | `-sg(min(r, 1 + high)) A policy` | MiniMax-M1 2506.13585, as run: without the lower bound |
//! | `cispo_two_sided` | `-sg(clip(r, 1 - low, 1 + high)) A policy` | the same, as printed |
//! | `reinforce` | `-A policy` | |
//!
//! Each token's loss is multiplied by the rollout correction's weight; then `kl_coefficient` times a KL estimate to the
//! reference is added; then losses are aggregated ([`super::aggregation`]).
//!
//! Departures: log ratios are clamped to +-20. CISPO's bound here is the distance from 1, as in its paper (trainers
//! that name the cap itself: cap = 1 + high). GSPO's gradient flows through every token of the completion, weighted as
//! the whole completion is; with a per-token advantage it is not the token variant of its paper.

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor, no_grad};

use super::aggregation::{Aggregation, Divisor, Sequences, aggregate};
use super::kl::{KlEstimator, LOG_RATIO_BOUND, log_ratio};
use super::loss_metrics::{LossMetrics, MaskedMeans};
use super::rollout_correction::RolloutCorrection;

/// Kind of loss, as in the table above.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PolicyLossKind {
    /// PPO's clipped surrogate on each token's ratio: GRPO, DAPO, Dr. GRPO.
    #[default]
    PpoClip,
    /// The clipped surrogate on the completion's length-normalised ratio.
    Gspo,
    /// Policy gradient weighted by the ratio, capped from above.
    Cispo,
    /// Policy gradient weighted by the ratio, clipped on both sides.
    CispoTwoSided,
    /// Plain policy gradient: no ratio, no clip.
    Reinforce,
}

/// Section `loss`: the policy's loss.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PolicyLossConfig {
    /// Kind of loss.
    pub kind: PolicyLossKind,
    /// Distance by which the ratio may fall below 1. 0.2 in PPO and DAPO; 3e-4 in GSPO. `cispo` and `reinforce` do not
    /// use it.
    pub clip_low: f64,
    /// Distance by which the ratio may rise above 1. 0.28 in DAPO; 4e-4 in GSPO. `reinforce` does not use it.
    pub clip_high: f64,
    /// Bound on the loss of tokens with a negative advantage, in units of the advantage's size. Over 1; 3 in its paper,
    /// 10 in DAPO's code. `ppo_clip` alone uses it.
    pub dual_clip: Option<f64>,
    /// Aggregation of the losses of tokens to one number.
    pub aggregation: Aggregation,
    /// Weights of tokens for the difference between rollout and training.
    pub rollout_correction: RolloutCorrection,
    /// Factor of the KL estimate to the reference policy in the loss. 0 needs no reference.
    pub kl_coefficient: f64,
    /// Estimator of that KL divergence.
    pub kl_estimator: KlEstimator,
}

impl Default for PolicyLossConfig {
    fn default() -> Self {
        Self {
            kind: PolicyLossKind::PpoClip,
            clip_low: 0.2,
            clip_high: 0.28,
            dual_clip: None,
            aggregation: Aggregation::TokenMean,
            rollout_correction: RolloutCorrection::None,
            kl_coefficient: 0.0,
            kl_estimator: KlEstimator::K3,
        }
    }
}

impl PolicyLossConfig {
    /// Errors where a number is outside the range in which the loss means something.
    pub fn validate(&self) -> Result<()> {
        ensure!((0.0..=1.0).contains(&self.clip_low), "loss.clip_low is {}; set it between 0 and 1", self.clip_low);
        ensure!(
            self.clip_high.is_finite() && self.clip_high >= 0.0,
            "loss.clip_high is {}; set it to 0 or more",
            self.clip_high
        );
        if let Some(bound) = self.dual_clip {
            ensure!(bound.is_finite() && bound > 1.0, "loss.dual_clip is {bound}; set it over 1, or leave it out");
            ensure!(
                self.kind == PolicyLossKind::PpoClip,
                "loss.dual_clip works with kind = \"ppo_clip\" alone; leave it out"
            );
        }
        if let Aggregation::Constant { length } = self.aggregation {
            ensure!(length > 0, "loss.aggregation.constant: length is 0; set the largest completion length");
        }
        ensure!(
            self.kl_coefficient.is_finite() && self.kl_coefficient >= 0.0,
            "loss.kl_coefficient is {}; set it to 0 or more",
            self.kl_coefficient
        );
        self.rollout_correction.validate()
    }
}

/// Packed completions that a loss is computed from. Tokens whose mask is false may hold anything, even NaN.
pub struct LossInputs<'a> {
    /// `[tokens]`, of the weights being trained, with a graph.
    pub policy_logprobs: &'a Tensor,
    /// `[tokens]`, of the weights as they were before the first update on this batch.
    pub old_logprobs: &'a Tensor,
    /// `[tokens]`, recorded while sampling; needed by a rollout correction.
    pub rollout_logprobs: Option<&'a Tensor>,
    /// `[tokens]`, of the frozen policy; needed by a KL coefficient.
    pub reference_logprobs: Option<&'a Tensor>,
    /// `[tokens]`; a completion's advantage stands on each of its tokens.
    pub advantages: &'a Tensor,
    /// `[tokens]`, bool or numbers: true or not 0 for the tokens that are trained on.
    pub mask: &'a Tensor,
    /// Places of the completions.
    pub sequences: &'a Sequences,
}

/// A loss and its metrics.
pub struct LossOutput {
    /// Scalar float32 with a graph: this micro-batch's share of the minibatch's loss.
    pub loss: Tensor,
    pub metrics: LossMetrics,
}

/// The share of the minibatch's loss that these tokens make; `divisor` counts the whole minibatch.
///
/// Errors where a logprob that `config` needs is missing, or the inputs' lengths differ.
pub fn policy_loss(inputs: &LossInputs, config: &PolicyLossConfig, divisor: &Divisor) -> Result<LossOutput> {
    check_lengths(inputs)?;
    let mask = inputs.mask.to_kind(Kind::Bool); // [tokens]
    let masked = mask.logical_not();
    let kept = |values: &Tensor| values.to_kind(Kind::Float).masked_fill(&masked, 0.0);
    let policy = kept(inputs.policy_logprobs);
    let old = kept(&inputs.old_logprobs.detach());
    let term = policy_term(&policy, &old, inputs, &mask, config);

    let mut means = MaskedMeans::new(&mask);
    let clip = means.add(&term.clipped);
    let dual_clip = means.add(&term.dual_clipped);
    let movement = means.add(&KlEstimator::K3.estimate(&old, &policy.detach()));
    let ratio_mean = means.add(&term.ratio);

    let mut losses = term.losses; // [tokens]
    let mut correction = None;
    if config.rollout_correction != RolloutCorrection::None {
        let rollout = inputs.rollout_logprobs.context(
            "the rollout correction needs rollout logprobs; set loss.rollout_correction = \"none\" for data without",
        )?;
        if let Some((weights, cut)) = config.rollout_correction.weights(&old, &kept(rollout)) {
            losses *= &weights;
            correction = Some((means.add(&cut), means.add(&weights)));
        }
    }
    let mut reference_kl = None;
    if let Some(reference) = inputs.reference_logprobs {
        let kl = config.kl_estimator.estimate(&policy, &kept(reference));
        reference_kl = Some(means.add(&kl));
        if config.kl_coefficient != 0.0 {
            losses += kl * config.kl_coefficient;
        }
    } else {
        ensure!(
            config.kl_coefficient == 0.0,
            "loss.kl_coefficient is {} but there are no reference logprobs; load a reference policy or set it to 0",
            config.kl_coefficient
        );
    }

    let loss = aggregate(
        &losses.masked_fill(&masked, 0.0),
        &mask.to_kind(Kind::Float),
        inputs.sequences,
        config.aggregation,
        divisor,
    );
    let ratio_max = term.ratio.masked_fill(&masked, 0.0).max().double_value(&[]);
    let (num_tokens, means) = means.finish();
    let metrics = LossMetrics {
        num_tokens,
        clip_fraction: means[clip],
        dual_clip_fraction: means[dual_clip],
        approximate_kl: means[movement],
        ratio_mean: means[ratio_mean],
        ratio_max,
        correction_cut_fraction: correction.map(|(cut, _)| means[cut]),
        correction_weight_mean: correction.map(|(_, weight)| means[weight]),
        reference_kl: reference_kl.map(|kl| means[kl]),
    };
    Ok(LossOutput { loss, metrics })
}

fn check_lengths(inputs: &LossInputs) -> Result<()> {
    let num_tokens = inputs.sequences.num_tokens();
    ensure!(num_tokens > 0, "a loss needs at least one token");
    let named = [
        ("policy_logprobs", Some(inputs.policy_logprobs)),
        ("old_logprobs", Some(inputs.old_logprobs)),
        ("rollout_logprobs", inputs.rollout_logprobs),
        ("reference_logprobs", inputs.reference_logprobs),
        ("advantages", Some(inputs.advantages)),
        ("mask", Some(inputs.mask)),
    ];
    for (name, tensor) in named {
        if let Some(tensor) = tensor {
            ensure!(
                tensor.size() == [num_tokens],
                "{name} has shape {:?}, but the completions have {num_tokens} tokens",
                tensor.size()
            );
        }
    }
    Ok(())
}

/// Losses `[tokens]` before correction and aggregation, and the tokens that were cut `[tokens]`; `ratio` has no graph.
struct PolicyTerm {
    losses: Tensor,
    clipped: Tensor,
    dual_clipped: Tensor,
    ratio: Tensor,
}

fn policy_term(
    policy: &Tensor,
    old: &Tensor,
    inputs: &LossInputs,
    mask: &Tensor,
    config: &PolicyLossConfig,
) -> PolicyTerm {
    let advantages = inputs.advantages.detach().to_kind(Kind::Float).masked_fill(&mask.logical_not(), 0.0);
    let never = mask.zeros_like(); // [tokens] bool
    let (low, high) = (1.0 - config.clip_low, 1.0 + config.clip_high);
    match config.kind {
        PolicyLossKind::PpoClip | PolicyLossKind::Gspo => {
            let ratio = match config.kind {
                PolicyLossKind::Gspo => sequence_ratio(policy, old, mask, inputs.sequences),
                _ => log_ratio(policy, old).exp(),
            };
            let free = &ratio * &advantages;
            let bounded = ratio.clamp(low, high) * &advantages;
            let clipped = no_grad(|| bounded.lt_tensor(&free));
            let mut losses = free.minimum(&bounded).neg();
            let mut dual_clipped = never;
            if let Some(bound) = config.dual_clip {
                let ceiling = &advantages * -bound;
                dual_clipped = no_grad(|| advantages.lt(0.0).logical_and(&losses.gt_tensor(&ceiling)));
                losses = ceiling.where_self(&dual_clipped, &losses);
            }
            PolicyTerm { losses, clipped, dual_clipped, ratio: ratio.detach() }
        }
        PolicyLossKind::Cispo | PolicyLossKind::CispoTwoSided => {
            let ratio = log_ratio(&policy.detach(), old).exp();
            let bounded = match config.kind {
                PolicyLossKind::Cispo => ratio.clamp_max(high),
                _ => ratio.clamp(low, high),
            };
            PolicyTerm {
                losses: (&bounded * &advantages * policy).neg(),
                clipped: bounded.not_equal_tensor(&ratio),
                dual_clipped: never,
                ratio,
            }
        }
        PolicyLossKind::Reinforce => PolicyTerm {
            losses: (&advantages * policy).neg(),
            clipped: never.shallow_clone(),
            dual_clipped: never,
            ratio: log_ratio(&policy.detach(), old).exp(),
        },
    }
}

/// `[tokens]`: exp of the mean log ratio over the trained tokens of each token's completion, with a graph.
fn sequence_ratio(policy: &Tensor, old: &Tensor, mask: &Tensor, sequences: &Sequences) -> Tensor {
    let counts = sequences.sums(&mask.to_kind(Kind::Float)).clamp_min(1.0); // [sequences]
    let means = sequences.sums(&(policy - old)) / counts; // masked tokens are 0 in both
    sequences.spread(&means.clamp(-LOG_RATIO_BOUND, LOG_RATIO_BOUND).exp())
}
