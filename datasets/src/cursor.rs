//! A cursor: an endless, resumable walk over a mixture of datasets.
//!
//! Each epoch of a source is a permutation of its tasks keyed by (seed, source, epoch), so that
//! every task comes once an epoch and a position is two numbers a source. The next task is taken
//! from the source that lags its share the most: with shares `w` and `t` tasks taken so far, of
//! which `n_i` from source `i`, the one with the largest `w_i * (t + 1) - n_i` (the first of
//! equals). After any number of tasks each source is within a few tasks of its share. A draw's
//! number is `t`, so that it follows from the saved position.

use std::collections::BTreeSet;
use std::sync::Arc;

use random::KeyedRng;
use serde::{Deserialize, Serialize};

use crate::error::DatasetError;
use crate::mixture::{Mixture, Source};
use crate::task::Task;

/// Largest count that float64 holds exactly in the arithmetic of shares.
const MAX_NUM_TAKEN: u64 = 1 << 52;

/// The position of a walk in one source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourcePosition {
    /// The source's name.
    pub name: String,
    /// Number of tasks in the source, so that a walk over a changed file is not resumed.
    pub num_tasks: u64,
    /// Number of tasks taken from the source, over all epochs.
    pub num_taken: u64,
}

/// The position of a walk, to be saved with a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CursorState {
    /// The seed of the walk.
    pub seed: u64,
    /// One position a source, in the mixture's order.
    pub sources: Vec<SourcePosition>,
}

/// A task at its place in the walk. The number tells apart two draws of one task, and two tasks of one id.
#[derive(Clone, Debug, PartialEq)]
pub struct Draw {
    /// Place in the walk, counted from 0 over all sources and epochs.
    pub number: u64,
    /// The task that stands there.
    pub task: Arc<Task>,
}

/// An endless walk over a mixture.
#[derive(Clone, Debug)]
pub struct TaskCursor {
    mixture: Mixture,
    shares: Vec<f64>,
    seed: u64,
    places: Vec<SourcePlace>,
}

/// The walk's place in one source, with the order of its epoch.
#[derive(Clone, Debug)]
struct SourcePlace {
    num_taken: u64,
    epoch: u64,
    /// The epoch's permutation of the source's tasks.
    order: Vec<u32>,
}

impl TaskCursor {
    /// A walk from the beginning.
    pub fn new(mixture: Mixture, seed: u64) -> Self {
        let num_taken = vec![0; mixture.sources().len()];
        Self::at(mixture, seed, &num_taken)
    }

    /// A walk that goes on from `state`.
    ///
    /// # Errors
    /// The state's sources are not the mixture's, by name, order or number of tasks.
    pub fn resume(mixture: Mixture, state: &CursorState) -> Result<Self, DatasetError> {
        let wrong = |problem: String| Err(DatasetError::CursorState { problem });
        if mixture.sources().len() != state.sources.len() {
            return wrong(format!(
                "the saved position has {} sources and the mixture {}",
                state.sources.len(),
                mixture.sources().len()
            ));
        }
        for (source, position) in mixture.sources().iter().zip(&state.sources) {
            let num_tasks = source.tasks.len() as u64;
            if source.name != position.name {
                return wrong(format!(
                    "the saved position is in source \"{}\" where the mixture has \"{}\"",
                    position.name, source.name
                ));
            }
            if num_tasks != position.num_tasks {
                return wrong(format!(
                    "source \"{}\" had {} tasks when the position was saved and has {num_tasks} now",
                    source.name, position.num_tasks
                ));
            }
            if position.num_taken > MAX_NUM_TAKEN {
                return wrong(format!(
                    "{} tasks taken from source \"{}\" is more than a walk can count",
                    position.num_taken, source.name
                ));
            }
        }
        let num_taken: Vec<u64> = state.sources.iter().map(|it| it.num_taken).collect();
        Ok(Self::at(mixture, state.seed, &num_taken))
    }

    fn at(mixture: Mixture, seed: u64, num_taken: &[u64]) -> Self {
        let places = mixture
            .sources()
            .iter()
            .zip(num_taken)
            .map(|(source, &num_taken)| {
                let epoch = num_taken / source.tasks.len() as u64;
                SourcePlace { num_taken, epoch, order: permutation(seed, source, epoch) }
            })
            .collect();
        Self { shares: mixture.shares(), mixture, seed, places }
    }

    /// The position after the tasks taken so far.
    pub fn state(&self) -> CursorState {
        let sources = self.mixture.sources().iter().zip(&self.places);
        CursorState {
            seed: self.seed,
            sources: sources
                .map(|(source, place)| SourcePosition {
                    name: source.name.clone(),
                    num_tasks: source.tasks.len() as u64,
                    num_taken: place.num_taken,
                })
                .collect(),
        }
    }

    /// Number of draws so far: the number of the next.
    pub fn num_drawn(&self) -> u64 {
        self.places.iter().map(|place| place.num_taken).sum()
    }

    /// The next `num_draws` draws; the walk has no end.
    pub fn next_draws(&mut self, num_draws: usize) -> Vec<Draw> {
        (0..num_draws).map(|_| self.next_draw()).collect()
    }

    /// The next draw.
    pub fn next_draw(&mut self) -> Draw {
        let number = self.num_drawn();
        let lagging = self.most_lagging();
        let source = &self.mixture.sources()[lagging];
        let place = &mut self.places[lagging];
        let num_tasks = source.tasks.len() as u64;
        let epoch = place.num_taken / num_tasks;
        if epoch != place.epoch {
            place.epoch = epoch;
            place.order = permutation(self.seed, source, epoch);
        }
        let index = place.order[(place.num_taken % num_tasks) as usize];
        place.num_taken += 1;
        Draw { number, task: Arc::clone(&source.tasks[index as usize]) }
    }

    /// The draws of these numbers, in order, of which those that were not taken yet are left out.
    pub fn past_draws(&self, numbers: &BTreeSet<u64>) -> Vec<Draw> {
        let mut walk = Self::new(self.mixture.clone(), self.seed);
        let end = numbers.last().map_or(0, |last| last.saturating_add(1)).min(self.num_drawn());
        (0..end).map(|_| walk.next_draw()).filter(|draw| numbers.contains(&draw.number)).collect()
    }

    fn most_lagging(&self) -> usize {
        let num_taken: f64 = self.places.iter().map(|place| place.num_taken as f64).sum();
        let mut most = (0, f64::NEG_INFINITY);
        for (index, (share, place)) in self.shares.iter().zip(&self.places).enumerate() {
            let lag = share * (num_taken + 1.0) - place.num_taken as f64;
            if lag > most.1 {
                most = (index, lag);
            }
        }
        most.0
    }
}

fn permutation(seed: u64, source: &Source, epoch: u64) -> Vec<u32> {
    let mut order: Vec<u32> = (0..source.tasks.len() as u32).collect();
    KeyedRng::new(&[seed.into(), "epoch order".into(), source.name.as_str().into(), epoch.into()]).shuffle(&mut order);
    order
}
