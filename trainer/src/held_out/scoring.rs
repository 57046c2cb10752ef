//! Held-out tasks that are scored instead of sampled: choices by the logprobs of their continuations, and completions
//! of a set by a reward model or a judge.

use std::collections::{BTreeMap, HashMap};
use std::io::{BufRead, BufReader};
use std::path::Path;

use anyhow::{Context, Result, bail};
use evaluation::{CandidateScores, SuiteTask};
use policy::Texts;
use rayon::prelude::*;
use record::samples::SampleRow;
use serde::Deserialize;
use serde_json::Value;
use verifiers::split_thinking;

use super::HeldOut;
use crate::failure::Usage;
use crate::interrupt::Interrupt;
use crate::prompt::{Prompt, PromptFormat, Question};
use crate::worker::{Continuation, ModelCommand, ModelEvent, ModelWorker};

/// Tasks whose continuations or completions are given to the model's thread at a time.
const TASKS_AT_A_TIME: usize = 32;

impl HeldOut {
    /// Asks for the logprobs of every choice of the missing tasks, and hands out a row of each.
    ///
    /// # Errors
    /// A continuation has no tokens, the model's thread failed, `take` fails, or the user interrupted.
    pub(crate) async fn choose(
        &self,
        worker: &ModelWorker,
        texts: &Texts,
        prompts: &[Prompt],
        missing: &[(usize, u32)],
        interrupt: &Interrupt,
        mut take: impl FnMut(SampleRow) -> Result<()>,
    ) -> Result<()> {
        let format = PromptFormat::of_texts(texts, &self.template)?;
        for places in missing.chunks(TASKS_AT_A_TIME) {
            let of_task = |(place, _): &(usize, u32)| -> Result<Vec<Continuation>> {
                let task = &self.tasks.tasks[*place];
                let continuation = |text: &String| continuation(&format, &prompts[*place], text);
                let continuations: Result<Vec<_>> = task.continuations.iter().map(continuation).collect();
                continuations.map_err(|error| self.origin.error("task", &task.task.id, &error))
            };
            let by_task: Vec<Vec<Continuation>> = places.par_iter().map(of_task).collect::<Result<_>>()?;
            let continuations = by_task.concat();
            let asked = interrupt.race(worker.ask(ModelCommand::Logprobs { continuations })).await??;
            let ModelEvent::Logprobs(logprobs) = asked else {
                bail!("the model's thread answered {asked:?} to a request for logprobs");
            };
            let mut logprobs = logprobs.into_iter();
            for ((place, _), continuations) in places.iter().zip(by_task) {
                let own = logprobs.by_ref().take(continuations.len());
                let sums: Vec<f64> = own.map(|tokens| tokens.into_iter().map(f64::from).sum()).collect();
                take(self.tasks.tasks[*place].likeliest(&self.tasks.suite, &sums)?)?;
            }
        }
        Ok(())
    }

    /// Has a reward model score the completions of the missing tasks, and hands out a row of each. It sees the answers,
    /// not the thinking.
    ///
    /// # Errors
    /// The model's template refuses a conversation, its thread failed, `take` fails, or the user interrupted.
    pub(crate) async fn score(
        &self,
        worker: &ModelWorker,
        texts: &Texts,
        missing: &[(usize, u32)],
        interrupt: &Interrupt,
        mut take: impl FnMut(SampleRow) -> Result<()>,
    ) -> Result<()> {
        let format = PromptFormat::of_texts(texts, &self.template)?;
        for places in missing.chunks(TASKS_AT_A_TIME) {
            let ids = |(place, _): &(usize, u32)| -> Result<Vec<Vec<u32>>> {
                let task = &self.tasks.tasks[*place];
                candidate_ids(&format, task).map_err(|error| self.origin.error("task", &task.task.id, &error))
            };
            let by_task: Vec<Vec<Vec<u32>>> = places.par_iter().map(ids).collect::<Result<_>>()?;
            let asked = interrupt.race(worker.ask(ModelCommand::Score { sequences: by_task.concat() })).await??;
            let ModelEvent::Scored(scores) = asked else {
                bail!("the model's thread answered {asked:?} to a request for scores");
            };
            let mut scores = scores.into_iter().map(f64::from);
            for (place, _) in places {
                let task = &self.tasks.tasks[*place];
                let (chosen, rejected) = task.candidates();
                let (num_chosen, num_rejected) = (chosen.len(), rejected.len());
                let scores = CandidateScores {
                    chosen: scores.by_ref().take(num_chosen).collect(),
                    rejected: scores.by_ref().take(num_rejected).collect(),
                };
                take(task.scored(&self.name, &scores)?)?;
            }
        }
        Ok(())
    }

