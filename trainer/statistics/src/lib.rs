//! Figures that say how sure they are, and comparisons of two results on the same tasks.
//!
//! ```
//! use statistics::{Comparison, EvalRecord, EvalSample, EvalSummary};
//!
//! // Two samples each of three tasks; of the last one a verifier broke.
//! let sample = |passed| EvalSample { passed, num_tokens: 10, ..EvalSample::default() };
//! let records = |last: EvalSample| {
//!     [
//!         EvalRecord::new("a", vec![sample(true), sample(true)]),
//!         EvalRecord::new("b", vec![sample(true), sample(false)]),
//!         EvalRecord::new("c", vec![sample(false), last]),
//!     ]
//! };
//! let before = EvalSummary::of("sums", &records(EvalSample::broken(10, false)), 1.0)?;
//! assert_eq!((before.pass_at_1, before.ends()), (0.5, [0.5, 2.0 / 3.0]));
//! assert!(before.intervals["pass@2"][0] < before.pass_at[&2]);
//!
//! let after = EvalSummary::of("sums", &records(sample(true)), 1.0)?;
//! let comparison = Comparison::between(&before.tasks, &after.tasks, Some(0.02))?;
//! assert_eq!((comparison.num_tasks, comparison.gained, comparison.lost), (3, 1, 0));
//! assert!(comparison.p_value > 0.05 && comparison.interval[0] < 0.0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! This crate knows nothing of runs, files, policies or verifiers.

mod aim;
mod bootstrap;
mod calibration;
mod change;
mod clustered;
mod compare;
mod correlation;
mod false_discoveries;
mod figure;
mod figures;
mod holm;
mod looks;
mod majority;
mod mcnemar;
mod mean;
mod noncentral_t;
mod normal;
mod overall;
mod paired_test;
mod pairs;
mod pass_at;
mod planning;
mod preference;
mod proportion;
mod sample;
mod seeds;
mod sign_flips;
mod student;
mod summary;
mod tango;
mod task_result;
mod two_level;
mod variance_parts;
mod welch;

pub use self::aim::TestAim;
pub use self::bootstrap::Bootstrap;
pub use self::calibration::{Bin, Calibration};
pub use self::change::Change;
pub use self::clustered::ClusteredErrors;
pub use self::compare::{Comparison, ComparisonError};
pub use self::correlation::{pearson, spearman};
pub use self::false_discoveries::benjamini_hochberg;
pub use self::figure::{Figure, Weighting};
pub use self::holm::holm;
pub use self::looks::{equal_levels, obrien_fleming_levels};
pub use self::majority::{Ballot, Candidate};
pub use self::mcnemar::McNemar;
pub use self::overall::Overall;
pub use self::paired_test::{NoWorse, PairedTest, Test};
pub use self::pass_at::{all_pass_at, pass_at};
pub use self::planning::{num_tasks_needed, num_tasks_needed_exact, smallest_detectable, smallest_detectable_exact};
pub use self::preference::{best_temperature, preference_accuracy, preference_calibration, preference_loss, sigmoid};
pub use self::proportion::{agresti_coull, wilson};
pub use self::sample::{EvalRecord, EvalSample};
pub use self::seeds::over_seeds;
pub use self::sign_flips::sign_flips;
pub use self::student::StudentMean;
pub use self::summary::{EvalSummary, NothingJudged};
pub use self::tango::Flips;
pub use self::task_result::TaskResult;
pub use self::two_level::{ByLevel, DegreesRule, TwoLevel};
pub use self::variance_parts::VarianceParts;
pub use self::welch::unpaired_interval;
