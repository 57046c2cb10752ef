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
use sweep::program::{Program, Request, Resolved, Start};

use super::own_program::OwnProgram;
use super::phases::{Base, PhaseKind};
use crate::config::{
    EvalSection, RecipeConfig, ReinforceRun, RewardModelRun, SandboxSection, Source, SupervisedRun, load,
};
use crate::failure::Usage;
use crate::run::absent_paths::{AbsentPath, absent_paths};
use crate::run::flat_values::flatten;
use crate::run::identity::values_and_inputs;
use crate::run::inputs::TrainingRun;

/// Folder of the generated data within a recipe's.
const DATA: &str = "data";
/// Keys of where and not of what.
const PLACES: [&str; 1] = ["run.dir"];

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
                self.describe(&config, Some(&config.eval), request)
            }
            PhaseKind::RewardModel => {
                let config: RewardModelRun = load(&source)?;
                config.validate()?;
                self.describe(&config, None, request)
            }
            PhaseKind::Stage1 | PhaseKind::Stage2 => {
                let config: ReinforceRun = load(&source)?;
                config.validate(if kind == PhaseKind::Stage1 { 1 } else { 2 })?;
                self.describe(&config, Some(&config.eval), request)
            }
        }
    }

    fn describe<C>(&self, config: &C, eval: Option<&EvalSection>, request: &Request<'_>) -> Result<Resolved>
    where
        C: TrainingRun + Serialize + DeserializeOwned,
    {
        refuse_token(config.sandbox())?;
        let (mut values, inputs) = values_and_inputs(config)?;
        values.retain(|key, _| !PLACES.contains(&key.as_str()));
        let mut told = BTreeMap::new();
        for (key, input) in inputs {
            let made = input.path.strip_prefix(request.units).ok().map(|path| path.display().to_string());
            if made.is_none() {
                self.refuse_own_folder(&key, &input.path)?;
            }
            told.insert(key, made.unwrap_or(input.content));
        }
        let mut missing = Vec::new();
        for AbsentPath { key, path, name } in absent_paths(config) {
            if path.starts_with(request.units) {
                continue;
            }
            missing.extend(missing_in_words(&key, &path, name.as_ref()));
            if let Some(name) = name {
                let names: &mut String = told.entry(format!("{key} name")).or_default();
                *names = format!("{names} {name}").trim().to_owned();
            }
        }
        let calendar = config.calendar();
        let steps = calendar.steps;
        let is_due = |step: &u64| match *step {
            0 => calendar.eval_at_start,
            step if step == steps => calendar.eval_at_end || is_multiple(calendar.eval_every, step),
            step => is_multiple(calendar.eval_every, step),
        };
        Ok(Resolved {
            config: values,
            inputs: told,
            missing,
            text: toml::to_string(config).context("the configuration as TOML")?,
            steps,
            evaluations: (0..=steps).filter(is_due).collect(),
            datasets: eval.map(datasets).transpose()?.unwrap_or_default(),
        })
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
}
