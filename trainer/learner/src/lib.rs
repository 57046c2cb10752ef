//! What learns: trajectories in, new weights out.
//!
//! The mathematics (advantages, losses, KL, corrections) are pure functions, one method a file; each opens with its
//! formula, its paper and its departures from the paper, and works in float32 (advantages in float64). Nothing in here
//! knows of tasks, verifiers, files of a run or the command line: it sees token ids, numbers and a decoder.

pub mod advantages;
pub mod aggregation;
pub mod explained_variance;
pub mod gae;
pub mod kl;
pub mod loss;
mod masked_statistics;
pub mod mismatch;
pub mod optimizer;
pub mod preference;
pub mod rollout_correction;
pub mod token_split;
pub mod value_loss;
pub mod whitening;

#[cfg(test)]
pub mod tests;
