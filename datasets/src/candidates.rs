//! Candidates: a prompt with its better and its worse completions.

use serde_json::Value;

use crate::message::Message;
use crate::preference::PreferencePair;
use crate::task::TaskKind;

/// The completions of one prompt, parted into better and worse ones: what a suite of rewards is judged by.
///
/// Where there is one of each, it is a [`PreferencePair`].
#[derive(Clone, Debug, PartialEq)]
pub struct Candidates {
    /// Unique within a source.
    pub id: String,
    /// The skill that they are about.
    pub kind: Option<TaskKind>,
    /// The conversation that all of them answer.
    pub messages: Vec<Message>,
    /// Tools on offer, as JSON schemas in the layout of chat templates.
    pub tools: Option<Value>,
    /// The better completions, at least one; all of them are worth the same.
    pub chosen: Vec<String>,
    /// The worse completions, at least one.
    pub rejected: Vec<String>,
    /// Anything else that the row says, as the layout's `[meta]` names it: a subset, the models.
    pub meta: Option<Value>,
}

impl Candidates {
    /// Each better completion beside each worse one. The id of several is that of the row with their places.
    pub fn pairs(self) -> Vec<PreferencePair> {
        let Self { id, kind, messages, tools, chosen, rejected, meta: _ } = self;
        let is_one = chosen.len() * rejected.len() == 1;
        let mut pairs = Vec::new();
        for (better, chosen) in chosen.iter().enumerate() {
            for (worse, rejected) in rejected.iter().enumerate() {
                pairs.push(PreferencePair {
                    id: if is_one { id.clone() } else { format!("{id}/{better}-{worse}") },
                    kind: kind.clone(),
                    messages: messages.clone(),
                    tools: tools.clone(),
                    chosen: chosen.clone(),
                    rejected: rejected.clone(),
                });
            }
        }
        pairs
    }
}

impl From<PreferencePair> for Candidates {
    fn from(pair: PreferencePair) -> Self {
        let PreferencePair { id, kind, messages, tools, chosen, rejected } = pair;
        Self { id, kind, messages, tools, chosen: vec![chosen], rejected: vec![rejected], meta: None }
    }
}
