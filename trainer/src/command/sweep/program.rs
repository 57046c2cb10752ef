//! The trainer as a sweep sees it: configurations resolved and validated as the trainer itself would, and the command
//! of each unit.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use anyhow::{Context, Result};
use datasets::generate::generate_demo;
use hub::HubName;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sweep::program::{Program, Request, Resolved, SharedKey, Start};

use super::own_program::OwnProgram;
use super::phases::{Base, PhaseKind};
use crate::config::{
    EvalSection, Overlong, RecipeConfig, ReinforceRun, RewardModelRun, SandboxSection, Source, SupervisedRun, load,
};
use crate::failure::Usage;
use crate::run::absent_paths::{AbsentPath, absent_paths};
use crate::run::flat_values::flatten;
use crate::run::identity::values_and_inputs;
use crate::run::inputs::{TrainingRun, contents_by_path};

/// Folder of the generated data within a recipe's.
const DATA: &str = "data";
/// Keys of where and not of what.
const PLACES: [&str; 1] = ["run.dir"];

/// Sections and keys by which evaluations are asked and judged as training is.
const ASKING: [&str; 8] = [
    "prompt",
    "verifiers",
    "sandbox.server.python",
    "sandbox.server.packages",
    "sandbox.server.commands",
    "sandbox.server.component",
    "sandbox.server.max_limits",
    "sandbox.server.default_engine",
];
/// Metrics of runs that learn from pairs.
const OF_PAIRS: [Unrecorded; 2] =
    [("preference/", "the run learns from no pairs"), ("eval/preferences/", "the run learns from no pairs")];
/// Metrics of runs that sample while they train.
const OF_ROLLOUTS: [Unrecorded; 6] = [
    ("reward/", NO_ROLLOUTS),
    ("accuracy/", NO_ROLLOUTS),
    ("groups/", NO_ROLLOUTS),
    ("completion/", NO_ROLLOUTS),
    ("verify/", NO_ROLLOUTS),
    ("critic/", NO_ROLLOUTS),
];
const NO_ROLLOUTS: &str = "the run samples nothing that it learns from";
const NO_CRITIC: Unrecorded = ("critic/", "the run has no critic (algorithm.name)");

/// Texts by key.
type Told = BTreeMap<String, String>;
/// Beginning of metrics that a run does not record, and the reason.
type Unrecorded = (&'static str, &'static str);

/// This program, with the base of a sweep.
pub(super) struct ThisTrainer {
    base: Base,
    /// Command before the trainer's.
    launcher: Vec<String>,
    file: OwnProgram,
}

impl ThisTrainer {
    pub(super) fn new(base: Base, launcher: Vec<String>) -> Result<Self> {
        Ok(Self { base, launcher, file: OwnProgram::of_process()? })
    }

    fn resolve_phase(&self, request: &Request<'_>) -> Result<Resolved> {
        let kind = PhaseKind::parse(request.phase)?;
        let recipe = self.base.recipe.as_ref();
        let moved = recipe.zip(request.data).map(|(recipe, data)| (recipe.dir.join(DATA), data.to_owned()));
        let seed = recipe.map_or(Some(request.seed), |recipe| {
            RecipeConfig { seed: Some(request.seed), ..recipe.clone() }.seed_of(request.phase)
        });
        let mut assignments = request.assignments.to_vec();
        if let Some((from, to)) = &moved {
            let [from, to] = [from, to].map(|folder| format!("{}/", folder.display()));
            assignments.iter_mut().for_each(|assignment| *assignment = assignment.replace(&from, &to));
        }
        assignments.extend(seed.map(|seed| format!("run.seed={seed}")));
        // The unit's name follows from the configuration, and its folder from the name.
        assignments.push("run.dir=\"run\"".to_owned());
        let source = Source { path: Some(request.file), assignments, moved };
        match kind {
            PhaseKind::ColdStart => {
                let config: SupervisedRun = load(&source)?;
                config.validate()?;
                let resolved = self.describe(&config, Some(&config.eval), request)?;
                Ok(Resolved { shared: asking_keys(), unrecorded: unrecorded(&OF_PAIRS, &OF_ROLLOUTS), ..resolved })
            }
            PhaseKind::RewardModel => {
                let config: RewardModelRun = load(&source)?;
                config.validate()?;
                let resolved = self.describe(&config, None, request)?;
                Ok(Resolved { shared: asking_keys(), unrecorded: unrecorded(&[], &OF_ROLLOUTS), ..resolved })
            }
            PhaseKind::Stage1 | PhaseKind::Stage2 => {
                let config: ReinforceRun = load(&source)?;
                config.validate(if kind == PhaseKind::Stage1 { 1 } else { 2 })?;
                let resolved = self.describe(&config, Some(&config.eval), request)?;
                let critic = config.critic().is_none().then_some(NO_CRITIC);
                let unrecorded = unrecorded(&OF_PAIRS, critic.as_slice());
                Ok(Resolved { shared: shared_keys(&config), unrecorded, ..resolved })
            }
        }
    }

