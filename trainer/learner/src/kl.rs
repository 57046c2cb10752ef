//! Estimators of the Kullback-Leibler divergence between two policies from the logprobs of sampled tokens.
//!
//! With `d = policy - reference` on tokens that the policy sampled (Schulman, "Approximating KL divergence", 2020):
//!
//! - k1 = d: unbiased, high variance, may be negative. As a loss its gradient has expectation 0.
//! - k2 = d^2 / 2: biased, low variance. As a loss, on-policy, its gradient is that of KL(policy, reference).
//! - k3 = exp(-d) + d - 1: unbiased, low variance, never negative. As a loss its gradient is that of
//!   KL(reference, policy): GRPO's choice.
//!
//! Departure: d is clamped to +-20 ([`LOG_RATIO_BOUND`]), so that a token of vanishing probability cannot overflow k3.

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

/// Bound in nats, on both sides, to which log ratios are clamped before they are exponentiated.
pub const LOG_RATIO_BOUND: f64 = 20.0;

/// Estimator, with `d` as above.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KlEstimator {
    /// `d = policy - reference` of the logprobs: unbiased, of high variance. As a loss its gradient has expectation 0.
    K1,
    /// `d^2 / 2`: biased, of low variance.
    K2,
    /// `exp(-d) + d - 1`: unbiased, of low variance, never negative.
    #[default]
    K3,
}

impl KlEstimator {
    /// Estimates of KL(policy, reference) in nats, float32 `[tokens]`, with a graph where `policy_logprobs` has one.
    pub fn estimate(self, policy_logprobs: &Tensor, reference_logprobs: &Tensor) -> Tensor {
        let d = log_ratio(policy_logprobs, reference_logprobs);
        match self {
            Self::K1 => d,
            Self::K2 => d.square() / 2.0,
            Self::K3 => d.neg().expm1() + d,
        }
    }
}

/// `numerator - denominator` in float32, clamped to +-[`LOG_RATIO_BOUND`].
pub fn log_ratio(numerator: &Tensor, denominator: &Tensor) -> Tensor {
    (numerator.to_kind(Kind::Float) - denominator.to_kind(Kind::Float)).clamp(-LOG_RATIO_BOUND, LOG_RATIO_BOUND)
}
