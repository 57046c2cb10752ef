//! Section `loss`: a kind with its parameters, and what goes around every kind.
//!
//! The section is flat: the kind's parameters stand beside the keys that every kind has. A key that the kind does not
//! use is refused by name.

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};
use toml::Table;

use super::kind::{KindName, PolicyLossKind};
use crate::aggregation::Aggregation;
use crate::kl::KlEstimator;
use crate::rollout_correction::RolloutCorrection;

/// `[loss]`: the policy's loss. The keys of its kind stand beside those that every kind has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "LossSection")]
pub struct PolicyLossConfig {
    /// Kind of loss, with its parameters.
    #[serde(flatten)]
    pub kind: PolicyLossKind,
    /// Aggregation of the losses of tokens to one number; where none is written that of the kind's paper,
    /// `sequence_mean` for `gspo`.
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
        Self::of_kind(PolicyLossKind::default())
    }
}

impl PolicyLossConfig {
    /// The kind as its paper has it: its aggregation, no correction, no KL term.
    pub fn of_kind(kind: PolicyLossKind) -> Self {
        Self {
            aggregation: kind.surrogate().aggregation(),
            kind,
            rollout_correction: RolloutCorrection::None,
            kl_coefficient: 0.0,
            kl_estimator: KlEstimator::K3,
        }
    }

    /// True where a token's loss depends on that token alone, so that [`super::policy_loss()`] may be called on any
    /// pieces of a batch ([`super::LossInputs::narrow`]).
    pub fn is_token_wise(&self) -> bool {
        self.kind.surrogate().is_token_wise()
    }

    /// # Errors
    /// A number is outside the range in which the loss means something.
    pub fn validate(&self) -> Result<()> {
        self.kind.surrogate().validate()?;
        self.aggregation.validate()?;
        ensure!(
            self.kl_coefficient.is_finite() && self.kl_coefficient >= 0.0,
            "loss.kl_coefficient is {}; set it to 0 or more",
            self.kl_coefficient
        );
        self.rollout_correction.validate()
    }

    /// Warnings of combinations that no paper has, a sentence each.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = self.kind.surrogate().notes(self.aggregation);
        if !self.is_token_wise() && self.rollout_correction != RolloutCorrection::None {
            notes.push(format!(
                "loss.rollout_correction weighs single tokens, while kind = \"{}\" has one ratio a completion: the two \
                 levels mix, and no paper has them together",
                self.kind.name()
            ));
        }
        if self.kl_coefficient > 0.0 && self.kl_estimator == KlEstimator::K1 {
            notes.push(
                "loss.kl_estimator = \"k1\" has a gradient of expectation 0 in a loss: it adds noise and holds \
                 nothing; k2 or k3 pull towards the reference"
                    .to_owned(),
            );
        }
        notes
    }
}

/// `[loss]` as it is written.
#[derive(Deserialize)]
struct LossSection {
    #[serde(default)]
    kind: KindName,
    aggregation: Option<Aggregation>,
    #[serde(default)]
    rollout_correction: RolloutCorrection,
    #[serde(default)]
    kl_coefficient: f64,
    #[serde(default)]
    kl_estimator: KlEstimator,
    /// Every other key, for the kind to read or refuse.
    #[serde(flatten)]
    parameters: Table,
}

impl TryFrom<LossSection> for PolicyLossConfig {
    type Error = String;

    fn try_from(section: LossSection) -> Result<Self, String> {
        let kind = PolicyLossKind::read(&section.kind, section.parameters)?;
        Ok(Self {
            aggregation: section.aggregation.unwrap_or_else(|| kind.surrogate().aggregation()),
            kind,
            rollout_correction: section.rollout_correction,
            kl_coefficient: section.kl_coefficient,
            kl_estimator: section.kl_estimator,
        })
    }
}