    fn describe<C>(&self, config: &C, eval: Option<&EvalSection>, request: &Request<'_>) -> Result<Resolved>
    where
        C: TrainingRun + Serialize + DeserializeOwned,
    {
        refuse_token(config.sandbox())?;
        let (mut values, inputs) = self.values_and_inputs(config, request.units)?;
        values.retain(|key, _| !PLACES.contains(&key.as_str()));
        let absent = absent_paths(config).into_iter().filter(|absent| !absent.path.starts_with(request.units));
        let missing =
            absent.filter_map(|AbsentPath { key, path, name }| missing_in_words(&key, &path, name.as_ref())).collect();
        let calendar = config.calendar();
        let steps = calendar.steps;
        let is_due = |step: &u64| match *step {
            0 => calendar.eval_at_start,
            step if step == steps => calendar.eval_at_end || is_multiple(calendar.eval_every, step),
            step => is_multiple(calendar.eval_every, step),
        };
        Ok(Resolved {
            config: values,
            inputs,
            missing,
            text: toml::to_string(config).context("the configuration as TOML")?,
            steps,
            evaluations: (0..=steps).filter(is_due).collect(),
            datasets: eval.map(datasets).transpose()?.unwrap_or_default(),
            shared: Vec::new(),
            unrecorded: Vec::new(),
        })
    }

    /// Values of a configuration's keys, and the contents of what it reads; of what other units make, the path below
    /// their folder.
    fn values_and_inputs<C: TrainingRun>(&self, config: &C, units: &Path) -> Result<(Told, Told)> {
        let (values, mut inputs) = values_and_inputs(config)?;
        for (list, by_path) in contents_by_path(config, units)? {
            inputs.remove(&list);
            inputs.extend(by_path);
        }
        let mut told = Told::new();
        for (key, input) in inputs {
            let made = input.path.strip_prefix(units).ok().map(|path| path.display().to_string());
            if made.is_none() {
                self.refuse_own_folder(&key, &input.path)?;
            }
            told.insert(key, made.unwrap_or(input.content));
        }
        for AbsentPath { key, path, name } in absent_paths(config) {
            if let Some(name) = name.filter(|_| !path.starts_with(units)) {
                let names: &mut String = told.entry(format!("{key} name")).or_default();
                *names = format!("{names} {name}").trim().to_owned();
            }
        }
        Ok((values, told))
    }

    fn inputs_of<C: TrainingRun + DeserializeOwned>(&self, text: &str, units: &Path) -> Result<Told> {
        Ok(self.values_and_inputs(&toml::from_str::<C>(text)?, units)?.1)
    }

    /// Refuses what a recipe would make in a folder of its own, and no phase of the sweep makes.
    fn refuse_own_folder(&self, key: &str, path: &Path) -> Result<()> {
        match &self.base.recipe {
            Some(recipe) if path.starts_with(&recipe.dir) && !path.exists() => Err(Usage::error(format!(
                "{key}: {} is a folder of the recipe's, which no phase of the sweep makes; run the recipe before, or \
                 name another",
                path.display()
            ))),
            _ => Ok(()),
        }
    }
}

/// Refuses a token of the sandbox's servers in the configuration: a cell's file is saved, and holds no secret.
fn refuse_token(sandbox: Option<&SandboxSection>) -> Result<()> {
    match sandbox {
        Some(SandboxSection { token: Some(_), .. }) => Err(Usage::error(
            "sandbox.token: it is saved with no run, so the cells of a sweep would have none; name a file as \
             sandbox.token_file, or set SANDBOX_TOKEN in the environment",
        )),
        _ => Ok(()),
    }
}

/// Keys by which evaluations are asked and judged as training is.
fn asking_keys() -> Vec<SharedKey> {
    ASKING.map(|key| SharedKey { key: key.to_owned(), own: None }).into()
}

/// Keys of a stage that decide its evaluations too, as its configuration stands.
fn shared_keys(config: &ReinforceRun) -> Vec<SharedKey> {
    let shared = |key: &str, own: Option<&str>| SharedKey { key: key.to_owned(), own: own.map(str::to_owned) };
    let (eval, mut keys) = (&config.eval, asking_keys());
    if eval.max_new_tokens == 0 && !eval.datasets.is_empty() {
        keys.push(shared("rollout.max_new_tokens", Some("eval.max_new_tokens")));
    }
    if eval.tools && config.rollout.tools.python && !eval.datasets.is_empty() {
        keys.push(shared("rollout.tools", None));
    }
    if config.prompt.overlong == Overlong::Drop {
        // The room of a prompt decides which held-out tasks are left out.
        keys.push(shared("rollout.engine", None));
    }
    keys
}

/// Beginnings of metrics, each with the reason why the run does not record them.
fn unrecorded(one: &[Unrecorded], other: &[Unrecorded]) -> Vec<(String, String)> {
    one.iter().chain(other).map(|(beginning, reason)| ((*beginning).to_owned(), (*reason).to_owned())).collect()
}

/// What keeps a cell from being run with a path where nothing lies; none where it names a commit of the hub.
fn missing_in_words(key: &str, path: &Path, name: Option<&HubName>) -> Option<String> {
    match name {
        Some(name) if name.is_pinned() => None,
        Some(name) => Some(format!(
            "{key}: nothing lies at {name} here; if it is a name of the hub, in a sweep name the commit, as \
             org/name@<40 hex digits>: otherwise arms could train from different ones"
        )),
        None => Some(format!("{key}: there is nothing at {}", path.display())),
    }
}

fn is_multiple(every: u64, step: u64) -> bool {
    every > 0 && step.is_multiple_of(every)
}

/// Names of what an evaluation measures.
fn datasets(eval: &EvalSection) -> Result<Vec<String>> {
    let mut names: Vec<String> = eval.datasets.iter().map(|dataset| dataset.name()).collect();
    for section in &eval.suites {
        let selection =
            evaluation::select(&section.suite).map_err(|error| Usage::error(format!("eval.suites: {error}")))?;
        names.extend(selection.suites.into_iter().map(|suite| suite.name));
    }
    Ok(names)
}

impl Program for ThisTrainer {
    fn version(&self) -> Result<String, String> {
        self.file.version().map_err(|error| format!("{error:#}"))
    }

