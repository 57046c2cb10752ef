//! Evaluation suites: what is asked and how, the record of what was answered, and the figures made of it.
//!
//! | names | noun |
//! | --- | --- |
//! | [`select`], [`Selection`], [`Suite`], [`Protocol`] | a suite by its name; its protocol, numbers with their sources, errata |
//! | [`SuiteTasks`], [`SuiteTask`], [`TaskChoice`] | its tasks as they are asked: drawn, shuffled, with their conversations |
//! | [`CompletionFile`], [`PromptLine`] | completions of another engine; prompts for one |
//! | [`judge`], [`judge_again`], [`SampledCompletion`] | a completion to a row of the record |
//! | [`Settings`], [`EvaluationRecord`], [`FinishedRecord`] | what ran, and the folder where samples are kept as they end |
//!
//! This crate knows nothing of models and devices: whoever samples hands it texts, ids and logprobs.

mod catalogue;
mod choices;
mod completion_file;
mod error;
mod evaluation_record;
mod judge;
mod prompt;
mod protocol;
mod settings;
mod suite;
mod suite_name;
mod suite_tasks;

pub use self::catalogue::{Selection, select, suite_names};
pub use self::choices::PERMUTATION;
pub use self::completion_file::{AssignedCompletions, CompletionFile, PromptLine};
pub use self::error::EvaluationError;
pub use self::evaluation_record::{EvaluationRecord, FinishedRecord};
pub use self::judge::{SampledCompletion, judge, judge_again, verdict_of};
pub use self::protocol::{Metric, PromptForm, Protocol, ProtocolOverride, Shots};
pub use self::settings::{DataFile, FirstPrompt, ModelSettings, Settings};
pub use self::suite::{Erratum, GroupMember, Overall, RowCounts, Suite, SuiteGroup, SuiteVersion};
pub use self::suite_name::{SuiteName, Window};
pub use self::suite_tasks::{LoadedTasks, SuiteTask, SuiteTasks, TaskChoice};
