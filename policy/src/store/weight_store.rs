//! The seam between a decoder and where its weights are.

use std::fmt::Debug;
use std::ops::{AddAssign, Deref};

use tch::{Device, Kind, Tensor};

use crate::block::BlockWeights;
use crate::error::PolicyError;
use crate::parameters::Parameter;
use crate::tensor_parallel::TensorParallel;

/// A part of a decoder whose weights are used together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// The embedding; where the head is tied to it, the head as well.
    Embedding,
    /// A block, by its layer from 0.
    Block(usize),
    /// The norm behind the last block.
    FinalNorm,
    /// The language model's head, where it is a matrix of its own.
    Head,
}

impl Part {
    /// The parts of a decoder of `num_blocks` blocks in their order; `has_head` where the head is one.
    pub(crate) fn all(num_blocks: usize, has_head: bool) -> impl Iterator<Item = Self> {
        let last = std::iter::once(Self::FinalNorm).chain(has_head.then_some(Self::Head));
        std::iter::once(Self::Embedding).chain((0..num_blocks).map(Self::Block)).chain(last)
    }
}

/// Weights of a block for as long as they are computed with.
#[derive(Debug)]
pub enum Lent<'a> {
    /// They lie in the store as they are needed.
    Resident(&'a BlockWeights),
    /// They were gathered for this use.
    Gathered(BlockWeights),
}

impl Deref for Lent<'_> {
    type Target = BlockWeights;

    fn deref(&self) -> &BlockWeights {
        match self {
            Self::Resident(weights) => weights,
            Self::Gathered(weights) => weights,
        }
    }
}

/// How many ranks weights are on: `shards` times `replicas`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spread {
    /// Number of pieces that each part is cut into, one a rank.
    pub shards: usize,
    /// Number of ranks that hold the same piece.
    pub replicas: usize,
}

impl Spread {
    /// Number of ranks whose gradients are summed.
    pub fn num_ranks(self) -> usize {
        self.shards * self.replicas
    }
}

/// What gathering weights took, and what of that was waited for: the rest was covered by computing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Gathering {
    /// Seconds from the start of each gather to its end.
    pub seconds: f64,
    /// Seconds in which nothing was done but wait for one.
    pub waited: f64,
}

impl AddAssign for Gathering {
    fn add_assign(&mut self, more: Self) {
        self.seconds += more.seconds;
        self.waited += more.waited;
    }
}

/// Hands out a decoder's weights and takes its gradients.
///
/// Each part that is handed out is [released](WeightStore::release) once, when it is not computed with any more; in a
/// pass that ends in an error it may not be. What was handed out stays as it is for whoever keeps it longer.
///
/// A new kind of store implements this trait and is passed to [`Decoder::with_store`](crate::Decoder::with_store).
pub trait WeightStore: Debug + Send {
    /// The embedding, `[vocab, hidden]`: all of its rows, or those of a [share](WeightStore::tensor).
    fn embedding(&self) -> Tensor;

    /// Weights of block `layer`.
    fn block(&self, layer: usize) -> Lent<'_>;

    /// Weight of the final norm, `[hidden]`.
    fn final_norm(&self) -> Tensor;

    /// Weight of the language model's head, `[vocab, hidden]`: a matrix of its own, or the embedding where tied.
    fn head(&self) -> Tensor;

    /// The part's weights, as they were handed out last, are not computed with any more.
    fn release(&self, part: Part);

    /// Part that the head's gradient belongs to.
    fn head_part(&self) -> Part;

    /// Adds the whole gradient of a part from one micro-batch, in float32 and in the order of its parameters; any float
    /// type is taken.
    fn add_gradients(&mut self, part: Part, gradients: Vec<Tensor>);

    /// Takes the float32 gradient that the one matrix of `Embedding` or `Head` has gathered, to add to it in place and
    /// hand it back with [`WeightStore::put_gradient`]; `None` where there is none yet.
    fn take_gradient(&mut self, part: Part) -> Option<Tensor>;

    /// Puts back what [`WeightStore::take_gradient`] took, or a first gradient.
    fn put_gradient(&mut self, part: Part, gradient: Tensor);

    /// The tensors that training updates, sharing the store's memory, in the order of
    /// [`WeightStore::gradients`].
    fn parameters(&self) -> Vec<Parameter>;

    /// Gradients gathered so far, float32, one for each of [`WeightStore::parameters`], sharing the store's memory.
    fn gradients(&self) -> Vec<Option<Tensor>>;

    /// Drops all gradients and their memory.
    fn clear_gradients(&mut self);

    /// Ends the gradients of an update when all of its micro-batches are in: what is summed over ranks only now is
    /// summed. All ranks of the store call it at once.
    ///
    /// # Errors
    /// As [`WeightStore::verify`].
    fn complete_gradients(&mut self) -> Result<(), PolicyError> {
        Ok(())
    }

    /// Holds what was handed out so far to be what it should.
    ///
    /// # Errors
    /// An operation between ranks failed since the store was made: what was handed out or gathered since then is of no
    /// use, nor is the store.
    fn verify(&self) -> Result<(), PolicyError> {
        Ok(())
    }

    /// A store of the same weights, zero and not cut into pieces, to be computed with and not to be trained; of shares
    /// of a tensor group it has the same.
    fn blank(&self) -> Box<dyn WeightStore>;

    /// How many ranks the weights are on.
    fn spread(&self) -> Spread {
        Spread { shards: 1, replicas: 1 }
    }

    /// What gathering cost since the last call; nothing where weights are not cut, or it is not measured.
    fn take_gathering(&self) -> Gathering {
        Gathering::default()
    }

    /// The share of a model that the weights are; `None` where they are those of the whole.
    fn tensor(&self) -> Option<&TensorParallel> {
        None
    }

    /// Device and type of the weights.
    fn options(&self) -> (Kind, Device);
}
