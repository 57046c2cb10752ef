//! The loop of every run, what a run is and was, and runs that are made of other runs.

pub(crate) mod absent_paths;
mod effect;
pub(crate) mod flat_values;
pub(crate) mod further_files;
pub(crate) mod identity;
pub(crate) mod inputs;
mod machine;
pub(crate) mod named_inputs;
mod previous_run;
pub(crate) mod recipe;
mod recipe_phases;
mod recipe_summary;
pub(crate) mod run_loop;
pub(crate) mod run_manifest;
