//! From gradients to new weights: clipping by the global norm, AdamW, and the learning rate of each update.
//!
//! Nothing in here knows of models or losses: it sees named tensors and their gradients.

pub(crate) mod adamw;
pub(crate) mod gradient_norm;
pub(crate) mod schedule;

#[cfg(test)]
mod tests;
