//! The trainer's command line from outside: one binary, with a module for each thing that is looked at.
//!
//! `tests/architecture.rs` is not among them: it needs no trainer, and is a test of `xtask`.

mod bad_input;
mod code_verifiers;
mod command_line;
mod data_commands;
mod end_to_end;
mod evaluation;
mod first_run;
mod hub_names;
mod kept_sets;
mod numerics;
mod partial;
mod presets;
mod progress;
mod prompts;
mod ranks;
mod relocation;
mod repeated_runs;
mod resume;
mod sandbox;
mod services;
mod several_verifiers;
mod skipped_updates;
mod suites;
mod support;
mod sweeps;
mod tools;
mod update_bench;
mod verify_math;
