//! The `[verifiers.ifeval]` section of a run's config.

use serde::{Deserialize, Serialize};

/// `[verifiers.ifeval]`: how strictly instructions are checked, and what a part of them is worth.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct InstructionConfig {
    /// True also accepts an answer that follows an instruction without its first line, its last line or its asterisks,
    /// as IFEval's loose accuracy does. For evaluation: a policy trained on it learns to add chatter.
    pub loose: bool,
    /// True scores the fraction of the instructions that are followed. False pays only where all are.
    pub partial_credit: bool,
}
