//! One line of verdicts, as it is written.

use sandbox_api::{EngineKind, GradeReport, GradeVerdict, ProcessNeed};
use serde::{Serialize, Serializer};
use serde_json::Value;

/// Verdict on a line of solutions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LineVerdict {
    /// The solution was graded.
    Graded(GradeVerdict),
    /// The solution could not be graded, and does not count as failed.
    SandboxError,
}

impl LineVerdict {
    /// All verdicts, in the order in which a table lists them.
    pub fn all() -> impl Iterator<Item = Self> {
        GradeVerdict::ALL.iter().copied().map(Self::Graded).chain([Self::SandboxError])
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
    /// Id of the solution, as its line gives it.
    pub id: Value,
    /// Id of the task, as the solution's line gives it.
    pub task_id: Value,
    /// Verdict on the solution.
    pub verdict: LineVerdict,
    /// Number of cases that passed.
    pub passed_cases: usize,
    /// Number of the task's cases; 0 where no task could be used.
    pub cases: usize,
    /// Reason for the verdict, in at most 300 characters; empty where all cases passed.
    pub detail: String,
    /// Total seconds that the solution's programs ran.
    pub seconds: f64,
    /// Engine that judged; null where the solution was not graded.
    pub engine: Option<EngineKind>,
    /// What the solution needs and that engine lacks, where it stopped for want of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unmet_need: Option<ProcessNeed>,
}

impl VerdictLine {
    /// Line of a solution that was graded.
    pub(super) fn graded(id: Value, task_id: Value, report: GradeReport) -> Self {
        Self {
            id,
            task_id,
            verdict: LineVerdict::Graded(report.verdict),
            passed_cases: report.num_passed,
            cases: report.num_tests,
            detail: report.reason,
            seconds: report.seconds,
            engine: report.engine,
            unmet_need: report.unmet_need,
        }
    }

    /// Line of a solution that was not graded; `detail` says why.
    pub(super) fn sandbox_error(id: Value, task_id: Value, cases: usize, detail: String) -> Self {
        let (passed_cases, seconds, engine, unmet_need) = Default::default();
        let verdict = LineVerdict::SandboxError;
        Self { id, task_id, verdict, passed_cases, cases, detail, seconds, engine, unmet_need }
    }
}
