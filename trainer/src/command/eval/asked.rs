//! From the flags to the sets that are asked: which data, by which protocol, with which tools.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use datasets::DataSource;
use evaluation::{
    CompletionFile, Metric, PromptForm, Protocol, ProtocolOverride, SampledCompletion, Selection, Suite, SuiteSource,
    TaskChoice, select,
};
use hub::ModelFiles;
use policy::Texts;
use progress::say;
use serde::Deserialize;

use super::EvalArgs;
use crate::config::{PromptSection, SourceSection, ToolsSection};
use crate::failure::Usage;
use crate::held_out::{FileProtocol, HeldOut, file_tasks, suite_tasks, usage};
use crate::judge::Judge;
use crate::named_files::NamedFiles;
use crate::tools::ToolBox;

/// Sampling of a file where no flag says otherwise.
const OF_A_FILE: FileProtocol =
    FileProtocol { samples: 1, temperature: 0.6, top_p: 1.0, top_k: 0, max_new_tokens: 1024 };

/// A set that is asked.
pub(super) struct RequestedSet {
    pub(super) held_out: HeldOut,
    /// Completions of another engine, where they are judged: those of each task, and their file.
    pub(super) completions: Option<(Vec<Vec<SampledCompletion>>, PathBuf)>,
    /// Tools that are offered, where there are any.
    pub(super) tools: Option<ToolsSection>,
}

impl RequestedSet {
    pub(super) fn metric(&self) -> Metric {
        self.held_out.tasks.suite.protocol.metric
    }

    /// True where verifiers judge completions.
    pub(super) fn is_judged(&self) -> bool {
        matches!(self.metric(), Metric::Pass | Metric::Ifeval)
    }

    pub(super) fn verifier_names(&self) -> Vec<String> {
        if !self.is_judged() {
            return Vec::new();
        }
        let tasks = self.held_out.tasks.tasks.iter();
        tasks.flat_map(|task| task.task.verifiers.iter().map(|verifier| verifier.name.clone())).collect()
    }

    /// Makes ready the tools that are offered.
    ///
    /// # Errors
    /// The chat template takes no results of tools.
    pub(super) fn prepare_tools(&mut self, judge: &Judge, texts: &Arc<Texts>, prompt: &PromptSection) -> Result<()> {
        let Some(section) = &self.tools else { return Ok(()) };
        self.held_out.tools = ToolBox::of_section(section, judge.client(), texts, prompt)?.map(Arc::new);
        Ok(())
    }

    /// Says on the console what is asked.
    pub(super) fn say(&self) {
        let tasks = &self.held_out.tasks;
        let (name, protocol) = (&self.held_out.name, &tasks.suite.protocol);
        let of_each = protocol.samples;
        say(&format!("{name}: {} tasks, {of_each} of each; {}", tasks.tasks.len(), tasks.notes.join("; ")));
        for mark in &tasks.marks {
            say(&format!("{name}: * {mark}"));
        }
    }
}

/// Numbers of `generation_config.json` that sampling knows.
#[derive(Default, Deserialize)]
#[serde(default)]
struct GenerationConfig {
    do_sample: Option<bool>,
    temperature: Option<f64>,
    top_p: Option<f64>,
    top_k: Option<usize>,
}

/// Puts folders in the place of names of the hub. Weights are needed where something is sampled.
///
/// # Errors
/// Something is neither here nor at the hub, the hub refuses or is away, or the user interrupts.
pub(super) async fn fetch_names(args: &mut EvalArgs, named: &NamedFiles) -> Result<()> {
    named.suites("--data", &args.suite, args.split.as_ref(), &mut args.data).await?;
    for shots in &mut args.shots {
        named.data("--shots", shots, &[]).await?;
    }
    let is_answered = !args.completions.is_empty() || args.scores.is_some() || args.rejudge;
    let has_result = args.json.is_some() || args.details.is_some() || args.output.is_some();
    let is_sampled = !is_answered && (args.prompts.is_none() || has_result);
    let wanted = if is_sampled { ModelFiles::All } else { ModelFiles::Texts };
    match &mut args.model {
        Some(model) => named.model("--model", model, wanted).await,
        None => Ok(()),
    }
}

