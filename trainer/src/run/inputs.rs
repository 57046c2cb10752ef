//! What a run reads: its data, its models, its plug-ins. Links to them are followed once, when the run starts; their
//! content is told by checksums.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use record::checksum::{self, Checksum};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::config::{
    EvalDataset, ParallelSection, ReinforceRun, RewardModelRun, RunSection, SandboxSection, SupervisedRun,
};
use crate::plan::Calendar;

/// What stands for a content that is not there.
const ABSENT: &str = "absent";
/// Files of a tokenizer, beside `tokenizer_config.json`.
const TOKENIZER: [&str; 4] =
    ["tokenizer.json", "special_tokens_map.json", "added_tokens.json", "generation_config.json"];
/// Endings of the names of weights and of their indices.
const WEIGHTS: [&str; 3] = [".safetensors", ".safetensors.index.json", "model.pieces.json"];
const TOKENIZER_CONFIG: &str = "tokenizer_config.json";
const CHAT_TEMPLATE: &str = "chat_template.jinja";
const MORE_TEMPLATES: &str = "additional_chat_templates";

/// A training run as its configuration describes it.
pub(crate) trait TrainingRun: Clone + Serialize {
    /// Word for what is trained, and how.
    fn kind(&self) -> &'static str;
    /// Folder, seed and device.
    fn section(&self) -> &RunSection;
    /// How ranks share the work.
    fn parallel(&self) -> &ParallelSection;
    /// When what is due.
    fn calendar(&self) -> Calendar;
    /// The code execution server, where the run may need one.
    fn sandbox(&self) -> Option<&SandboxSection>;
    /// Everything that the run reads, by the configuration's key.
    fn inputs(&mut self) -> Vec<Input<'_>>;
}

/// Something that a run reads.
pub(crate) struct Input<'a> {
    key: String,
    path: &'a mut PathBuf,
    source: InputKind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum InputKind {
    /// A file of tasks, traces or pairs.
    Data,
    /// A folder in Hugging Face's layout.
    Model,
    /// A file that is run. Its own path may be what it finds others by, so that links to it stay.
    PlugIn,
}

/// Content of an input, or of a part of one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct InputContent {
    /// Where it was read.
    pub path: PathBuf,
    /// Checksum of what was read; `absent` where nothing was there.
    pub content: String,
}

/// Writes the real paths of data and models into the configuration, so that a link that is moved later changes nothing.
/// Sources that are named by their files keep their names. What is not there stays as it is: whoever reads it says so.
pub(crate) fn resolve_links<C: TrainingRun>(config: &mut C) {
    for input in config.inputs() {
        if let (true, Ok(real)) = (input.source != InputKind::PlugIn, input.path.canonicalize()) {
            *input.path = real;
        }
    }
}

/// The configuration's keys whose values are told by content, and the contents.
///
/// # Errors
/// Something that is there cannot be read.
pub(crate) fn contents<C: TrainingRun>(config: &C) -> Result<(Vec<String>, BTreeMap<String, InputContent>)> {
    let mut config = config.clone();
    let (mut keys, mut contents) = (Vec::new(), BTreeMap::new());
    for Input { key, path, source } in config.inputs() {
        let parts = match source {
            InputKind::Data | InputKind::PlugIn => vec![(String::new(), file_content(path))],
            InputKind::Model => vec![
                (" config.json".to_owned(), file_content(&path.join("config.json"))),
                (" weights".to_owned(), weights_content(path)),
                (" tokenizer".to_owned(), tokenizer_content(path)),
                (" chat template".to_owned(), template_content(path)),
            ],
        };
        for (part, content) in parts {
            let content = content.with_context(|| format!("{key}: {}", path.display()))?;
            contents.insert(format!("{key}{part}"), InputContent { path: path.clone(), content });
        }
        keys.push(key);
    }
    Ok((keys, contents))
}

fn file_content(path: &Path) -> io::Result<String> {
    if !path.is_file() {
        return Ok(ABSENT.to_owned());
    }
    Ok(checksum::of_file(path)?.1)
}

/// Names, sizes and sampled bytes of all weights of a folder, whole, in shards or in pieces, and their index.
fn weights_content(folder: &Path) -> io::Result<String> {
    let is_weights = |name: &str| WEIGHTS.iter().any(|ending| name.ends_with(ending));
    let mut checksum = Checksum::new();
    let names = names_in(folder, is_weights)?;
    for name in &names {
        checksum.add(name.as_bytes());
        checksum::add_sampled(&folder.join(name), &mut checksum)?;
    }
    Ok(if names.is_empty() { ABSENT.to_owned() } else { checksum.finish() })
}

/// The tokenizer's files, without the chat template that may stand in one of them.
fn tokenizer_content(folder: &Path) -> io::Result<String> {
    let mut checksum = Checksum::new();
    for name in TOKENIZER {
        checksum.add(file_content(&folder.join(name))?.as_bytes());
    }
    let mut config = tokenizer_config(folder)?;
    if let Some(config) = config.as_object_mut() {
        config.shift_remove("chat_template");
    }
    checksum.add(config.to_string().as_bytes());
    Ok(checksum.finish())
}

fn template_content(folder: &Path) -> io::Result<String> {
    let mut checksum = Checksum::new();
    checksum.add(file_content(&folder.join(CHAT_TEMPLATE))?.as_bytes());
    checksum.add(tokenizer_config(folder)?["chat_template"].to_string().as_bytes());
    let more = folder.join(MORE_TEMPLATES);
    for name in names_in(&more, |name| name.ends_with(".jinja"))? {
        checksum.add(name.as_bytes());
        checksum.add(file_content(&more.join(name))?.as_bytes());
    }
    Ok(checksum.finish())
}

