//! From packed sequences to a head's outputs, and from a loss's gradient in them to every parameter's.
//!
//! There are two ways with the same result. Whole: autograd keeps the activations of all blocks. Streamed: the forward
//! pass keeps each block's input only; the backward pass goes from the last block to the first, computes each again
//! with a graph, and hands its input's gradient on. Its memory is every block's input and one block's activations. In
//! both, a part's gradient goes to the weight store as soon as it is whole, and is summed there in float32.

use std::ops::Range;

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor, no_grad};

use crate::block::BlockWeights;
use crate::decoder::Decoder;
use crate::head::{Head, LossScope, batch_outputs, head_gradient};
use crate::packed::Packed;
use crate::store::Part;

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

/// A head's outputs of all targets, at least one, without a graph.
pub fn outputs<H: Head>(decoder: &Decoder, head: &H, batch: &Packed) -> H::Output {
    no_grad(|| {
        let hidden = decoder.hidden(&batch.ids, &batch.positions, &mut decoder.attention(batch));
        batch_outputs(head, &hidden.index_select(0, &batch.predicting), batch)
    })
}

/// Adds a loss's gradient to that of every parameter of decoder and head; returns the head's outputs of all targets, of
/// which there is at least one.
///
/// `loss` gets a range of the targets and the head's output of them, and returns the loss's gradient in that output:
/// for the targets of one chunk after another where `scope` says that they are independent, else once for all.
///
/// # Errors
/// `loss` fails. The gradients are then of no use: clear them.
pub fn accumulate_gradient<H: Head, E>(
    decoder: &mut Decoder,
    head: &mut H,
    batch: &Packed,
    recompute: Recompute,
    scope: LossScope,
    loss: impl FnMut(Range<i64>, &H::Output) -> Result<H::Gradient, E>,
) -> Result<H::Output, E> {
    let pass = HeadPass { head, batch, scope };
    match recompute {
        Recompute::Nothing => whole(decoder, pass, loss),
        Recompute::Blocks => streamed(decoder, pass, loss),
    }
}

/// A head and what it is asked about.
struct HeadPass<'a, H> {
    head: &'a mut H,
    batch: &'a Packed,
    scope: LossScope,
}

impl<H: Head> HeadPass<'_, H> {
    /// The head's outputs, and the loss's gradient in `hidden` `[tokens, hidden]`, float32.
    fn run<E>(
        self,
        decoder: &mut Decoder,
        hidden: &Tensor,
        loss: impl FnMut(Range<i64>, &H::Output) -> Result<H::Gradient, E>,
    ) -> Result<(H::Output, Tensor), E> {
        let Self { head, batch, scope } = self;
        head.begin(decoder.store_mut());
        let result = head_gradient(head, hidden, batch, scope, loss)?;
        head.end(decoder.store_mut());
        Ok(result)
    }
}

/// The backward pass over a graph of all blocks.
fn whole<H: Head, E>(
    decoder: &mut Decoder,
    pass: HeadPass<'_, H>,
    loss: impl FnMut(Range<i64>, &H::Output) -> Result<H::Gradient, E>,
) -> Result<H::Output, E> {
    let batch = pass.batch;
    let attention = &mut decoder.attention(batch);
    let rotary = decoder.rotary(&batch.positions);
    let embedded = no_grad(|| decoder.embed(&batch.ids)).set_requires_grad(true);
    let blocks: Vec<BlockWeights> =
        (0..decoder.num_blocks()).map(|layer| decoder.store().block(layer).leaves()).collect();
    let norm = decoder.store().final_norm().detach().set_requires_grad(true);
    let mut x = embedded.shallow_clone();
    for (layer, weights) in blocks.iter().enumerate() {
        x = decoder.block_with(weights, layer, &x, &rotary, attention);
    }
    let hidden = decoder.final_norm_with(&norm, &x);
    let (output, gradient) = pass.run(decoder, &hidden, loss)?;
    let mut leaves = vec![&embedded, &norm];
    leaves.extend(blocks.iter().flat_map(BlockWeights::tensors));
    let mut gradients = backward(&hidden, &gradient, &leaves).into_iter();
    let by_embedded = gradients.next();
    decoder.store_mut().add_gradients(Part::FinalNorm, gradients.next().into_iter().collect());
    decoder.store().release(Part::FinalNorm);
    for (layer, weights) in blocks.iter().enumerate() {
        let of_block = gradients.by_ref().take(weights.tensors().len()).collect();
        decoder.store_mut().add_gradients(Part::Block(layer), of_block);
        decoder.store().release(Part::Block(layer));
    }
    if let Some(by_embedded) = by_embedded {
        add_embedding_gradient(decoder, &batch.ids, &by_embedded);
    }
    Ok(output)
}

