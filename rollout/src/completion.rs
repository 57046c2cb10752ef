//! The engine's requests and its completions.
//!
//! These types must not know verdicts or rewards: a completion is token ids, text and the logprobs recorded while
//! sampling.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::request_name::RequestName;
use crate::sampling_params::SamplingParams;
use crate::segment::Sequence;

/// One completion to make.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RolloutRequest {
    /// The place in the walk over the data. With `sample` and the parameters' seed it addresses the random numbers.
    pub draw: u64,
    /// Number of this completion among the draw's.
    pub sample: u64,
    /// What errors call the request, such as a task's id; no number depends on it.
    pub label: Option<String>,
    /// Token ids of the prompt; at least one.
    pub prompt_ids: Vec<u32>,
    /// True where the prompt ends within the thinking, so that a budget of it counts from the first token on.
    #[serde(default)]
    pub thinking_open: bool,
    /// How to sample. Requests with equal parameters are sampled together, whether they share them or not.
    #[serde(with = "shared_params")]
    pub params: Arc<SamplingParams>,
}

/// Parameters in a file stand with each request; an engine joins equal ones again.
mod shared_params {
    use std::sync::Arc;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use crate::sampling_params::SamplingParams;

    pub(super) fn serialize<S: Serializer>(params: &Arc<SamplingParams>, serializer: S) -> Result<S::Ok, S::Error> {
        params.as_ref().serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<SamplingParams>, D::Error> {
        SamplingParams::deserialize(deserializer).map(Arc::new)
    }
}

impl RolloutRequest {
    /// What errors call the request.
    pub fn name(&self) -> RequestName {
        RequestName { draw: self.draw, sample: self.sample, label: self.label.clone() }
    }
}

/// The number of a request in its engine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct RequestId(pub(crate) u64);

/// Why a completion ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    /// An end-of-sequence or stop id was sampled; it is the last of the completion's ids.
    Stop,
    /// A stop string was found in the text.
    StopString,
    /// The completion reached `max_new_tokens` or the model's last position, or spent its thinking's budget where no
    /// text is forced.
    Length,
    /// The completion's last tokens were one pattern, as often as `stop_repetition` says.
    Repetition,
    /// The request was aborted; the completion is what was sampled until then.
    Aborted,
}

impl FinishReason {
    /// The name used in files: `stop`, `stop_string`, `length`, `repetition` or `aborted`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::StopString => "stop_string",
            Self::Length => "length",
            Self::Repetition => "repetition",
            Self::Aborted => "aborted",
        }
    }
}

/// One finished completion.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Completion {
    /// The request's place in the walk over the data.
    pub draw: u64,
    /// The request's number among the draw's completions.
    pub sample: u64,
    /// Sequences of the rollout that went before, where a turn began one anew.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier_sequences: Vec<Sequence>,
    /// The prompt, then what was sampled and given behind it, with the stop token where one was. The prompt alone where
    /// a request was aborted before it began.
    pub sequence: Sequence,
    /// Text of the ids behind the prompt, of several turns those of the last, without special tokens and the stop
    /// token, cut before a stop string.
    pub text: String,
    /// Mean over the sampled ids of the entropy, in nats, of the adjusted, temperature-scaled distribution before
    /// filters (greedy: temperature 1); 0 where nothing was sampled.
    pub entropy: f32,
    /// Why the completion ended.
    pub finish_reason: FinishReason,
}

impl Completion {
    /// Token ids of the prompt.
    pub fn prompt_ids(&self) -> &[u32] {
        self.sequence.prompt_ids()
    }

    /// All sequences of the rollout, in order.
    pub fn sequences(&self) -> impl Iterator<Item = &Sequence> {
        self.earlier_sequences.iter().chain([&self.sequence])
    }

    /// Token ids behind the prompt, in order.
    pub fn completion_ids(&self) -> Vec<u32> {
        self.sequence.completion_ids()
    }
}

/// Counts and times of an engine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct GenerationStats {
    /// Completions delivered.
    pub num_completions: usize,
    /// Requests that were aborted.
    pub num_aborted: usize,
    /// Tokens in the prompts of all requests.
    pub num_prompt_tokens: usize,
    /// Tokens that were computed before the last one of their sequence: of prompts, which those that begin alike share,
    /// and of sequences that gave their place back.
    pub num_prefill_tokens: usize,
    /// Tokens sampled.
    pub num_completion_tokens: usize,
    /// Tokens put in the place of sampling at the end of a thinking's budget.
    pub num_forced_tokens: usize,
    /// Tokens put behind turns in the same sequence: results of tools, with what stands around them.
    pub num_tool_tokens: usize,
    /// Passes that computed such tokens.
    pub num_prefills: usize,
    /// Passes that sampled: each gives the sequences whose last token it computes one more.
    pub num_decode_steps: usize,
    /// Sequences that got a token, summed over these passes.
    pub num_sequence_steps: usize,
    /// Times that a running sequence gave its place back, for there were no blocks, and was computed again later.
    pub num_preemptions: usize,
    /// Seconds filling the cache with prompts. A pass that samples too is divided by its tokens.
    pub prefill_seconds: f64,
    /// Seconds decoding, sampling and checking stop conditions.
    pub decode_seconds: f64,
}

impl GenerationStats {
    /// Adds those of an engine that ran at the same time: counts add up, and steps and times are those of whoever had
    /// most.
    pub fn merge(&mut self, other: &Self) {
        self.num_completions += other.num_completions;
        self.num_aborted += other.num_aborted;
        self.num_prompt_tokens += other.num_prompt_tokens;
        self.num_prefill_tokens += other.num_prefill_tokens;
        self.num_completion_tokens += other.num_completion_tokens;
        self.num_forced_tokens += other.num_forced_tokens;
        self.num_tool_tokens += other.num_tool_tokens;
        self.num_prefills += other.num_prefills;
        self.num_preemptions += other.num_preemptions;
        self.num_sequence_steps += other.num_sequence_steps;
        self.num_decode_steps = self.num_decode_steps.max(other.num_decode_steps);
        self.prefill_seconds = self.prefill_seconds.max(other.prefill_seconds);
        self.decode_seconds = self.decode_seconds.max(other.decode_seconds);
    }

    /// Completion tokens a second over prefill and decoding; 0 before anything ran.
    pub fn tokens_per_second(&self) -> f64 {
        let seconds = self.prefill_seconds + self.decode_seconds;
        if seconds > 0.0 { self.num_completion_tokens as f64 / seconds } else { 0.0 }
    }

    /// Mean number of sequences that a decode step gave a token; 0 before anything ran.
    pub fn mean_running(&self) -> f64 {
        self.num_sequence_steps as f64 / self.num_decode_steps.max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_goes_through_json() {
        let params = Arc::new(SamplingParams { temperature: 0.1, seed: u64::MAX, ..SamplingParams::default() });
        let request = RolloutRequest {
            draw: 1 << 60,
            sample: 2,
            label: None,
            prompt_ids: vec![5, 6],
            thinking_open: true,
            params,
        };
        let json = serde_json::to_string(&request).unwrap();
        assert_eq!(serde_json::from_str::<RolloutRequest>(&json).unwrap(), request);
        let error = serde_json::from_str::<RolloutRequest>(&json.replace("label", "title")).unwrap_err();
        assert!(error.to_string().contains("title"), "{error}");
    }
}
