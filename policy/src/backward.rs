//! From packed sequences to logprobs, and from a loss's gradient in the logprobs to every parameter's.
//!
//! There are two ways with the same result. Plain: autograd keeps the activations of all blocks. Recomputed: the
//! forward pass keeps each block's input only; the backward pass goes from the last block to the first, computes each
//! again with a graph, and hands its input's gradient on. Its memory is one block's activations.

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use crate::attention::Attention;
use crate::decoder::Decoder;
use crate::logprobs::{HeadOptions, HeadOutput, head_backward, head_forward};
use crate::packed::Packed;

/// Parts of the forward pass that the backward pass computes again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Recompute {
    /// Keep every activation: fastest, and fine for small models.
    #[default]
    Nothing,
    /// Keep each block's input and compute the block again: a third more work, a fraction of the memory.
    Blocks,
}

/// Logprobs and entropies of the targets, without a graph.
pub fn token_logprobs(decoder: &Decoder, batch: &Packed, options: HeadOptions) -> HeadOutput {
    tch::no_grad(|| {
        let hidden = decoder.hidden(&batch.ids, &batch.positions, &mut batch.attention());
        head_forward(decoder, &hidden.index_select(0, &batch.predicting), &batch.targets, options)
    })
}

/// Adds a loss's gradient to the `grad` of every parameter that requires one.
///
/// `loss_gradient` gets the logprobs and entropies of the targets and returns the loss's gradient with respect to the
/// logprobs, `[targets]` float32.
///
/// # Errors
/// `loss_gradient` fails; no `grad` has changed then.
pub fn accumulate_gradient<E>(
    decoder: &Decoder,
    batch: &Packed,
    options: HeadOptions,
    recompute: Recompute,
    loss_gradient: impl FnOnce(&HeadOutput) -> Result<Tensor, E>,
) -> Result<(), E> {
    let through_head = |hidden: &Tensor| {
        let predicting = hidden.index_select(0, &batch.predicting); // [targets, hidden]
        let output = head_forward(decoder, &predicting, &batch.targets, options);
        let gradient = loss_gradient(&output)?;
        let gradient = head_backward(decoder, &predicting, &batch.targets, options, &gradient);
        backward(&predicting, &gradient);
        Ok(())
    };
    let mut attention = batch.attention();
    match recompute {
        Recompute::Nothing => through_head(&decoder.hidden(&batch.ids, &batch.positions, &mut attention)),
        Recompute::Blocks => streamed(decoder, batch, &mut attention, through_head),
    }
}

/// The backward pass that computes each block again.
fn streamed<E>(
    decoder: &Decoder,
    batch: &Packed,
    attention: &mut dyn Attention,
    through_head: impl FnOnce(&Tensor) -> Result<(), E>,
) -> Result<(), E> {
    let rotary = decoder.rotary(&batch.positions);
    let mut inputs = Vec::with_capacity(decoder.num_blocks());
    let mut x = tch::no_grad(|| decoder.embed(&batch.ids));
    for layer in 0..decoder.num_blocks() {
        let output = tch::no_grad(|| decoder.block(layer, &x, &rotary, attention));
        inputs.push(std::mem::replace(&mut x, output));
    }
    let top = x.set_requires_grad(true);
    through_head(&decoder.final_norm(&top))?;
    let mut gradient = top.grad();
    for (layer, input) in inputs.into_iter().enumerate().rev() {
        let input = input.set_requires_grad(true);
        backward(&decoder.block(layer, &input, &rotary, attention), &gradient);
        gradient = input.grad();
    }
    backward(&decoder.embed(&batch.ids), &gradient);
    Ok(())
}

/// Backward from `output` with a given gradient: the derivative of `sum(output · gradient)` in `output` is `gradient`.
fn backward(output: &Tensor, gradient: &Tensor) {
    (output * gradient).sum(Kind::Float).backward();
}
