//! The demo's data in memory, and the names of its files.

use std::path::Path;

use crate::error::DatasetError;
use crate::preference::PreferencePair;
use crate::task::Task;
use crate::trace::Trace;
use crate::writer::write_jsonl;

/// Traces for the cold start.
pub const TRACES: &str = "traces.jsonl";
/// Maths tasks to train on.
pub const MATH_TRAIN: &str = "math_train.jsonl";
/// Code tasks to train on.
pub const CODE_TRAIN: &str = "code_train.jsonl";
/// Instruction tasks to train on.
pub const INSTRUCTION_TRAIN: &str = "instruction_train.jsonl";
/// Held-out maths tasks.
pub const MATH_EVAL: &str = "math_eval.jsonl";
/// Held-out code tasks.
pub const CODE_EVAL: &str = "code_eval.jsonl";
/// Held-out instruction tasks.
pub const INSTRUCTION_EVAL: &str = "instruction_eval.jsonl";
/// Preference pairs to train on.
pub const PREFERENCES_TRAIN: &str = "preferences_train.jsonl";
/// Preference pairs on held-out prompts.
pub const PREFERENCES_EVAL: &str = "preferences_eval.jsonl";

/// All that the demo learns from and is measured with.
#[derive(Clone, Debug, PartialEq)]
pub struct DemoData {
    /// Traces for the cold start, the kinds mixed in random order.
    pub traces: Vec<Trace>,
    /// Tasks to train on; no prompt comes twice in a kind.
    pub train_tasks: DemoTasks,
    /// Held-out tasks: none of their problems is in the traces or the training tasks.
    pub eval_tasks: DemoTasks,
    /// Pairs to train the reward model on.
    pub preferences_train: Vec<PreferencePair>,
    /// Pairs to evaluate the reward model on, with held-out prompts.
    pub preferences_eval: Vec<PreferencePair>,
}

/// Tasks of the three kinds.
#[derive(Clone, Debug, PartialEq)]
pub struct DemoTasks {
    /// Word problems, judged by the verifier `math`.
    pub math: Vec<Task>,
    /// Small programs, judged by the verifiers `code_asserts` and `code_stdio`.
    pub code: Vec<Task>,
    /// Prompts with rules, judged by the verifier `ifeval`.
    pub instruction: Vec<Task>,
}

impl DemoData {
    /// Writes the nine files into a folder, and makes the folder where it is missing.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn write(&self, folder: &Path) -> Result<(), DatasetError> {
        write_jsonl(&folder.join(TRACES), &self.traces)?;
        for (name, tasks) in [
            (MATH_TRAIN, &self.train_tasks.math),
            (CODE_TRAIN, &self.train_tasks.code),
            (INSTRUCTION_TRAIN, &self.train_tasks.instruction),
            (MATH_EVAL, &self.eval_tasks.math),
            (CODE_EVAL, &self.eval_tasks.code),
            (INSTRUCTION_EVAL, &self.eval_tasks.instruction),
        ] {
            write_jsonl(&folder.join(name), tasks)?;
        }
        write_jsonl(&folder.join(PREFERENCES_TRAIN), &self.preferences_train)?;
        write_jsonl(&folder.join(PREFERENCES_EVAL), &self.preferences_eval)
    }
}
