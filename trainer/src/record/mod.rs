//! What a run leaves on disk and on the terminal: the run folder, metrics, rollouts, evaluation figures, progress.
//! Knows nothing about models, devices or training: it is handed plain values and writes them so that a crash or a full disk
//! never leaves half a file behind.

pub mod atomic;
pub mod change;
pub mod eval;
pub mod metrics;
pub mod progress;
pub mod rollouts;
pub mod run_folder;
