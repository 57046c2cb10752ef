//! Checkpoints of a run: a Hugging Face folder that any tool loads, with the state of the run in `trainer/` inside it.
//!
//! A checkpoint consists of named components, each of which writes its files into a folder of its own. It is whole when
//! its manifest, written last with the checksums of all files, is there and holds true; it appears under its name whole
//! or not at all. `checkpoints/last` is a link to the newest.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use record::atomic::{remove_folder, write_folder};
use record::manifest::{CheckpointManifest, INNER, MANIFEST, ManifestBuilder, Verification};
use record::run_folder::RunFolder;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::failure::Usage;
use crate::run::run_manifest::OnChange;
use crate::worker::SavedComponent;

const STATE: &str = "state";
const STATE_FILE: &str = "state.json";

/// Place of a run when its checkpoint was written.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Position<D> {
    /// Number of steps done.
    pub step: u64,
    /// Number of updates in a row that were skipped, up to then.
    #[serde(default)]
    pub skipped_in_a_row: u32,
    /// Place of the run in its data.
    pub data: D,
}

/// Place of a run in its data, as a checkpoint keeps it.
pub(crate) trait SavedData: Serialize {
    /// Writes what is too large for the state into a checkpoint, as components of its own.
    ///
    /// # Errors
    /// A file cannot be written.
    fn save(&self, _checkpoint: &Path) -> Result<Vec<SavedComponent>> {
        Ok(Vec::new())
    }
}

impl SavedData for () {}

/// Writes the checkpoints of one run.
#[derive(Clone, Debug)]
pub(crate) struct CheckpointWriter {
    pub(crate) folder: RunFolder,
    /// The run's identity, which each manifest repeats.
    pub(crate) identity: Value,
    /// Number of newest checkpoints that stay; 0 keeps all.
    pub(crate) keep: usize,
}

impl CheckpointWriter {
    /// Writes the checkpoint of `position.step`, points `last` at it, and removes the oldest. `write` writes the
    /// components of what is trained into a folder that is there, and says which files they have.
    ///
    /// # Errors
    /// A file cannot be written.
    pub(crate) fn save<D: SavedData>(
        &self,
        position: &Position<D>,
        write: impl FnOnce(&Path) -> Result<Vec<SavedComponent>>,
    ) -> Result<()> {
        let step = position.step;
        write_folder(&self.folder.checkpoint(step), |checkpoint| -> Result<()> {
            let mut manifest = ManifestBuilder::new(checkpoint);
            let mut components = write(checkpoint)?;
            let state = checkpoint.join(INNER).join(STATE_FILE);
            std::fs::create_dir_all(checkpoint.join(INNER)).with_context(|| state.display().to_string())?;
            components.extend(position.data.save(checkpoint)?);
            for SavedComponent { name, folder, files } in components {
                manifest.component(&name, &folder, &files)?;
            }
            std::fs::write(&state, serde_json::to_vec_pretty(position)?)
                .with_context(|| state.display().to_string())?;
            manifest.component(STATE, INNER, &[format!("{INNER}/{STATE_FILE}")])?;
            Ok(manifest.write(step, self.identity.clone())?)
        })?;
        self.folder.point_last_at(step)?;
        Ok(self.folder.prune_checkpoints(self.keep)?)
    }
}

/// A checkpoint to go on from. It was verified, or its lack of a manifest was accepted.
#[derive(Clone, Debug)]
pub(crate) struct Checkpoint {
    /// Number of steps done.
    pub step: u64,
    folder: PathBuf,
    components: BTreeMap<String, PathBuf>,
    /// Identity of the run that wrote it; null where it has no manifest.
    pub identity: Value,
}

impl Checkpoint {
    /// The folder, which is the model's in Hugging Face's layout.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Folder of a component.
    ///
    /// # Errors
    /// The checkpoint has no such component.
    pub(crate) fn component(&self, name: &str) -> Result<&Path> {
        self.components.get(name).map(PathBuf::as_path).with_context(|| {
            let names: Vec<&str> = self.components.keys().map(String::as_str).collect();
            format!("{} has no component `{name}`; it has: {}", self.folder.display(), names.join(", "))
        })
    }

    /// The place of its run.
    ///
    /// # Errors
    /// The file cannot be read, or is of another kind of run.
    pub(crate) fn position<D: DeserializeOwned>(&self) -> Result<Position<D>> {
        let path = self.component(STATE)?.join(STATE_FILE);
        let bytes = std::fs::read(&path).with_context(|| path.display().to_string())?;
        serde_json::from_slice(&bytes).with_context(|| path.display().to_string())
    }

    fn of_manifest(folder: PathBuf, manifest: CheckpointManifest) -> Self {
        let place = |folder: &Path, inner: &str| if inner.is_empty() { folder.to_owned() } else { folder.join(inner) };
        let components =
            manifest.components.iter().map(|(name, record)| (name.clone(), place(&folder, &record.folder))).collect();
        Self { step: manifest.step, folder, components, identity: manifest.run }
    }

    /// A checkpoint as versions before the manifest wrote it.
    fn without_manifest(step: u64, folder: PathBuf) -> Self {
        let inner = folder.join(INNER);
        let components = BTreeMap::from([(STATE.to_owned(), inner)]);
        Self { step, folder, components, identity: Value::Null }
    }
}

