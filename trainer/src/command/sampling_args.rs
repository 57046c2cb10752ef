//! Flags of sampling, as `trainer generate` takes them.

use clap::Args;
use rollout::{RepetitionStop, SamplingParams, ThinkingBudget};

/// How completions are sampled, and what is told of their tokens.
#[derive(Debug, Args)]
pub(crate) struct SamplingArgs {
    /// Sampling temperature; 0 takes the likeliest token.
    #[arg(long, default_value_t = 0.0)]
    temperature: f64,
    /// Nucleus; 1 keeps everything.
    #[arg(long, default_value_t = 1.0)]
    top_p: f64,
    /// Most candidates; 0 keeps everything.
    #[arg(long, default_value_t = 0)]
    top_k: usize,
    /// Least probability relative to the likeliest token's; 0 keeps everything.
    #[arg(long, default_value_t = 0.0)]
    min_p: f64,
    /// Divides the positive logits, and multiplies the others, of tokens of the prompt and the completion; 1 is off.
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0)]
    repetition_penalty: f64,
    /// Subtracted from the logits of the completion's tokens, -2 to 2; 0 is off.
    #[arg(long, value_name = "LOGIT", default_value_t = 0.0, allow_negative_numbers = true)]
    presence_penalty: f64,
    /// Subtracted from a token's logit for each time that the completion has it, -2 to 2; 0 is off.
    #[arg(long, value_name = "LOGIT", default_value_t = 0.0, allow_negative_numbers = true)]
    frequency_penalty: f64,
    /// Added to the logit of a token (may be given several times).
    #[arg(long, value_name = "ID=LOGIT", value_parser = biased)]
    logit_bias: Vec<(u32, f64)>,
    /// Token ids in a row, joined by commas, that must not come about (may be given several times).
    #[arg(long, value_name = "IDS", value_parser = word)]
    bad_words: Vec<Word>,
    /// Shortest completion, in tokens, before one that ends it may be drawn.
    #[arg(long, value_name = "N", default_value_t = 0)]
    min_new_tokens: usize,
    /// Longest completion, in tokens.
    #[arg(long, default_value_t = 256)]
    max_new_tokens: usize,
    /// End a completion where this text appears (may be given several times).
    #[arg(long, value_name = "TEXT")]
    stop: Vec<String>,
    /// End a completion whose last tokens are a pattern of at most TOKENS tokens, COUNT times in a row.
    #[arg(long, value_name = "TOKENS,COUNT", value_parser = repetition)]
    stop_repetition: Option<RepetitionStop>,
    /// Most tokens in thinking, from `<think>` in the prompt's end or the completion to `</think>`; the completion ends
    /// there, unless --forced-text goes on.
    #[arg(long, value_name = "N")]
    max_thinking_tokens: Option<usize>,
    /// Text that ends the thinking at its limit, such as `</think>`; sampling goes on behind it.
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true, requires = "max_thinking_tokens")]
    forced_text: String,
    /// Go on past the tokens that end a turn.
    #[arg(long)]
    ignore_eos: bool,
    /// Random numbers are keyed by this, the prompt's number in the file and the token's position.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Write so many of the likeliest tokens at each position, with their logprobs, as `top_logprobs`.
    #[arg(long, value_name = "K", default_value_t = 0)]
    top_logprobs: usize,
    /// Write the entropy at each position, as `entropies`.
    #[arg(long)]
    entropies: bool,
    /// Write the ids that top-k, top-p and min-p keep at each position, as `kept_ids`.
    #[arg(long)]
    kept_ids: bool,
}

/// Token ids in a row.
#[derive(Debug, Clone)]
struct Word(Vec<u32>);

impl SamplingArgs {
    /// The parameters, unchecked.
    pub(crate) fn params(&self) -> SamplingParams {
        SamplingParams {
            temperature: self.temperature,
            top_p: self.top_p,
            top_k: self.top_k,
            min_p: self.min_p,
            logit_bias: self.logit_bias.clone(),
            repetition_penalty: self.repetition_penalty,
            presence_penalty: self.presence_penalty,
            frequency_penalty: self.frequency_penalty,
            bad_words: self.bad_words.iter().map(|word| word.0.clone()).collect(),
            min_new_tokens: self.min_new_tokens,
            max_new_tokens: self.max_new_tokens,
            stop_ids: Vec::new(),
            stop_strings: self.stop.clone(),
            stop_repetition: self.stop_repetition,
            thinking: self
                .max_thinking_tokens
                .map(|max_tokens| ThinkingBudget { max_tokens, forced_text: self.forced_text.clone() }),
            turn_marks: Vec::new(),
            seed: self.seed,
            ignore_eos: self.ignore_eos,
            top_logprobs: self.top_logprobs,
            entropies: self.entropies,
            kept_ids: self.kept_ids,
        }
    }
}

fn biased(text: &str) -> Result<(u32, f64), String> {
    let pair = text.split_once('=').and_then(|(id, bias)| Some((id.parse().ok()?, bias.parse().ok()?)));
    pair.ok_or_else(|| "expected a token id, `=` and a number, such as 42=-1.5".to_owned())
}

fn word(text: &str) -> Result<Word, String> {
    let ids: Result<Vec<u32>, _> = text.split(',').map(|id| id.trim().parse()).collect();
    ids.map(Word).map_err(|_| "expected token ids joined by commas, such as 11,42".to_owned())
}

fn repetition(text: &str) -> Result<RepetitionStop, String> {
    let pair = text.split_once(',').and_then(|(tokens, count)| {
        Some(RepetitionStop { pattern_tokens: tokens.trim().parse().ok()?, count: count.trim().parse().ok()? })
    });
    pair.ok_or_else(|| "expected two whole numbers joined by a comma, such as 64,4".to_owned())
}
