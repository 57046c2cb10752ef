//! A preference pair: two completions of one prompt, of which one is better.

use serde::{Deserialize, Serialize};

use crate::message::Message;

/// A chosen and a rejected completion of one prompt. Both are final texts, without thinking: a
/// reward model judges what a reader sees.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreferencePair {
    /// Unique within a file.
    pub id: String,
    /// The conversation both completions answer.
    pub messages: Vec<Message>,
    /// The better completion.
    pub chosen: String,
    /// The worse completion.
    pub rejected: String,
}
