//! From logprobs to the loss: a kind's surrogate, the rollout correction's weights, the KL term, the aggregation's sum.

use anyhow::{Context, Result, ensure};
use tch::{Kind, Tensor};

use super::config::PolicyLossConfig;
use super::inputs::LossInputs;
use super::metrics::LossMetrics;
use super::surrogate::SurrogateInputs;
use crate::kl::KlEstimator;
use crate::masked_statistics::MaskedStatistics;
use crate::rollout_correction::RolloutCorrection;

/// A loss and its metrics.
#[derive(Debug)]
pub struct LossOutput {
    /// Scalar float32 with a graph: these tokens' share of the minibatch's loss.
    pub loss: Tensor,
    /// Metrics of these tokens.
    pub metrics: LossMetrics,
}

/// The share of the minibatch's loss that these tokens make, for `policy_logprobs` `[tokens]`, of the weights being
/// trained, with a graph.
///
/// Where [`PolicyLossConfig::is_token_wise`], the shares of any pieces of a batch add up to the whole's; otherwise
/// those of pieces that hold whole completions.
///
/// # Errors
/// A logprob that `config` needs is missing, the inputs' lengths differ, or completions are cut where the loss needs
/// them whole.
pub fn policy_loss(policy_logprobs: &Tensor, inputs: &LossInputs, config: &PolicyLossConfig) -> Result<LossOutput> {
    inputs.check(policy_logprobs)?;
    ensure!(
        config.is_token_wise() || !inputs.sequences.is_cut(),
        "kind = \"{}\" needs whole completions, and some are cut; pass all their tokens at once",
        config.kind.name()
    );
    let mask = inputs.mask.to_kind(Kind::Bool); // [tokens]
    let masked = mask.logical_not();
    let kept = |values: &Tensor| values.to_kind(Kind::Float).masked_fill(&masked, 0.0);
    let policy = kept(policy_logprobs);
    let old = kept(&inputs.old_logprobs.as_ref().unwrap_or(policy_logprobs).detach());
    let surrogate = config.kind.surrogate().evaluate(&SurrogateInputs {
        policy_logprobs: &policy,
        old_logprobs: &old,
        advantages: &kept(&inputs.advantages.detach()),
        mask: &mask,
        sequences: &inputs.sequences,
    });

    let mut statistics = MaskedStatistics::new(&mask);
    let clip = statistics.mean(&surrogate.clipped);
    let movement = statistics.mean(&KlEstimator::K3.estimate(&old, &policy.detach()));
    let ratio_max = statistics.max(&surrogate.ratio);

    let mut losses = surrogate.losses; // [tokens]
    let mut correction_cut = None;
    if config.rollout_correction != RolloutCorrection::None {
        let rollout = inputs.rollout_logprobs.as_ref().context(
            "the rollout correction needs rollout logprobs; set loss.rollout_correction = \"none\" for data without",
        )?;
        if let Some((weights, cut)) = config.rollout_correction.weights(&old, &kept(rollout)) {
            losses *= &weights;
            correction_cut = Some(statistics.mean(&cut));
        }
    }
    let mut reference_kl = None;
    if let Some(reference) = &inputs.reference_logprobs {
        let kl = config.kl_estimator.estimate(&policy, &kept(reference));
        reference_kl = Some(statistics.mean(&kl));
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

    let loss = (losses * kept(&inputs.weights)).sum(Kind::Float);
    let (num_tokens, values) = statistics.finish();
    let metrics = LossMetrics {
        num_tokens,
        clip_fraction: values[clip],
        approximate_kl: values[movement],
        ratio_max: values[ratio_max],
        correction_cut_fraction: correction_cut.map(|cut| values[cut]),
        reference_kl: reference_kl.map(|kl| values[kl]),
    };
    Ok(LossOutput { loss, metrics })
}
