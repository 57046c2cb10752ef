//! The tokens of a rollout by their source: what the policy sampled, and what it was given.
//!
//! A sequence is a row of segments. What is learned from is what the policy sampled: a mask is made of the ranges of
//! the sampled segments, never kept beside them. This file must not know how tokens are sampled or learned from.

use std::ops::Range;

use sampling::TokenLogprob;
use serde::{Deserialize, Serialize};

use crate::error::SegmentError;

/// Where a segment's tokens come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenSource {
    /// A prompt: what the policy was asked.
    Prompt,
    /// The policy.
    Sampled,
    /// The result of a tool, with what the chat template puts around it.
    Tool,
    /// A text that was put in the place of sampling, such as the end of thinking at its limit.
    Forced,
}

impl TokenSource {
    /// The name used in files: `prompt`, `sampled`, `tool` or `forced`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Prompt => "prompt",
            Self::Sampled => "sampled",
            Self::Tool => "tool",
            Self::Forced => "forced",
        }
    }
}

/// Sampled tokens in a row that one version of the weights gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VersionSpan {
    /// Version of the weights, as the caller counts them.
    pub policy_version: u64,
    /// Tokens, at least 1.
    pub num_tokens: usize,
}

/// What a request asked to be told of a sampled token besides its logprobs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TokenDetails {
    /// Entropy in nats of the adjusted, temperature-scaled distribution before filters (greedy: temperature 1).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entropy: Option<f32>,
    /// The likeliest tokens, in this order, with their logprobs under the model's own softmax at temperature 1.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub top_logprobs: Vec<TokenLogprob>,
    /// Ids of the tokens that could be drawn after all filters, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kept_ids: Vec<u32>,
}

/// Tokens in a row of one source. A [`Sequence`] checks what is said of the fields.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Segment {
    /// Token ids, at least one.
    pub ids: Vec<u32>,
    /// Where they come from.
    pub source: TokenSource,
    /// Of each sampled id, its logprob under the distribution that was sampled from: after temperature and filters,
    /// renormalised. Greedy sampling draws from a point mass: 0. Empty for other sources.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rollout_logprobs: Vec<f32>,
    /// Of each sampled id, its logprob under the model's own softmax at temperature 1, before any filter. Empty for
    /// other sources.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub raw_logprobs: Vec<f32>,
    /// Versions of the weights that sampled the ids, in their order and each other than the one before. Empty for other
    /// sources.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub versions: Vec<VersionSpan>,
    /// Of each sampled id what its request asked for besides. Empty where it asked for nothing, and for other sources.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub details: Vec<TokenDetails>,
}

impl Segment {
    /// Tokens that the policy was given.
    pub fn given(source: TokenSource, ids: Vec<u32>) -> Self {
        Self {
            ids,
            source,
            rollout_logprobs: Vec::new(),
            raw_logprobs: Vec::new(),
            versions: Vec::new(),
            details: Vec::new(),
        }
    }

    /// True where the policy sampled the tokens.
    pub fn is_sampled(&self) -> bool {
        self.source == TokenSource::Sampled
    }

    /// Checks the fields against each other; `at` is the segment's number in errors.
    fn validate(&self, at: usize) -> Result<(), SegmentError> {
        if self.ids.is_empty() {
            return Err(SegmentError::Empty { at, source_name: self.source.as_str() });
        }
        let num_expected = if self.is_sampled() { self.ids.len() } else { 0 };
        let num_details = if self.details.is_empty() { num_expected } else { self.details.len() };
        let lengths = [
            ("rollout_logprobs", self.rollout_logprobs.len()),
            ("raw_logprobs", self.raw_logprobs.len()),
            ("versions", self.versions.iter().map(|span| span.num_tokens).sum()),
            ("details", num_details),
        ];
        for (field, num_found) in lengths {
            if num_found != num_expected {
                let source_name = self.source.as_str();
                return Err(SegmentError::Length { at, source_name, field, num_found, num_expected });
            }
        }
        for (field, logprobs) in [("rollout_logprobs", &self.rollout_logprobs), ("raw_logprobs", &self.raw_logprobs)] {
            if let Some(token) = logprobs.iter().position(|logprob| !logprob.is_finite()) {
                return Err(SegmentError::NotFinite { at, field, token });
            }
        }
        let is_repeated = |pair: &[VersionSpan]| pair[0].policy_version == pair[1].policy_version;
        if self.versions.iter().any(|span| span.num_tokens == 0) || self.versions.windows(2).any(is_repeated) {
            return Err(SegmentError::Spans { at });
        }
        Ok(())
    }
}

