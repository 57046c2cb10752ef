//! `manifest.json` of a run's folder: what the run is, and what it was before changes were accepted.

use std::path::PathBuf;

use anyhow::{Context, Result};
use record::atomic::write_file;
use record::run_folder::RunFolder;
use serde::{Deserialize, Serialize};

use super::identity::{Difference, RunIdentity};
use super::named_inputs::HeldCommits;
use crate::failure::Usage;

/// Version of the file's layout.
const SCHEMA: u64 = 1;

/// `manifest.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct RunManifest {
    schema: u64,
    /// What the run is.
    run: RunIdentity,
    /// What it was before, the oldest first.
    #[serde(default)]
    before: Vec<EarlierIdentity>,
}

/// What a run was up to a step.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct EarlierIdentity {
    /// Step after which the run went on as something else.
    until_step: u64,
    run: RunIdentity,
}

/// What is done where a resumed run is not what it was.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum OnChange {
    /// What changes the mathematics is an error.
    #[default]
    Refuse,
    /// The changes are written down, and the run goes on.
    Accept,
}

impl RunManifest {
    /// The manifest of a run that begins.
    pub(crate) fn new(run: RunIdentity) -> Self {
        Self { schema: SCHEMA, run, before: Vec::new() }
    }

    /// Holds a run that goes on after `step` against what it was, and returns its manifest from now on. `recorded` is
    /// what its checkpoint says, for a folder that has lost its own manifest. Writes nothing.
    ///
    /// # Errors
    /// A usage error that lists the differences in the mathematics, or says that nothing is recorded.
    pub(crate) fn resume(
        folder: &RunFolder,
        recorded: Option<RunIdentity>,
        run: RunIdentity,
        step: u64,
        on_change: OnChange,
    ) -> Result<Self> {
        let held = match Self::read(folder)? {
            Some(held) => held,
            None => match recorded {
                Some(recorded) => Self::new(recorded),
                None if on_change == OnChange::Accept => return Ok(Self::new(run)),
                None => {
                    return Err(Usage::error(format!(
                        "{}: nothing says what this run was started with (earlier versions recorded nothing): look at \
                         its config.toml, and pass --accept-changes if it is to go on as it is configured now",
                        folder.root().display()
                    )));
                }
            },
        };
        let differences = run.differences_from(&held.run);
        let (mathematics, others): (Vec<Difference>, Vec<Difference>) =
            differences.into_iter().partition(|difference| difference.is_mathematics);
        for difference in others {
            tracing::info!("changed without effect on what is trained: {difference}");
        }
        if mathematics.is_empty() {
            let names = run.names().clone();
            let run = run.with_names(held.run.names().clone()).with_names(names);
            return Ok(Self { schema: SCHEMA, run, before: held.before });
        }
        let list: Vec<String> = mathematics.iter().map(|difference| format!("\n  {difference}")).collect();
        if on_change == OnChange::Refuse {
            return Err(Usage::error(format!(
                "{}: the run was started otherwise, and would go on as another:{}\nput it back, name another folder \
                 with --run-dir, or pass --accept-changes to go on with the changes",
                folder.root().display(),
                list.concat()
            )));
        }
        tracing::warn!("{}: the run goes on with changes:{}", folder.root().display(), list.concat());
        let mut before = held.before;
        before.push(EarlierIdentity { until_step: step, run: held.run });
        Ok(Self { schema: SCHEMA, run, before })
    }

    /// Commits of names of the hub with which the run of a folder goes on; none where changes are accepted.
    ///
    /// # Errors
    /// The manifest is there and cannot be read.
    pub(crate) fn held_commits(folder: &RunFolder, on_change: OnChange) -> Result<HeldCommits> {
        match on_change {
            OnChange::Accept => Ok(HeldCommits::new()),
            OnChange::Refuse => Ok(Self::read(folder)?.map(|held| held.run.names().clone()).unwrap_or_default()),
        }
    }

