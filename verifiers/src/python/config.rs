//! `[verifiers.python.NAME]`: the settings of one plug-in in Python.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::ScoreRange;
use crate::batching::validate_batches;

/// The sandbox grants no run less.
const LEAST_MEMORY_BYTES: u64 = 64 << 20;

/// Where a plug-in's file runs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PythonIsolation {
    /// In the sandbox's WebAssembly engine: the standard library alone, no file, no network, the same everywhere.
    #[default]
    Wasm,
    /// In the sandbox's process engine: the server's interpreter with its packages, behind the layers of its isolation.
    Jail,
    /// In processes of this machine with the trainer's rights.
    Trusted,
}

/// The file that judges for the verifier NAME.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PythonConfig {
    /// The Python file.
    pub file: PathBuf,
    /// Name of its function; where unset it is the one whose parameters fit.
    #[serde(default)]
    pub function: Option<String>,
    /// Lowest and highest score that it may give.
    #[serde(default)]
    pub range: ScoreRange,
    /// Where the file runs.
    #[serde(default)]
    pub isolation: PythonIsolation,
    /// True hands a function in TRL's style all completions of a prompt in one call, and only those: it may compare
    /// them. A call that fails has then failed for all of them.
    #[serde(default)]
    pub group: bool,
    /// Batches at one time: processes where it is trusted, runs on the code execution server elsewhere.
    #[serde(default = "default_workers")]
    pub workers: usize,
    /// Completions in a batch, at most.
    #[serde(default = "default_batch")]
    pub batch: usize,
    /// Longest time of one call, in seconds. A call that takes longer is ended, and its verdict is `timed_out`.
    #[serde(default = "default_timeout_seconds")]
    pub timeout_seconds: f64,
    /// Bytes of memory of a batch, in `wasm` and `jail`.
    #[serde(default = "default_memory_bytes")]
    pub memory_bytes: u64,
    /// The interpreter of a trusted file.
    #[serde(default = "default_python")]
    pub python: String,
    /// True hands prompts and completions to a function in TRL's style as lists of messages, false as text. Where unset
    /// they are messages if the file speaks of their `"content"`.
    #[serde(default)]
    pub conversational: Option<bool>,
}

fn default_workers() -> usize {
    4
}

fn default_batch() -> usize {
    64
}

fn default_timeout_seconds() -> f64 {
    10.0
}

fn default_memory_bytes() -> u64 {
    256 << 20
}

fn default_python() -> String {
    "python3".to_owned()
}

impl PythonConfig {
    /// The settings of `file`, apart from it the defaults.
    pub fn new(file: impl Into<PathBuf>) -> Self {
        Self {
            file: file.into(),
            function: None,
            range: ScoreRange::default(),
            isolation: PythonIsolation::default(),
            group: false,
            workers: default_workers(),
            batch: default_batch(),
            timeout_seconds: default_timeout_seconds(),
            memory_bytes: default_memory_bytes(),
            python: default_python(),
            conversational: None,
        }
    }

    /// Checks what the types cannot say; the error is a key and what to do.
    pub(crate) fn validate(&self) -> Result<(), (&'static str, &'static str)> {
        if self.file.as_os_str().is_empty() {
            return Err(("file", "is empty; give the path of a Python file"));
        }
        if self.function.as_deref() == Some("") {
            return Err(("function", "is empty; give a name, or leave it out"));
        }
        if self.memory_bytes < LEAST_MEMORY_BYTES {
            return Err(("memory_bytes", "must be at least 67108864, which an interpreter needs"));
        }
        validate_batches(self.workers, self.batch, self.timeout_seconds, self.range)
    }
}
