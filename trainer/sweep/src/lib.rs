//! Ablations: arms and seeds in, a table of paired differences out. Must not know how a run trains: a cell is a
//! command, and what it leaves in its folder.
//!
//! The sweep's [`mod@file`] names a base, [`arm`]s and seeds. A [`plan`] makes of each arm and seed a cell, a chain
//! of [units](mod@unit): phases with their resolved configurations, each named by the checksum of what it is
//! ([`identity`]). Units that are equal are one, and so what arms share is run once. The [`runner`] runs them as
//! children ([`process`]), [`collect`] reads what they recorded.

pub mod arm;
pub mod claims;
pub mod cluster;
pub mod collect;
pub mod design;
pub mod dry_run;
pub mod emit;
mod error;
pub mod figure;
pub mod file;
pub mod folder;
mod held;
pub mod identity;
pub mod markdown;
pub mod measured;
mod measurement;
pub mod plan;
pub mod process;
pub mod program;
pub mod result;
pub mod runner;
pub mod shell;
pub mod state;
pub mod stop;
pub mod unit;
mod unit_run;

pub use self::error::SweepError;
