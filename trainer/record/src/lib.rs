//! The record of a run on disk: the run folder and its lock, metrics, rollouts, the manifests of checkpoints.
//! Knows nothing about models, devices or training: it is handed plain values and writes them so that a crash or a full
//! disk never leaves half a file behind.
//!
//! # Example
//! A run records a step, and reads it back:
//!
//! ```
//! use record::metrics::{Metrics, MetricsWriter, read_metrics};
//! use record::names::{ACCURACY, REWARD_MEAN};
//! use record::run_folder::RunFolder;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let parent = tempfile::tempdir()?;
//! let run = RunFolder::create(&parent.path().join("my-run"))?;
//!
//! let mut metrics = Metrics::new();
//! metrics.set(REWARD_MEAN, 0.25);
//! metrics.set(ACCURACY.of("math"), 0.5);
//! MetricsWriter::open(&run.metrics())?.append(1, &metrics)?;
//!
//! let steps = read_metrics(&run.metrics())?;
//! assert_eq!(steps[0].step(), Some(1));
//! assert_eq!(steps[0].get("accuracy/math"), Some(0.5));
//! # Ok(())
//! # }
//! ```

mod arrays;
pub mod atomic;
pub mod checksum;
mod columns;
mod error;
pub mod lock;
pub mod machines;
pub mod manifest;
pub mod metrics;
pub mod names;
mod parquet_file;
mod parquet_replacement;
pub mod rollouts;
pub mod run_folder;
pub mod samples;
pub mod skipped_batch;
pub mod sweep_cells;

pub use self::error::RecordError;
