//! Files between engines: prompts out, completions in. A line each, `{"id", "messages", ..}` and
//! `{"id", "completions": ["..."]}`.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use datasets::Message;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::EvaluationError;
use crate::judge::SampledCompletion;
use crate::suite_tasks::SuiteTasks;

/// Most ids that an error lists.
const NAMED: usize = 5;

/// The completions of a file, by the task's id.
#[derive(Debug, Clone, PartialEq)]
pub struct CompletionFile {
    path: PathBuf,
    by_id: HashMap<String, Vec<SampledCompletion>>,
}

/// Completions of a suite's tasks, and what the file holds beside them.
#[derive(Debug, Clone, PartialEq)]
pub struct AssignedCompletions {
    /// The completions of each task, in the order of the tasks; as many for each.
    pub completions: Vec<Vec<SampledCompletion>>,
    /// Number of completions of each task.
    pub samples: usize,
    /// Number of ids in the file that are no task's.
    pub num_other_ids: usize,
}

#[derive(Deserialize)]
struct Line {
    id: Value,
    completions: Vec<String>,
    /// Why each ended, where the engine says so.
    #[serde(default)]
    finish_reasons: Vec<String>,
    /// Tokens of each, where the engine says so.
    #[serde(default)]
    num_tokens: Vec<u32>,
}

impl CompletionFile {
    /// Reads a file of completions.
    ///
    /// # Errors
    /// A line is no object with an id and a list of texts, or an id stands there twice.
    pub fn read(path: &Path) -> Result<Self, EvaluationError> {
        let file = File::open(path).map_err(|error| EvaluationError::read(path, error))?;
        let mut by_id = HashMap::new();
        for (index, line) in BufReader::new(file).lines().enumerate() {
            let fail = |problem: String| EvaluationError::file(path, Some(index + 1), problem);
            let line = line.map_err(|error| fail(error.to_string()))?;
            if line.trim().is_empty() {
                continue;
            }
            let line: Line = serde_json::from_str(&line)
                .map_err(|error| fail(format!("a line is {{\"id\", \"completions\": [\"...\"]}}: {error}")))?;
            let id = id_text(&line.id).ok_or_else(|| fail("the id must be a text or a number".to_owned()))?;
            let completions = line.completions.into_iter().enumerate().map(|(place, text)| SampledCompletion {
                finish_reason: line.finish_reasons.get(place).cloned().unwrap_or_else(|| "stop".to_owned()),
                num_completion_tokens: line.num_tokens.get(place).copied().unwrap_or_default(),
                ..SampledCompletion::of_text(text)
            });
            if by_id.insert(id.clone(), completions.collect()).is_some() {
                return Err(fail(format!("the id \"{id}\" stands in the file twice")));
            }
        }
        Ok(Self { path: path.to_owned(), by_id })
    }

    /// The completions of each task. `asked` is their number; `None` takes the file's own, the same for every task.
    ///
    /// # Errors
    /// Tasks have no completions, or not as many as were asked: judged is what was asked, never less. Their ids are
    /// named.
    pub fn assign(mut self, tasks: &SuiteTasks, asked: Option<usize>) -> Result<AssignedCompletions, EvaluationError> {
        let fail = |problem: String| EvaluationError::file(&self.path, None, problem);
        let ids: Vec<&str> = tasks.tasks.iter().map(|task| task.task.id.as_str()).collect();
        let without: Vec<&str> = ids.iter().copied().filter(|id| !self.by_id.contains_key(*id)).collect();
        if !without.is_empty() {
            let problem = format!("{} of {} tasks have no completions: {}", without.len(), ids.len(), named(&without));
            return Err(fail(problem));
        }
        let count = |id: &&str| self.by_id[*id].len();
        let samples = asked.or_else(|| ids.iter().map(count).max()).unwrap_or_default();
        let other: Vec<&str> = ids.iter().copied().filter(|id| count(id) != samples).collect();
        if samples == 0 || !other.is_empty() {
            let first = other.first().copied().unwrap_or_default();
            let problem = format!(
                "{samples} completions of each task are judged, and {} tasks have another number: {} (the first has \
                 {})",
                other.len(),
                named(&other),
                self.by_id.get(first).map_or(0, Vec::len)
            );
            return Err(fail(problem));
        }
        let completions: Vec<_> = ids.iter().filter_map(|id| self.by_id.remove(*id)).collect();
        Ok(AssignedCompletions { completions, samples, num_other_ids: self.by_id.len() })
    }
}

/// The id as text: a text as it is, a number as its digits.
fn id_text(id: &Value) -> Option<String> {
    match id {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

fn named(ids: &[&str]) -> String {
    let more = if ids.len() > NAMED { format!(" and {} more", ids.len() - NAMED) } else { String::new() };
    format!("{}{more}", ids[..ids.len().min(NAMED)].join(", "))
}

/// A prompt as it would be asked, for another engine.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PromptLine<'a> {
    /// The task's id.
    pub id: &'a str,
    /// The conversation.
    pub messages: &'a [Message],
    /// Tools on offer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tools: Option<&'a Value>,
    /// The text that goes to the model, where a model's template rendered it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Its token ids.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ids: Option<Vec<u32>>,
    /// The continuation of each choice, where the suite goes by their logprobs.
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    pub continuations: &'a [String],
}

impl SuiteTasks {
    /// The prompts of all tasks, in their order. Text and ids are absent: whoever has a model adds them.
    pub fn prompt_lines(&self) -> impl Iterator<Item = PromptLine<'_>> {
        self.tasks.iter().map(|task| PromptLine {
            id: &task.task.id,
            messages: &task.conversation,
            tools: task.task.tools.as_ref(),
            text: None,
            ids: None,
            continuations: &task.continuations,
        })
    }
}