    fn resolve(&self, request: &Request<'_>) -> Result<Resolved, String> {
        self.resolve_phase(request).map_err(|error| format!("{error:#}"))
    }

    fn inputs(&self, phase: &str, text: &str, units: &Path) -> Result<BTreeMap<String, String>, String> {
        let inputs = PhaseKind::parse(phase).and_then(|kind| match kind {
            PhaseKind::ColdStart => self.inputs_of::<SupervisedRun>(text, units),
            PhaseKind::RewardModel => self.inputs_of::<RewardModelRun>(text, units),
            PhaseKind::Stage1 | PhaseKind::Stage2 => self.inputs_of::<ReinforceRun>(text, units),
        });
        inputs.map_err(|error| format!("{error:#}"))
    }

    fn generated(&self) -> Option<BTreeMap<String, String>> {
        let mut values = BTreeMap::new();
        flatten("", &toml::Value::try_from(self.base.generate.as_ref()?).ok()?, &mut values);
        Some(values)
    }

    fn generate(&self, folder: &Path) -> Result<(), String> {
        let Some(config) = &self.base.generate else { return Ok(()) };
        let data = generate_demo(config).map_err(|error| format!("generate: {error}"))?;
        data.write(folder).map_err(|error| error.to_string())
    }

    fn command(&self, start: &Start<'_>) -> Vec<OsString> {
        let mut command: Vec<OsString> = self.launcher.iter().map(OsString::from).collect();
        command.push(self.file.path().into());
        // A phase's name was parsed when its configuration was resolved.
        let kind = PhaseKind::parse(start.phase).map_or(&[][..], PhaseKind::arguments);
        command.extend(kind.iter().map(OsString::from));
        command.extend(["--config".into(), start.config.into(), "--run-dir".into(), start.run.into()]);
        command.extend(["--resume", "auto"].map(OsString::from));
        if start.accepts_changes {
            command.push("--accept-changes".into());
        }
        if let Some(step) = start.until {
            command.extend(["--until".into(), step.to_string().into()]);
        }
        command.extend(start.arguments.iter().map(OsString::from));
        command
    }
}

#[cfg(test)]
mod tests {
    use hub::Kind;

