//! Errors between a prompt and its completion.
//!
//! Requests and parameters are checked before anything runs, so that the first five variants never come after an hour
//! of sampling.

/// An error of a generation, found before it runs or while it does.
#[derive(Debug, thiserror::Error)]
pub enum RolloutError {
    /// A field of the sampling parameters or engine options has a value that cannot be used.
    #[error("{field} = {value}: {expected}")]
    InvalidField {
        /// Name of the field in the configuration.
        field: &'static str,
        /// The value that was given.
        value: String,
        /// Values that the field may have.
        expected: &'static str,
    },
    /// A request has no prompt ids.
    #[error(
        "task {task_id}, sample {sample_index}: the prompt is empty; \
         a decoder needs at least one token to continue from"
    )]
    EmptyPrompt {
        /// Identity of the request's task.
        task_id: String,
        /// The request's number among the task's completions.
        sample_index: u64,
    },
    /// A prompt leaves no position for a completion.
    #[error(
        "task {task_id}: the prompt has {num_tokens} tokens, but the model has {max_positions} positions \
         (max_position_embeddings) and the completion needs at least one; shorten or drop the prompt"
    )]
    PromptTooLong {
        /// Identity of the request's task.
        task_id: String,
        /// Tokens in the prompt.
        num_tokens: usize,
        /// Positions that the model has.
        max_positions: usize,
    },
    /// A prompt holds an id that the embedding does not have.
    #[error(
        "task {task_id}: prompt token {index} is {id}, but the model's vocabulary has {vocab_size} entries; \
         the tokenizer and the weights do not belong together"
    )]
    TokenOutOfRange {
        /// Identity of the request's task.
        task_id: String,
        /// Position in the prompt, from 0.
        index: usize,
        /// The id that is out of range.
        id: u32,
        /// Entries of the model's vocabulary.
        vocab_size: usize,
    },
    /// One request alone does not fit the cache.
    #[error(
        "task {task_id}: prompt and completion may take {num_tokens} tokens, but cache_tokens = {cache_tokens}; \
         raise cache_tokens or lower max_new_tokens"
    )]
    CacheTooSmall {
        /// Identity of the request's task.
        task_id: String,
        /// Prompt and longest completion, rounded up to the cache's step.
        num_tokens: usize,
        /// The cache's budget, in tokens.
        cache_tokens: usize,
    },
    /// The caller asked to stop. Completions delivered before stay valid.
    #[error("generation was cancelled with {num_unfinished} completions unfinished")]
    Cancelled {
        /// Requests that were waiting or in flight.
        num_unfinished: usize,
    },
    /// The policy's logits were not numbers.
    #[error(
        "task {task_id}, sample {sample_index}: the policy's logits are not finite at completion token {position}; \
         the weights are broken (a diverged update, or a truncated checkpoint)"
    )]
    NotFinite {
        /// Identity of the request's task.
        task_id: String,
        /// The request's number among the task's completions.
        sample_index: u64,
        /// Position in the completion, from 0.
        position: usize,
    },
    /// The tokenizer could not turn a completion into text.
    #[error("decoding a completion of task {task_id}: {source}")]
    Decode {
        /// Identity of the request's task.
        task_id: String,
        /// The tokenizer's error.
        source: policy::PolicyError,
    },
    /// libtorch refused to allocate the key-value cache.
    #[error(
        "allocating a key-value cache of {num_slots} rows x {capacity} tokens: {source}; \
         lower max_sequences or cache_tokens"
    )]
    CacheAllocation {
        /// Slots asked for, one a sequence.
        num_slots: usize,
        /// Tokens a slot.
        capacity: usize,
        /// libtorch's error.
        source: tch::TchError,
    },
}
