//! A trace: a worked example that the cold start learns from.

use serde::{Deserialize, Serialize};

use crate::message::Message;

/// A conversation whose last message, the assistant's, is what the cold start learns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    /// Unique within a file.
    pub id: String,
    /// The conversation; the last message is the assistant's, with its thinking.
    pub messages: Vec<Message>,
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
