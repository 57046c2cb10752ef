//! Tests of the algorithms: against golden files made by reference implementations, and identities.

pub mod golden;

mod advantages;
mod chunks;
mod critic;
mod estimators;
mod loss_config;
mod metrics;
mod packed_batch;
mod policy_loss;
mod preference;
mod whole_step;
