//! A task: a question with what is needed to judge an answer.
//!
//! A task names its verifiers and carries their ground truths; it does not know how a verdict is reached.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::message::Message;

/// The skill that a task exercises: a word of the data. Results are reported by kind, and a configuration says what is
/// done with one (its suffix, whether a reward model scores it).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TaskKind(Cow<'static, str>);

impl TaskKind {
    /// A final answer that can be compared.
    pub const MATH: Self = Self(Cow::Borrowed("math"));
    /// A program that can be run on test cases.
    pub const CODE: Self = Self(Cow::Borrowed("code"));
    /// A completion that must keep rules a program can check.
    pub const INSTRUCTION_FOLLOWING: Self = Self(Cow::Borrowed("instruction_following"));
    /// A call of one of the offered tools.
    pub const TOOL_CALL: Self = Self(Cow::Borrowed("tool_call"));
    /// A completion that a reward model judges.
    pub const PREFERENCE: Self = Self(Cow::Borrowed("preference"));

    /// The kind that files call `word`.
    pub fn new(word: impl Into<Cow<'static, str>>) -> Self {
        Self(word.into())
    }

    /// The word used in files, metrics and reports.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TaskKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A verifier that a task names, with what it judges by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskVerifier {
    /// The verifier's name.
    pub name: String,
    /// Weight of its score among those of the task's verifiers; at least 0.
    #[serde(default = "one")]
    pub weight: f32,
    /// The data by which it judges a completion, in its own layout.
    #[serde(default)]
    pub ground_truth: Value,
}

fn one() -> f32 {
    1.0
}

impl TaskVerifier {
    /// A verifier of weight 1.
    pub fn new(name: impl Into<String>, ground_truth: impl Into<Value>) -> Self {
        Self { name: name.into(), weight: one(), ground_truth: ground_truth.into() }
    }
}

/// A question with what is needed to judge an answer.
///
/// In files a task has either the fields `verifier` and `ground_truth`, or a list `verifiers` of
/// `{"name", "weight", "ground_truth"}` whose scores are averaged by weight.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "TaskLine", into = "TaskLine")]
pub struct Task {
    /// Unique within a file; also a part of the key of the random numbers that sample the task's completions.
    pub id: String,
    /// The skill that the task exercises; the field `task` in files.
    pub kind: TaskKind,
    /// The conversation to be completed, never empty.
    pub messages: Vec<Message>,
    /// The verifiers that judge a completion, never empty.
    pub verifiers: Vec<TaskVerifier>,
    /// Tools on offer, as JSON schemas in the layout of chat templates.
    pub tools: Option<Value>,
    /// The data set or author that the task comes from.
    pub source: Option<String>,
    /// The licence under which the task may be used.
    pub license: Option<String>,
    /// Anything else that the task's author recorded.
    pub meta: Option<Value>,
}

impl Task {
    /// A task that one verifier judges, with nothing else recorded.
    pub fn new(id: impl Into<String>, kind: TaskKind, messages: Vec<Message>, verifier: TaskVerifier) -> Self {
        Self {
            id: id.into(),
            kind,
            messages,
            verifiers: vec![verifier],
            tools: None,
            source: None,
            license: None,
            meta: None,
        }
    }
}

/// A task as a line of a file.
#[derive(Serialize, Deserialize)]
struct TaskLine {
    id: String,
    task: TaskKind,
    messages: Vec<Message>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    verifier: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "present")]
    ground_truth: Option<Value>,
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "null_is_none")]
    verifiers: Vec<TaskVerifier>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tools: Option<Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    license: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    meta: Option<Value>,
}

/// A field that is there, null too.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

fn null_is_none<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<TaskVerifier>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

impl From<TaskLine> for Task {
    fn from(line: TaskLine) -> Self {
        let mut verifiers = line.verifiers;
        if let Some(name) = line.verifier {
            verifiers.insert(0, TaskVerifier::new(name, line.ground_truth.unwrap_or_default()));
        }
        Self {
            id: line.id,
            kind: line.task,
            messages: line.messages,
            verifiers,
            tools: line.tools,
            source: line.source,
            license: line.license,
            meta: line.meta,
        }
    }
}

impl From<Task> for TaskLine {
    fn from(task: Task) -> Self {
        let mut verifiers = task.verifiers;
        let only = match verifiers.as_slice() {
            [only] if only.weight == one() => verifiers.pop(),
            _ => None,
        };
        let (verifier, ground_truth) = only.map(|only| (only.name, only.ground_truth)).unzip();
        Self {
            id: task.id,
            task: task.kind,
            messages: task.messages,
            verifier,
            ground_truth,
            verifiers,
            tools: task.tools,
            source: task.source,
            license: task.license,
            meta: task.meta,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_a_word_of_the_data() {
        let kind: TaskKind = serde_json::from_str("\"poetry\"").unwrap();
        assert_eq!((kind.as_str(), kind.to_string()), ("poetry", "poetry".to_owned()));
        assert_eq!(serde_json::to_value(TaskKind::MATH).unwrap(), "math");
    }

    #[test]
    fn one_verifier_or_several_are_read_and_written_alike() {
        let start = r#"{"id":"a","task":"math","messages":[{"role":"user","content":"?"}],"#;
        for (rest, names) in [
            (r#""verifier":"math","ground_truth":null}"#, vec!["math"]),
            (
                concat!(
                    r#""verifiers":[{"name":"math","weight":0.5,"ground_truth":"2"},"#,
                    r#"{"name":"style","weight":1.0,"ground_truth":null}]}"#
                ),
                vec!["math", "style"],
            ),
        ] {
            let line = format!("{start}{rest}");
            let task: Task = serde_json::from_str(&line).unwrap();
            assert_eq!(task.verifiers.iter().map(|verifier| verifier.name.as_str()).collect::<Vec<_>>(), names);
            assert_eq!(serde_json::to_string(&task).unwrap(), line);
        }
    }
}
