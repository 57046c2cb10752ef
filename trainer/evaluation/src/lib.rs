//! Evaluation suites: what is asked and how, the record of what was answered, and the figures made of it.
//!
//! | names | noun |
//! | --- | --- |
//! | [`select`], [`Selection`], [`Suite`], [`Protocol`] | a suite by its name; its protocol, numbers with their sources, errata |
//! | [`SuiteSource`] | its files to its tasks |
//! | [`SuiteTasks`], [`SuiteTask`], [`TaskChoice`] | its tasks as they are asked: drawn, shuffled, with their conversations |
//! | [`CompletionFile`], [`PromptLine`] | completions of another engine; prompts for one |
//! | [`judge`], [`judge_again`], [`SampledCompletion`] | a completion to a row of the record |
//! | [`FinishedRecord::judge_again`] | all stored samples judged again |
//! | [`CandidateScores`], [`SuiteTask::scored`], [`SuiteTask::likeliest`] | scores of rewards, sums of logprobs to a row |
//! | [`Settings`], [`EvaluationRecord`], [`FinishedRecord`] | what ran, and the folder where samples are kept as they end |
//! | [`Tally`], [`EvalResult`], [`results_table`] | rows to the figures of a suite |
//! | [`compare_results`], [`SuiteComparison`] | two files of results, task by task |
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
mod reward;
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
pub use self::judge::{SampledCompletion, judge, judge_again, verdict_of};
pub use self::overall::{OverallFigure, SectionFigure};
pub use self::pairing::{SuiteComparison, compare_results};
pub use self::parts::PartFigure;
pub use self::protocol::{Metric, PromptForm, Protocol, ProtocolOverride, Shots};
pub use self::reward::{CandidateScores, candidate_conversations};
pub use self::settings::{DataFile, FirstPrompt, ModelSettings, Settings};
pub use self::suite::{Erratum, GroupMember, Overall, RowCounts, Suite, SuiteGroup, SuiteVersion};
pub use self::suite_name::{SuiteName, Window};
pub use self::suite_source::SuiteSource;
pub use self::suite_tasks::{LoadedTasks, SuiteTask, SuiteTasks, TaskChoice};
pub use self::table::results_table;
pub use self::tally::Tally;