/// The sets that the flags ask for, in their order.
///
/// # Errors
/// Usage errors: no such suite, data that do not fit, settings that do not go together, completions that are missing.
pub(super) fn asked(args: &EvalArgs, section: &PromptSection, tools: &ToolsSection) -> Result<Vec<RequestedSet>> {
    let choice = TaskChoice { seed: args.seed, limit: args.limit };
    let overrides = overrides(args)?;
    let mut sets = Vec::new();
    if args.suite.is_empty() {
        if args.scores.is_some() {
            return Err(Usage::error("--scores: name the suite of rewards with --suite"));
        }
        let mut names = Vec::new();
        for data in &args.data {
            let source = source(args, vec![data.into()]);
            let name = SourceSection::of(Path::new(data).into()).name();
            if names.contains(&name) {
                return Err(Usage::error(format!("--data: two files are called {name}; give one another name")));
            }
            names.push(name.clone());
            let mut protocol = Protocol::from(OF_A_FILE);
            overrides.iter().for_each(|with| protocol.set(with));
            let given = completions(args, &name, args.data.len() == 1)?;
            if given.is_some() {
                protocol.samples = 1; // the file says how many there are
            }
            let held_out = file_tasks(&name, protocol, &source, choice, section)?;
            sets.push(with_completions(args, RequestedSet { held_out, completions: None, tools: None }, given)?);
        }
    } else {
        let selections: Vec<Selection> =
            args.suite.iter().map(|name| select(name)).collect::<Result<_, _>>().map_err(usage)?;
        let suites = assigned(&selections, &args.data)?;
        let is_only = suites.len() == 1;
        for (mut suite, paths) in suites {
            overrides.iter().for_each(|with| suite.protocol.set(with));
            let given = completions(args, &suite.name, is_only)?;
            let by_text = given.is_some() && suite.protocol.metric == Metric::LogLikelihood;
            if by_text {
                // Another engine's texts have no logprobs: the letters that they name are judged.
                suite.protocol.metric = Metric::Pass;
            } else if given.is_none() {
                suite.protocol.check(&suite.name).map_err(usage)?;
            }
            let source = SuiteSource {
                layout: args.layout.clone(),
                set: args.set_layout.clone(),
                split: args.split.clone(),
                filter: args.filter.clone(),
                shots: args.shots.clone(),
                ..SuiteSource::new(paths)
            };
            let mut held_out = suite_tasks(suite, &source, choice, section)?;
            if by_text {
                let mark = "judged by its texts, where the protocol goes by log-likelihood";
                Arc::make_mut(&mut held_out.tasks).marks.push(mark.to_owned());
            }
            if args.scores.is_some() && held_out.tasks.suite.protocol.metric != Metric::Reward {
                return Err(Usage::error(format!("--scores: {} is no suite of rewards", held_out.name)));
            }
            sets.push(with_completions(args, RequestedSet { held_out, completions: None, tools: None }, given)?);
        }
    }
    for set in &mut sets {
        offer(args, set, tools)?;
        let samples = set.held_out.tasks.suite.protocol.samples;
        if let Some(j) = args.pass_at.iter().find(|j| **j > samples || **j == 0) {
            let name = &set.held_out.name;
            return Err(Usage::error(format!("--pass-at {j}: {name} has {samples} samples of each task (--samples)")));
        }
    }
    Ok(sets)
}

/// Offers tools to the tasks of a set that is sampled: of a file as a run does, of a suite where a flag says so.
///
/// # Errors
/// A usage error: the suite is not sampled, or its prompts have no chat template.
fn offer(args: &EvalArgs, set: &mut RequestedSet, tools: &ToolsSection) -> Result<()> {
    let is_answered = set.completions.is_some() || args.scores.is_some();
    let is_meant = args.tools.is_some() || args.suite.is_empty();
    if !tools.python || !is_meant || is_answered {
        return Ok(());
    }
    let Protocol { metric, form, .. } = &set.held_out.tasks.suite.protocol;
    let problem = match (metric, form) {
        (Metric::LogLikelihood | Metric::Reward, _) => "samples nothing",
        (_, PromptForm::Text) => "is asked as plain text, without a chat template",
        _ => {
            set.held_out.offer(&ToolBox::descriptions_of(tools));
            set.tools = Some(tools.clone());
            return Ok(());
        }
    };
    Err(Usage::error(format!("--tools: {} {problem}", set.held_out.name)))
}

