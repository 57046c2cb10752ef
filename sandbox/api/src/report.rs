//! What the server answers. A broken sandbox has no place here: that is an error, never a verdict.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Characters of a reason that are kept.
const REASON_CHARS: usize = 300;

/// What a submission came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GradeVerdict {
    /// Every case passed.
    Passed,
    /// A case printed or returned something else.
    WrongAnswer,
    /// The program raised, crashed or ended with a status other than 0.
    RuntimeError,
    /// The program used up its wall clock or processor time.
    TimeLimit,
    /// The program asked for more memory than it may have.
    MemoryLimit,
    /// The program printed more than it may.
    OutputLimit,
    /// The program started more processes and threads than it may.
    ProcessLimit,
    /// There was no program.
    NoCode,
}

impl GradeVerdict {
    /// All verdicts.
    pub const ALL: [GradeVerdict; 8] = [
        GradeVerdict::Passed,
        GradeVerdict::WrongAnswer,
        GradeVerdict::RuntimeError,
        GradeVerdict::TimeLimit,
        GradeVerdict::MemoryLimit,
        GradeVerdict::OutputLimit,
        GradeVerdict::ProcessLimit,
        GradeVerdict::NoCode,
    ];

    /// The name used in JSON and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            GradeVerdict::Passed => "passed",
            GradeVerdict::WrongAnswer => "wrong_answer",
            GradeVerdict::RuntimeError => "runtime_error",
            GradeVerdict::TimeLimit => "time_limit",
            GradeVerdict::MemoryLimit => "memory_limit",
            GradeVerdict::OutputLimit => "output_limit",
            GradeVerdict::ProcessLimit => "process_limit",
            GradeVerdict::NoCode => "no_code",
        }
    }
}

/// A graded submission.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GradeReport {
    /// The verdict: that of the first failing case, or passed.
    pub verdict: GradeVerdict,
    /// Cases that passed.
    pub num_passed: usize,
    /// Cases there are.
    pub num_tests: usize,
    /// Why, in at most 300 characters: the first failing case and what was wrong. Empty where all passed.
    pub reason: String,
    /// Seconds the submission's programs ran, together.
    pub seconds: f64,
}

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    /// By itself with status 0.
    Ok,
    /// By itself with another status, or by a signal.
    RuntimeError,
    /// It used up its wall clock or processor time.
    TimeLimit,
    /// It asked for more memory than it may have.
    MemoryLimit,
    /// It printed more than it may.
    OutputLimit,
    /// It started more processes and threads than it may.
    ProcessLimit,
}

impl RunStatus {
    /// The name used in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            RunStatus::Ok => "ok",
            RunStatus::RuntimeError => "runtime_error",
            RunStatus::TimeLimit => "time_limit",
            RunStatus::MemoryLimit => "memory_limit",
            RunStatus::OutputLimit => "output_limit",
            RunStatus::ProcessLimit => "process_limit",
        }
    }
}

/// A program that was run once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunReport {
    /// What it printed (bytes that are no UTF-8 are replaced).
    pub stdout: String,
    /// What it printed on standard error.
    pub stderr: String,
    /// Its exit status, 128 plus the number where a signal ended it.
    pub exit: i32,
    /// How it ended.
    pub status: RunStatus,
    /// Seconds from start to end.
    pub seconds: f64,
    /// The largest resident size of one of its processes, in bytes.
    pub peak_memory_bytes: u64,
    /// Those of the files asked for that were there when it had ended: paths, with their bytes in base64.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, String>,
    /// How its compiler ended, where its language has one. Where that failed the rest of the report says the same: the
    /// program was never run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compilation: Option<Box<RunReport>>,
}

/// A reason cut to what a report holds, control characters shown as spaces.
pub fn cut(reason: &str) -> String {
    shorten(reason, REASON_CHARS)
}

/// `text` cut to `most` characters, control characters shown as spaces.
pub fn shorten(text: &str, most: usize) -> String {
    let mut short = String::new();
    for (index, character) in text.chars().enumerate() {
        if index + 1 > most {
            short.pop();
            short.push('…');
            break;
        }
        short.push(if character.is_control() { ' ' } else { character });
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_are_short_and_on_one_line() {
        let reason = cut(&"é\n".repeat(500));
        assert_eq!(reason.chars().count(), REASON_CHARS);
        assert!(!reason.contains('\n') && reason.ends_with('…'));
        assert_eq!(cut("short"), "short");
    }
}
