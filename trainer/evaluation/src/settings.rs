//! What ran: every value in force, with the content of all that was read. The key by which a record is continued, and
//! by which two results are held against each other.

use std::path::{Path, PathBuf};

use record::checksum;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::EvaluationError;
use crate::protocol::Protocol;
use crate::suite_tasks::{SuiteTasks, TaskChoice};

/// Steps between two turns. Like a batch they can change the last bits of a text and no more.
const TURN_LAG: &str = "tools.lag";

/// The settings of an evaluation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// The suite as it was asked for, with version and window.
    pub suite: String,
    /// The layout by which the data were read.
    pub layout: String,
    /// The files of the data.
    pub data: Vec<DataFile>,
    /// Number of tasks that were asked.
    pub num_tasks: usize,
    /// Checksum of all that was asked and judged by: ids, conversations, tools, keys.
    pub tasks: String,
    /// The protocol with every value in force.
    pub protocol: Protocol,
    /// Seed of the draws, of the order of choices and of a limit.
    pub seed: u64,
    /// Most tasks; `None` for all.
    pub limit: Option<usize>,
    /// Texts and token ids that end a completion, as words.
    #[serde(default)]
    pub stops: Vec<String>,
    /// The first prompt as it went to the model; `None` where none was rendered.
    #[serde(default)]
    pub first_prompt: Option<FirstPrompt>,
    /// Checksum of the token ids of all prompts; `None` where none was rendered.
    #[serde(default)]
    pub prompt_ids: Option<String>,
    /// The model; `None` where another engine's completions were judged.
    #[serde(default)]
    pub model: Option<ModelSettings>,
    /// The file of another engine's completions.
    #[serde(default)]
    pub completions: Option<DataFile>,
    /// Tools that completions could call, with the limits of calls; `None` where there were none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tools: Option<Value>,
    /// The verifiers' configuration.
    #[serde(default)]
    pub verifiers: Value,
    /// Version of ponder.
    pub version: String,
}

/// A file that was read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DataFile {
    /// Path, as it was named or found in its folder.
    pub path: PathBuf,
    /// Size in bytes.
    pub bytes: u64,
    /// Checksum of the content.
    pub checksum: String,
    /// Repository and commit, as `org/name@COMMIT`, of a file of the hub.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
}

/// A prompt as text and as token ids.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FirstPrompt {
    /// Id of the task.
    pub task_id: String,
    /// The text, chat template included.
    pub text: String,
    /// The token ids.
    pub ids: Vec<u32>,
}

/// The model that was sampled, and what it ran on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelSettings {
    /// Folder of the model.
    pub path: PathBuf,
    /// Repository and commit, as `org/name@COMMIT`, of a model of the hub.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<String>,
    /// Checksum of the weights.
    pub weights: String,
    /// Checksum of tokenizer and chat template.
    pub template: String,
    /// Type of the weights in memory.
    pub dtype: String,
    /// Device, as in `cpu` or `cuda:0`.
    pub device: String,
    /// Most completions in flight, which can change the last bits of greedy texts.
    pub max_sequences: usize,
}

impl DataFile {
    /// Size and checksum of a file.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn of(path: &Path) -> Result<Self, EvaluationError> {
        let (bytes, checksum) = checksum::of_file(path).map_err(|error| EvaluationError::read(path, error))?;
        Ok(Self { path: path.to_owned(), bytes, checksum, origin: None })
    }
}

