//! The loop of every run, and runs that are made of other runs.

mod previous_run;
pub(crate) mod recipe;
mod recipe_summary;
pub(crate) mod run_loop;
