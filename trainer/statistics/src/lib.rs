//! Figures that say how sure they are: pass@1 with its interval, and the change between two evaluations.
//!
//! ```
//! use statistics::{Change, TaskResult};
//!
//! let results = |rates: [f64; 3]| -> Vec<TaskResult> {
//!     let task = |(index, pass_at_1)| TaskResult { task_id: format!("task-{index}"), pass_at_1, num_samples: 2 };
//!     rates.into_iter().enumerate().map(task).collect()
//! };
//! let change = Change::between(&results([0.5, 0.0, 1.0]), &results([1.0, 0.0, 1.0])).expect("they share tasks");
//! assert!(change.change > 0.16 && !change.is_loss(1));
//! ```
//!
//! This crate knows nothing of runs, files, policies or verifiers.

mod change;
mod evaluation;
mod proportion;

pub use self::change::Change;
pub use self::evaluation::{EvalRecord, EvalSample, EvalSummary, NothingJudged, TaskResult};
