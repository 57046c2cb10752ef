//! Weights that are cut over ranks: of every part each rank holds one piece, with its gradient.
//!
//! A part is gathered each time it is asked for, and belongs to whoever asked: it goes when the decoder, or a head for
//! its pass, lets it go. While a block is computed with, the next one on the way is gathered. A part's gradient from a
//! micro-batch is summed over ranks at once, and each rank keeps the sum of its piece. Copies of a piece on other ranks
//! (replicas) are summed once, when an update's micro-batches are in.
//!
//! All ranks ask for the same parts in the same order. An operation that fails is remembered for
//! [`WeightStore::verify`]; what is handed out from then on is zero.

use std::cell::RefCell;
use std::sync::Arc;

use dist::{DistError, Handle, ProcessGroup, Reduction};
use tch::{Device, Kind, Tensor};

use super::flat_part::{FlatPart, part_parameters};
use super::resident::Resident;
use super::weight_store::{Gathering, Lent, Part, Spread, WeightStore};
use crate::block::BlockWeights;
use crate::config::ModelConfig;
use crate::decoder::Decoder;
use crate::error::PolicyError;
use crate::parameters::Parameter;
use crate::placement::Placement;

/// One rank's pieces of a decoder's weights, and of the gradients that an update gathers.
#[derive(Debug)]
pub struct Sharded {
    config: ModelConfig,
    /// True where there is a language model's head of its own.
    has_head: bool,
    options: (Kind, Device),
    /// Ranks that hold a piece each.
    shard: ProcessGroup,
    /// Ranks that hold this rank's piece.
    replica: Option<ProcessGroup>,
    /// Embedding, blocks, final norm and head.
    parts: Vec<FlatPart>,
    ahead: RefCell<Ahead>,
    /// What gathering cost since it was last asked.
    gathering: RefCell<Gathering>,
    /// The first operation that failed.
    failure: RefCell<Option<Arc<DistError>>>,
}

/// The walk through the blocks, and the one that is gathered before it is asked for.
#[derive(Debug, Default)]
struct Ahead {
    last: Option<usize>,
    under_way: Option<(usize, Handle<Tensor>)>,
}

impl Ahead {
    /// The block that will be asked for after `layer` of `num_blocks`: the one above, or below on the way back.
    fn next(&self, layer: usize, num_blocks: usize) -> Option<usize> {
        let is_turn = self.last == Some(layer) && layer + 1 == num_blocks;
        if is_turn || self.last == Some(layer + 1) {
            return layer.checked_sub(1);
        }
        (layer + 1 < num_blocks).then_some(layer + 1)
    }
}

impl Sharded {
    /// The pieces of this rank, of a decoder that has all weights. `shard` are the ranks over which each part is cut,
    /// `replica` those that hold what this rank holds; the groups are for this store alone.
    pub fn cut(whole: &Decoder, shard: ProcessGroup, replica: Option<ProcessGroup>) -> Self {
        let (store, config) = (whole.store(), whole.config());
        let has_head = store.head_part() == Part::Head;
        let mut sharded = Self::new(config, has_head, store.options(), shard, replica);
        for part in Part::all(config.num_hidden_layers as usize, has_head) {
            sharded.push(part_parameters(config, store, part));
            store.release(part);
        }
        sharded
    }

    /// The pieces of this rank, of weights that are zero, to be filled from a folder; whole they are nowhere. Without
    /// `head` there is no language model's head of its own.
    pub fn empty(
        config: &ModelConfig,
        head: bool,
        placement: Placement,
        shard: ProcessGroup,
        replica: Option<ProcessGroup>,
    ) -> Self {
        let has_head = head && !config.tie_word_embeddings;
        let mut sharded = Self::new(config, has_head, placement.options(), shard, replica);
        let (rank, size) = (sharded.shard.rank(), sharded.shard.size());
        let piece = |part| FlatPart::empty(config, part, placement.options(), rank, size);
        sharded.parts = Part::all(config.num_hidden_layers as usize, has_head).map(piece).collect();
        sharded
    }

    /// A store without parts.
    pub(super) fn new(
        config: &ModelConfig,
        has_head: bool,
        options: (Kind, Device),
        shard: ProcessGroup,
        replica: Option<ProcessGroup>,
    ) -> Self {
        let (ahead, gathering, failure) = Default::default();
        let (config, parts) = (config.clone(), Vec::new());
        Self { config, has_head, options, shard, replica, parts, ahead, gathering, failure }
    }

    /// Adds this rank's piece of the next part.
    pub(super) fn push(&mut self, parameters: Vec<Parameter>) {
        self.parts.push(FlatPart::cut(parameters, self.shard.rank(), self.shard.size()));
    }

    /// Place of a part.
    fn place(&self, part: Part) -> usize {
        let num_blocks = self.config.num_hidden_layers as usize;
        match part {
            Part::Embedding => 0,
            Part::Block(layer) => 1 + layer,
            Part::FinalNorm => 1 + num_blocks,
            Part::Head => 2 + num_blocks,
        }
    }

    /// The result of an operation, of which the first failure is kept.
    fn noted<T>(&self, result: Result<T, DistError>) -> Option<T> {
        let note = |error| {
            self.failure.borrow_mut().get_or_insert_with(|| Arc::new(error));
        };
        result.map_err(note).ok()
    }

    fn start(&self, place: usize) -> Option<Handle<Tensor>> {
        self.noted(self.shard.start_all_gather(self.parts[place].weights()))
    }