/// `tokenizer_config.json`; null where it is missing or no JSON, which whoever loads the tokenizer says.
fn tokenizer_config(folder: &Path) -> io::Result<Value> {
    match std::fs::read(folder.join(TOKENIZER_CONFIG)) {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes).unwrap_or_default()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Value::Null),
        Err(error) => Err(error),
    }
}

/// Names of files in a folder, in order; none where there is no such folder.
fn names_in(folder: &Path, choose: impl Fn(&str) -> bool) -> io::Result<Vec<String>> {
    let entries = match std::fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other?.collect::<io::Result<Vec<_>>>()?,
    };
    let mut names: Vec<String> = entries.iter().filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.retain(|name| choose(name));
    names.sort();
    Ok(names)
}

fn model<'a>(key: &str, path: &'a mut PathBuf) -> Option<Input<'a>> {
    let is_given = !path.as_os_str().is_empty();
    is_given.then(|| Input { key: key.to_owned(), path, source: InputKind::Model })
}

fn data(key: String, path: &mut PathBuf) -> Input<'_> {
    Input { key, path, source: InputKind::Data }
}

fn held_out(datasets: &mut [EvalDataset]) -> impl Iterator<Item = Input<'_>> {
    datasets.iter_mut().enumerate().map(|(i, dataset)| {
        dataset.name = Some(dataset.name());
        data(format!("eval.datasets.{i}.path"), &mut dataset.path)
    })
}

impl TrainingRun for SupervisedRun {
    fn kind(&self) -> &'static str {
        "cold-start"
    }

    fn section(&self) -> &RunSection {
        &self.run
    }

    fn parallel(&self) -> &ParallelSection {
        &self.parallel
    }

    fn calendar(&self) -> Calendar {
        self.calendar()
    }

    fn sandbox(&self) -> Option<&SandboxSection> {
        Some(&self.sandbox)
    }

    fn inputs(&mut self) -> Vec<Input<'_>> {
        let start = model("model.path", &mut self.model.path);
        let traces = data("traces.path".to_owned(), &mut self.traces.path);
        start.into_iter().chain([traces]).chain(held_out(&mut self.eval.datasets)).collect()
    }
}

impl TrainingRun for RewardModelRun {
    fn kind(&self) -> &'static str {
        "reward-model"
    }

    fn section(&self) -> &RunSection {
        &self.run
    }

    fn parallel(&self) -> &ParallelSection {
        &self.parallel
    }

    fn calendar(&self) -> Calendar {
        self.calendar()
    }

    fn sandbox(&self) -> Option<&SandboxSection> {
        None
    }

    fn inputs(&mut self) -> Vec<Input<'_>> {
        let start = model("model.path", &mut self.model.path);
        let train = data("preferences.train".to_owned(), &mut self.preferences.train);
        let eval = data("preferences.eval".to_owned(), &mut self.preferences.eval);
        start.into_iter().chain([train, eval]).collect()
    }
}

impl TrainingRun for ReinforceRun {
    fn kind(&self) -> &'static str {
        // Stage 2 has a reward model, stage 1 has none: `ReinforceRun::validate`.
        if self.reward_model.path.as_os_str().is_empty() { "stage-1" } else { "stage-2" }
    }

    fn section(&self) -> &RunSection {
        &self.run
    }

    fn parallel(&self) -> &ParallelSection {
        &self.parallel
    }

    fn calendar(&self) -> Calendar {
        self.calendar()
    }

    fn sandbox(&self) -> Option<&SandboxSection> {
        Some(&self.sandbox)
    }

    fn inputs(&mut self) -> Vec<Input<'_>> {
        let start = model("model.path", &mut self.model.path);
        let reward_model = model("reward_model.path", &mut self.reward_model.path);
        let critic = self.critic.as_mut().and_then(|critic| critic.path.as_mut());
        let critic = critic.and_then(|path| model("critic.path", path));
        let tasks = self.data.iter_mut().enumerate().map(|(i, source)| {
            source.name = Some(source.name());
            data(format!("data.{i}.path"), &mut source.path)
        });
        let python = self.verifiers.python.iter_mut().map(|(name, python)| ("python", name, &mut python.file));
        let component =
            self.verifiers.component.iter_mut().map(|(name, component)| ("component", name, &mut component.file));
        let plug_ins = python.chain(component).map(|(section, name, path)| {
            let key = format!("verifiers.{section}.{name}.file");
            Input { key, path, source: InputKind::PlugIn }
        });
        let held_out = held_out(&mut self.eval.datasets);
        start.into_iter().chain(reward_model).chain(critic).chain(tasks).chain(plug_ins).chain(held_out).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_followed_and_the_source_keeps_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().canonicalize().unwrap();
        std::fs::write(folder.join("v3.jsonl"), "tasks").unwrap();
        std::os::unix::fs::symlink("v3.jsonl", folder.join("train.jsonl")).unwrap();
        let path = folder.join("train.jsonl");
        let text = format!("model.path = 'no/such/model'\ndata = [{{ path = {path:?} }}]");
        let mut config: ReinforceRun = toml::from_str(&text).unwrap();
        resolve_links(&mut config);
        assert_eq!(config.data[0].path, folder.join("v3.jsonl"));
        assert_eq!(config.data[0].name(), "train");
        assert_eq!(config.model.path, Path::new("no/such/model"));
        let (keys, contents) = contents(&config).unwrap();
        assert_eq!(keys, ["model.path", "data.0.path"]);
        assert_eq!(contents["model.path weights"].content, ABSENT);
        assert_eq!(contents["data.0.path"].content, checksum::of_bytes(b"tasks"));
    }
}
