//! What a run reads: its data, its models, its plug-ins. Links are followed once, when the run starts; content is told
//! by checksums, and by its commit where it is of the hub.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use evaluation::select;
use hub::Origin;
use record::checksum::{self, Checksum};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use verifiers::VerifiersConfig;

use super::further_files::{FurtherFiles, suite_files, verifier_files};
use crate::config::{
    EvalSection, ParallelSection, ReinforceRun, RewardModelRun, RunSection, SandboxSection, SourceSection,
    SuiteSection, SupervisedRun,
};
use crate::named_files::splits_of;
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
/// Ending of the key of a commit, behind that of the path.
const COMMIT: &str = " commit";

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
    /// Files beside these, whose paths stand within other values.
    fn further_files(&self) -> FurtherFiles;
}

/// Something that a run reads.
pub(crate) struct Input<'a> {
    pub(super) key: String,
    pub(super) paths: &'a mut [PathBuf],
    pub(super) source: InputKind,
    /// Splits of data that are read, where they are known before the data are.
    pub(super) splits: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum InputKind {
    /// Files of tasks, traces or pairs, and folders of them.
    Data,
    /// A folder in Hugging Face's layout.
    Model,
    /// A file that is run. Its own path may be what it finds others by, so that links to it stay.
    PlugIn,
    /// The layout of data: a file, or the name of one that is shipped.
    Layout,
}

/// Content of an input, or of a part of one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct InputContent {
    /// Where it was read.
    pub path: PathBuf,
    /// Checksum of what was read; `absent` where nothing was there.
    pub content: String,
}

/// True for the key of an input's commit.
pub(super) fn is_commit(key: &str) -> bool {
    key.ends_with(COMMIT)
}

