//! The demo's data: word problems, small programs, instruction prompts and preference pairs that
//! a model of a few million parameters can learn from nothing within minutes.
//!
//! The traces mix careful completions with careless ones on purpose: the cold start then knows
//! both ways, and reinforcement learning has a choice to make. Everything is looked up by the
//! key (seed, stream, index); a problem is held out by a hash of what makes it that problem (the
//! chain of numbers, whatever the names), so that no training data of any seed holds it.

mod code;
mod config;
mod instruction;
mod maths;
mod preference;
mod problem;
mod rule;
mod sums;

use std::collections::HashSet;
use std::path::Path;

pub use config::{CodeConfig, DemoDataConfig, InstructionConfig, MathsConfig, PreferenceConfig, SumsConfig};
use random::KeyedRng;
use serde_json::Value;

use self::code::CodeProblem;
use self::instruction::InstructionProblem;
use self::maths::MathsProblem;
use self::problem::{Problem, is_held_out};
use crate::error::DatasetError;
use crate::preference::PreferencePair;
use crate::task::{Message, Task, TaskKind};
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

/// After this many draws in a row without a new problem, the settings are said to allow no more.
const MAX_FRUITLESS_DRAWS: u64 = 20_000;

/// Everything the demo learns from and is measured with.
#[derive(Clone, Debug, PartialEq)]
pub struct DemoData {
    /// For the cold start; the kinds are mixed and in random order.
    pub traces: Vec<Trace>,
    /// To train on; no prompt twice in a kind.
    pub train_tasks: DemoTasks,
    /// Held out: none of these problems is in the traces or the training tasks.
    pub eval_tasks: DemoTasks,
    /// For the reward model.
    pub preferences_train: Vec<PreferencePair>,
    /// For the reward model's evaluation, on held-out prompts.
    pub preferences_eval: Vec<PreferencePair>,
}

/// Tasks of the three kinds.
#[derive(Clone, Debug, PartialEq)]
pub struct DemoTasks {
    /// Word problems, verifier `math`.
    pub math: Vec<Task>,
    /// Programs, verifiers `code_asserts` and `code_stdio`.
    pub code: Vec<Task>,
    /// Prompts with rules, verifier `ifeval`.
    pub instruction: Vec<Task>,
}

impl DemoData {
    /// Writes the nine files into a folder, which is made where it is missing.
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

/// Generates the demo's data and writes it into a folder.
///
/// # Errors
/// As [`generate_demo`] and [`DemoData::write`].
pub fn write_demo(folder: &Path, config: &DemoDataConfig) -> Result<DemoData, DatasetError> {
    let data = generate_demo(config)?;
    data.write(folder)?;
    Ok(data)
}

/// Generates the demo's data; the same settings give the same data, byte for byte.
///
/// # Errors
/// A setting is out of its range, or there are fewer distinct problems than asked for.
pub fn generate_demo(config: &DemoDataConfig) -> Result<DemoData, DatasetError> {
    config.validate()?;
    let generator = Generator { config };
    Ok(DemoData {
        traces: generator.traces(),
        train_tasks: generator.tasks(Split::Train)?,
        eval_tasks: generator.tasks(Split::Eval)?,
        preferences_train: generator.preferences(Split::Train)?,
        preferences_eval: generator.preferences(Split::Eval)?,
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Split {
    Train,
    Eval,
}

impl Split {
    fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Eval => "eval",
        }
    }

    fn size(self, num_train: usize, num_eval: usize) -> usize {
        match self {
            Self::Train => num_train,
            Self::Eval => num_eval,
        }
    }
}

struct Generator<'a> {
    config: &'a DemoDataConfig,
}

impl Generator<'_> {
    fn rng(&self, stream: &str, index: u64) -> KeyedRng {
        KeyedRng::new(&[self.config.seed.into(), stream.into(), index.into()])
    }

    fn belongs(&self, problem: &impl Problem, split: Split) -> bool {
        is_held_out(&problem.essence(), self.config.held_out_share) == (split == Split::Eval)
    }

    fn traces(&self) -> Vec<Trace> {
        let config = self.config;
        let [num_math, num_sums, num_code, num_instruction] = apportion(config.num_traces, config.trace_shares());
        let mut traces =
            self.traces_of("math", num_math, config.maths.careful_share, |rng| MathsProblem::draw(&config.maths, rng));
        traces.extend((0..num_sums).map(|index| {
            let completion = sums::completion(config, &mut self.rng("sums traces", index as u64));
            trace("sums", index, sums::PROMPT.to_owned(), completion)
        }));
        traces.extend(
            self.traces_of("code", num_code, config.code.careful_share, |rng| CodeProblem::draw(&config.code, rng)),
        );
        traces.extend(self.traces_of("instruction", num_instruction, config.instruction.obeying_share, |rng| {
            InstructionProblem::draw(&config.instruction, rng)
        }));
        self.rng("trace order", 0).shuffle(&mut traces);
        traces
    }

