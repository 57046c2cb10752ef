//! The engine's requests and its completions.
//!
//! These types must not know verdicts or rewards: a completion is token ids, text and the logprobs recorded while
//! sampling.

use serde::{Deserialize, Serialize};

/// One completion to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RolloutRequest {
    /// Identity of the task; with `sample_index` and the seed it addresses the random numbers.
    pub task_id: String,
    /// Number of this completion among the task's.
    pub sample_index: u64,
    /// Token ids of the prompt; at least one.
    pub prompt_ids: Vec<u32>,
}

/// Why a completion ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    /// An end-of-sequence or stop id was sampled; it is the last of the completion's ids.
    Stop,
    /// A stop string was found in the text.
    StopString,
    /// The completion reached `max_new_tokens` or the model's last position.
    Length,
}

impl FinishReason {
    /// The name used in files: `stop`, `stop_string` or `length`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::StopString => "stop_string",
            Self::Length => "length",
        }
    }
}

/// One finished completion.
#[derive(Debug, Clone, PartialEq)]
pub struct Completion {
    /// Identity of the request's task.
    pub task_id: String,
    /// The request's number among the task's completions.
    pub sample_index: u64,
    /// Token ids of the prompt.
    pub prompt_ids: Vec<u32>,
    /// Token ids that were sampled, with the stop token where one was.
    pub ids: Vec<u32>,
    /// Text of `ids`, without special tokens and the stop token, cut before a stop string.
    pub text: String,
    /// Logprob of each of `ids` under the distribution that was sampled from: after temperature and filters,
    /// renormalised. Greedy sampling draws from a point mass: 0.
    pub rollout_logprobs: Vec<f32>,
    /// Logprob of each of `ids` under the model's own softmax at temperature 1, before any filter.
    pub raw_logprobs: Vec<f32>,
    /// Mean over `ids` of the entropy, in nats, of the temperature-scaled distribution before filters (greedy:
    /// temperature 1).
    pub entropy: f32,
    /// Why the completion ended.
    pub finish_reason: FinishReason,
    /// Version of the weights that sampled the completion, as the caller counts them.
    pub policy_version: u64,
}

/// Counts and times of one generation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct GenerationStats {
    /// Completions delivered.
    pub num_completions: usize,
    /// Tokens in all prompts.
    pub num_prompt_tokens: usize,
    /// Prompt tokens that went through a prefill; completions of one prompt share theirs.
    pub num_prefill_tokens: usize,
    /// Tokens sampled.
    pub num_completion_tokens: usize,
    /// Prefill calls.
    pub num_prefills: usize,
    /// Decode steps: each gives every sequence in flight one token.
    pub num_decode_steps: usize,
    /// Seconds filling the cache with prompts. On CUDA the work is queued: what is unfinished on return counts as
    /// decoding.
    pub prefill_seconds: f64,
    /// Seconds decoding, sampling and checking stop conditions.
    pub decode_seconds: f64,
}

impl GenerationStats {
    /// Completion tokens a second over prefill and decoding; 0 before anything ran.
    pub fn tokens_per_second(&self) -> f64 {
        let seconds = self.prefill_seconds + self.decode_seconds;
        if seconds > 0.0 { self.num_completion_tokens as f64 / seconds } else { 0.0 }
    }
}