/// Writes the real paths of data and models into the configuration, so that a link that is moved later changes nothing.
/// Sources that are named by their files keep their names. What is not there stays as it is: whoever reads it says so.
pub(crate) fn resolve_links<C: TrainingRun>(config: &mut C) {
    for input in config.inputs() {
        for path in input.paths.iter_mut().filter(|_| matches!(input.source, InputKind::Data | InputKind::Model)) {
            // What is of the hub stays under its commit: the links of a cache lead to files without a name.
            if let (None, Ok(real)) = (Origin::of_path(path), path.canonicalize()) {
                *path = real;
            }
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
    for Input { key, paths, source, .. } in config.inputs() {
        let Some(path) = paths.first() else { continue };
        let origins: Vec<String> =
            paths.iter().filter_map(|path| Origin::of_path(path)).map(|of| of.to_string()).collect();
        if !origins.is_empty() && matches!(source, InputKind::Data | InputKind::Model) {
            let commit = InputContent { path: shown(paths).into(), content: origins.join(", ") };
            contents.insert(format!("{key}{COMMIT}"), commit);
        }
        let parts = match source {
            InputKind::Data => vec![(String::new(), data_content(paths))],
            InputKind::PlugIn => vec![(String::new(), file_content(path))],
            InputKind::Layout if !path.is_file() => continue,
            InputKind::Layout => vec![(String::new(), file_content(path))],
            InputKind::Model => vec![
                (" config.json".to_owned(), file_content(&path.join("config.json"))),
                (" weights".to_owned(), weights_content(path)),
                (" tokenizer".to_owned(), tokenizer_content(path)),
                (" chat template".to_owned(), template_content(path)),
            ],
        };
        for (part, content) in parts {
            let content = content.with_context(|| format!("{key}: {}", path.display()))?;
            contents.insert(format!("{key}{part}"), InputContent { path: shown(paths).into(), content });
        }
        keys.push(key);
    }
    for (key, paths) in config.further_files() {
        let content = data_content(&paths).with_context(|| format!("{key}: {}", shown(&paths)))?;
        contents.insert(key.clone(), InputContent { path: shown(&paths).into(), content });
        keys.push(key);
    }
    Ok((keys, contents))
}

/// The contents of those lists of data of which a path lies below `folder`, path by path: by the list's key, and by
/// `KEY.PLACE` in it.
///
/// # Errors
/// Something that is there cannot be read.
pub(crate) fn contents_by_path<C: TrainingRun>(
    config: &C,
    folder: &Path,
) -> Result<BTreeMap<String, BTreeMap<String, InputContent>>> {
    let mut config = config.clone();
    let mut lists = BTreeMap::new();
    for Input { key, paths, source, .. } in config.inputs() {
        if source != InputKind::Data || paths.len() < 2 || !paths.iter().any(|path| path.starts_with(folder)) {
            continue;
        }
        let mut by_path = BTreeMap::new();
        for (place, path) in paths.iter().enumerate() {
            let content = data_content(std::slice::from_ref(path));
            let content = content.with_context(|| format!("{key}: {}", path.display()))?;
            by_path.insert(format!("{key}.{place}"), InputContent { path: path.clone(), content });
        }
        lists.insert(key, by_path);
    }
    Ok(lists)
}

/// The paths as one text.
fn shown(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

/// One file's content, or that of all files of a list or of folders, with their names.
fn data_content(paths: &[PathBuf]) -> io::Result<String> {
    if let [path] = paths
        && !path.is_dir()
    {
        return file_content(path);
    }
    let mut checksum = Checksum::new();
    let mut files = Vec::new();
    for path in paths {
        match Origin::of_path(path).filter(|_| path.is_dir()) {
            // Which files are there depends on what was asked for so far; the commit says what they hold.
            Some(origin) => checksum.add(origin.to_string().as_bytes()),
            None => add_files(path, &mut files)?,
        }
    }
    for file in files {
        checksum.add(file.file_name().unwrap_or_default().as_encoded_bytes());
        checksum.add(file_content(&file)?.as_bytes());
    }
    Ok(checksum.finish())
}

/// The files of a folder and of those in it, in the order of their names; a file itself.
fn add_files(path: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    if !path.is_dir() {
        files.push(path.to_owned());
        return Ok(());
    }
    for name in names_in(path, |name| !name.starts_with('.'))? {
        add_files(&path.join(name), files)?;
    }
    Ok(())
}

fn file_content(path: &Path) -> io::Result<String> {
    if !path.is_file() {
        return Ok(ABSENT.to_owned());
    }
    Ok(checksum::of_file(path)?.1)
}

/// Names, sizes and sampled bytes of all weights of a folder, whole, in shards or in pieces, and their index.
pub(crate) fn weights_content(folder: &Path) -> io::Result<String> {
    let is_weights = |name: &str| WEIGHTS.iter().any(|ending| name.ends_with(ending));
    let mut checksum = Checksum::new();
    let names = names_in(folder, is_weights)?;
    for name in &names {
        checksum.add(name.as_bytes());
        checksum::add_sampled(&folder.join(name), &mut checksum)?;
    }
    Ok(if names.is_empty() { ABSENT.to_owned() } else { checksum.finish() })
}

/// The chat templates and the tokenizer's files.
pub(crate) fn template_and_tokenizer(folder: &Path) -> io::Result<String> {
    let mut checksum = Checksum::new();
    checksum.add(template_content(folder)?.as_bytes());
    checksum.add(tokenizer_content(folder)?.as_bytes());
    Ok(checksum.finish())
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

impl<'a> Input<'a> {
    fn new(key: &str, paths: &'a mut [PathBuf], source: InputKind) -> Self {
        Self { key: key.to_owned(), paths, source, splits: Vec::new() }
    }
}

fn model<'a>(key: &str, path: &'a mut PathBuf) -> Option<Input<'a>> {
    let is_given = !path.as_os_str().is_empty();
    is_given.then(|| Input::new(key, std::slice::from_mut(path), InputKind::Model))
}

/// The short form of a source, where it is given.
fn short<'a>(key: &str, path: &'a mut PathBuf) -> Option<Input<'a>> {
    let is_given = !path.as_os_str().is_empty();
    is_given.then(|| Input::new(key, std::slice::from_mut(path), InputKind::Data))
}

/// What a source reads: its files, and its layout where that is a file.
fn source<'a>(key: &str, section: &'a mut SourceSection) -> impl Iterator<Item = Input<'a>> + use<'a> {
    files(key, &mut section.path.0, section.layout.as_mut(), section.split.iter().cloned().collect())
}

/// What a suite reads: the same, of the splits that it asks.
fn suite<'a>(key: &str, section: &'a mut SuiteSection) -> impl Iterator<Item = Input<'a>> + use<'a> {
    // A suite that there is not is named when it is read.
    let suites = select(&section.suite).map(|selection| selection.suites).unwrap_or_default();
    let splits = suites.first().map(|suite| splits_of(suite, section.split.as_ref())).unwrap_or_default();
    files(key, &mut section.path.0, section.layout.as_mut(), splits)
}

