//! A preference pair: two completions of one prompt, of which one is better.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::message::Message;
use crate::task::TaskKind;

/// A chosen and a rejected completion of one prompt. Both are final texts, without thinking: a
/// reward model judges what a reader sees.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreferencePair {
    /// Unique within a file.
    pub id: String,
    /// The skill that the pair is about, by which the text around the question is chosen; the field `task` in files.
    #[serde(default, rename = "task", skip_serializing_if = "Option::is_none")]
    pub kind: Option<TaskKind>,
    /// The conversation both completions answer.
    pub messages: Vec<Message>,
    /// Tools on offer, as JSON schemas in the layout of chat templates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tools: Option<Value>,
    /// The better completion.
    pub chosen: String,
    /// The worse completion.
    pub rejected: String,
}
