//! A trace: a worked example that the cold start learns from.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::message::Message;
use crate::task::TaskKind;

/// A conversation of which the cold start learns every turn of the assistant; the last message is one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    /// Unique within a file.
    pub id: String,
    /// The skill that the trace shows, by which the text around the question is chosen; the field `task` in files.
    #[serde(default, rename = "task", skip_serializing_if = "Option::is_none")]
    pub kind: Option<TaskKind>,
    /// The conversation; the last message is the assistant's, with its thinking.
    pub messages: Vec<Message>,
    /// Tools on offer, as JSON schemas in the layout of chat templates.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tools: Option<Value>,
}

impl Trace {
    /// The messages before the completion.
    pub fn prompt_messages(&self) -> &[Message] {
        self.messages.split_last().map_or(&[], |(_, prompt)| prompt)
    }

    /// The completion to learn: the text of the last message, empty where there is no message.
    pub fn completion(&self) -> &str {
        self.messages.last().map_or("", |message| message.content.as_str())
    }
}
