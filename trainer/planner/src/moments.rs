//! The moments of an update in which most memory is held beside weights, gradients and optimizer.
//!
//! `t` tokens go through the model at a time, `w` bytes a number. Of the blocks that are computed again, each input
//! stays (`t h w` a block). The walk's moments, in its order; which is the largest depends on the sizes:
//!
//! - `logits`: the head is over its first chunk. States at the top, their gradient in float32; two of `[chunk, vocab]`
//!   in float32; the sum of the head's gradient in float32, beside the product that is added to it.
//! - `head`: the head is through. Its gradient is laid flat, then reduced over ranks: twice its size in float32.
//! - `feed-forward`, `backward`: the graph of one block, or of all, and the gradients of the uppermost weights. A block
//!   keeps its norms' outputs, queries, keys and values before and after they are rotated, what attention gave, and
//!   four of the feed-forward's width; two more while the way back begins, two fewer once it is through with it.
//! - `reduce`: a block's gradient as it came, in float32, and flat; or flat and as it was received.
//! - `embedding`: the embedding's gradient, as the head's.
//!
//! A block that is gathered comes with the next one on the way; a head that is gathered stays for the whole update.

use crate::axes::Axes;
use crate::model::ModelSizes;
use crate::work::{HeadWork, Place, Work};

/// Bytes of a float32.
const FLOAT: u64 = 4;

/// Bytes of a log-sum-exp of attention, for each head of a token.
const LOGSUMEXP: u64 = 4;

/// A moment of an update.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) name: &'static str,
    /// Bytes of states and their gradients.
    pub(crate) activations: u64,
    /// Bytes of gathered weights, and of gradients on their way to the pieces.
    pub(crate) moved: u64,
}

/// Bytes that one block keeps of a token for its backward pass, its output too; its input apart.
pub(crate) fn kept_by_block(model: &ModelSizes, tensor: u64, work: &Work) -> u64 {
    let (hidden, query, key) = (model.hidden, model.query(tensor), model.key(tensor));
    let norms = match work.place {
        Place::Cpu => 4, // normalised, and weighed
        Place::Gpu => 2,
    };
    let states = (norms + 2) * hidden; // between attention and feed-forward, and at the end
    let attention = (query + 2 * key) + (query + key) + query;
    let feed_forward = 4 * model.intermediate.div_ceil(tensor); // gate and up, silu of the gate, their product
    (states + attention + feed_forward) * work.number_bytes + model.local_heads(tensor) * LOGSUMEXP
}

/// The moments of an update of a model with the head that `work` names.
pub(crate) fn moments(model: &ModelSizes, axes: &Axes, work: &Work) -> Vec<Moment> {
    let (w, tensor) = (work.number_bytes, axes.tensor);
    let tokens = work.tokens_at_once(axes.context);
    let is_spread = axes.num_ranks() > 1;
    let gathered = |numbers: u64| if axes.is_cut() { w * numbers } else { 0 };
    let state = tokens * model.hidden;
    let block = model.block(tensor);
    let kept = kept_by_block(model, tensor, work);
    // Gradients of a part on their way: as they came, converted and flat; then flat and received.
    let reduced = |numbers: u64, came: u64| match (is_spread, axes.is_cut()) {
        (false, _) => came * numbers,
        (true, cut) => {
            let converted = if came == FLOAT { 0 } else { FLOAT };
            let received = if cut { FLOAT } else { 0 };
            numbers * (came + converted + FLOAT).max(FLOAT + received)
        }
    };

    let (held_blocks, inputs) = if work.recomputes {
        (2.min(model.blocks), model.blocks * state * w)
    } else {
        (model.blocks, model.blocks * (tokens * kept) + state * w)
    };
    let head = match work.head {
        HeadWork::Language { chunk } => Some((model.head(tensor), chunk.min(tokens))),
        HeadWork::Scalar => None,
    };
    // A CPU has no product of short types that ends in float32: the head is converted once.
    let is_converted = work.place == Place::Cpu && w != FLOAT;
    let head_weight = match head {
        Some((numbers, _)) if is_converted => FLOAT * numbers,
        Some((numbers, _)) => gathered(numbers),
        None => 0,
    };
    let whole_graph = if work.recomputes { 0 } else { gathered(model.blocks * block) };
    let top = match work.place {
        Place::Cpu => 3,
        Place::Gpu => 2,
    };
    // The states at the top, those of the targets, and their gradient.
    let at_head = inputs + state * ((top + 1) * w + FLOAT);

    let mut all = Vec::new();
    if let Some((numbers, chunk)) = head {
        let logits = chunk * model.vocab.div_ceil(tensor) * FLOAT;
        let product = if w == FLOAT || is_converted { 0 } else { FLOAT * numbers };
        // The sum is the store's own where the weights are whole.
        let sum = if is_spread { FLOAT * numbers } else { 0 };
        let moved = head_weight + whole_graph + sum;
        all.push(Moment { name: "logits", activations: at_head + 2 * logits, moved: moved + product });
        if is_spread {
            let moved = head_weight + whole_graph + reduced(numbers, FLOAT);
            all.push(Moment { name: "head", activations: at_head, moved });
        }
    }
    // Of the graph's end, its two gradients; of the feed-forward, two of its width more than it kept, then two fewer.
    let width = model.intermediate.div_ceil(tensor);
    let graph = if work.recomputes { inputs + tokens * kept } else { inputs } + state * 2 * FLOAT;
    let blocks = head_weight + gathered(held_blocks * block);
    let down = w * model.hidden * width;
    let widths = 2 * width * w * tokens;
    all.push(Moment { name: "feed-forward", activations: graph + widths, moved: blocks + down });
    all.push(Moment { name: "backward", activations: graph - widths, moved: blocks + 3 * down });
    let came = if work.recomputes { w * block } else { w * block * model.blocks };
    let left = if work.recomputes { inputs + state * (w + FLOAT) } else { state * (w + FLOAT) };
    let others = came - w * block;
    let moved = blocks + others + reduced(block, w);
    all.push(Moment { name: "reduce", activations: left, moved });
    let moved = head_weight + if is_spread { reduced(model.embedding(tensor), FLOAT) } else { 0 };
    all.push(Moment { name: "embedding", activations: state * (w + FLOAT), moved });
    all
}