    use super::*;

    #[test]
    fn a_name_of_the_hub_runs_with_its_commit_alone() {
        let said = |text: &str| {
            let name = HubName::parse(text, Kind::Model);
            missing_in_words("model.path", Path::new(text), name.as_ref())
        };
        assert_eq!(said("org/name@0123456789abcdef0123456789abcdef01234567"), None);
        for text in ["org/name", "org/name@main", "org/name@0123456"] {
            let words = said(text).unwrap();
            assert!(words.starts_with("model.path: ") && words.contains("org/name@<40 hex digits>"), "{words}");
        }
        assert_eq!(said("/no/such/model").unwrap(), "model.path: there is nothing at /no/such/model");
    }

    fn this_trainer() -> ThisTrainer {
        ThisTrainer::new(Base { phases: Vec::new(), recipe: None, generate: None }, Vec::new()).unwrap()
    }

    #[test]
    fn a_list_of_generated_data_and_own_ones_is_told_path_by_path() {
        let folder = tempfile::tempdir().unwrap();
        let (units, own) = (folder.path().join("units"), folder.path().join("own.jsonl"));
        let made = units.join("data-1/run/tasks.jsonl");
        std::fs::create_dir_all(made.parent().unwrap()).unwrap();
        std::fs::write(&own, "one").unwrap();
        let trainer = this_trainer();
        for paths in [[&made, &own], [&own, &made]] {
            let text = format!("data = [{{ path = {paths:?} }}]");
            let inputs = || trainer.inputs("stage-1", &text, &units).unwrap();
            let before = inputs();
            assert!(before.values().any(|told| told == "data-1/run/tasks.jsonl"), "{before:?}");
            std::fs::write(&made, "generated").unwrap();
            assert_eq!(inputs(), before);
            std::fs::write(&own, "two").unwrap();
            assert_ne!(inputs(), before);
            std::fs::write(&own, "one").unwrap();
            std::fs::remove_file(&made).unwrap();
        }
    }

    #[test]
    fn programs_modules_and_suites_of_a_users_own_are_told_by_content() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        std::fs::write(path("judge.py"), "import words\n").unwrap();
        let (judge, command, suite) = (path("judge.py"), path("palindrome.py"), path("suite.toml"));
        let text = format!(
            "verifiers.python.judge = {{ file = {judge:?}, isolation = 'trusted' }}\n\
             verifiers.command.palindrome.command = ['python3', {command:?}]\n\
             eval.suites = [{{ suite = {suite:?}, path = 'held_out.jsonl' }}]"
        );
        let (trainer, units) = (this_trainer(), path("units"));
        let inputs = || trainer.inputs("stage-1", &text, &units).unwrap();
        for (file, key) in [
            ("words.py", "verifiers.python.judge.file modules"),
            ("palindrome.py", "verifiers.command.palindrome.command files"),
            ("suite.toml", "eval.suites.0.suite"),
        ] {
            std::fs::write(path(file), "one").unwrap();
            let before = inputs();
            std::fs::write(path(file), "two").unwrap();
            let after = inputs();
            let changed: Vec<&String> = after.keys().filter(|key| after.get(*key) != before.get(*key)).collect();
            assert_eq!(changed, [key]);
        }
    }

    #[test]
    fn an_evaluation_without_a_limit_of_its_own_shares_that_of_training() {
        let keys = |text: &str| {
            let config: ReinforceRun = toml::from_str(text).unwrap();
            let keys = shared_keys(&config).into_iter().filter(|shared| !ASKING.contains(&shared.key.as_str()));
            keys.map(|shared| (shared.key, shared.own.unwrap_or_default())).collect::<Vec<_>>()
        };
        let datasets = "eval.datasets = [{ path = 'x' }]\n";
        let pair = |key: &str, own: &str| (key.to_owned(), own.to_owned());
        assert_eq!(keys(datasets), [pair("rollout.max_new_tokens", "eval.max_new_tokens")]);
        assert_eq!(keys(&format!("{datasets}eval.max_new_tokens = 9")), []);
        assert_eq!(keys(""), []);
        let tools = format!("{datasets}eval.max_new_tokens = 9\nrollout.tools.python = true\n");
        assert_eq!(keys(&tools), [pair("rollout.tools", "")]);
        assert_eq!(keys(&format!("{tools}eval.tools = false")), []);
        assert_eq!(keys("prompt.overlong = 'drop'"), [pair("rollout.engine", "")]);
    }
}
