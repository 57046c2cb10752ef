//! Tests of the algorithms: against golden files made by reference implementations, and identities.

pub mod golden;

mod advantages;
mod estimators;
mod metrics;
mod policy_loss;
mod preference;
