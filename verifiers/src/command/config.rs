//! `[verifiers.command.NAME]`: the settings of one external verifier.

use serde::{Deserialize, Serialize};

/// The command that judges for the verifier NAME.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommandConfig {
    /// The program and its arguments. No shell reads them.
    pub command: Vec<String>,
    /// Longest wait for one verdict, in seconds. A command that takes longer is killed, and the group dropped.
    #[serde(default = "default_timeout_seconds")]
    pub timeout_seconds: f64,
}

fn default_timeout_seconds() -> f64 {
    30.0
}