/// A row of segments that the policy saw as one text: at least one, and the first is not sampled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Segment>", into = "Vec<Segment>")]
pub struct Sequence {
    segments: Vec<Segment>,
}

impl Sequence {
    /// A sequence of these segments.
    ///
    /// # Errors
    /// There is none, the first is sampled though nothing stands before it, or one's fields do not fit together.
    pub fn new(segments: Vec<Segment>) -> Result<Self, SegmentError> {
        match segments.first() {
            None => return Err(SegmentError::NoSegment),
            Some(first) if first.is_sampled() => return Err(SegmentError::NothingBefore),
            Some(_) => {}
        }
        segments.iter().enumerate().try_for_each(|(at, segment)| segment.validate(at))?;
        Ok(Self { segments })
    }

    /// The segments, in order.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// Ids of the leading segment: the prompt.
    pub fn prompt_ids(&self) -> &[u32] {
        &self.segments[0].ids
    }

    /// All ids, in order.
    pub fn ids(&self) -> Vec<u32> {
        self.segments.iter().flat_map(|segment| &segment.ids).copied().collect()
    }

    /// All ids behind the prompt, whatever their source.
    pub fn completion_ids(&self) -> Vec<u32> {
        self.segments[1..].iter().flat_map(|segment| &segment.ids).copied().collect()
    }

    /// Number of tokens.
    pub fn num_tokens(&self) -> usize {
        self.segments.iter().map(|segment| segment.ids.len()).sum()
    }

    /// Number of sampled tokens.
    pub fn num_sampled(&self) -> usize {
        self.num_tokens_of(TokenSource::Sampled)
    }

    /// Number of tokens of this source.
    pub fn num_tokens_of(&self, source: TokenSource) -> usize {
        self.segments.iter().filter(|segment| segment.source == source).map(|segment| segment.ids.len()).sum()
    }

    /// The sampled segments, in order.
    pub fn sampled(&self) -> impl Iterator<Item = &Segment> {
        self.segments.iter().filter(|segment| segment.is_sampled())
    }

    /// Places of the sampled tokens among all tokens: a range for each sampled segment, in order.
    pub fn sampled_ranges(&self) -> Vec<Range<usize>> {
        let mut ranges = Vec::new();
        let mut start = 0;
        for segment in &self.segments {
            let end = start + segment.ids.len();
            if segment.is_sampled() {
                ranges.push(start..end);
            }
            start = end;
        }
        ranges
    }

    /// `rollout_logprobs` of every sampled token, in order.
    pub fn rollout_logprobs(&self) -> impl Iterator<Item = f32> {
        self.sampled().flat_map(|segment| segment.rollout_logprobs.iter().copied())
    }

    /// `raw_logprobs` of every sampled token, in order.
    pub fn raw_logprobs(&self) -> impl Iterator<Item = f32> {
        self.sampled().flat_map(|segment| segment.raw_logprobs.iter().copied())
    }

    /// What was asked for of each sampled token, in order; nothing where a request asked for nothing.
    pub fn details(&self) -> impl Iterator<Item = &TokenDetails> {
        self.sampled().flat_map(|segment| &segment.details)
    }

    /// Values of the sampled tokens as values of all tokens behind the prompt; `None` for those that were given.
    pub fn over_completion<T>(&self, sampled: impl IntoIterator<Item = T>) -> Vec<Option<T>> {
        let mut sampled = sampled.into_iter();
        let is_sampled = self.segments[1..].iter().flat_map(|one| std::iter::repeat_n(one.is_sampled(), one.ids.len()));
        is_sampled.map(|is_sampled| if is_sampled { sampled.next() } else { None }).collect()
    }

    /// Version of the weights that gave each sampled token, in order.
    pub fn policy_versions(&self) -> impl Iterator<Item = u64> {
        let spans = self.sampled().flat_map(|segment| &segment.versions);
        spans.flat_map(|span| std::iter::repeat_n(span.policy_version, span.num_tokens))
    }

    /// The oldest version of the weights that gave one of the tokens; `None` where none is sampled.
    pub fn oldest_version(&self) -> Option<u64> {
        self.sampled().flat_map(|segment| &segment.versions).map(|span| span.policy_version).min()
    }
}

impl TryFrom<Vec<Segment>> for Sequence {
    type Error = SegmentError;

    fn try_from(segments: Vec<Segment>) -> Result<Self, SegmentError> {
        Self::new(segments)
    }
}

