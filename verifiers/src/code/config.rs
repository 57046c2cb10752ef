//! The `[verifiers.code]` section of a run's config.

use sandbox_api::{EngineChoice, Limits};
use serde::{Deserialize, Serialize};

/// `[verifiers.code]`: how programs are run, and what a part of the tests is worth.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CodeConfig {
    /// True pays a program that passes some of the tests their fraction. False pays all or nothing, and stops at the
    /// first test that fails.
    pub partial_credit: bool,
    /// Longest program that is sent to the server, in bytes. A longer one scores 0.
    pub max_code_bytes: usize,
    /// Resource limits of a test: time, memory, output.
    pub limits: Limits,
    /// Engine that runs the program, unless the task's ground truth names one in a field `engine`.
    pub engine: EngineChoice,
    /// True runs a program that ran out of time once more, beside no other, and takes that verdict; false never does.
    /// Unset does so for the tasks of public suites (`comparison`, `code_evalplus`).
    pub repeat_time_outs: Option<bool>,
}

impl Default for CodeConfig {
    fn default() -> Self {
        Self {
            partial_credit: false,
            max_code_bytes: 64 * 1024,
            limits: Limits::default(),
            engine: EngineChoice::Auto,
            repeat_time_outs: None,
        }
    }
}
