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
    /// The request.
    pub request: RolloutRequest,
    /// What stands behind its prompt: nothing where it was not begun, else one segment of sampled tokens.
    pub segments: Vec<Segment>,
    /// Sum of the sampled tokens' entropies, in nats.
    pub entropy_sum: f64,
}

impl From<RolloutRequest> for Unfinished {
    /// A request that was not begun.
    fn from(request: RolloutRequest) -> Self {
        Self { request, segments: Vec::new(), entropy_sum: 0.0 }
    }
}

impl Unfinished {
    /// Number of tokens sampled so far.
    pub fn num_sampled(&self) -> usize {
        self.segments.iter().map(|segment| segment.ids.len()).sum()
    }

    /// The sampled tokens so far, once it is known that there can be a next one: fewer than `limit`, of a vocabulary of
    /// so many entries, with what belongs to each.
    pub(crate) fn checked(mut self, limit: usize, vocab_size: usize) -> Result<Option<Segment>, RolloutError> {
        let name = self.request.name();
        let wrong = |reason: String| RolloutError::NotUnfinished { request: name.clone(), reason };
        let num_sampled = self.num_sampled();
        if self.segments.len() > 1 || self.segments.iter().any(|segment| !segment.is_sampled()) {
            return Err(wrong("it is not one segment of sampled tokens".to_owned()));
        }
        if num_sampled >= limit {
            return Err(wrong(format!("it has {num_sampled} tokens already, and may have {limit}")));
        }
        let Some(sampled) = self.segments.pop() else { return Ok(None) };
        if let Some(id) = sampled.ids.iter().find(|&&id| id as usize >= vocab_size) {
            return Err(wrong(format!("token {id} is not among the model's {vocab_size}")));
        }
        let has_details = self.request.params.has_details();
        if has_details == sampled.details.is_empty() {
            let held = if has_details { "lacks" } else { "has" };
            return Err(wrong(format!("it {held} details of its tokens, otherwise than its parameters ask")));
        }
        let prompt = Segment::given(TokenSource::Prompt, self.request.prompt_ids);
        let sequence = Sequence::new(vec![prompt, sampled]).map_err(|error| wrong(error.to_string()))?;
        Ok(Vec::from(sequence).pop())
    }
}
