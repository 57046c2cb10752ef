//! From one loss a token to one number: sums over completions, and the divisor of the whole minibatch.
//!
//! A minibatch is optimised in several micro-batches, on several ranks. Each contributes `its sum / the minibatch's
//! divisor`, so that the parts add up to the loss of the whole however it was cut; a mean per micro-batch would weigh
//! tokens by the company they keep. Micro-batches hold whole completions.
//!
//! | variant | loss | source |
//! | --- | --- | --- |
//! | `token_mean` | sum over trained tokens / their number | DAPO, arXiv 2503.14476 |
//! | `sequence_mean` | mean over completions of their token mean | GRPO, arXiv 2402.03300 |
//! | `sequence_mean_counting_empty` | the same; a completion without a trained token counts as a loss of 0 | TRL |
//! | `constant` | sum over trained tokens / (completions x length) | Dr. GRPO, arXiv 2503.20783 |
//!
//! GRPO's paper knows no masked completions; `sequence_mean` leaves a wholly masked one out of the divisor.

use anyhow::{Result, ensure};
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

/// Variant of the aggregation, as in the table above.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Aggregation {
    /// Every trained token weighs the same.
    #[default]
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
    /// Completions.
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

/// Places of the completions among packed tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sequences {
    lengths: Vec<i64>,
}

impl Sequences {
    /// The places, given cumulative lengths `[0, end of the first, end of the second, ...]`.
    ///
    /// Errors where there is no completion, the first entry is not 0, or the entries decrease.
    pub fn from_cu_seqlens(cu_seqlens: &[i64]) -> Result<Self> {
        ensure!(
            cu_seqlens.len() >= 2 && cu_seqlens[0] == 0,
            "cu_seqlens must start with 0 and have an entry more than completions; it has {} entries",
            cu_seqlens.len()
        );
        let lengths: Vec<i64> = cu_seqlens.windows(2).map(|ends| ends[1] - ends[0]).collect();
        ensure!(lengths.iter().all(|&length| length >= 0), "cu_seqlens decreases: {cu_seqlens:?}");
        Ok(Self { lengths })
    }

    /// Number of tokens of all completions together.
    pub fn num_tokens(&self) -> i64 {
        self.lengths.iter().sum()
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

/// One number from token losses `[tokens]` (0 where `mask` `[tokens]`, float32, is 0): this part's share of the
/// minibatch's loss.
pub fn aggregate(
    losses: &Tensor,
    mask: &Tensor,
    sequences: &Sequences,
    aggregation: Aggregation,
    divisor: &Divisor,
) -> Tensor {
    let sum = match aggregation {
        Aggregation::TokenMean | Aggregation::Constant { .. } => losses.sum(Kind::Float),
        Aggregation::SequenceMean | Aggregation::SequenceMeanCountingEmpty => {
            let counts = sequences.sums(mask).clamp_min(1.0); // [sequences]
            (sequences.sums(losses) / counts).sum(Kind::Float)
        }
    };
    sum / divisor.of(aggregation)
}
