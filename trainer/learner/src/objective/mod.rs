//! What is learned without rollouts: worked traces, and preferences.

pub mod preference;
pub mod supervised;
