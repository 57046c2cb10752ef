//! Heads: from hidden states to what a loss is a function of, and from that loss's gradient back.
//!
//! A head goes over the targets in chunks, so that what it holds of a target (its logits, say) is never whole in
//! memory. It keeps no graph: each head knows its own derivative. The loss sees a head's output and answers with its
//! gradient in that output; where the loss of a target depends on that target alone it is asked chunk by chunk, and
//! nothing is computed twice.

mod kept;
mod language;
mod pair;
mod scalar;
mod split_vocabulary;

use std::ops::Range;

use tch::{Kind, Tensor, no_grad};

pub use self::language::{HeadOptions, LanguageGradient, LanguageHead, LanguageOutput};
pub use self::pair::HeadPair;
pub use self::scalar::{ScalarGradient, ScalarHead};
use crate::context_parallel::Stretch;
use crate::packed::Packed;
use crate::store::WeightStore;

/// What a loss needs to see before it can answer with a gradient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LossScope {
    /// A target's loss depends on that target's output alone: the loss is asked chunk by chunk.
    Token,
    /// The loss of a target depends on others: it is asked once, and the head computes its chunks again.
    Batch,
}

/// A head over hidden states. A new kind of head implements this trait; [`crate::accumulate_gradient`] takes it from
/// there to every parameter.
pub trait Head {
    /// Numbers of each target, without a graph.
    type Output;
    /// Gradient of a loss in these numbers.
    type Gradient;
    /// What the backward pass of a chunk needs from its forward pass.
    type Saved;

    /// Number of targets that are in the head at a time, at least 1.
    fn chunk(&self) -> i64;

    /// Numbers of the targets of one chunk: `hidden` `[targets, hidden]`, and `targets` as [`Packed::targets`].
    fn forward(&self, hidden: &Tensor, targets: &Tensor) -> (Self::Output, Self::Saved);

    /// Gradient in `hidden` of the targets of one chunk, `[targets, hidden]`; the gradient of the head's own weights is
    /// gathered in the head.
    fn backward(&mut self, saved: Self::Saved, hidden: &Tensor, targets: &Tensor, gradient: &Self::Gradient) -> Tensor;

    /// Outputs of consecutive chunks as one.
    fn concatenated(outputs: Vec<Self::Output>) -> Self::Output;

    /// An output whose tensors, `[targets]` each, are made of those of another.
    fn mapped(output: &Self::Output, map: &dyn Fn(&Tensor) -> Tensor) -> Self::Output;

    /// A chunk's part of a gradient.
    fn part(gradient: &Self::Gradient, range: Range<i64>) -> Self::Gradient;

    /// Takes what the head needs of a decoder's weights and gradients, before the first chunk.
    fn begin(&mut self, _store: &mut dyn WeightStore) {}

    /// Gives the decoder's store what belongs to it, after the last chunk.
    fn end(&mut self, _store: &mut dyn WeightStore) {}
}

/// Ranges of at most `chunk` targets that follow one another up to `num_targets`; an empty one where there are none.
fn chunks(num_targets: i64, chunk: i64) -> impl Iterator<Item = Range<i64>> {
    (0..num_targets.max(1)).step_by(chunk as usize).map(move |start| start..num_targets.min(start + chunk))
}

fn rows(tensor: &Tensor, range: &Range<i64>) -> Tensor {
    tensor.narrow(0, range.start, range.end - range.start)
}

/// The output of all targets, at least one, without gradients: `hidden` `[targets, hidden]`, and `targets` as
/// [`Packed::targets`].
pub fn head_outputs<H: Head>(head: &H, hidden: &Tensor, targets: &Tensor) -> H::Output {
    let outputs = chunks(hidden.size()[0], head.chunk())
        .map(|range| no_grad(|| head.forward(&rows(hidden, &range), &rows(targets, &range)).0));
    H::concatenated(outputs.collect())
}

/// The output of all targets of `batch`, at least one, without gradients; `hidden` `[targets, hidden]` is read at them.
/// Where ranks have a stretch of the batch each, the output is that of the targets of all.
pub(crate) fn batch_outputs<H: Head>(head: &H, hidden: &Tensor, batch: &Packed) -> H::Output {
    let own = head_outputs(head, hidden, &batch.targets);
    match &batch.stretch {
        None => own,
        Some(stretch) => H::mapped(&own, &|tensor| stretch.gather_targets(tensor)),
    }
}

/// The output of all targets of `batch`, and the loss's gradient in `hidden` `[tokens, hidden]`: of the same shape, in
/// float32.
///
/// `loss` gets a range of the targets and their output, and returns the loss's gradient in it. Where ranks have a
/// stretch of the batch each, it is asked once for the targets of all, and the gradient is that in the hidden states of
/// this rank's.
pub(crate) fn head_gradient<H: Head, E>(
    head: &mut H,
    hidden: &Tensor,
    batch: &Packed,
    scope: LossScope,
    mut loss: impl FnMut(Range<i64>, &H::Output) -> Result<H::Gradient, E>,
) -> Result<(H::Output, Tensor), E> {
    let Packed { predicting, targets, .. } = batch;
    let num_targets = targets.size()[0];
    let mut by_hidden = Tensor::zeros(hidden.size(), (Kind::Float, hidden.device()));
    let mut add = |range: Range<i64>, gradient: Tensor| {
        let _ = by_hidden.index_add_(0, &rows(predicting, &range), &gradient);
    };
    let hidden = no_grad(|| hidden.index_select(0, predicting)); // [targets, hidden]
    let output = match scope {
        LossScope::Token if batch.stretch.is_none() => {
            let mut outputs = Vec::new();
            for range in chunks(num_targets, head.chunk()) {
                let (hidden, targets) = (rows(&hidden, &range), rows(targets, &range));
                let (output, saved) = no_grad(|| head.forward(&hidden, &targets));
                let gradient = loss(range.clone(), &output)?;
                no_grad(|| add(range, head.backward(saved, &hidden, &targets, &gradient)));
                outputs.push(output);
            }
            H::concatenated(outputs)
        }
        LossScope::Token | LossScope::Batch => {
            let output = no_grad(|| batch_outputs(head, &hidden, batch));
            let own = batch.stretch.as_ref().map_or(0..num_targets, Stretch::targets);
            let gradient = loss(0..batch.stretch.as_ref().map_or(num_targets, Stretch::num_targets), &output)?;
            for range in chunks(num_targets, head.chunk()) {
                let (hidden, targets) = (rows(&hidden, &range), rows(targets, &range));
                let gradient = H::part(&gradient, own.start + range.start..own.start + range.end);
                no_grad(|| {
                    let (_, saved) = head.forward(&hidden, &targets);
                    add(range, head.backward(saved, &hidden, &targets, &gradient));
                });
            }
            output
        }
    };
    Ok((output, by_hidden))
}
