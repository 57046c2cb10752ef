//! The model's thread: commands in, events out.
//!
//! All that touches tensors happens there, one command after the other, while tokio's threads carry tasks, verdicts and
//! services. Commands and events are plain data: they can be written down, replayed, sent to other processes, and
//! answered by another backend. A new command is a variant of [`ModelCommand`], its answer one of [`ModelEvent`], and
//! what it does a line in `state.rs`.

mod command;
mod engine_loop;
mod local;
mod state;

pub(crate) use self::command::{Events, ModelCommand, ModelEvent, SavedComponent};
pub(crate) use self::local::ModelWorker;
pub(crate) use self::state::{ModelState, Plans};

#[cfg(test)]
mod tests;
