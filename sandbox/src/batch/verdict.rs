//! One line of verdicts, as it is written.

use sandbox_api::GradeVerdict;
use serde::{Serialize, Serializer};
use serde_json::Value;

/// What a line of solutions came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LineVerdict {
    /// It was graded.
    Graded(GradeVerdict),
    /// It was not, and is no failed solution.
    SandboxError,
}

impl LineVerdict {
    /// All of them, in the order of a table.
    pub fn all() -> impl Iterator<Item = Self> {
        GradeVerdict::ALL.into_iter().map(Self::Graded).chain([Self::SandboxError])
    }

    /// The name in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Graded(verdict) => verdict.as_str(),
            Self::SandboxError => "sandbox_error",
        }
    }
}

impl Serialize for LineVerdict {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// One line of verdicts.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct VerdictLine {
    /// The solution's id, as it stands there.
    pub id: Value,
    /// Its task's.
    pub task_id: Value,
    /// What it came to.
    pub verdict: LineVerdict,
    /// Cases that passed.
    pub passed_cases: usize,
    /// Cases there are.
    pub cases: usize,
    /// Why, in at most 300 characters; empty where all passed.
    pub detail: String,
    /// Seconds that its programs ran, together.
    pub seconds: f64,
}
