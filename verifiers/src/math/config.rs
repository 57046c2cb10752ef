//! Settings of the maths verifier.

use super::ExtractionConfig;
use serde::{Deserialize, Serialize};

/// `[verifiers.math]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MathConfig {
    /// Longest final answer that is looked at, in bytes.
    pub max_answer_bytes: usize,
    /// Most digits of a number, and the largest power of ten.
    pub max_digits: usize,
    /// `[verifiers.math.extraction]`: which rules may find the final answer.
    pub extraction: ExtractionConfig,
}

impl Default for MathConfig {
    fn default() -> Self {
        Self { extraction: ExtractionConfig::default(), max_answer_bytes: 2_000, max_digits: 400 }
    }
}
