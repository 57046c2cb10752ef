//! Where this rank stands: step, phase, and the operation that it issued last.
//!
//! The trainer writes step and phase, groups write operations, the heartbeat reads. Knows no store.

use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

/// Where a rank stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Step of the run.
    pub step: u64,
    /// Part of the step, in the trainer's words; empty before the first.
    pub phase: String,
    /// The operation that was issued last; `None` before the first.
    pub operation: Option<IssuedOperation>,
}

/// A collective operation that was issued.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IssuedOperation {
    /// Name of the group.
    pub group: String,
    /// The group's first rank, which tells groups of one name apart.
    pub first_rank: usize,
    /// Name of the operation.
    pub name: String,
    /// The operation's number in its group, from 0.
    pub number: u64,
    /// True once it has been waited for.
    pub is_done: bool,
}

/// The place of this rank, shared by those who write and read it.
#[derive(Debug, Default)]
pub struct Board(Mutex<Place>);

impl Board {
    /// Says that the rank begins a part of a step.
    pub fn enter(&self, step: u64, phase: &str) {
        self.change(|place| (place.step, place.phase) = (step, phase.to_owned()));
    }

    /// The place as it is now.
    pub fn place(&self) -> Place {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn issue(&self, operation: IssuedOperation) {
        self.change(|place| place.operation = Some(operation));
    }

    /// Notes that an operation is done, where it is the last that was issued.
    pub(crate) fn done(&self, group: &str, first_rank: usize, number: u64) {
        self.change(|place| {
            let is_it = |last: &&mut IssuedOperation| {
                (&*last.group, last.first_rank, last.number) == (group, first_rank, number)
            };
            if let Some(last) = place.operation.as_mut().filter(is_it) {
                last.is_done = true;
            }
        });
    }

    fn change(&self, change: impl FnOnce(&mut Place)) {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner));
    }
}
