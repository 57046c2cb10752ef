//! Runs that are made of other runs.

mod previous_run;
pub(crate) mod recipe;
mod recipe_summary;