    /// The rows of the missing tasks by the scores of a file.
    ///
    /// # Errors
    /// A usage error: a task has no scores, or not as many as completions.
    pub(crate) fn scored_by(
        &self,
        scores: &HashMap<String, CandidateScores>,
        missing: &[(usize, u32)],
        mut take: impl FnMut(SampleRow) -> Result<()>,
    ) -> Result<()> {
        for (place, _) in missing {
            let task = &self.tasks.tasks[*place];
            let id = task.task.id.as_str();
            let own = scores.get(id).ok_or_else(|| Usage::error(format!("--scores: task {id} has no scores")))?;
            take(task.scored(&self.name, own).map_err(|error| Usage::error(format!("--scores: {error}")))?)?;
        }
        Ok(())
    }
}

/// A continuation behind its prompt. Both are made tokens together, as the model sees them; what the prompt has by
/// itself is the prompt's.
fn continuation(format: &PromptFormat<'_>, prompt: &Prompt, text: &str) -> Result<Continuation> {
    let ids = format.encode(&format!("{}{text}", prompt.text))?;
    let num_prompt = prompt.ids.len().min(ids.len().saturating_sub(1));
    if num_prompt == 0 {
        bail!("the continuation {text:?} has no tokens behind its prompt");
    }
    Ok(Continuation { ids, num_prompt })
}

/// Ids of each completion of a task behind its prompt, the better ones first.
fn candidate_ids(format: &PromptFormat<'_>, task: &SuiteTask) -> Result<Vec<Vec<u32>>> {
    let (chosen, rejected) = task.candidates();
    let question =
        Question { kind: Some(&task.task.kind), messages: &task.conversation, tools: task.task.tools.as_ref() };
    let ids =
        |text: &&str| format.answered_ids(question, split_thinking(text, false).answer.unwrap_or_default().trim());
    chosen.iter().chain(&rejected).map(ids).collect()
}

/// A line of a judge's scores.
#[derive(Deserialize)]
struct ScoreLine {
    id: Value,
    chosen: Value,
    rejected: Value,
}

/// A score, or a list of them.
fn numbers(scores: &Value) -> Option<Vec<f64>> {
    match scores {
        Value::Array(several) => several.iter().map(Value::as_f64).collect(),
        one => one.as_f64().map(|score| vec![score]),
    }
}

/// Reads a judge's scores, by the task's id.
///
/// # Errors
/// A usage error that names file and line.
pub(crate) fn read_scores(path: &Path) -> Result<HashMap<String, CandidateScores>> {
    let file = std::fs::File::open(path).with_context(|| path.display().to_string())?;
    let mut scores: BTreeMap<String, CandidateScores> = BTreeMap::new();
    for (index, line) in BufReader::new(file).lines().enumerate() {
        let line = line.with_context(|| path.display().to_string())?;
        let fail = |problem: String| Usage::error(format!("{}, line {}: {problem}", path.display(), index + 1));
        if line.trim().is_empty() {
            continue;
        }
        let expected = "a line is {\"id\", \"chosen\": [..], \"rejected\": [..]}";
        let line: ScoreLine = serde_json::from_str(&line).map_err(|error| fail(format!("{expected}: {error}")))?;
        let id = line.id.as_str().map_or_else(|| line.id.to_string(), str::to_owned);
        let (Some(chosen), Some(rejected)) = (numbers(&line.chosen), numbers(&line.rejected)) else {
            return Err(fail(expected.to_owned()));
        };
        let own = CandidateScores { chosen, rejected };
        if scores.insert(id.clone(), own).is_some() {
            return Err(fail(format!("the id {id} stands in the file twice")));
        }
    }
    Ok(scores.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_one_or_several_and_a_wrong_line_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("scores.jsonl");
        std::fs::write(&path, "{\"id\": 7, \"chosen\": 0.5, \"rejected\": [0.1, 0.2]}\n\n").unwrap();
        let scores = read_scores(&path).unwrap();
        assert_eq!(scores["7"], CandidateScores { chosen: vec![0.5], rejected: vec![0.1, 0.2] });
        std::fs::write(&path, "{\"id\": 7, \"chosen\": 0.5, \"rejected\": [0.1]}\n{\"id\": 7}\n").unwrap();
        let said = read_scores(&path).unwrap_err().to_string();
        assert!(said.contains("scores.jsonl, line 2"), "{said}");
    }
}
