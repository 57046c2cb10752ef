//! A rollout whose turns have all ended: its completion, and what went before it.

use datasets::Message;
use rollout::{Completion, Sequence};

use crate::tools::CallRecord;

/// A completion with the turns before it.
#[derive(Debug)]
pub(crate) struct EndedRollout {
    pub completion: Completion,
    /// Turns between the prompt and the completion's text: the policy's, and what tools answered.
    pub turns: Vec<Message>,
    /// True where the text begins within the thinking.
    pub thinking_open: bool,
    /// Calls of all turns, in their order.
    pub calls: Vec<CallRecord>,
}

impl EndedRollout {
    /// Number of tokens of the prompt.
    pub(crate) fn num_prompt_tokens(&self) -> usize {
        self.completion.sequences().next().map_or(0, |first| first.prompt_ids().len())
    }

    /// Number of tokens that were sampled in all turns.
    pub(crate) fn num_sampled(&self) -> usize {
        self.completion.sequences().map(Sequence::num_sampled).sum()
    }
}