/// The backward pass that computes each block again.
fn streamed<H: Head, E>(
    decoder: &mut Decoder,
    pass: HeadPass<'_, H>,
    loss: impl FnMut(Range<i64>, &H::Output) -> Result<H::Gradient, E>,
) -> Result<H::Output, E> {
    let batch = pass.batch;
    let attention = &mut decoder.attention(batch);
    let rotary = decoder.rotary(&batch.positions);
    let mut inputs = Vec::with_capacity(decoder.num_blocks());
    let mut x = no_grad(|| decoder.embed(&batch.ids));
    for layer in 0..decoder.num_blocks() {
        let output = no_grad(|| decoder.block(layer, &x, &rotary, attention));
        inputs.push(std::mem::replace(&mut x, output));
    }
    let top = x.set_requires_grad(true);
    let norm = decoder.store().final_norm().detach().set_requires_grad(true);
    let hidden = decoder.final_norm_with(&norm, &top);
    let (output, gradient) = pass.run(decoder, &hidden, loss)?;
    let mut gradients = backward(&hidden, &gradient, &[&top, &norm]);
    drop((hidden, top, x, gradient)); // [tokens, hidden] each, of which the walk through the blocks needs none
    decoder.store_mut().add_gradients(Part::FinalNorm, gradients.split_off(1));
    decoder.store().release(Part::FinalNorm);
    let mut gradient = gradients.swap_remove(0);
    for (layer, input) in inputs.into_iter().enumerate().rev() {
        let input = input.set_requires_grad(true);
        let weights = decoder.store().block(layer).leaves();
        let block = decoder.block_with(&weights, layer, &input, &rotary, attention);
        let mut leaves = vec![&input];
        leaves.extend(weights.tensors());
        let mut gradients = backward(&block, &gradient, &leaves);
        drop(weights);
        decoder.store_mut().add_gradients(Part::Block(layer), gradients.split_off(1));
        decoder.store().release(Part::Block(layer));
        gradient = gradients.swap_remove(0);
    }
    add_embedding_gradient(decoder, &batch.ids, &gradient);
    Ok(output)
}

/// Gradients in `leaves`, from the gradient in `output`: the derivative of `sum(output · gradient)` in `output` is
/// `gradient`.
fn backward(output: &Tensor, gradient: &Tensor, leaves: &[&Tensor]) -> Vec<Tensor> {
    let sum = (output * gradient).sum(Kind::Float);
    Tensor::run_backward(&[sum], leaves, false, false)
}

/// Adds each token's gradient `[tokens, hidden]` to its row of the embedding's.
fn add_embedding_gradient(decoder: &mut Decoder, ids: &Tensor, gradient: &Tensor) {
    no_grad(|| {
        let hidden_size = decoder.config().hidden_size;
        let gradient = gradient.to_kind(Kind::Float);
        let (num_rows, ids, gradient) = match decoder.store().tensor() {
            None => (decoder.config().vocab_size, ids.shallow_clone(), gradient),
            Some(tensor) => {
                let (own, is_own) = tensor.own_ids(ids);
                (tensor.share().local().vocab_size, own, gradient * is_own.unsqueeze(1))
            }
        };
        let store = decoder.store_mut();
        let zeros = || Tensor::zeros([num_rows, hidden_size], (Kind::Float, gradient.device()));
        let mut sum = store.take_gradient(Part::Embedding).unwrap_or_else(zeros);
        let _ = sum.index_add_(0, &ids, &gradient);
        store.put_gradient(Part::Embedding, sum);
    });
}
