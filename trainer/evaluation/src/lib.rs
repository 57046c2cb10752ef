//! Evaluation suites: what is asked and how, the record of what was answered, and the figures made of it.
//!
//! | names | noun |
//! | --- | --- |
//! | [`select`], [`Selection`], [`Suite`], [`Protocol`] | a suite by its name, with its protocol |
//! | [`SuiteSource`] | its files to its tasks |
//! | [`SuiteTasks`], [`SuiteTask`], [`TaskChoice`] | its tasks as they are asked |
//! | [`CompletionFile`], [`PromptLine`] | completions of another engine; prompts for one |
//! | [`judge`], [`judge_again`], [`SampledCompletion`] | a completion to a row of the record |
//! | [`FinishedRecord::judge_again`], [`JudgedAgain`] | all stored samples judged again |
//! | [`CandidateScores`], [`SuiteTask::scored`], [`SuiteTask::likeliest`] | scores, sums of logprobs to a row |
//! | [`Settings`], [`EvaluationRecord`], [`FinishedRecord`] | what ran; the folder of samples |
//! | [`Tally`], [`EvalResult`], [`results_table`] | rows to the figures of a suite |
//! | [`compare_results`], [`SuiteComparison`] | two files of results, task by task |
//!
//! # Example
//! Another engine's completions of two tasks are judged by a suite that ships:
//!
//! ```
//! use std::sync::Arc;
//!
//! use evaluation::{CompletionFile, EvalResult, SuiteSource, Tally, TaskChoice, judge, select};
//! use verifiers::{MathVerifier, Verifiers, VerifiersConfig};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let (data, answers) = (folder.path().join("test.jsonl"), folder.path().join("answers.jsonl"));
//! std::fs::write(&data, concat!(
//!     "{\"question\": \"What is 3 + 4?\", \"answer\": \"3 + 4 = 7\\n#### 7\"}\n",
//!     "{\"question\": \"What is 2 - 5?\", \"answer\": \"2 - 5 = -3\\n#### -3\"}\n",
//! ))?;
//! std::fs::write(&answers, concat!(
//!     "{\"id\": \"0\", \"completions\": [\"It is \\\\boxed{7}.\"]}\n",
//!     "{\"id\": \"1\", \"completions\": [\"It is \\\\boxed{3}.\"]}\n",
//! ))?;
//! let suite = select("gsm8k")?.suites.remove(0);
//! let (tasks, settings) = SuiteSource::new([&data]).tasks(suite, TaskChoice::default())?;
//! assert_eq!(tasks.marks, ["2 rows, where the set has 1319"]);
//!
//! let mut verifiers = Verifiers::default();
//! verifiers.register(Arc::new(MathVerifier::new(VerifiersConfig::default().math)));
//! let mut tally = Tally::new(&tasks);
//! let given = CompletionFile::read(&answers)?.assign(&tasks, Some(1))?;
//! for (task, completions) in tasks.tasks.iter().zip(given.completions) {
//!     for (index, completion) in (0..).zip(completions) {
//!         tally.add(&judge(&verifiers, "gsm8k", task, index, completion).await)?;
//!     }
//! }
//! let result = EvalResult::of(&tally, Some(&verifiers), settings, 0.0)?;
//! assert_eq!(result.summary.pass_at_1, 0.5);
//! # Ok(())
//! # }
//! ```
//!
//! This crate knows nothing of models and devices: whoever samples hands it texts, ids and logprobs.

mod catalogue;
mod choices;
mod completion_file;
mod error;
mod eval_result;
mod evaluation_record;
mod judge;
mod judging_again;
mod log_likelihood;
mod overall;
mod pairing;
mod parts;
mod prompt;
mod protocol;
mod record_files;
mod reward;
mod second_record;
mod settings;
mod suite;
mod suite_name;
mod suite_source;
mod suite_tasks;
mod table;
mod tally;

pub use self::catalogue::{Selection, select, suite_names};
pub use self::choices::PERMUTATION;
pub use self::completion_file::{AssignedCompletions, CompletionFile, PromptLine};
pub use self::error::EvaluationError;
pub use self::eval_result::{EvalResult, SuitePart, over_suites};
pub use self::evaluation_record::{EvaluationRecord, FinishedRecord};
pub use self::judge::{SampledCompletion, judge, judge_again, judged, verdict_of};
pub use self::judging_again::{JudgedAgain, VerdictChanges};
pub use self::overall::{OverallFigure, SectionFigure};
pub use self::pairing::{SuiteComparison, compare_results};
pub use self::parts::PartFigure;
pub use self::protocol::{Metric, PromptForm, Protocol, ProtocolOverride, RepetitionEnd, Shots, ThinkingLimit};
pub use self::reward::{CandidateScores, candidate_conversations};
pub use self::settings::{DataFile, FirstPrompt, ModelSettings, Settings};
pub use self::suite::{Erratum, GroupMember, Overall, RowCounts, Suite, SuiteGroup, SuiteVersion};
pub use self::suite_name::{SuiteName, Window};
pub use self::suite_source::SuiteSource;
pub use self::suite_tasks::{LoadedTasks, SuiteTask, SuiteTasks, TaskChoice};
pub use self::table::results_table;
pub use self::tally::Tally;
