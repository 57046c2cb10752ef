//! What a run leaves on disk: the run folder, metrics, rollouts.
//! Knows nothing about models, devices or training: it is handed plain values and writes them so that a crash or a full disk
//! never leaves half a file behind.

pub mod atomic;
pub mod metrics;
pub mod rollouts;
pub mod run_folder;
