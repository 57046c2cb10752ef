//! A call that a completion made, as the record keeps it.

use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};

/// What became of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr, VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub(crate) enum CallOutcome {
    /// The tool answered.
    Answered,
    /// The tool answered more than is shown.
    Cut,
    /// The tool's answer is an error.
    Failed,
    /// The tool took longer than it may.
    TimedOut,
    /// No call could be read.
    Unreadable,
    /// There is no tool of the name.
    UnknownTool,
    /// The rollout had made as many calls as it may.
    NoneLeft,
}

impl CallOutcome {
    /// The name used in files.
    pub(crate) fn as_str(self) -> &'static str {
        self.into()
    }

    /// True where the policy was told a result, whole or cut.
    pub(crate) fn is_answered(self) -> bool {
        matches!(self, Self::Answered | Self::Cut)
    }
}

/// A call and its answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct CallRecord {
    /// Number of the turn that made it, from 0.
    pub turn: usize,
    /// Name of the tool; empty where no call could be read.
    pub tool: String,
    /// Arguments as JSON; empty where no call could be read.
    pub arguments: String,
    pub outcome: CallOutcome,
    /// The text that the policy was told.
    pub result: String,
    /// Seconds that the answer took.
    pub seconds: f64,
}
