//! A request with what was sampled of it so far: plain data, from which any engine goes on.
//!
//! An engine is stepped, so that between two steps every sequence stands at a token's boundary. What is taken out there
//! and given back, to the same engine or another, under the same weights or others, has the tokens that it had, and its
//! next one takes the random number of its place. Keys are not part of it: they are computed again.

use serde::{Deserialize, Serialize};

use crate::completion::RolloutRequest;
use crate::error::RolloutError;
use crate::segment::{Segment, Sequence, TokenSource};

/// A request and its tokens so far.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unfinished {
    /// The request, with the prompt of the sequence that is under way; its thinking is that of the turn under way.
    pub request: RolloutRequest,
    /// Sequences of the rollout that went before, where a turn began another.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier_sequences: Vec<Sequence>,
    /// What stands behind the prompt: nothing where it was not begun.
    pub segments: Vec<Segment>,
    /// Sum of the sampled tokens' entropies, in nats.
    pub entropy_sum: f64,
}

impl From<RolloutRequest> for Unfinished {
    /// A request that was not begun.
    fn from(request: RolloutRequest) -> Self {
        Self { request, earlier_sequences: Vec::new(), segments: Vec::new(), entropy_sum: 0.0 }
    }
}

/// Tokens of a rollout before the turn that is under way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BeforeTurn {
    /// Those of its sequence, the prompt's among them.
    pub(crate) num_tokens: usize,
    /// Those that were sampled, in the earlier sequences too.
    pub(crate) num_sampled: usize,
}

impl Unfinished {
    /// Number of tokens sampled so far.
    pub fn num_sampled(&self) -> usize {
        let earlier: usize = self.earlier_sequences.iter().map(Sequence::num_sampled).sum();
        earlier + num_sampled(&self.segments)
    }

    /// True where a turn went before the one that is under way.
    pub(crate) fn is_in_later_turn(&self) -> bool {
        !self.earlier_sequences.is_empty() || self.segments.iter().any(|segment| segment.source == TokenSource::Tool)
    }

    /// What stands before the turn that is under way.
    pub(crate) fn before_turn(&self) -> BeforeTurn {
        let last_result = self.segments.iter().rposition(|segment| segment.source == TokenSource::Tool);
        let (before, turn) = self.segments.split_at(last_result.map_or(0, |at| at + 1));
        BeforeTurn {
            num_tokens: self.request.prompt_ids.len() + num_tokens(before),
            num_sampled: self.num_sampled() - num_sampled(turn),
        }
    }

    /// Checks that there can be a next token: fewer than `limit` were sampled, in a sequence of fewer than `longest`,
    /// of a vocabulary of so many entries, with what belongs to each.
    pub(crate) fn check(&self, limit: usize, longest: usize, vocab_size: usize) -> Result<(), RolloutError> {
        let wrong = |reason: String| RolloutError::NotUnfinished { request: self.request.name(), reason };
        let num_sampled = self.num_sampled();
        if num_sampled > 0 && num_sampled >= limit {
            return Err(wrong(format!("it has {num_sampled} tokens already, and may have {limit}")));
        }
        let num_tokens = self.request.prompt_ids.len() + num_tokens(&self.segments);
        if num_tokens >= longest {
            return Err(wrong(format!("its sequence has {num_tokens} tokens already, and may have {longest}")));
        }
        if self.segments.is_empty() {
            return Ok(());
        }
        let mut whole = vec![Segment::given(TokenSource::Prompt, self.request.prompt_ids.clone())];
        whole.extend_from_slice(&self.segments);
        if whole.windows(2).any(|pair| pair[1].source == TokenSource::Prompt || pair.iter().all(Segment::is_sampled)) {
            return Err(wrong("a second prompt, or sampled tokens in two segments without any between".to_owned()));
        }
        Sequence::new(whole).map_err(|error| wrong(error.to_string()))?;
        if let Some(id) = self.segments.iter().flat_map(|segment| &segment.ids).find(|&&id| id as usize >= vocab_size) {
            return Err(wrong(format!("token {id} is not among the model's {vocab_size}")));
        }
        let has_details = self.request.params.has_details();
        if self.segments.iter().any(|segment| segment.is_sampled() && has_details == segment.details.is_empty()) {
            let held = if has_details { "lacks" } else { "has" };
            return Err(wrong(format!("it {held} details of its tokens, otherwise than its parameters ask")));
        }
        Ok(())
    }
}

fn num_tokens(segments: &[Segment]) -> usize {
    segments.iter().map(|segment| segment.ids.len()).sum()
}

fn num_sampled(segments: &[Segment]) -> usize {
    segments.iter().filter(|segment| segment.is_sampled()).map(|segment| segment.ids.len()).sum()
}
