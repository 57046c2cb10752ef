//! The generator: draws problems by key, keeps the held-out ones apart, and makes traces, tasks and preference pairs.

use std::collections::HashSet;

use random::KeyedRng;

use super::code::CodeProblem;
use super::config::DemoDataConfig;
use super::data::{DemoData, DemoTasks};
use super::instruction::InstructionProblem;
use super::maths::MathsProblem;
use super::problem::{Problem, is_held_out};
use super::{preference, sums};
use crate::error::DatasetError;
use crate::message::Message;
use crate::preference::PreferencePair;
use crate::task::Task;
use crate::trace::Trace;

/// Draws in a row without a new problem after which the settings count as exhausted.
const MAX_FRUITLESS_DRAWS: u64 = 20_000;

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

pub(super) struct Generator<'a> {
    /// Valid settings.
    pub(super) config: &'a DemoDataConfig,
}

impl Generator<'_> {
    /// Everything. The error says that the settings allow fewer distinct problems than asked for.
    pub(super) fn data(&self) -> Result<DemoData, DatasetError> {
        Ok(DemoData {
            traces: self.traces(),
            train_tasks: self.tasks(Split::Train)?,
            eval_tasks: self.tasks(Split::Eval)?,
            preferences_train: self.preferences(Split::Train)?,
            preferences_eval: self.preferences(Split::Eval)?,
        })
    }

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

/// Splits `number` by shares, not all of them 0, into parts that sum to it.
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
        kind: None,
        messages: vec![Message::user(prompt), Message::assistant(completion)],
        tools: None,
    }
}