fn files<'a>(
    key: &str,
    paths: &'a mut [PathBuf],
    layout: Option<&'a mut PathBuf>,
    splits: Vec<String>,
) -> impl Iterator<Item = Input<'a>> + use<'a> {
    let paths = Input { splits, ..Input::new(&format!("{key}.path"), paths, InputKind::Data) };
    let key = format!("{key}.layout");
    let layout = layout.map(|layout| Input::new(&key, std::slice::from_mut(layout), InputKind::Layout));
    [paths].into_iter().chain(layout)
}

/// What evaluations read.
fn held_out(section: &mut EvalSection) -> impl Iterator<Item = Input<'_>> {
    let suites = section.suites.iter_mut().enumerate();
    let suites = suites.flat_map(|(i, section)| suite(&format!("eval.suites.{i}"), section));
    sources("eval.datasets", &mut section.datasets).into_iter().chain(suites)
}

/// The files of plug-ins.
fn plug_ins(verifiers: &mut VerifiersConfig) -> impl Iterator<Item = Input<'_>> {
    let python = verifiers.python.iter_mut().map(|(name, python)| ("python", name, &mut python.file));
    let component = verifiers.component.iter_mut().map(|(name, component)| ("component", name, &mut component.file));
    python.chain(component).map(|(section, name, path)| {
        Input::new(&format!("verifiers.{section}.{name}.file"), std::slice::from_mut(path), InputKind::PlugIn)
    })
}

/// What sources in a list read; each keeps the name that its first file gives it.
fn sources<'a>(key: &str, sections: &'a mut [SourceSection]) -> Vec<Input<'a>> {
    let named = |(i, section): (usize, &'a mut SourceSection)| {
        section.name = Some(section.name());
        source(&format!("{key}.{i}"), section)
    };
    sections.iter_mut().enumerate().flat_map(named).collect()
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
        let traces = short("traces.path", &mut self.traces.path);
        let data = sources("data.source", &mut self.data.source);
        let plug_ins = plug_ins(&mut self.verifiers);
        let held_out = held_out(&mut self.eval);
        start.into_iter().chain(traces).chain(data).chain(plug_ins).chain(held_out).collect()
    }

    fn further_files(&self) -> FurtherFiles {
        [verifier_files(&self.verifiers), suite_files(&self.eval)].concat()
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
        let train = short("preferences.train", &mut self.preferences.train);
        let data = sources("data.source", &mut self.data.source);
        let is_short = self.preferences.eval.is_short();
        let eval = source("preferences.eval", &mut self.preferences.eval.0).map(|input| match is_short {
            true => Input { key: "preferences.eval".to_owned(), ..input },
            false => input,
        });
        start.into_iter().chain(train).chain(data).chain(eval).collect()
    }

    fn further_files(&self) -> FurtherFiles {
        Vec::new()
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
        let tasks = sources("data.source", &mut self.data.source);
        let plug_ins = plug_ins(&mut self.verifiers);
        let held_out = held_out(&mut self.eval);
        start.into_iter().chain(reward_model).chain(critic).chain(tasks).chain(plug_ins).chain(held_out).collect()
    }

    fn further_files(&self) -> FurtherFiles {
        [verifier_files(&self.verifiers), suite_files(&self.eval)].concat()
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
        assert_eq!(config.data.source[0].path.0, [folder.join("v3.jsonl")]);
        assert_eq!(config.data.source[0].name(), "train");
        assert_eq!(config.model.path, Path::new("no/such/model"));
        let (keys, contents) = contents(&config).unwrap();
        assert_eq!(keys, ["model.path", "data.source.0.path"]);
        assert_eq!(contents["model.path weights"].content, ABSENT);
        assert_eq!(contents["data.source.0.path"].content, checksum::of_bytes(b"tasks"));
    }

    #[test]
    fn a_list_below_a_folder_is_told_path_by_path() {
        let folder = tempfile::tempdir().unwrap();
        let (made, own) = (folder.path().join("units/data/tasks.jsonl"), folder.path().join("own.jsonl"));
        std::fs::write(&own, "tasks").unwrap();
        let text = format!("data = [{{ path = [{made:?}, {own:?}] }}, {{ path = [{own:?}, {own:?}] }}]");
        let config: ReinforceRun = toml::from_str(&text).unwrap();
        let lists = contents_by_path(&config, &folder.path().join("units")).unwrap();
        let found = &lists["data.source.0.path"];
        assert_eq!((lists.len(), found.len()), (1, 2));
        assert_eq!(found["data.source.0.path.0"], InputContent { path: made, content: ABSENT.to_owned() });
        assert_eq!(found["data.source.0.path.1"].content, checksum::of_bytes(b"tasks"));
    }
}
