//! What every engine takes and gives: a job, how its program ended, and what the judge of asserts found.
//!
//! Knows nothing of how a program is run, and nothing of verdicts.

use std::collections::BTreeMap;

use sandbox_api::Limits;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a candidate is to do.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "mode", rename_all = "snake_case")]
pub(crate) enum Job<'a> {
    /// Run as a program.
    Program {
        code: &'a str,
        stdin: &'a str,
        #[serde(flatten)]
        exchange: Exchange<'a>,
        limits: &'a Limits,
    },
    /// Define, then call a function.
    Call { code: &'a str, entry_point: &'a str, args: &'a Value, limits: &'a Limits },
    /// Define, then answer the judge.
    Serve { code: &'a str, imports: &'a [&'a str], limits: &'a Limits },
    /// Put `sources` in the scratch folder, and `takes` with what was handed over; run `command`; send the file `gives`.
    Command {
        command: &'a [String],
        sources: BTreeMap<&'a str, &'a str>,
        takes: &'a str,
        gives: &'a str,
        stdin: &'a str,
        #[serde(flatten)]
        exchange: Exchange<'a>,
        environment: &'a BTreeMap<String, String>,
        /// Whether the limit on memory is one on address space too.
        address_space: bool,
        limits: &'a Limits,
    },
}

/// A program's files: what it finds, and what is wanted of it when it has ended; bytes in base64.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub(crate) struct Exchange<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub files: Option<&'a BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub fetch_files: &'a [String],
}

impl<'a> Job<'a> {
    /// The job without its standard input, and that.
    pub fn split_stdin(&self) -> (Self, &'a str) {
        let mut rest = self.clone();
        let input = match &mut rest {
            Job::Program { stdin, .. } | Job::Command { stdin, .. } => std::mem::take(stdin),
            Job::Call { .. } | Job::Serve { .. } => "",
        };
        (rest, input)
    }

    /// The limits of the program.
    pub fn limits(&self) -> &Limits {
        match self {
            Job::Program { limits, .. }
            | Job::Call { limits, .. }
            | Job::Serve { limits, .. }
            | Job::Command { limits, .. } => limits,
        }
    }
}

/// How a candidate ended.
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

/// What a candidate left.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    pub end: RunEnd,
    /// Exit status or signal.
    pub code: i32,
    pub seconds: f64,
    pub cpu_seconds: f64,
    pub peak_bytes: u64,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    /// What a call returned, as JSON text; of a program, the files that were fetched.
    pub returned: Vec<u8>,
}

/// What the judge found, in the order of the tests; shorter where it stopped.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct Judgement {
    /// Why the tests cannot be run at all.
    pub unusable: Option<String>,
    pub results: Vec<AssertResult>,
}

/// One test of asserts.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct AssertResult {
    pub ok: bool,
    /// `assertion`, `raised` (by the candidate), `error` (in the test), `load` or `gone` (the candidate ended), `unsupported`.
    #[serde(default)]
    pub kind: String,
    #[serde(default)]
    pub detail: String,
}

/// What a judge says: its findings, or why it broke.
#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum Judged {
    Done(Judgement),
    Failed { detail: String },
}
