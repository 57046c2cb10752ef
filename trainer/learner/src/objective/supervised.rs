//! Supervised learning of traces: the mean negative logprob of the targets, over all targets of the minibatch.

use std::convert::Infallible;
use std::ops::Range;

use anyhow::{Result, ensure};
use policy::{
    HeadOptions, LanguageGradient, LanguageHead, LanguageOutput, LossScope, Packed, Recompute, accumulate_gradient,
};
use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use crate::ranks::{Ranks, as_many_on};
use crate::token_split::split_by_tokens;
use crate::trainable::{Actor, Model, StepOutcome, Trainable};

/// Sequence that is learned.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LearnedSequence {
    /// Ids of all its tokens.
    pub ids: Vec<u32>,
    /// Places of the tokens that are learned; in order and apart from one another.
    pub targets: Vec<Range<usize>>,
}

impl LearnedSequence {
    /// Number of tokens that are learned.
    pub fn num_targets(&self) -> usize {
        self.targets.iter().map(Range::len).sum()
    }

    /// # Errors
    /// A target lies outside the sequence, or none comes after the first token, which nothing predicts.
    fn validate(&self) -> Result<()> {
        let num_tokens = self.ids.len();
        for range in &self.targets {
            ensure!(
                range.end <= num_tokens,
                "targets {range:?} of a sequence of {num_tokens} tokens: they end behind it"
            );
        }
        let has_target = self.targets.iter().any(|range| range.start.max(1) < range.end);
        ensure!(has_target, "a sequence of {num_tokens} tokens has no targets to learn");
        Ok(())
    }
}

/// Settings of an update.
#[derive(Clone, Copy, Debug)]
pub struct SupervisedPlan {
    /// Most tokens that go through the model at a time.
    pub micro_batch_tokens: usize,
    /// Number of tokens whose logits are in memory at a time.
    pub head_chunk: i64,
    /// Part of the forward pass that the backward pass computes again.
    pub recompute: Recompute,
}

/// Figures of one update.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct SupervisedOutcome {
    /// Mean negative logprob of the targets.
    pub loss: f64,
    /// Mean entropy over the targets, in nats.
    pub entropy: f64,
    /// Number of targets.
    pub num_targets: usize,
    /// The optimizer's step.
    pub step: StepOutcome,
}

/// One update on a minibatch of sequences; `place` is the update's in the learning rate's schedule. Where there are
/// `ranks`, all of them call it at once, each with its part of the minibatch, maybe none; figures are those of all.
///
/// # Errors
/// The model is frozen, a sequence has no targets or too few tokens for them, or an operation between ranks failed.
pub fn learn(
    policy: &mut Trainable<Actor>,
    batch: &[&LearnedSequence],
    plan: SupervisedPlan,
    place: u64,
    ranks: Option<&Ranks>,
) -> Result<SupervisedOutcome> {
    batch.iter().try_for_each(|sequence| sequence.validate())?;
    policy.model.clear_gradients(); // of a minibatch that ended in an error
    let own: usize = batch.iter().map(|sequence| sequence.num_targets()).sum();
    let num_targets = ranks.map_or(Ok(own), |ranks| ranks.sums([own as f64]).map(|[all]| all as usize))?;
    let (mut loss, mut entropy) = (0.0, 0.0);
    let decoder = &mut policy.model.policy.decoder;
    let mut head = LanguageHead::new(decoder, HeadOptions { temperature: 1.0, chunk: plan.head_chunk });
    let blank = LearnedSequence { ids: vec![0; 2], targets: vec![Range { start: 1, end: 2 }] };
    for piece in as_many_on(ranks, split_by_tokens(batch, plan.micro_batch_tokens, |sequence| sequence.ids.len()))? {
        let (piece, share) = match piece {
            [] => (&[&blank][..], 0.0),
            piece => (piece, 1.0 / num_targets as f64),
        };
        let sequences: Vec<(&[u32], &[Range<usize>])> =
            piece.iter().map(|sequence| (sequence.ids.as_slice(), sequence.targets.as_slice())).collect();
        let packed = Packed::new(&sequences, decoder.device());
        let gradient = |_, output: &LanguageOutput| {
            let mean = |values: &Tensor| values.sum(Kind::Double).double_value(&[]) * share;
            let logprobs = output.logprobs();
            loss -= mean(&logprobs);
            entropy += mean(&output.entropy);
            let logprob = logprobs.full_like(-share);
            Ok::<_, Infallible>(LanguageGradient { logprob, entropy: None })
        };
        accumulate_gradient(decoder, &mut head, &packed, plan.recompute, LossScope::Token, gradient)?;
    }
    let step = policy.apply(place, loss, ranks)?;
    let entropy = ranks.map_or(Ok(entropy), |ranks| ranks.sums([entropy]).map(|[all]| all))?;
    Ok(SupervisedOutcome { loss: step.loss, entropy, num_targets, step })
}
