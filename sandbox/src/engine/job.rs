//! The interface of every engine: a job, the outcome of its program, and the findings of the judge of asserts.
//!
//! Knows nothing of how a program is run, and nothing of verdicts.

use std::collections::BTreeMap;

use sandbox_api::Limits;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Work of a candidate, which its interpreter reads as JSON.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "mode", rename_all = "snake_case")]
pub(crate) enum Job<'a> {
    /// Run the code as a program.
    Program {
        code: &'a str,
        stdin: &'a str,
        #[serde(flatten)]
        exchange: Exchange<'a>,
        limits: &'a Limits,
    },
    /// Run the code, then call its function `entry_point`.
    Call { code: &'a str, entry_point: &'a str, args: &'a Value, limits: &'a Limits },
    /// Run the code, then answer the judge.
    Serve { code: &'a str, imports: &'a [&'a str], limits: &'a Limits },
    /// Write `sources`, and the file that was handed over as `takes`; run `command`; send the file `gives`.
    Command {
        command: &'a [String],
        sources: BTreeMap<&'a str, &'a str>,
        takes: &'a str,
        gives: &'a str,
        stdin: &'a str,
        #[serde(flatten)]
        exchange: Exchange<'a>,
        environment: &'a BTreeMap<String, String>,
        /// True where the memory limit holds for address space too.
        address_space: bool,
        limits: &'a Limits,
    },
}

/// Files of a program: those that it finds, as paths and bytes in base64, and the paths that are fetched after its end.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(crate) struct Exchange<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files: Option<&'a BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub fetch_files: &'a [String],
}

impl<'a> Job<'a> {
    /// Splits the job into the job without its standard input, and the input.
    pub(crate) fn split_stdin(&self) -> (Self, &'a str) {
        let mut rest = self.clone();
        let input = match &mut rest {
            Job::Program { stdin, .. } | Job::Command { stdin, .. } => std::mem::take(stdin),
            Job::Call { .. } | Job::Serve { .. } => "",
        };
        (rest, input)
    }

    /// Limits of the program.
    pub(crate) fn limits(&self) -> &Limits {
        match self {
            Job::Program { limits, .. }
            | Job::Call { limits, .. }
            | Job::Serve { limits, .. }
            | Job::Command { limits, .. } => limits,
        }
    }
}

/// End of a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RunEnd {
    Exited,
    Signaled,
    WallLimit,
    OutputLimit,
    MemoryLimit,
    ProcessLimit,
    CpuLimit,
    FuelLimit,
    SetupFailed,
}

/// Outcome of a candidate.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    pub end: RunEnd,
    /// Exit status, or number of the signal.
    pub code: i32,
    pub seconds: f64,
    pub cpu_seconds: f64,
    pub peak_bytes: u64,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    /// JSON text of the value that a call returned, or of a program's fetched files; of a compiler, the compiled file.
    pub returned: Vec<u8>,
}

/// Findings of the judge.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Judgement {
    /// Why the tests cannot be run at all.
    pub unusable: Option<String>,
    /// Results in the order of the tests; fewer where the judge stopped.
    pub results: Vec<AssertResult>,
}

/// Result of one test of asserts.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct AssertResult {
    pub ok: bool,
    /// `assertion`, `raised` (by the candidate), `error` (in the test), `load` or `gone` (the candidate ended),
    /// `unsupported` or `unusable` (the test cannot be run).
    #[serde(default)]
    pub kind: String,
    #[serde(default)]
    pub detail: String,
}

/// Answer of a judge: its findings, or why it failed.
#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum Judged {
    Done(Judgement),
    Failed { detail: String },
}
