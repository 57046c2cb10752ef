//! Checkpoints of a run: a Hugging Face folder that any tool loads, with the state of the run in `trainer/` inside it.
//!
//! A checkpoint consists of named components, each of which writes its files into a folder of its own. It is whole when
//! its manifest, written last with the checksums of all files, is there and holds true; it appears under its name whole
//! or not at all. `checkpoints/last` is a link to the newest.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use learner::optimizer::adamw::AdamW;
use record::atomic::{remove_folder, write_folder};
use record::manifest::{CheckpointManifest, MANIFEST, ManifestBuilder, Verification};
use record::run_folder::RunFolder;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tch::{Device, Tensor};

use crate::failure::Usage;
use crate::run::run_manifest::OnChange;

/// Name of the policy's optimizer.
pub(crate) const OPTIMIZER: &str = "optimizer";

/// Folder of everything but the model, within a checkpoint.
const INNER: &str = "trainer";
const STATE: &str = "state";
const STATE_FILE: &str = "state.json";
const OPTIMIZER_FILE: &str = "optimizer.safetensors";

/// Place of a run when its checkpoint was written.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Position<D> {
    /// Number of steps done.
    pub step: u64,
    /// Number of updates so far, skipped ones included: the place in the learning rate's schedule.
    pub num_updates: u64,
    /// Version of the policy.
    pub policy_version: u64,
    /// Place of the run in its data.
    pub data: D,
}

/// Writes the files of a component into a folder that is there.
type Write<'a> = Box<dyn Fn(&Path) -> Result<()> + 'a>;

/// A part of a checkpoint: a name, and what writes its files.
pub(crate) struct Component<'a> {
    name: &'a str,
    /// Folder within the checkpoint, with `/` between its parts.
    folder: String,
    write: Write<'a>,
}

impl<'a> Component<'a> {
    /// The model that the checkpoint is for other tools: its files stand in the checkpoint's own folder.
    pub(crate) fn model(name: &'a str, write: impl Fn(&Path) -> Result<()> + 'a) -> Self {
        Self { name, folder: String::new(), write: Box::new(write) }
    }

    /// Anything else: its files stand in `trainer/NAME/`, those of the policy's [`OPTIMIZER`] in `trainer/` itself.
    pub(crate) fn inner(name: &'a str, write: impl Fn(&Path) -> Result<()> + 'a) -> Self {
        let folder = if name == OPTIMIZER { INNER.to_owned() } else { format!("{INNER}/{name}") };
        Self { name, folder, write: Box::new(write) }
    }

