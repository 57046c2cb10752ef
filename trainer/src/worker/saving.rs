//! The components of a checkpoint: what each rank writes of them, and how they are read again.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use learner::trainable::{Actor, Model, Trainable, UpdateCounts};
use policy::{Decoder, PolicyError, read_tensors, write_tensors};
use record::manifest::INNER;
use serde::{Deserialize, Serialize};
use tch::{Device, Tensor};

use super::command::SavedComponent;
use super::state::{ModelState, Seat};

/// Folder of a critic with weights of its own.
const CRITIC: &str = "trainer/critic";
/// Counts of all components.
const COUNTS: &str = "trainer/counts.json";

/// Counts of a checkpoint.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Counts {
    policy_version: u64,
    policy: Option<UpdateCounts>,
    critic: Option<UpdateCounts>,
    reward_model: Option<UpdateCounts>,
}

impl ModelState {
    /// Writes the policy as the folder itself and all else into [`INNER`]. Of several ranks each writes its part of the
    /// optimizers, and rank 0 all that is whole.
    pub(super) fn save(&mut self, folder: &Path) -> Result<Vec<SavedComponent>> {
        let inner = folder.join(INNER);
        std::fs::create_dir_all(&inner).with_context(|| inner.display().to_string())?;
        let files = Files { checkpoint: folder, seat: self.seat };
        let mut counts = Counts::default();
        let mut saved = Vec::new();
        if let Some(learner) = &self.learner {
            let Actor { policy, value_head } = &learner.policy.model;
            saved.extend(files.model("policy", "", &policy.decoder, |folder| policy.save(folder))?);
            saved.extend(files.optimizer("optimizer", &learner.policy)?);
            if let Some(head) = value_head.as_ref().filter(|_| files.seat.rank == 0) {
                let parameter = head.parameter();
                saved.push(files.tensors("value_head", "value_head", &[(parameter.name, parameter.tensor)])?);
            }
            if let Some(critic) = &learner.critic {
                let model = &critic.model;
                saved.extend(files.model("critic", CRITIC, &model.decoder, |folder| model.save(folder))?);
                saved.extend(files.optimizer("critic_optimizer", critic)?);
                counts.critic = Some(critic.counts);
            }
            counts.policy = Some(learner.policy.counts);
            counts.policy_version = learner.policy_version;
        } else if let Some(scorer) = &self.scorer {
            let model = &scorer.model;
            saved.extend(files.model("reward_model", "", &model.decoder, |folder| model.save(folder))?);
            saved.extend(files.optimizer("optimizer", scorer)?);
            counts.reward_model = Some(scorer.counts);
        }
        if self.seat.rank == 0 {
            let path = folder.join(COUNTS);
            std::fs::write(&path, serde_json::to_vec_pretty(&counts)?).with_context(|| path.display().to_string())?;
            saved.push(SavedComponent { name: "counts".into(), folder: INNER.into(), files: vec![COUNTS.into()] });
        }
        Ok(saved)
    }

    /// Replaces weights, optimizers and counts by those of a checkpoint.
    ///
    /// # Errors
    /// The checkpoint lacks a component, or it is another model's.
    pub(crate) fn load(&mut self, folder: &Path) -> Result<()> {
        if let Some(learner) = &mut self.learner {
            learner.policy.model.policy.decoder.load_weights(folder)?;
        }
        self.load_beside_policy(folder)
    }

    /// The same for a policy whose weights are the checkpoint's already.
    ///
    /// # Errors
    /// As [`ModelState::load`].
    pub(crate) fn load_beside_policy(&mut self, folder: &Path) -> Result<()> {
        let path = folder.join(COUNTS);
        let bytes = std::fs::read(&path).with_context(|| path.display().to_string())?;
        let counts: Counts = serde_json::from_slice(&bytes).with_context(|| path.display().to_string())?;
        if let Some(learner) = &mut self.learner {
            if let Some(head) = &mut learner.policy.model.value_head {
                head.load(&inner_file(folder, "value_head"))?;
            }
            load_optimizer(folder, "optimizer", &mut learner.policy)?;
            learner.policy.counts = counts.policy.context("the checkpoint has no counts of a policy")?;
            learner.policy_version = counts.policy_version;
            if let Some(critic) = &mut learner.critic {
                critic.model.load_weights(&folder.join(CRITIC))?;
                load_optimizer(folder, "critic_optimizer", critic)?;
                critic.counts = counts.critic.context("the checkpoint has no counts of a critic")?;
            }
        } else if let Some(scorer) = &mut self.scorer {
            scorer.model.load_weights(folder)?;
            load_optimizer(folder, "optimizer", scorer)?;
            scorer.counts = counts.reward_model.context("the checkpoint has no counts of a reward model")?;
        }
        Ok(())
    }
}

