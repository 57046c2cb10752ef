//! What learns: trajectories in, new weights out.
//!
//! The mathematics (advantages, losses, KL, corrections) are pure functions, one method a file; each opens with its
//! formula, its paper and its departures from the paper, and works in float32 (advantages in float64). Nothing in here
//! knows of tasks, verifiers, files of a run or the command line: it sees token ids, numbers and a decoder.

pub mod advantages;
pub mod aggregation;
pub mod critic;
pub mod dealing;
pub mod explained_variance;
pub mod gae;
pub mod kl;
pub mod learner;
pub mod loss;
mod masked_statistics;
pub mod micro_batch;
pub mod minibatch;
pub mod mismatch;
pub mod objective;
pub mod optimizer;
pub mod ranks;
pub mod rollout_correction;
pub mod token_split;
pub mod trainable;
pub mod trajectory;
pub mod update;
pub mod update_outcome;
pub mod update_plan;
pub mod value_loss;
pub mod whitening;

#[cfg(test)]
pub mod tests;
