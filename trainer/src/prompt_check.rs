//! All prompts of a run are rendered and measured before its first step: one that the template refuses, or that leaves
//! no room for a completion, is found now and not after days.

use std::path::Path;

use anyhow::{Result, anyhow};
use datasets::Task;
use policy::{Texts, TurnEnd};
use rayon::prelude::*;
use rollout::EngineOptions;

use crate::config::{Overlong, PromptSection};
use crate::failure::Usage;
use crate::origin::Origin;
use crate::prompt::PromptFormat;

/// What the prompts of a run must fit.
#[derive(Debug)]
pub(crate) struct PromptCheck<'a> {
    format: PromptFormat<'a>,
    overlong: Overlong,
    /// Most tokens of a prompt.
    longest: usize,
}

impl<'a> PromptCheck<'a> {
    /// A check of prompts for this model, which are completed by up to `max_new_tokens` tokens.
    ///
    /// # Errors
    /// A value of the section cannot be used.
    pub(crate) fn new(
        texts: &'a Texts,
        section: &'a PromptSection,
        engine: &EngineOptions,
        max_new_tokens: usize,
    ) -> Result<Self> {
        let format = PromptFormat::of_texts(texts, section)?;
        let longest = texts.max_positions.map_or(usize::MAX, |most| engine.longest_prompt(most, max_new_tokens));
        Ok(Self { format, overlong: section.overlong, longest })
    }

    /// Renders and measures the tasks of a source on all cores. Returns those to keep, in their order, and the number
    /// of those that are too long and dropped, as `prompt.overlong` says.
    ///
    /// # Errors
    /// A usage error that names file, line and task: the template refuses its conversation, or its prompt is too long
    /// and `prompt.overlong` is `"error"`, or no task is left.
    pub(crate) fn keep(&self, origin: &Origin, tasks: Vec<Task>) -> Result<(Vec<Task>, usize)> {
        let lengths: Vec<Result<usize>> =
            tasks.par_iter().map(|task| Ok(self.format.prompt(task.into())?.ids.len())).collect();
        let ids: Vec<&str> = tasks.iter().map(|task| task.id.as_str()).collect();
        let fits = self.fitting(origin, &ids, lengths)?;
        let kept: Vec<Task> = tasks.into_iter().zip(&fits).filter(|(_, fits)| **fits).map(|(task, _)| task).collect();
        let num_dropped = fits.len() - kept.len();
        Ok((kept, num_dropped))
    }

    /// True for each task of a source whose prompt leaves room for a completion.
    ///
    /// # Errors
    /// As for [`keep`](Self::keep).
    pub(crate) fn fitting(&self, origin: &Origin, ids: &[&str], lengths: Vec<Result<usize>>) -> Result<Vec<bool>> {
        let num_tasks = ids.len();
        let mut fits = Vec::with_capacity(num_tasks);
        for (id, length) in ids.iter().zip(lengths) {
            let length = length.map_err(|error| origin.error("task", id, &error))?;
            fits.push(length <= self.longest);
            if length > self.longest && self.overlong == Overlong::Error {
                let error = anyhow!(
                    "the prompt has {length} tokens, and at most {} leave room for a completion \
                     (max_position_embeddings, rollout.engine.cache_tokens); shorten the task, or set \
                     prompt.overlong = \"drop\"",
                    self.longest
                );
                return Err(origin.error("task", id, &error));
            }
        }
        let num_dropped = fits.iter().filter(|fits| !**fits).count();
        if num_dropped == num_tasks {
            let problem = format!("{}: every prompt has more than {} tokens", origin.files(), self.longest);
            return Err(Usage::error(problem));
        }
        if num_dropped > 0 {
            tracing::warn!(
                file = origin.files(),
                "{num_dropped} of {num_tasks} tasks are dropped: their prompts have more than {} tokens",
                self.longest
            );
        }
        Ok(fits)
    }
}

/// Checks that a reward model's template takes each of these tasks of a source with an answer.
///
/// # Errors
/// A usage error that names file, line and task.
pub(crate) fn check_answers(scorer: &PromptFormat<'_>, origin: &Origin, tasks: &[&Task]) -> Result<()> {
    let answered: Vec<Result<()>> = tasks.par_iter().map(|task| check_answered(scorer, task)).collect();
    for (task, answered) in tasks.iter().zip(answered) {
        answered.map_err(|error| origin.error("task", &task.id, &error.context("the reward model")))?;
    }
    Ok(())
}

/// Renders a task with an answer, and with none, as a completion may come to none.
fn check_answered(scorer: &PromptFormat<'_>, task: &Task) -> Result<()> {
    for answer in ["An answer.", ""] {
        scorer.answered_ids(task.into(), answer)?;
    }
    Ok(())
}

/// Says what a model's folder leaves open about the end of a turn and the date.
fn warn(folder: &Path, texts: &Texts, section: &PromptSection) {
    let folder = folder.display();
    if texts.chat_template.asks_date() && section.date.is_empty() {
        tracing::warn!(
            "{folder}: the chat template writes today's date; set prompt.date, so that prompts stay the same from day \
             to day"
        );
    }
    match &texts.turn_end {
        Some(TurnEnd { id, text, from_template: true, was_missing: true }) => tracing::warn!(
            "{folder}: the chat template ends turns with {text} ({id}), which generation_config.json does not name; \
             completions stop there too, and checkpoints name it"
        ),
        Some(TurnEnd { id, text, from_template: false, .. }) => tracing::warn!(
            "{folder}: the chat template ends turns with no special token; {text} ({id}) stands in for one"
        ),
        _ => {}
    }
}

/// Reads the texts of a model's folder, and says what it leaves open.
///
/// # Errors
/// A file is missing or unusable.
pub(crate) fn load_texts(folder: &Path, section: &PromptSection) -> Result<Texts> {
    let texts = Texts::load(folder)?;
    warn(folder, &texts, section);
    Ok(texts)
}
