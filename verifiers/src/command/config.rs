//! `[verifiers.command.NAME]`: the settings of one external verifier.

use serde::{Deserialize, Serialize};

use crate::ScoreRange;
use crate::batching::validate_batches;

/// The command that judges for the verifier NAME.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommandConfig {
    /// The program and its arguments. No shell reads them.
    pub command: Vec<String>,
    /// Lowest and highest score that it may give.
    #[serde(default)]
    pub range: ScoreRange,
    /// Processes of it that judge at one time. They are started as they are needed, and kept.
    #[serde(default = "default_workers")]
    pub workers: usize,
    /// Lines that may be written to a process before its answers are read.
    #[serde(default = "default_batch")]
    pub batch: usize,
    /// Longest wait for one answer, in seconds, from the answer before it; the first of a process has five more. A
    /// command that takes longer is killed, and the verdict is `timed_out`.
    #[serde(default = "default_timeout_seconds")]
    pub timeout_seconds: f64,
}

fn default_workers() -> usize {
    1
}

fn default_batch() -> usize {
    16
}

fn default_timeout_seconds() -> f64 {
    30.0
}

impl CommandConfig {
    /// The settings of `command`, apart from it the defaults.
    pub fn new(command: Vec<String>) -> Self {
        Self {
            command,
            range: ScoreRange::default(),
            workers: default_workers(),
            batch: default_batch(),
            timeout_seconds: default_timeout_seconds(),
        }
    }

    /// Checks what the types cannot say; the error is a key and what to do.
    pub(crate) fn validate(&self) -> Result<(), (&'static str, &'static str)> {
        if self.command.is_empty() {
            let problem = "is empty; give the program and its arguments, as in [\"python3\", \"verify.py\"]";
            return Err(("command", problem));
        }
        validate_batches(self.workers, self.batch, self.timeout_seconds, self.range)
    }
}
