//! The model's thread: commands in, events out.
//!
//! All that touches tensors happens there, one command after the other, while tokio's threads carry tasks, verdicts and
//! services. Commands and events are plain data: they can be written down, replayed, sent to other processes, and
//! answered by another backend. A new command is a variant of [`ModelCommand`], its answer one of [`ModelEvent`], and
//! what it does a line in `state.rs`.
//!
//! Where a run has several ranks, each has such a thread. Rank 0's takes the commands, gives every rank its part of
//! each as an order, its own among them, and makes one event of the answers (`lead.rs`): all do the same in one order.

mod command;
mod engine_loop;
mod lead;
mod local;
mod open_turns;
mod order;
mod rank_engine;
mod saving;
mod seat;
mod sharing;
mod state;

pub(crate) use self::command::{Answers, Continuation, Events, ModelCommand, ModelEvent, RankTraffic, SavedComponent};
pub(crate) use self::lead::follow;
pub(crate) use self::local::ModelWorker;
pub(crate) use self::state::{ModelState, Plans};

#[cfg(test)]
mod tests;
