//! The data of a suite, or of a file of a user's own, made the tasks that are asked.

use std::sync::Arc;

use anyhow::Result;
use datasets::{DataSource, rows};
use evaluation::{
    DataFile, EvaluationError, LoadedTasks, Metric, PromptForm, Protocol, Settings, Suite, SuiteSource, SuiteTasks,
    TaskChoice,
};

use super::HeldOut;
use crate::config::PromptSection;
use crate::failure::Usage;
use crate::origin::{Origin, SourceRecords, tasks_of};
use crate::prompt::{Question, conversation};

/// Sampling of a file of a user's own.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FileProtocol {
    pub samples: usize,
    pub temperature: f64,
    pub top_p: f64,
    pub top_k: usize,
    pub max_new_tokens: usize,
}

impl From<FileProtocol> for Protocol {
    fn from(of: FileProtocol) -> Self {
        Self {
            prompt: None,
            system: None,
            form: PromptForm::Chat,
            shots: None,
            samples: of.samples,
            temperature: of.temperature,
            top_p: of.top_p,
            top_k: of.top_k,
            min_p: None,
            repetition_penalty: None,
            presence_penalty: None,
            frequency_penalty: None,
            max_new_tokens: of.max_new_tokens,
            stop_repetition: None,
            thinking: None,
            metric: Metric::Pass,
            verifier: None,
            judged_with: toml::Table::new(),
            continuation: None,
            normalised: false,
        }
    }
}

/// The tasks of a suite. Of the section only what the chat template is told is used: a suite has its own words.
///
/// # Errors
/// The data cannot be read, are in a layout that the suite does not take, or are not what it asks.
pub(crate) fn suite_tasks(
    suite: Suite,
    source: &SuiteSource,
    choice: TaskChoice,
    section: &PromptSection,
) -> Result<HeldOut> {
    let name = suite.full_name();
    let (tasks, settings) = source.tasks(suite, choice).map_err(usage)?;
    let origin = Origin::of_files(&source.paths);
    let template = section.without_words();
    Ok(HeldOut { name, tasks: Arc::new(tasks), settings, origin, template, tools: None, seed: choice.seed })
}

/// The tasks of a file of a user's own, with the section's words around them.
///
/// # Errors
/// The file cannot be read, or the sampling is out of range.
pub(crate) fn file_tasks(
    name: &str,
    protocol: Protocol,
    source: &DataSource,
    choice: TaskChoice,
    section: &PromptSection,
) -> Result<HeldOut> {
    let SourceRecords { records, origin, layout } = tasks_of(source)?;
    let files = rows::files_of(&source.paths, source.split.as_deref())
        .or_else(|_| rows::files_of(&source.paths, layout.split.as_deref()))?;
    let data = files.iter().map(|file| DataFile::of(file)).collect::<Result<Vec<_>, _>>().map_err(usage)?;
    let loaded = LoadedTasks { tasks: records, layout: layout.name.clone(), ..LoadedTasks::default() };
    let mut tasks = SuiteTasks::of_file(name, protocol, loaded, choice).map_err(usage)?;
    for task in &mut tasks.tasks {
        let own = &task.task;
        let question = Question { kind: Some(&own.kind), messages: &task.conversation, tools: own.tools.as_ref() };
        task.conversation = conversation(question, section).into();
    }
    let settings = Settings::new(&tasks, &layout.name, data, choice);
    let template = section.without_words();
    Ok(HeldOut {
        name: name.to_owned(),
        tasks: Arc::new(tasks),
        settings,
        origin,
        template,
        tools: None,
        seed: choice.seed,
    })
}

/// What is wrong with a suite, its settings or a file beside is the user's to mend.
pub(crate) fn usage(error: EvaluationError) -> anyhow::Error {
    match error {
        EvaluationError::Data(_) | EvaluationError::Record(_) | EvaluationError::NothingJudged(_) => error.into(),
        other => Usage::error(other.to_string()),
    }
}