    /// The state of an optimizer, as `optimizer.safetensors`.
    pub(crate) fn optimizer(name: &'a str, adamw: &'a AdamW, parameters: &'a [(String, Tensor)]) -> Self {
        Self::inner(name, |folder| Ok(policy::write_tensors(&folder.join(OPTIMIZER_FILE), &adamw.state(parameters))?))
    }
}

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
    /// Writes the checkpoint of `position.step`, points `last` at it, and removes the oldest.
    ///
    /// # Errors
    /// A file cannot be written.
    pub(crate) fn save<D: Serialize>(&self, position: &Position<D>, components: &[Component<'_>]) -> Result<()> {
        let step = position.step;
        write_folder(&self.folder.checkpoint(step), |checkpoint| -> Result<()> {
            let mut manifest = ManifestBuilder::new(checkpoint);
            for Component { name, folder, write } in components {
                let path = checkpoint.join(folder);
                std::fs::create_dir_all(&path).with_context(|| path.display().to_string())?;
                write(&path)?;
                manifest.component(name, folder)?;
            }
            let state = checkpoint.join(INNER).join(STATE_FILE);
            std::fs::create_dir_all(checkpoint.join(INNER)).with_context(|| state.display().to_string())?;
            std::fs::write(&state, serde_json::to_vec_pretty(position)?)
                .with_context(|| state.display().to_string())?;
            manifest.component(STATE, INNER)?;
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

    /// Loads the state of the optimizer `name` for `parameters`.
    ///
    /// # Errors
    /// There is no such optimizer, or its state is that of another model.
    pub(crate) fn load_optimizer(&self, name: &str, adamw: &mut AdamW, parameters: &[(String, Tensor)]) -> Result<()> {
        let path = self.component(name)?.join(OPTIMIZER_FILE);
        let device = parameters.first().map_or(Device::Cpu, |(_, tensor)| tensor.device());
        let tensors = policy::read_tensors(&path, device)?;
        adamw.load_state(tensors, parameters).with_context(|| path.display().to_string())
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
        let components = BTreeMap::from([(OPTIMIZER.to_owned(), inner.clone()), (STATE.to_owned(), inner)]);
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
    use learner::optimizer::adamw::AdamWConfig;
    use serde_json::json;
    use tch::Kind;

    use super::*;

    /// An optimizer after one update of a parameter of this name.
    fn optimizer(name: &str) -> (AdamW, Vec<(String, Tensor)>) {
        let mut adamw = AdamW::new(AdamWConfig::default()).unwrap();
        let mut parameters = vec![(name.to_owned(), Tensor::ones([3], (Kind::Float, Device::Cpu)))];
        let weights = parameters[0].1.set_requires_grad(true);
        (&weights * &weights).sum(Kind::Float).backward();
        adamw.step(&mut parameters, 0.1).unwrap();
        (adamw, parameters)
    }

    fn position(step: u64) -> Position<String> {
        Position { step, num_updates: 2 * step, policy_version: step, data: "place".to_owned() }
    }

    #[test]
    fn every_component_comes_back_from_its_folder() {
        let parent = tempfile::tempdir().unwrap();
        let folder = RunFolder::create(&parent.path().join("run")).unwrap();
        let checkpoints = CheckpointWriter { folder: folder.clone(), identity: json!({"kind": "test"}), keep: 2 };
        let model = |text: &'static str| move |path: &Path| Ok(std::fs::write(path.join("model.safetensors"), text)?);
        let ((adamw, parameters), (critic_adamw, critic_parameters)) = (optimizer("policy"), optimizer("critic"));
        for step in [1, 2, 3] {
            let components = [
                Component::model("policy", model("policy")),
                Component::optimizer(OPTIMIZER, &adamw, &parameters),
                Component::inner("critic", model("critic")),
                Component::optimizer("critic_optimizer", &critic_adamw, &critic_parameters),
            ];
            checkpoints.save(&position(step), &components).unwrap();
        }
        let steps: Vec<u64> = folder.checkpoints().unwrap().into_iter().map(|(step, _)| step).collect();
        assert_eq!(steps, [2, 3]);

        let found = newest_whole(&folder, OnChange::Refuse).unwrap().unwrap();
        assert_eq!((found.step, found.folder()), (3, folder.checkpoint(3).as_path()));
        assert_eq!(found.identity, json!({"kind": "test"}));
        let read = |name: &str| std::fs::read(found.component(name).unwrap().join("model.safetensors")).unwrap();
        assert_eq!((read("policy"), read("critic")), (b"policy".to_vec(), b"critic".to_vec()));
        assert!(folder.checkpoint(3).join("trainer/optimizer.safetensors").is_file());
        let place: Position<String> = found.position().unwrap();
        assert_eq!((place.step, place.num_updates, place.data.as_str()), (3, 6, "place"));
        let mut fresh = AdamW::new(AdamWConfig::default()).unwrap();
        found.load_optimizer("critic_optimizer", &mut fresh, &critic_parameters).unwrap();
        assert_eq!(fresh.state(&critic_parameters).len(), critic_adamw.state(&critic_parameters).len());
        // The policy's is another: its parameters have other names.
        assert!(found.load_optimizer(OPTIMIZER, &mut fresh, &critic_parameters).is_err());
        let missing = found.component("value_head").unwrap_err().to_string();
        assert!(missing.contains("value_head") && missing.contains("critic_optimizer"), "{missing}");
    }

    #[test]
    fn a_component_that_fails_leaves_no_checkpoint() {
        let parent = tempfile::tempdir().unwrap();
        let folder = RunFolder::create(&parent.path().join("run")).unwrap();
        let checkpoints = CheckpointWriter { folder: folder.clone(), identity: Value::Null, keep: 2 };
        let fails = Component::model("policy", |_| anyhow::bail!("the weights are on fire"));
        let error = checkpoints.save(&position(1), &[fails]).unwrap_err();
        assert!(format!("{error:#}").contains("on fire"), "{error:#}");
        assert!(newest_whole(&folder, OnChange::Refuse).unwrap().is_none());
    }
}
