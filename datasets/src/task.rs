//! A task: a question with what is needed to judge an answer.
//!
//! A task names its verifier and carries that verifier's ground truth; it does not know how a
//! verdict is reached.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use strum::{IntoStaticStr, VariantArray};

use crate::message::Message;

/// The skill that a task exercises. Results are reported by kind.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, IntoStaticStr, VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum TaskKind {
    /// A final answer that can be compared.
    Math,
    /// A program that can be run on test cases.
    Code,
    /// A completion that must keep rules a program can check.
    InstructionFollowing,
    /// A call of one of the offered tools.
    ToolCall,
    /// A completion that a reward model judges.
    Preference,
}

impl TaskKind {
    /// Every kind, in the order of reports.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// The name used in files, metrics and reports.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

impl fmt::Display for TaskKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A question with what is needed to judge an answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// Unique within a file; also a part of the key of the random numbers that sample the task's completions.
    pub id: String,
    /// The skill that the task exercises; the field `task` in files.
    #[serde(rename = "task")]
    pub kind: TaskKind,
    /// The conversation to be completed, never empty.
    pub messages: Vec<Message>,
    /// The name of the verifier that judges a completion.
    pub verifier: String,
    /// The data by which that verifier judges a completion, in the verifier's own layout.
    pub ground_truth: Value,
    /// Tools on offer, as JSON schemas in the layout of chat templates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tools: Option<Value>,
    /// The data set or author that the task comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The licence under which the task may be used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub license: Option<String>,
    /// Anything else that the task's author recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meta: Option<Value>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kind_names_are_those_of_files() {
        for kind in TaskKind::ALL.iter().copied() {
            let json = serde_json::to_value(kind).unwrap();
            assert_eq!(json, kind.as_str());
        }
    }
}