    /// The tensors of a part whose gathering is under way, or zeros where it failed.
    fn finish(&self, place: usize, gathering: Option<Handle<Tensor>>) -> Vec<Tensor> {
        let part = &self.parts[place];
        let all = gathering.and_then(|handle| self.noted(handle.wait_timed())).map(|(all, timing)| {
            // Of a store by itself there is nothing to gather.
            if let Some(took) = timing.took {
                let cost = Gathering { seconds: took.as_secs_f64(), waited: timing.waited.as_secs_f64() };
                *self.gathering.borrow_mut() += cost;
            }
            all
        });
        let zeros = || Tensor::zeros([part.length() * self.shard.size() as i64], self.options);
        part.tensors(&all.unwrap_or_else(zeros))
    }

    /// The one tensor of a part.
    fn tensor(&self, part: Part) -> Tensor {
        let place = self.place(part);
        self.finish(place, self.start(place)).swap_remove(0)
    }
}

impl WeightStore for Sharded {
    fn embedding(&self) -> Tensor {
        self.tensor(Part::Embedding)
    }

    fn block(&self, layer: usize) -> Lent<'_> {
        let mut ahead = self.ahead.borrow_mut();
        let place = self.place(Part::Block(layer));
        let gathering = match ahead.under_way.take() {
            Some((of, handle)) if of == layer => Some(handle),
            _ => self.start(place),
        };
        let next = ahead.next(layer, self.config.num_hidden_layers as usize);
        ahead.last = Some(layer);
        ahead.under_way = next.and_then(|next| Some((next, self.start(self.place(Part::Block(next)))?)));
        Lent::Gathered(BlockWeights::from_tensors(&self.config, self.finish(place, gathering)))
    }

    fn final_norm(&self) -> Tensor {
        self.tensor(Part::FinalNorm)
    }

    fn head(&self) -> Tensor {
        self.tensor(self.head_part())
    }

    /// What was gathered belongs to whoever asked for it.
    fn release(&self, _part: Part) {}

    fn head_part(&self) -> Part {
        if self.has_head { Part::Head } else { Part::Embedding }
    }

    fn add_gradients(&mut self, part: Part, gradients: Vec<Tensor>) {
        let place = self.place(part);
        let flat = self.parts[place].flat_gradient(&gradients, self.shard.size());
        drop(gradients);
        if let Some(sum) = self.noted(self.shard.reduce_scatter(&flat, Reduction::Sum)) {
            self.parts[place].add_gradient(sum);
        }
    }

    /// None: the sum is in pieces. What is put is added to it.
    fn take_gradient(&mut self, _part: Part) -> Option<Tensor> {
        None
    }

    fn put_gradient(&mut self, part: Part, gradient: Tensor) {
        self.add_gradients(part, vec![gradient]);
    }

    /// Pieces: what this rank holds of each parameter of which it holds something.
    fn parameters(&self) -> Vec<Parameter> {
        self.ahead.replace(Ahead::default()); // gathered before whoever asks changes the weights
        let copies = self.spread().replicas;
        self.parts.iter().flat_map(|part| part.parameters(copies)).collect()
    }

    fn gradients(&self) -> Vec<Option<Tensor>> {
        self.parts.iter().flat_map(FlatPart::gradients).collect()
    }

    fn clear_gradients(&mut self) {
        self.parts.iter_mut().for_each(|part| *part.gradient_mut() = None);
    }

    fn complete_gradients(&mut self) -> Result<(), PolicyError> {
        let failure = self.failure.get_mut();
        if let (Some(replica), None) = (&self.replica, &failure) {
            // All are under way before the first is waited for.
            let gradients = self.parts.iter_mut().filter_map(|part| part.gradient_mut().as_ref());
            let started = gradients.map(|gradient| replica.start_all_reduce(gradient.shallow_clone(), Reduction::Sum));
            let handles = started.collect::<Result<Vec<_>, _>>();
            let reduced = handles.and_then(|handles| handles.into_iter().try_for_each(|it| it.wait().map(drop)));
            *failure = reduced.err().map(Arc::new);
        }
        self.verify()
    }

    fn verify(&self) -> Result<(), PolicyError> {
        // What is under way on a device has not failed yet.
        for group in [Some(&self.shard), self.replica.as_ref()].into_iter().flatten() {
            self.noted(group.settle());
        }
        let failure = self.failure.borrow().clone();
        failure.map_or(Ok(()), |error| Err(PolicyError::Ranks(error)))
    }

    fn spread(&self) -> Spread {
        Spread { shards: self.shard.size(), replicas: self.replica.as_ref().map_or(1, ProcessGroup::size) }
    }

    fn take_gathering(&self) -> Gathering {
        self.gathering.take()
    }

    fn blank(&self) -> Box<dyn WeightStore> {
        let (kind, device) = self.options();
        Box::new(Resident::empty(&self.config, self.has_head, Placement { device, kind }))
    }

    fn options(&self) -> (Kind, Device) {
        self.options
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_block_is_that_above_and_on_the_way_back_that_below() {
        let mut ahead = Ahead::default();
        let mut guesses = Vec::new();
        for layer in [0, 1, 2, 2, 1, 0, 0, 1, 2, 0] {
            guesses.push(ahead.next(layer, 3));
            ahead.last = Some(layer);
        }
        let (none, block) = (None, Some::<usize>);
        assert_eq!(guesses, [block(1), block(2), none, block(1), block(0), none, block(1), block(2), none, block(1)]);
        assert_eq!(Ahead::default().next(0, 1), None);
    }
}
