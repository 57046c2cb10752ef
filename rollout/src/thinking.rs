//! A completion's thinking, counted against its budget as it grows.
//!
//! Thinking is open where the prompt opened it, or from the completion's first `<think>` on, and ends at the first
//! `</think>` behind that. The tags are sought in the text without special tokens, which is what verifiers see, so that
//! it does not matter how a tokenizer cuts them. This file must not know tensors, nor what follows from a verdict.

use policy::PolicyError;

use crate::stop::{Decode, StopRules, TextTail};
use crate::thinking_budget::{CLOSING, ThinkingBudget};

/// Tag that opens the thinking.
const OPENING: &str = "<think>";

/// Where a completion stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Before,
    Open,
    Over,
}

/// The thinking of a growing completion.
#[derive(Debug)]
pub(crate) struct ThinkingCount {
    max_tokens: usize,
    phase: Phase,
    num_tokens: usize,
    /// The first token in whose text the next tag is sought.
    start: usize,
    text: TextTail,
    opening: StopRules,
    closing: StopRules,
}

impl ThinkingCount {
    /// The count of a turn that has no token yet, where there is a budget.
    pub(crate) fn of_turn(budget: Option<&ThinkingBudget>, is_open: bool) -> Option<Self> {
        budget.map(|budget| Self::new(budget, is_open))
    }

    fn new(budget: &ThinkingBudget, is_open: bool) -> Self {
        Self {
            max_tokens: budget.max_tokens,
            phase: if is_open { Phase::Open } else { Phase::Before },
            num_tokens: 0,
            start: 0,
            text: TextTail::default(),
            opening: StopRules::of_text(OPENING),
            closing: StopRules::of_text(CLOSING),
        }
    }

    /// Looks at the last of `ids`, the whole completion so far, which was sampled; true once the budget is spent and
    /// the thinking still open.
    ///
    /// # Errors
    /// The tokenizer refuses the ids.
    pub(crate) fn is_spent(&mut self, ids: &[u32], decoder: &impl Decode) -> Result<bool, PolicyError> {
        let rules = match self.phase {
            Phase::Over => return Ok(false),
            Phase::Before => &self.opening,
            Phase::Open => &self.closing,
        };
        let is_found = self.text.ends(&ids[self.start..], rules, decoder)?;
        let is_open = self.phase == Phase::Open;
        if is_found {
            // A token may end one tag and begin the next.
            (self.start, self.text) = (ids.len() - 1, TextTail::default());
            self.phase = if is_open { Phase::Over } else { Phase::Open };
        }
        self.num_tokens += usize::from(is_open);
        Ok(self.phase == Phase::Open && self.num_tokens >= self.max_tokens)
    }

    /// Ends the thinking, whatever the text says.
    pub(crate) fn end(&mut self) {
        self.phase = Phase::Over;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stop::tests::Bytes;

    /// Number of tokens after which the budget is spent.
    fn spent_after(text: &str, max_tokens: usize, is_open: bool) -> Option<usize> {
        let budget = ThinkingBudget { max_tokens, forced_text: String::new() };
        let mut count = ThinkingCount::new(&budget, is_open);
        let ids: Vec<u32> = text.bytes().map(u32::from).collect();
        (1..=ids.len()).find(|&end| count.is_spent(&ids[..end], &Bytes).expect("text"))
    }

    #[test]
    fn tokens_count_while_the_thinking_is_open() {
        assert_eq!(spent_after("thoughts", 5, true), Some(5));
        assert_eq!(spent_after("thoughts", 5, false), None);
        assert_eq!(spent_after("an<think>thoughts", 5, false), Some("an<think>".len() + 5));
        assert_eq!(spent_after("a</think>an answer", 9, true), None);
        assert_eq!(spent_after("a</think>an answer", 8, true), Some(8), "the tag was one token short");
        assert_eq!(spent_after("<think></think>an answer", 9, false), None);
        assert_eq!(spent_after("a</think><think>more", 10, true), None, "thinking ends once");
    }

    #[test]
    fn a_token_may_end_one_tag_and_begin_the_next() {
        struct Merged;
        impl Decode for Merged {
            fn decode_text(&self, ids: &[u32]) -> Result<String, PolicyError> {
                Ok(ids.iter().map(|&id| ["<think", "><", "/think>", "so"][id as usize]).collect())
            }
        }
        let budget = ThinkingBudget { max_tokens: 2, forced_text: String::new() };
        let mut count = ThinkingCount::new(&budget, false);
        let ids = [0, 1, 2, 3, 3, 3];
        assert!((1..=ids.len()).all(|end| !count.is_spent(&ids[..end], &Merged).expect("text")));
    }
}
