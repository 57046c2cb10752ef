//! The reward model's loss on pairs of completions, of which one was preferred.
//!
//! Bradley-Terry: `-log sigmoid(chosen - rejected)`, InstructGPT's loss (arXiv 2203.02155), plus
//! `c (chosen + rejected)^2` that keeps scores around 0 (Eisenstein et al., arXiv 2312.09244), averaged over the
//! minibatch's pairs.

use anyhow::{Result, ensure};
use policy::{LossScope, Packed, Recompute, RewardModel, accumulate_gradient, outputs};
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use crate::masked_statistics::numbers;
use crate::ranks::{Ranks, as_many_on};
use crate::token_split::split_by_tokens;
use crate::trainable::{Model, StepOutcome, Trainable};

/// `[loss]`: Bradley-Terry, `-log sigmoid(chosen - rejected)`, with scores centred around 0.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PreferenceLossConfig {
    /// Factor of the square of a pair's summed scores. 0 turns centering off; 0.01 in its paper.
    pub centering_coefficient: f64,
}

impl Default for PreferenceLossConfig {
    fn default() -> Self {
        Self { centering_coefficient: 0.01 }
    }
}

impl PreferenceLossConfig {
    /// # Errors
    /// The coefficient is negative or not finite.
    pub fn validate(&self) -> Result<()> {
        ensure!(
            self.centering_coefficient.is_finite() && self.centering_coefficient >= 0.0,
            "loss.centering_coefficient is {}; set it to 0 or more",
            self.centering_coefficient
        );
        Ok(())
    }
}

/// A preference loss and its metrics.
pub struct PreferenceOutput {
    /// Scalar float32 with a graph: these pairs' share of the minibatch's loss.
    pub loss: Tensor,
    /// Number of pairs whose chosen completion scored higher; a tie does not count.
    pub num_correct: i64,
    /// Sum over pairs of chosen minus rejected score.
    pub score_gap_sum: f64,
}

/// The loss of scores `[pairs]` of any float type.
///
/// `num_pairs` is the number of pairs in the whole minibatch, so that micro-batches add up to its mean.
pub fn preference_loss(
    chosen: &Tensor,
    rejected: &Tensor,
    config: &PreferenceLossConfig,
    num_pairs: i64,
) -> PreferenceOutput {
    let chosen = chosen.to_kind(Kind::Float); // [pairs]
    let rejected = rejected.to_kind(Kind::Float);
    let gap = &chosen - &rejected;
    let centering = (&chosen + &rejected).square() * config.centering_coefficient;
    let loss = (centering - gap.log_sigmoid()).sum(Kind::Float) / num_pairs.max(1) as f64;
    let counted = Tensor::stack(&[gap.gt(0.0).sum(Kind::Float), gap.detach().sum(Kind::Float)], 0);
    let counted = numbers(&counted);
    PreferenceOutput { loss, num_correct: counted[0] as i64, score_gap_sum: counted[1] }
}

/// Ids of a pair: the conversation with the chosen and with the rejected answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PairIds {
    /// Ids up to the end of the chosen answer.
    pub chosen: Vec<u32>,
    /// Ids up to the end of the rejected answer.
    pub rejected: Vec<u32>,
}

impl PairIds {
    /// Number of tokens of both conversations.
    pub fn num_tokens(&self) -> usize {
        self.chosen.len() + self.rejected.len()
    }

    /// What a rank goes through that has fewer pairs than another.
    fn blank() -> Self {
        Self { chosen: vec![0], rejected: vec![0] }
    }

    /// # Errors
    /// An answer's conversation has no token, whose score could be read.
    fn validate(&self) -> Result<()> {
        for (name, ids) in [("chosen", &self.chosen), ("rejected", &self.rejected)] {
            ensure!(!ids.is_empty(), "a pair's {name} conversation has no tokens to score");
        }
        Ok(())
    }
}

/// Settings of a reward model's update.
#[derive(Clone, Debug)]
pub struct PreferencePlan {
    /// Most tokens that go through the model at a time; a pair always goes whole.
    pub micro_batch_tokens: usize,
    /// Part of the forward pass that the backward pass computes again.
    pub recompute: Recompute,
    /// The loss.
    pub loss: PreferenceLossConfig,
}

/// Figures of one update.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct PreferenceOutcome {
    /// Mean loss over the pairs.
    pub loss: f64,
    /// Share of the pairs whose chosen answer scores higher.
    pub accuracy: f64,
    /// Mean difference of chosen and rejected score.
    pub score_gap: f64,
    /// The optimizer's step.
    pub step: StepOutcome,
}

