//! Settings of the maths verifier.

use serde::{Deserialize, Serialize};

use crate::extraction::ExtractionConfig;

/// `[verifiers.math]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MathConfig {
    /// Longest final answer that is looked at, in bytes.
    pub max_answer_bytes: usize,
    /// Most digits that a number may have.
    pub max_digits: usize,
    /// `[verifiers.math.policy]`: questions on which honest graders differ.
    pub policy: MathPolicy,
    /// `[verifiers.math.extraction]`: which rules may find the final answer.
    pub extraction: ExtractionConfig,
}

impl Default for MathConfig {
    fn default() -> Self {
        Self {
            extraction: ExtractionConfig::default(),
            max_answer_bytes: 16_384,
            max_digits: 4_000,
            policy: MathPolicy::default(),
        }
    }
}

/// `[verifiers.math.policy]`: what counts as the same answer where honest graders differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MathPolicy {
    /// 28 for 28 %, where the 28 is one written number: never 28/100.
    pub percent_sign_optional: bool,
    /// 45 for 45°; an angle in radians, π/4, equals 45° in either case.
    pub degree_sign_optional: bool,
    /// 5 for 5 cm, and 5 cm for 5. Units of two kinds are never the same, those of one kind are converted.
    pub units_optional: bool,
    /// 5 for $5, and $5 for 5.
    pub currency_optional: bool,
    /// Fewest significant digits with which a decimal stands for the number that it rounds; 0: never.
    pub rounding_digits: u32,
    /// `x < 5` for `(-∞, 5)`.
    pub relations_as_sets: bool,
    /// `1, 2` for `{1, 2}`.
    pub sets_as_lists: bool,
    /// `2, 1` for `1, 2`. Lists that go on (…), tuples and names without their values keep their order.
    pub lists_unordered: bool,
    /// `2nπ` for `2kπ`: a letter that stands for any integer, or a constant in the other case.
    pub parameters_renamable: bool,
    /// `x²` for `x² + C`.
    pub integration_constant_optional: bool,
}

impl Default for MathPolicy {
    fn default() -> Self {
        Self {
            percent_sign_optional: true,
            degree_sign_optional: true,
            units_optional: true,
            currency_optional: true,
            rounding_digits: 3,
            relations_as_sets: true,
            sets_as_lists: true,
            lists_unordered: true,
            parameters_renamable: true,
            integration_constant_optional: false,
        }
    }
}