/// Suites with their files.
fn assigned(selections: &[Selection], data: &[String]) -> Result<Vec<(Suite, Vec<PathBuf>)>> {
    if let [only] = selections {
        return only.assign(data).map_err(usage);
    }
    let mut assigned = Vec::new();
    for selection in selections {
        let is_for = |given: &&String| {
            let name = given.split_once('=').map(|(name, _)| name);
            name.is_some_and(|name| selection.suites.iter().any(|suite| suite.name == name))
        };
        let own: Vec<String> = data.iter().filter(is_for).cloned().collect();
        assigned.extend(selection.assign(&own).map_err(usage)?);
    }
    let names: Vec<&str> = assigned.iter().map(|(suite, _)| suite.name.as_str()).collect();
    let is_for_one = |given: &String| given.split_once('=').is_some_and(|(name, _)| names.contains(&name));
    match data.iter().find(|given| !is_for_one(given)) {
        Some(given) => {
            let problem = format!("--data {given}: say which suite it is for, as in {}={given}", names[0]);
            Err(Usage::error(problem))
        }
        None => Ok(assigned),
    }
}

fn source(args: &EvalArgs, paths: Vec<PathBuf>) -> DataSource {
    DataSource {
        layout: args.layout.clone(),
        set: args.set_layout.clone(),
        split: args.split.clone(),
        filter: args.filter.clone(),
        seed: args.seed,
        ..DataSource::new(paths)
    }
}

/// What is put over a suite's numbers, the flags last.
fn overrides(args: &EvalArgs) -> Result<Vec<ProtocolOverride>> {
    let mut overrides = Vec::new();
    if let Some(model) = args.model.as_ref().filter(|_| args.generation_config) {
        let path = model.join("generation_config.json");
        let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let config: GenerationConfig = serde_json::from_str(&text).with_context(|| path.display().to_string())?;
        let GenerationConfig { do_sample, temperature, top_p, top_k } = config;
        let temperature = if do_sample == Some(false) { Some(0.0) } else { temperature };
        overrides.push(ProtocolOverride { temperature, top_p, top_k, ..ProtocolOverride::default() });
    }
    overrides.push(args.protocol());
    Ok(overrides)
}

/// The file of completions of a set.
fn completions(args: &EvalArgs, name: &str, is_only: bool) -> Result<Option<PathBuf>> {
    let named = |given: &String| given.split_once('=').filter(|(suite, _)| *suite == name).map(|(_, path)| path.into());
    let found: Option<PathBuf> = args.completions.iter().find_map(named);
    match (found, args.completions.as_slice()) {
        (Some(path), _) => Ok(Some(path)),
        (None, []) => Ok(None),
        (None, [only]) if is_only => Ok(Some(only.into())),
        (None, [first, ..]) => {
            Err(Usage::error(format!("--completions: {name} has none; name its file as {name}={first}")))
        }
    }
}

/// The set with the completions of its tasks: as many of each as the file has, or as were asked.
fn with_completions(args: &EvalArgs, mut set: RequestedSet, file: Option<PathBuf>) -> Result<RequestedSet> {
    let Some(path) = file else { return Ok(set) };
    let given = CompletionFile::read(&path).map_err(usage)?;
    let assigned = given.assign(&set.held_out.tasks, args.samples).map_err(usage)?;
    let tasks = Arc::make_mut(&mut set.held_out.tasks);
    let asked = tasks.suite.protocol.samples;
    if assigned.samples != asked && args.samples.is_none() && !args.suite.is_empty() {
        tasks.marks.push(format!("{} completions of each task, where the protocol has {asked}", assigned.samples));
    }
    tasks.suite.protocol.samples = assigned.samples;
    if assigned.num_other_ids > 0 {
        let problem = format!("{} ids of the file of completions are no task's", assigned.num_other_ids);
        tracing::warn!(file = %path.display(), "{problem}");
        tasks.notes.push(problem);
    }
    set.completions = Some((assigned.completions, path));
    Ok(set)
}
