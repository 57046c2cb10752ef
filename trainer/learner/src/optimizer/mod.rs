//! From gradients to new weights: clipping by the global norm, AdamW, and the learning rate of each update.
//!
//! Nothing in here knows of models or losses: it sees named tensors and their gradients.

pub mod adamw;
pub mod gradient_norm;
pub(crate) mod saved_state;
pub mod schedule;
pub mod state_place;

#[cfg(test)]
mod tests;