    fn traces_of<P: Problem>(
        &self,
        kind: &str,
        num_traces: usize,
        careful_share: f64,
        draw: impl Fn(&mut KeyedRng) -> P,
    ) -> Vec<Trace> {
        let stream = format!("{kind} traces");
        let trace_of = |index: usize| {
            let mut rng = self.rng(&stream, index as u64);
            let problem = loop {
                let problem = draw(&mut rng);
                if self.belongs(&problem, Split::Train) {
                    break problem;
                }
            };
            let completion =
                if rng.chance(careful_share) { problem.careful(&mut rng) } else { problem.careless(&mut rng) };
            trace(kind, index, problem.prompt(), completion)
        };
        (0..num_traces).map(trace_of).collect()
    }

    fn tasks(&self, split: Split) -> Result<DemoTasks, DatasetError> {
        let DemoDataConfig { maths, code, instruction, .. } = self.config;
        Ok(DemoTasks {
            math: self.tasks_of(["math", "maths"], split, split.size(maths.num_train, maths.num_eval), |rng| {
                MathsProblem::draw(maths, rng)
            })?,
            code: self.tasks_of(["code", "code"], split, split.size(code.num_train, code.num_eval), |rng| {
                CodeProblem::draw(code, rng)
            })?,
            instruction: self.tasks_of(
                ["instruction", "instruction"],
                split,
                split.size(instruction.num_train, instruction.num_eval),
                |rng| InstructionProblem::draw(instruction, rng),
            )?,
        })
    }

    fn tasks_of<P: Problem>(
        &self,
        [kind, section]: [&str; 2],
        split: Split,
        num_tasks: usize,
        draw: impl Fn(&mut KeyedRng) -> P,
    ) -> Result<Vec<Task>, DatasetError> {
        let name = split.name();
        let stream = format!("{kind} {name}");
        let mut prompts = HashSet::new();
        let mut tasks = Vec::with_capacity(num_tasks);
        let mut last_found = 0;
        for index in 0.. {
            if tasks.len() == num_tasks || index - last_found > MAX_FRUITLESS_DRAWS {
                break;
            }
            let problem = draw(&mut self.rng(&stream, index));
            if self.belongs(&problem, split) && prompts.insert(problem.prompt()) {
                last_found = index;
                tasks.push(problem.task(format!("{kind}-{name}-{:05}", tasks.len())));
            }
        }
        if tasks.len() < num_tasks {
            return Err(too_few(section, name, num_tasks, tasks.len()));
        }
        Ok(tasks)
    }

    fn preferences(&self, split: Split) -> Result<Vec<PreferencePair>, DatasetError> {
        let config = &self.config.preference;
        let name = split.name();
        let stream = format!("preferences {name}");
        let num_pairs = split.size(config.num_train, config.num_eval);
        let mut pairs = Vec::with_capacity(num_pairs);
        let mut last_found = 0;
        for index in 0.. {
            if pairs.len() == num_pairs || index - last_found > MAX_FRUITLESS_DRAWS {
                break;
            }
            let mut rng = self.rng(&stream, index);
            let problem = InstructionProblem::draw(&self.config.instruction, &mut rng);
            if self.belongs(&problem, split) {
                last_found = index;
                let id = format!("preference-{name}-{:05}", pairs.len());
                pairs.push(preference::draw_pair(config, &problem, id, &mut rng));
            }
        }
        if pairs.len() < num_pairs {
            return Err(too_few("preference", name, num_pairs, pairs.len()));
        }
        Ok(pairs)
    }
}

fn too_few(section: &str, split: &str, asked: usize, found: usize) -> DatasetError {
    DatasetError::Config {
        field: format!("{section}.num_{split}"),
        problem: format!("is {asked}, but these settings gave only {found}; lower it, or allow harder problems"),
    }
}

/// Splits a number by shares, which are not all 0; the parts sum to it.
fn apportion<const N: usize>(number: usize, shares: [f64; N]) -> [usize; N] {
    let total: f64 = shares.iter().sum();
    let (mut sum, mut taken) = (0.0, 0);
    shares.map(|share| {
        sum += share;
        let end = (number as f64 * sum / total).round() as usize;
        let part = end - taken;
        taken = end;
        part
    })
}

fn trace(kind: &str, index: usize, prompt: String, completion: String) -> Trace {
    Trace {
        id: format!("{kind}-trace-{index:05}"),
        messages: vec![Message::user(prompt), Message::assistant(completion)],
    }
}

fn task(id: String, kind: TaskKind, prompt: String, verifier: &str, ground_truth: Value) -> Task {
    Task {
        id,
        kind,
        messages: vec![Message::user(prompt)],
        verifier: verifier.to_owned(),
        ground_truth,
        tools: None,
        source: Some("generated".to_owned()),
        license: None,
        meta: None,
    }
}