impl From<Sequence> for Vec<Segment> {
    fn from(sequence: Sequence) -> Self {
        sequence.segments
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sampled(ids: &[u32], versions: &[(u64, usize)]) -> Segment {
        Segment {
            ids: ids.to_vec(),
            source: TokenSource::Sampled,
            rollout_logprobs: ids.iter().map(|&id| -(id as f32)).collect(),
            raw_logprobs: ids.iter().map(|&id| -2.0 * id as f32).collect(),
            versions: versions
                .iter()
                .map(|&(policy_version, num_tokens)| VersionSpan { policy_version, num_tokens })
                .collect(),
            details: Vec::new(),
        }
    }

    fn given(source: TokenSource, ids: &[u32]) -> Segment {
        Segment::given(source, ids.to_vec())
    }

    fn with_a_tool() -> Vec<Segment> {
        vec![
            given(TokenSource::Prompt, &[10, 11]),
            sampled(&[1, 2, 3], &[(7, 1), (8, 2)]),
            given(TokenSource::Tool, &[12]),
            given(TokenSource::Forced, &[13, 14]),
            sampled(&[4], &[(8, 1)]),
        ]
    }

    #[test]
    fn the_mask_is_what_the_policy_sampled() {
        let sequence = Sequence::new(with_a_tool()).unwrap();
        assert_eq!(sequence.ids(), [10, 11, 1, 2, 3, 12, 13, 14, 4]);
        assert_eq!(sequence.prompt_ids(), [10, 11]);
        assert_eq!(sequence.completion_ids(), [1, 2, 3, 12, 13, 14, 4]);
        assert_eq!(sequence.sampled_ranges(), [2..5, 8..9]);
        assert_eq!((sequence.num_tokens(), sequence.num_sampled()), (9, 4));
        assert_eq!(sequence.num_tokens_of(TokenSource::Forced), 2);
        let values = [Some(6), Some(7), Some(8), None, None, None, Some(9)];
        assert_eq!(sequence.over_completion([6, 7, 8, 9]), values);
        assert_eq!(sequence.rollout_logprobs().collect::<Vec<_>>(), [-1.0, -2.0, -3.0, -4.0]);
        assert_eq!(sequence.raw_logprobs().collect::<Vec<_>>(), [-2.0, -4.0, -6.0, -8.0]);
        assert_eq!(sequence.policy_versions().collect::<Vec<_>>(), [7, 8, 8, 8]);
        assert_eq!(sequence.oldest_version(), Some(7));
        let prompt = Sequence::new(vec![given(TokenSource::Prompt, &[10])]).unwrap();
        assert_eq!((prompt.oldest_version(), prompt.sampled_ranges()), (None, vec![]));
    }

    type Change = fn(&mut Vec<Segment>);

    #[test]
    fn segments_that_do_not_fit_are_refused_with_their_place() {
        let refused = |change: Change| {
            let mut segments = with_a_tool();
            change(&mut segments);
            Sequence::new(segments).expect_err("a refusal").to_string()
        };
        let cases: [(Change, &str); 10] = [
            (|segments| segments.clear(), "no segment"),
            (|segments| drop(segments.remove(0)), "first segment is sampled"),
            (|segments| segments[2].ids.clear(), "segment 2 (tool) has no tokens"),
            (|segments| segments[4].ids.clear(), "segment 4 (sampled) has no tokens"),
            (|segments| segments[1].rollout_logprobs.truncate(2), "segment 1 (sampled): rollout_logprobs is for 2"),
            (|segments| segments[2].raw_logprobs.push(0.0), "segment 2 (tool): raw_logprobs is for 1 tokens, not 0"),
            (|segments| segments[4].details.resize_with(2, Default::default), "segment 4 (sampled): details is for 2"),
            (|segments| segments[1].versions[0].num_tokens = 2, "segment 1 (sampled): versions is for 4 tokens, not 3"),
            (|segments| segments[1].versions[1].policy_version = 7, "segment 1: versions"),
            (|segments| segments[1].raw_logprobs[2] = f32::NAN, "segment 1: raw_logprobs of token 2"),
        ];
        for (change, expected) in cases {
            let message = refused(change);
            assert!(message.contains(expected), "{message} lacks {expected}");
        }
    }

    #[test]
    fn json_is_a_list_of_segments_and_is_checked() {
        let sequence = Sequence::new(with_a_tool()).unwrap();
        let json = serde_json::to_value(&sequence).unwrap();
        assert_eq!(json[2], serde_json::json!({"ids": [12], "source": "tool"}));
        assert_eq!(serde_json::from_value::<Sequence>(json.clone()).unwrap(), sequence);
        let mut broken = json;
        broken[1]["ids"] = serde_json::json!([1, 2]);
        let error = serde_json::from_value::<Sequence>(broken).unwrap_err().to_string();
        assert!(error.contains("segment 1 (sampled)"), "{error}");
    }
}
