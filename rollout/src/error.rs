//! Errors between a prompt and its completion.
//!
//! Requests and parameters are checked when they are submitted, so that the variants up to
//! [`RolloutError::CacheTooSmall`] never come after an hour of sampling.

use crate::request_name::RequestName;

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
    /// A parameter names a token that the model does not have.
    #[error("{field} names token {id}, but the model's vocabulary has {vocab_size} entries")]
    IdOutOfRange {
        /// Name of the parameter.
        field: &'static str,
        /// The id that is out of range.
        id: u32,
        /// Entries of the model's vocabulary.
        vocab_size: usize,
    },
    /// A completion cannot get as long as it must.
    #[error(
        "{request}: min_new_tokens = {min_new_tokens}, but the model's positions leave {limit} behind the prompt; \
         lower min_new_tokens or shorten the prompt"
    )]
    MinimumOverLimit {
        /// The request.
        request: RequestName,
        /// Tokens that the completion must have.
        min_new_tokens: usize,
        /// Tokens that it can have.
        limit: usize,
    },
    /// A request has no prompt ids.
    #[error("{request}: the prompt is empty; a decoder needs at least one token to continue from")]
    EmptyPrompt {
        /// The request.
        request: RequestName,
    },
    /// A prompt leaves no position for a completion.
    #[error(
        "{request}: the prompt has {num_tokens} tokens, but the model has {max_positions} positions \
         (max_position_embeddings) and the completion needs at least one; shorten or drop the prompt"
    )]
    PromptTooLong {
        /// The request.
        request: RequestName,
        /// Tokens in the prompt.
        num_tokens: usize,
        /// Positions that the model has.
        max_positions: usize,
    },
    /// A prompt holds an id that the embedding does not have.
    #[error(
        "{request}: prompt token {index} is {id}, but the model's vocabulary has {vocab_size} entries; \
         the tokenizer and the weights do not belong together"
    )]
    TokenOutOfRange {
        /// The request.
        request: RequestName,
        /// Position in the prompt, from 0.
        index: usize,
        /// The id that is out of range.
        id: u32,
        /// Entries of the model's vocabulary.
        vocab_size: usize,
    },
    /// One request alone does not fit the cache.
    #[error(
        "{request}: prompt and completion may take {num_tokens} tokens, but cache_tokens = {cache_tokens}; \
         raise cache_tokens or lower max_new_tokens"
    )]
    CacheTooSmall {
        /// The request.
        request: RequestName,
        /// Prompt and longest completion, rounded up to blocks.
        num_tokens: usize,
        /// The cache's budget, in tokens.
        cache_tokens: usize,
    },
    /// A step was asked of another model than the engine was made for.
    #[error(
        "the engine was made for another model: its configuration, its share of it, device or dtype differs; \
         make an engine for this one"
    )]
    OtherModel,
    /// An operation between the ranks that have shares of the model failed: no rank of them can go on.
    #[error(transparent)]
    Ranks(policy::PolicyError),
    /// The caller asked to stop. Completions delivered before stay valid.
    #[error("generation was cancelled with {num_unfinished} completions unfinished")]
    Cancelled {
        /// Requests that were waiting or running.
        num_unfinished: usize,
    },
    /// The policy's logits were not numbers.
    #[error(
        "{request}: the policy's logits are not finite at completion token {position}; \
         the weights are broken (a diverged update, or a truncated checkpoint)"
    )]
    NotFinite {
        /// The request.
        request: RequestName,
        /// Position in the completion, from 0.
        position: usize,
    },
    /// Biases and bans leave no token.
    #[error(
        "{request}: no token is left to sample at completion token {position}: bad_words, logit_bias and \
         min_new_tokens rule out all of them; allow some"
    )]
    NothingToSample {
        /// The request.
        request: RequestName,
        /// Position in the completion, from 0.
        position: usize,
    },
    /// More tokens could be drawn than the bound of kept sets.
    #[error(
        "{request}: {num_kept} tokens are kept at completion token {position}, more than top_k = {top_k}, \
         since several are as likely as the last; raise top_k or do without kept_ids"
    )]
    KeptSetTooLarge {
        /// The request.
        request: RequestName,
        /// Position in the completion, from 0.
        position: usize,
        /// Tokens that could be drawn.
        num_kept: usize,
        /// Their bound.
        top_k: usize,
    },
    /// The tokenizer could not turn a completion into text.
    #[error("{request}: decoding the completion: {source}")]
    Decode {
        /// The request.
        request: RequestName,
        /// The tokenizer's error.
        source: policy::PolicyError,
    },
    /// What is to be gone on with is no beginning of its completion.
    #[error("{request}: what was sampled so far cannot be gone on with: {reason}")]
    NotUnfinished {
        /// The request.
        request: RequestName,
        /// Why it cannot.
        reason: String,
    },
    /// The tokenizer could not turn the text that ends thinking into ids.
    #[error("thinking.forced_text: {0}")]
    ForcedText(#[source] policy::PolicyError),
    /// There is no memory for the key-value cache.
    #[error("allocating a key-value cache of {num_blocks} blocks: {reason}; lower max_sequences or cache_tokens")]
    CacheAllocation {
        /// Blocks asked for, those that were there among them.
        num_blocks: usize,
        /// Why there is none.
        reason: String,
    },
}

/// An error that names the field, unless something holds of its value.
pub(crate) fn check(
    holds: bool,
    field: &'static str,
    value: impl ToString,
    expected: &'static str,
) -> Result<(), RolloutError> {
    if holds {
        return Ok(());
    }
    Err(RolloutError::InvalidField { field, value: value.to_string(), expected })
}

/// Segments that make no sequence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SegmentError {
    /// There is nothing.
    #[error("a sequence has no segment; it begins with a prompt")]
    NoSegment,
    /// The first token is sampled.
    #[error("the first segment is sampled, though nothing stands before it that it could be sampled from")]
    NothingBefore,
    /// A segment without ids.
    #[error("segment {at} ({source_name}) has no tokens; leave it out")]
    Empty {
        /// Number of the segment, from 0.
        at: usize,
        /// Its source.
        source_name: &'static str,
    },
    /// A field for another number of tokens than are sampled.
    #[error(
        "segment {at} ({source_name}): {field} is for {num_found} tokens, not {num_expected}; \
         it stands for each sampled token, and for no other"
    )]
    Length {
        /// Number of the segment, from 0.
        at: usize,
        /// Its source.
        source_name: &'static str,
        /// Name of the field.
        field: &'static str,
        /// Tokens that the field is for.
        num_found: usize,
        /// Tokens that it must be for.
        num_expected: usize,
    },
    /// A logprob that is no number.
    #[error("segment {at}: {field} of token {token} is not finite")]
    NotFinite {
        /// Number of the segment, from 0.
        at: usize,
        /// Name of the field.
        field: &'static str,
        /// Number of the token in the segment, from 0.
        token: usize,
    },
    /// Spans of versions that are empty, or could be one.
    #[error("segment {at}: versions has an empty span, or two in a row of one version; join them")]
    Spans {
        /// Number of the segment, from 0.
        at: usize,
    },
}