/// All chosen sequences, then all rejected ones, packed to be scored at their ends.
fn packed(pairs: &[&PairIds], model: &RewardModel) -> Packed {
    let chosen = pairs.iter().map(|pair| pair.chosen.as_slice());
    let rejected = pairs.iter().map(|pair| pair.rejected.as_slice());
    Packed::at_ends(&chosen.chain(rejected).collect::<Vec<_>>(), model.decoder.device())
}

/// Scores of chosen and rejected answers, `[pairs]` each, of the scores of both, `[2 pairs]`.
fn halves(scores: &Tensor) -> (Tensor, Tensor) {
    let num_pairs = scores.size()[0] / 2;
    (scores.narrow(0, 0, num_pairs), scores.narrow(0, num_pairs, num_pairs))
}

/// One update on a minibatch of pairs; `place` is the update's in the learning rate's schedule. Where there are
/// `ranks`, all of them call it at once, each with its part of the minibatch, maybe none; figures are those of all.
///
/// # Errors
/// The model is frozen, a conversation is empty, or an operation between ranks failed.
pub fn learn(
    scorer: &mut Trainable<RewardModel>,
    pairs: &[&PairIds],
    plan: &PreferencePlan,
    place: u64,
    ranks: Option<&Ranks>,
) -> Result<PreferenceOutcome> {
    pairs.iter().try_for_each(|pair| pair.validate())?;
    scorer.model.clear_gradients(); // of a minibatch that ended in an error
    let num_pairs = match ranks {
        None => pairs.len() as i64,
        Some(ranks) => ranks.sums([pairs.len() as f64])?[0] as i64,
    };
    let (mut loss, mut num_correct, mut gap) = (0.0, 0, 0.0);
    let blank = &PairIds::blank();
    for piece in as_many_on(ranks, split_by_tokens(pairs, plan.micro_batch_tokens, |pair| pair.num_tokens()))? {
        let is_padding = piece.is_empty();
        let batch = packed(if is_padding { std::slice::from_ref(&blank) } else { piece }, &scorer.model);
        let gradient = |_, scores: &Tensor| {
            if is_padding {
                return Ok(scores.zeros_like());
            }
            let scores = scores.detach().set_requires_grad(true);
            let (chosen, rejected) = halves(&scores);
            let output = preference_loss(&chosen, &rejected, &plan.loss, num_pairs);
            output.loss.backward();
            loss += output.loss.double_value(&[]);
            num_correct += output.num_correct;
            gap += output.score_gap_sum;
            Ok::<_, anyhow::Error>(scores.grad())
        };
        let RewardModel { decoder, head, .. } = &mut scorer.model;
        // A pair's loss depends on two scores.
        let _ = accumulate_gradient(decoder, head, &batch, plan.recompute, LossScope::Batch, gradient)?;
    }
    let step = scorer.apply(place, loss, ranks)?;
    let mut sums = [num_correct as f64, gap];
    if let Some(ranks) = ranks {
        sums = ranks.sums(sums)?;
    }
    let per_pair = |sum: f64| sum / num_pairs.max(1) as f64;
    let [accuracy, score_gap] = sums.map(per_pair);
    Ok(PreferenceOutcome { loss: step.loss, accuracy, score_gap, step })
}

/// Share of the pairs whose chosen answer scores higher; of the pairs of all `ranks`, which call it at once.
///
/// # Errors
/// A conversation is empty, or an operation between ranks failed.
pub fn accuracy(model: &RewardModel, pairs: &[PairIds], max_tokens: usize, ranks: Option<&Ranks>) -> Result<f64> {
    pairs.iter().try_for_each(PairIds::validate)?;
    let all: Vec<&PairIds> = pairs.iter().collect();
    let blank = &PairIds::blank();
    let mut sums = [0.0, pairs.len() as f64];
    for piece in as_many_on(ranks, split_by_tokens(&all, max_tokens, |pair| pair.num_tokens()))? {
        let is_padding = piece.is_empty();
        let batch = packed(if is_padding { std::slice::from_ref(&blank) } else { piece }, model);
        let (chosen, rejected) = halves(&outputs(&model.decoder, &model.head, &batch));
        if !is_padding {
            sums[0] += chosen.gt_tensor(&rejected).sum(Kind::Double).double_value(&[]);
        }
    }
    model.decoder.store().verify()?;
    if let Some(ranks) = ranks {
        sums = ranks.sums(sums)?;
    }
    Ok(sums[0] / sums[1].max(1.0))
}
