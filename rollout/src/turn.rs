//! Turns of a completion that speaks with tools: the end of one, and what follows it.
//!
//! An engine hands the end of a turn out and takes what follows it back, whenever that is known; until then the
//! sequence keeps its blocks and others run. This file must not know tools, nor how a conversation becomes ids.

use serde::{Deserialize, Serialize};

use crate::completion::RequestId;

/// The end of a turn by a stop id, with a text in it that asks for an answer ([`turn_marks`]).
///
/// [`turn_marks`]: crate::SamplingParams::turn_marks
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EndedTurn {
    /// What [`Engine::submit`](crate::Engine::submit) returned for the request, which waits for what follows.
    pub request: RequestId,
    /// The request's place in the walk over the data.
    pub draw: u64,
    /// The request's number among the draw's completions.
    pub sample: u64,
    /// Text of the turn's ids, sampled and forced, without special tokens and the stop token.
    pub text: String,
    /// The stop token, the last id of the sequence.
    pub stop_id: u32,
}

/// What follows a turn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NextTurn {
    /// Nothing: it was the last, and the completion ends with the reason `stop`.
    End,
    /// The sequence goes on behind these ids.
    GoesOn {
        /// Ids behind the stop token, at least one.
        ids: Vec<u32>,
        /// True where they end within the thinking.
        thinking_open: bool,
    },
    /// Another sequence of the same rollout goes on, for its prompt is not what the earlier one was.
    Anew {
        /// Ids of its prompt, at least one.
        prompt_ids: Vec<u32>,
        /// True where the prompt ends within the thinking.
        thinking_open: bool,
    },
}
