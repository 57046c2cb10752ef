//! Subcommands that are not a training run.

pub mod bench;
pub mod eval;
pub mod generate;
pub mod recipe;
mod recipe_summary;
pub mod sandbox;
pub mod verify_math;
