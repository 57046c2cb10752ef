//! The server's answers. A failure of the sandbox itself is an error, never a verdict, and has no place here.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};

use crate::{EngineKind, ProcessNeed};

/// Characters of a reason, at most.
const REASON_CHARS: usize = 300;

/// The verdict on a submission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, IntoStaticStr, VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
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
    /// All verdicts, in the order of the variants.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// The name used in JSON and metrics.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// A graded submission.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GradeReport {
    /// The verdict: that of the first failing case, or passed.
    pub verdict: GradeVerdict,
    /// Cases that passed.
    pub num_passed: usize,
    /// Cases in all.
    pub num_tests: usize,
    /// The first failing case and its fault, in at most 300 characters. Empty if all passed.
    pub reason: String,
    /// Seconds that the submission's programs ran, added up.
    pub seconds: f64,
    /// The engine that the program ran on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<EngineKind>,
    /// What the program needs and that engine lacks, where it stopped for want of it: a report of the wasm engine that
    /// was named, or of a server without the process engine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unmet_need: Option<ProcessNeed>,
}

/// The way in which a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum RunStatus {
    /// The program ended by itself with status 0.
    Ok,
    /// The program ended by itself with another status, or by a signal.
    RuntimeError,
    /// The program used up its wall clock or processor time.
    TimeLimit,
    /// The program asked for more memory than it may have.
    MemoryLimit,
    /// The program printed more than it may.
    OutputLimit,
    /// The program started more processes and threads than it may.
    ProcessLimit,
}

impl RunStatus {
    /// The name used in JSON.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The result of running a program once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunReport {
    /// Standard output; bytes that are no UTF-8 are replaced.
    pub stdout: String,
    /// Standard error, likewise.
    pub stderr: String,
    /// Exit status, or 128 plus the number of the signal that ended the program.
    pub exit: i32,
    /// The way in which the program ended.
    pub status: RunStatus,
    /// Wall-clock seconds from start to end.
    pub seconds: f64,
    /// The largest resident size of one of the program's processes, in bytes.
    pub peak_memory_bytes: u64,
    /// The engine that the program ran on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<EngineKind>,
    /// What the program needs and that engine lacks, where it stopped for want of it: a report of the wasm engine that
    /// was named, or of a server without the process engine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unmet_need: Option<ProcessNeed>,
    /// The requested files that were there when the program had ended: paths, with their bytes in base64.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, String>,
    /// The compiler's own report, if the language has one. If compiling failed the program was never run, and the rest
    /// of this report repeats the compiler's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compilation: Option<Box<RunReport>>,
}

/// A reason cut to the 300 characters that a report holds; control characters become spaces.
pub fn cut(reason: &str) -> String {
    shorten(reason, REASON_CHARS)
}

/// `text` cut to `most` characters, the last an ellipsis if any were lost; control characters become spaces.
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
