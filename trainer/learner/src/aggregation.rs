//! From one loss a token to one number: a weight for each token, by the counts of the whole minibatch.
//!
//! A minibatch is optimised in several micro-batches, on several ranks. With the minibatch's counts known, every
//! aggregation is a weighted sum of token losses, so that the parts add up to the loss of the whole however it was cut;
//! a mean per micro-batch would weigh tokens by the company they keep. Micro-batches hold whole completions; once the
//! weights are there, tokens can be cut anywhere.
//!
//! | variant | loss | source |
//! | --- | --- | --- |
//! | `token_mean` | sum over trained tokens / their number | DAPO, arXiv 2503.14476 |
//! | `sequence_mean` | mean over completions of their token mean | GRPO, arXiv 2402.03300 |
//! | `sequence_mean_counting_empty` | the same; a completion without a trained token counts as a loss of 0 | TRL |
//! | `constant` | sum over trained tokens / (completions x length) | Dr. GRPO, arXiv 2503.20783 |
//!
//! GRPO's paper knows no masked completions; `sequence_mean` leaves a wholly masked one out of the divisor, and so does
//! `token_mean`. A group that is masked whole is dropped before, and counts nowhere.

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

/// Aggregation of a minibatch's token losses to one number. Each kind of loss has a default of its own.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Aggregation {
    /// Every trained token weighs the same.
    TokenMean,
    /// Every completion with a trained token weighs the same.
    SequenceMean,
    /// Every completion weighs the same; one without a trained token adds 0.
    SequenceMeanCountingEmpty,
    /// The sum over tokens by a length that does not depend on the batch.
    Constant {
        /// Length in tokens, usually the largest completion length.
        length: u32,
    },
}

/// Counts that the losses of a minibatch are divided by, over all of its micro-batches and ranks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Divisor {
    /// Tokens with a true mask.
    pub num_tokens: i64,
    /// Completions, also those that are masked whole and never packed.
    pub num_sequences: i64,
    /// Completions with at least one trained token.
    pub num_trained_sequences: i64,
}

impl Divisor {
    /// The counts, given the number of trained tokens of each completion.
    pub fn from_counts(trained_tokens: impl IntoIterator<Item = i64>) -> Self {
        let mut divisor = Self::default();
        for count in trained_tokens {
            divisor.num_tokens += count;
            divisor.num_sequences += 1;
            divisor.num_trained_sequences += i64::from(count > 0);
        }
        divisor
    }

    fn of(&self, aggregation: Aggregation) -> f64 {
        let divisor = match aggregation {
            Aggregation::TokenMean => self.num_tokens,
            Aggregation::SequenceMean => self.num_trained_sequences,
            Aggregation::SequenceMeanCountingEmpty => self.num_sequences,
            Aggregation::Constant { length } => self.num_sequences * i64::from(length),
        };
        divisor.max(1) as f64
    }
}

impl Aggregation {
    /// # Errors
    /// The constant length is 0.
    pub fn validate(self) -> Result<()> {
        if let Self::Constant { length } = self {
            ensure!(length > 0, "loss.aggregation.constant: length is 0; set the largest completion length");
        }
        Ok(())
    }

    /// Weight of each token's loss, `[tokens]` float32, 0 where `mask` `[tokens]` (bool or numbers) is false or 0: the
    /// minibatch's loss is the sum over its tokens of weight times loss.
    ///
    /// `sequences` are whole completions, `divisor` counts the whole minibatch.
    pub fn token_weights(self, mask: &Tensor, sequences: &Sequences, divisor: &Divisor) -> Tensor {
        let mask = mask.to_kind(Kind::Bool).to_kind(Kind::Float); // [tokens]
        let weights = match self {
            Self::TokenMean | Self::Constant { .. } => mask,
            Self::SequenceMean | Self::SequenceMeanCountingEmpty => {
                let counts = sequences.sums(&mask).clamp_min(1.0); // [sequences]
                mask / sequences.spread(&counts)
            }
        };
        weights / divisor.of(self)
    }
}

/// Places of the completions among packed tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sequences {
    lengths: Vec<i64>,
    is_cut: bool,
}

impl Sequences {
    /// The places, given cumulative lengths `[0, end of the first, end of the second, ...]`.
    ///
    /// # Errors
    /// There is no completion, the first entry is not 0, or the entries decrease.
    pub fn from_cu_seqlens(cu_seqlens: &[i64]) -> Result<Self> {
        ensure!(
            cu_seqlens.len() >= 2 && cu_seqlens[0] == 0,
            "cu_seqlens must start with 0 and have an entry more than completions; it has {} entries",
            cu_seqlens.len()
        );
        let lengths: Vec<i64> = cu_seqlens.windows(2).map(|ends| ends[1] - ends[0]).collect();
        ensure!(lengths.iter().all(|&length| length >= 0), "cu_seqlens decreases: {cu_seqlens:?}");
        Ok(Self { lengths, is_cut: false })
    }

    /// Number of tokens of all completions together.
    pub fn num_tokens(&self) -> i64 {
        self.lengths.iter().sum()
    }

    /// True where a completion has lost tokens to [`Self::narrow`].
    pub fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// The completions, or their parts, among the `length` tokens from `start` on; completions without a token there
    /// are left out.
    pub fn narrow(&self, start: i64, length: i64) -> Self {
        let mut narrowed = Self { lengths: Vec::new(), is_cut: self.is_cut };
        let mut first = 0;
        for &whole in &self.lengths {
            let kept = (first + whole).min(start + length) - first.max(start);
            if kept > 0 {
                narrowed.lengths.push(kept);
                narrowed.is_cut |= kept < whole;
            }
            first += whole;
        }
        narrowed
    }

    /// `[tokens]` -> `[sequences]`: the sum over each completion's tokens, with a graph; in the same order on every
    /// run, unlike a scatter on a GPU.
    pub fn sums(&self, values: &Tensor) -> Tensor {
        let sums: Vec<Tensor> =
            values.split_with_sizes(&self.lengths, 0).iter().map(|tokens| tokens.sum(Kind::Float)).collect();
        Tensor::stack(&sums, 0) // [sequences]
    }

    /// `[sequences]` -> `[tokens]`: each completion's value on all of its tokens, with a graph.
    pub fn spread(&self, per_sequence: &Tensor) -> Tensor {
        let spread: Vec<Tensor> = (0..)
            .zip(&self.lengths)
            .map(|(index, &length)| per_sequence.narrow(0, index, 1).expand([length], false))
            .collect();
        Tensor::cat(&spread, 0) // [tokens]
    }
}
