//! Subcommands that are not a training run.

pub(crate) mod bench;
pub(crate) mod checkpoint;
pub(crate) mod compare;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod data;
pub(crate) mod eval;
pub(crate) mod export;
pub(crate) mod generate;
pub(crate) mod init;
pub(crate) mod man;
pub(crate) mod recipe;
pub(crate) mod render;
pub(crate) mod sampling_args;
pub(crate) mod sandbox;
pub(crate) mod sweep;
pub(crate) mod verifier;
pub(crate) mod verify;
pub(crate) mod verify_math;