/// Removes what is left of checkpoints before `step` whose removal was interrupted by versions that removed them in
/// place: folders without a manifest and without a state.
///
/// # Errors
/// A folder cannot be listed or removed.
pub(crate) fn remove_torsos_before(run: &RunFolder, step: u64) -> Result<()> {
    for (_, path) in run.checkpoints()?.into_iter().filter(|(found, _)| *found < step) {
        if !path.join(MANIFEST).exists() && !path.join(INNER).join(STATE_FILE).exists() {
            remove_folder(&path)?;
        }
    }
    Ok(())
}

/// The newest whole checkpoint of a run; those after it are named in warnings, with their faults. `None` where the run
/// has none at all, and so begins again. Where no checkpoint is whole, the newest without a manifest is taken if
/// changes are accepted.
///
/// # Errors
/// A usage error: there are checkpoints, and none of them can be gone on from.
pub(crate) fn newest_whole(run: &RunFolder, on_change: OnChange) -> Result<Option<Checkpoint>> {
    let all = run.checkpoints()?;
    let (mut faults, mut unverified) = (Vec::new(), Vec::new());
    for (step, path) in all.into_iter().rev() {
        let found = Verification::of(&path);
        let problems = found.problems.join("; ");
        if found.is_unclear {
            return Err(Usage::error(format!(
                "{}: {problems}\nit cannot be told whether this checkpoint is whole, so nothing is gone on from: put \
                 that right, or move the folder away to go on from the checkpoint before",
                path.display()
            )));
        }
        match found.manifest.filter(|_| problems.is_empty()) {
            Some(manifest) => {
                let fallback = format!("going on from step {step} instead");
                faults.iter().for_each(|fault| tracing::warn!("{fault}; {fallback}"));
                return Ok(Some(Checkpoint::of_manifest(path, manifest)));
            }
            None => {
                faults.push(format!("the checkpoint {} is not whole: {problems}", path.display()));
                let has_state = path.join(INNER).join(STATE_FILE).is_file();
                if found.has_no_manifest && has_state {
                    unverified.push((step, path));
                }
            }
        }
    }
    if faults.is_empty() {
        return Ok(None);
    }
    match (unverified.into_iter().next(), on_change) {
        (Some((step, path)), OnChange::Accept) => {
            tracing::warn!("going on from {}, which has no manifest: nothing says that it is whole", path.display());
            Ok(Some(Checkpoint::without_manifest(step, path)))
        }
        (unverified, _) => {
            let way_out = if unverified.is_some() {
                "versions before the manifest wrote none: pass --accept-changes to go on from the newest of these, or "
            } else {
                ""
            };
            Err(Usage::error(format!(
                "no checkpoint of {} can be gone on from:\n  {}\n{way_out}put a whole one back, or name another folder \
                 with --run-dir",
                run.root().display(),
                faults.join("\n  ")
            )))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    impl SavedData for String {}

    fn position(step: u64) -> Position<String> {
        Position { step, skipped_in_a_row: 0, data: "place".to_owned() }
    }

    /// Writes a component of one file, and says so.
    fn component(checkpoint: &Path, name: &str, folder: &str, file: &str) -> SavedComponent {
        std::fs::create_dir_all(checkpoint.join(folder)).unwrap();
        let path = if folder.is_empty() { file.to_owned() } else { format!("{folder}/{file}") };
        std::fs::write(checkpoint.join(&path), name).unwrap();
        SavedComponent { name: name.to_owned(), folder: folder.to_owned(), files: vec![path] }
    }

    #[test]
    fn every_component_comes_back_from_its_folder() {
        let parent = tempfile::tempdir().unwrap();
        let folder = RunFolder::create(&parent.path().join("run")).unwrap();
        let checkpoints = CheckpointWriter { folder: folder.clone(), identity: json!({"kind": "test"}), keep: 2 };
        for step in [1, 2, 3] {
            let write = |checkpoint: &Path| {
                Ok(vec![
                    component(checkpoint, "policy", "", "model.safetensors"),
                    component(checkpoint, "critic", "trainer/critic", "model.safetensors"),
                ])
            };
            checkpoints.save(&position(step), write).unwrap();
        }
        let steps: Vec<u64> = folder.checkpoints().unwrap().into_iter().map(|(step, _)| step).collect();
        assert_eq!(steps, [2, 3]);

        let found = newest_whole(&folder, OnChange::Refuse).unwrap().unwrap();
        assert_eq!((found.step, found.folder()), (3, folder.checkpoint(3).as_path()));
        assert_eq!(found.identity, json!({"kind": "test"}));
        let read = |name: &str| std::fs::read(found.component(name).unwrap().join("model.safetensors")).unwrap();
        assert_eq!((read("policy"), read("critic")), (b"policy".to_vec(), b"critic".to_vec()));
        let place: Position<String> = found.position().unwrap();
        assert_eq!((place.step, place.data.as_str()), (3, "place"));
        let missing = found.component("value_head").unwrap_err().to_string();
        assert!(missing.contains("value_head") && missing.contains("critic"), "{missing}");
    }

    #[test]
    fn a_component_that_fails_leaves_no_checkpoint() {
        let parent = tempfile::tempdir().unwrap();
        let folder = RunFolder::create(&parent.path().join("run")).unwrap();
        let checkpoints = CheckpointWriter { folder: folder.clone(), identity: Value::Null, keep: 2 };
        let error = checkpoints.save(&position(1), |_| anyhow::bail!("the weights are on fire")).unwrap_err();
        assert!(format!("{error:#}").contains("on fire"), "{error:#}");
        assert!(newest_whole(&folder, OnChange::Refuse).unwrap().is_none());
    }
}