/// The component whose files are all that lie in a folder within the checkpoint, folders inside apart.
fn component(checkpoint: &Path, name: &str, folder: &str) -> Result<SavedComponent> {
    let path = checkpoint.join(folder);
    let mut files = Vec::new();
    for entry in std::fs::read_dir(&path).with_context(|| path.display().to_string())? {
        let entry = entry.with_context(|| path.display().to_string())?;
        if entry.path().is_file() {
            let file = entry.file_name().to_string_lossy().into_owned();
            files.push(if folder.is_empty() { file } else { format!("{folder}/{file}") });
        }
    }
    files.sort();
    Ok(SavedComponent { name: name.into(), folder: folder.into(), files })
}

/// The files of a checkpoint that a rank writes.
struct Files<'a> {
    checkpoint: &'a Path,
    seat: Seat,
}

impl Files<'_> {
    /// A model with its texts, in a folder within the checkpoint; all ranks of its weights take part, rank 0 writes.
    fn model(
        &self,
        name: &str,
        folder: &str,
        decoder: &Decoder,
        write: impl FnOnce(&Path) -> Result<(), PolicyError>,
    ) -> Result<Option<SavedComponent>> {
        if self.seat.rank > 0 {
            drop(decoder.state());
            decoder.store().verify()?;
            return Ok(None);
        }
        write(&self.checkpoint.join(folder))?;
        decoder.store().verify()?;
        component(self.checkpoint, name, folder).map(Some)
    }

    /// A rank's part of an optimizer's state; nothing where it is a copy of another rank's.
    fn optimizer<M: Model>(&self, name: &str, model: &Trainable<M>) -> Result<Option<SavedComponent>> {
        if !self.seat.is_first_copy {
            return Ok(None);
        }
        let Seat { rank, num_ranks, .. } = self.seat;
        let file = if num_ranks == 1 { name.to_owned() } else { format!("{name}-rank-{rank:05}-of-{num_ranks:05}") };
        self.tensors(name, &file, &model.optimizer_state()).map(Some)
    }

    /// A file of tensors, flushed to the disk: rank 0 may be on another host.
    fn tensors(&self, name: &str, file: &str, tensors: &[(String, Tensor)]) -> Result<SavedComponent> {
        let path = inner_file(self.checkpoint, file);
        write_tensors(&path, tensors)?;
        File::open(&path).and_then(|file| file.sync_all()).with_context(|| path.display().to_string())?;
        let files = vec![format!("{INNER}/{file}.safetensors")];
        Ok(SavedComponent { name: name.into(), folder: INNER.into(), files })
    }
}

/// A file of tensors beside the model.
fn inner_file(checkpoint: &Path, name: &str) -> PathBuf {
    checkpoint.join(INNER).join(format!("{name}.safetensors"))
}

/// Reads an optimizer's state, from the one file of a process by itself or from those of all ranks.
fn load_optimizer<M: Model>(checkpoint: &Path, name: &str, model: &mut Trainable<M>) -> Result<()> {
    let whole = inner_file(checkpoint, name);
    let mut paths = vec![whole.clone()];
    if !whole.exists() {
        let inner = checkpoint.join(INNER);
        let prefix = format!("{name}-rank-");
        let entries = std::fs::read_dir(&inner).with_context(|| inner.display().to_string())?;
        let of_ranks = entries.filter_map(|entry| Some(entry.ok()?.path()));
        let mut of_ranks: Vec<PathBuf> = of_ranks
            .filter(|path| path.file_name().is_some_and(|file| file.to_string_lossy().starts_with(&prefix)))
            .collect();
        of_ranks.sort();
        if !of_ranks.is_empty() {
            paths = of_ranks;
        }
    }
    let mut tensors = Vec::new();
    for path in &paths {
        tensors.extend(read_tensors(path, Device::Cpu)?);
    }
    model.load_optimizer_state(tensors).with_context(|| whole.display().to_string())
}
