//! The mathematics of reinforcement learning as pure functions: rewards to advantages, logprobs to losses.
//!
//! One algorithm a file; each opens with its formula, its paper and its departures from the paper. Nothing in here
//! knows of models, rollouts, files or devices: it sees slices and tensors, and works in float32 (advantages in
//! float64).

pub(crate) mod advantages;
pub(crate) mod aggregation;
pub(crate) mod kl;
pub(crate) mod loss_metrics;
pub(crate) mod mismatch;
pub(crate) mod policy_loss;
pub(crate) mod preference;
pub(crate) mod rollout_correction;

#[cfg(test)]
pub(crate) mod tests;
