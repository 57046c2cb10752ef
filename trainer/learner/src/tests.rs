//! Tests of the algorithms: against golden files made by reference implementations, and identities.

pub mod golden;

mod advantages;
mod bf16_faults;
mod bf16_gradient;
mod bf16_model;
mod bf16_objectives;
mod bf16_resume;
mod bf16_update;
mod chunks;
mod critic;
#[path = "../../src/command/config/decoder_sizes.rs"]
mod decoder_sizes;
mod estimators;
mod loaded_memory;
mod loss_config;
mod metrics;
mod objectives_over_ranks;
mod other_layouts;
mod over_ranks;
mod packed_batch;
mod planned_memory;
mod policy_loss;
mod preference;
mod rank_goldens;
#[path = "../../../policy/dist/tests/ranks.rs"]
mod ranks;
mod role;
mod whole_step;