    /// Writes the manifest into the run's folder.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn write(&self, folder: &RunFolder) -> Result<()> {
        Ok(write_file(&folder.manifest(), &serde_json::to_vec_pretty(self)?)?)
    }

    /// What the run is.
    pub(crate) fn identity(&self) -> &RunIdentity {
        &self.run
    }

    fn read(folder: &RunFolder) -> Result<Option<Self>> {
        let path: PathBuf = folder.manifest();
        let bytes = match std::fs::read(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            other => other.with_context(|| path.display().to_string())?,
        };
        let value: serde_json::Value =
            serde_json::from_slice(&bytes).with_context(|| format!("{} is no JSON", path.display()))?;
        if let Some(schema) = value["schema"].as_u64().filter(|schema| *schema > SCHEMA) {
            return Err(Usage::error(format!(
                "{} has schema {schema}, this version reads up to {SCHEMA}: use the version that wrote it",
                path.display()
            )));
        }
        let manifest = serde_json::from_value(value).with_context(|| path.display().to_string())?;
        Ok(Some(manifest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(seed: &str, keep: &str) -> RunIdentity {
        let config = serde_json::json!({"run.seed": seed, "checkpoint.keep": keep});
        let identity = serde_json::json!({"kind": "stage-1", "config": config, "inputs": {}, "machine": {}});
        serde_json::from_value(identity).unwrap()
    }

    fn folder(parent: &tempfile::TempDir) -> RunFolder {
        RunFolder::create(&parent.path().join("run")).unwrap()
    }

    #[test]
    fn what_was_accepted_is_kept_with_its_step() {
        let parent = tempfile::tempdir().unwrap();
        let folder = folder(&parent);
        RunManifest::new(identity("1", "2")).write(&folder).unwrap();
        let resume =
            |seed: &str, step, on_change| RunManifest::resume(&folder, None, identity(seed, "9"), step, on_change);
        let said = resume("2", 4, OnChange::Refuse).unwrap_err();
        assert!(said.to_string().contains("run.seed: 1 -> 2"), "{said}");
        assert!(!said.to_string().contains("checkpoint.keep"), "{said}");
        assert_eq!(crate::failure::exit_code(&said), 2);
        for (seed, step) in [("2", 4), ("3", 6)] {
            resume(seed, step, OnChange::Accept).unwrap().write(&folder).unwrap();
        }
        // Gone on with as it is, and as it is but for what has no effect.
        resume("3", 8, OnChange::Refuse).unwrap().write(&folder).unwrap();
        let held = RunManifest::read(&folder).unwrap().unwrap();
        assert_eq!(held.run, identity("3", "9"));
        let steps: Vec<u64> = held.before.iter().map(|earlier| earlier.until_step).collect();
        assert_eq!(steps, [4, 6]);
        assert_eq!(held.before[0].run, identity("1", "2"));
    }

    #[test]
    fn a_lost_manifest_is_that_of_the_checkpoint() {
        let parent = tempfile::tempdir().unwrap();
        let folder = folder(&parent);
        let recorded = || Some(identity("1", "2"));
        let other = RunManifest::resume(&folder, recorded(), identity("2", "2"), 4, OnChange::Refuse).unwrap_err();
        assert!(other.to_string().contains("run.seed: 1 -> 2"), "{other}");
        RunManifest::resume(&folder, recorded(), identity("1", "2"), 4, OnChange::Refuse).unwrap();
        let nothing = RunManifest::resume(&folder, None, identity("1", "2"), 4, OnChange::Refuse).unwrap_err();
        assert!(nothing.to_string().contains("--accept-changes"), "{nothing}");
        RunManifest::resume(&folder, None, identity("1", "2"), 4, OnChange::Accept).unwrap();
    }

    #[test]
    fn a_newer_layout_is_refused() {
        let parent = tempfile::tempdir().unwrap();
        let folder = folder(&parent);
        std::fs::write(folder.manifest(), "{\"schema\": 2}").unwrap();
        let said = RunManifest::resume(&folder, None, identity("1", "2"), 4, OnChange::Accept).unwrap_err();
        assert!(said.to_string().contains("manifest.json has schema 2"), "{said}");
    }
}