impl Settings {
    /// The settings of a suite's tasks, of which nothing has been sampled or judged yet.
    pub fn new(tasks: &SuiteTasks, layout: &str, data: Vec<DataFile>, choice: TaskChoice) -> Self {
        Self {
            suite: tasks.suite.full_name(),
            layout: layout.to_owned(),
            data,
            num_tasks: tasks.tasks.len(),
            tasks: tasks.checksum(),
            protocol: tasks.suite.protocol.clone(),
            seed: choice.seed,
            limit: choice.limit,
            stops: Vec::new(),
            first_prompt: None,
            prompt_ids: None,
            model: None,
            completions: None,
            tools: None,
            verifiers: Value::Null,
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }

    /// Every value by its name and as text, paths included, but for the first prompt.
    pub fn values(&self) -> Vec<(String, String)> {
        let mut values = Vec::new();
        collect("", &serde_json::to_value(self).unwrap_or_default(), &mut values);
        values.retain(|(name, _)| !is_part(name, "first_prompt"));
        values
    }

    /// Checksum of everything by which samples may be used again: equal for equal settings, wherever files lie.
    pub fn key(&self) -> String {
        checksum::of_bytes(&serde_json::to_vec(&leaves(self)).unwrap_or_default())
    }

    /// What differs from `other`, a setting each: `protocol.temperature: 0.6 there, 1.0 here`. Paths do not count.
    pub fn differences(&self, other: &Self) -> Vec<String> {
        self.differences_in(other, |_| true)
    }

    /// These settings of stored samples, judged by the verifiers and keys of `now`.
    ///
    /// # Errors
    /// The samples were asked otherwise; what differs is named.
    pub fn judged_by(&self, now: &Self) -> Result<Self, Vec<String>> {
        const JUDGING: [&str; 8] = [
            "tasks",
            "data",
            "layout",
            "verifiers",
            "version",
            "protocol.verifier",
            "protocol.judged_with",
            "protocol.metric",
        ];
        let merged = Self {
            stops: self.stops.clone(),
            first_prompt: self.first_prompt.clone(),
            prompt_ids: self.prompt_ids.clone(),
            model: self.model.clone(),
            completions: self.completions.clone(),
            ..now.clone()
        };
        let differences = merged.differences_in(self, |name| !JUDGING.iter().any(|part| is_part(name, part)));
        if differences.is_empty() { Ok(merged) } else { Err(differences) }
    }

    /// The differences that forbid a comparison: of the suite, the tasks, the protocol or the tools. Data that give the
    /// same tasks are the same.
    pub fn forbidding_differences(&self, other: &Self) -> Vec<String> {
        const SAME: [&str; 5] = ["suite", "num_tasks", "tasks", "protocol", "tools"];
        self.differences_in(other, |name| name != TURN_LAG && SAME.iter().any(|part| is_part(name, part)))
    }

    /// The differences that a comparison names and does not forbid: what can change a text beside the model.
    pub fn named_differences(&self, other: &Self) -> Vec<String> {
        const NAMED: [&str; 8] =
            ["seed", "model.dtype", "model.device", "model.max_sequences", "stops", TURN_LAG, "verifiers", "version"];
        self.differences_in(other, |name| NAMED.iter().any(|part| is_part(name, part)))
    }

    fn differences_in(&self, other: &Self, counts: impl Fn(&str) -> bool) -> Vec<String> {
        let (here, there) = (leaves(self), leaves(other));
        let find = |leaves: &[(String, String)], name: &str| {
            leaves
                .iter()
                .find(|(known, _)| known == name)
                .map_or_else(|| "not set".to_owned(), |(_, value)| value.clone())
        };
        let mut names: Vec<&String> =
            here.iter().chain(&there).map(|(name, _)| name).filter(|name| counts(name)).collect();
        let mut seen = std::collections::HashSet::new();
        names.retain(|name| seen.insert(name.as_str()));
        let differences = names.into_iter().filter_map(|name| {
            let (here, there) = (find(&here, name), find(&there, name));
            (here != there).then(|| format!("{name}: {there} there, {here} here"))
        });
        differences.collect()
    }
}

/// True for the setting `part` itself and for all within it.
fn is_part(name: &str, part: &str) -> bool {
    name.strip_prefix(part).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// The settings that decide anything: without paths, and without the first prompt, which the ids of all contain.
fn leaves(settings: &Settings) -> Vec<(String, String)> {
    let mut leaves = settings.values();
    leaves.retain(|(name, _)| !name.ends_with(".path"));
    leaves
}

fn collect(name: &str, value: &Value, leaves: &mut Vec<(String, String)>) {
    let within = |part: &str| if name.is_empty() { part.to_owned() } else { format!("{name}.{part}") };
    match value {
        Value::Object(fields) => fields.iter().for_each(|(part, value)| collect(&within(part), value, leaves)),
        Value::Array(items) if items.iter().any(Value::is_object) => {
            items.iter().enumerate().for_each(|(place, value)| collect(&within(&place.to_string()), value, leaves));
        }
        Value::Null => {}
        Value::String(text) => leaves.push((name.to_owned(), text.clone())),
        other => leaves.push((name.to_owned(), other.to_string())),
    }
}
