//! The components of a checkpoint: what each rank writes of them, and how they are read again.

use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use learner::trainable::{Actor, Model, Trainable, UpdateCounts};
use policy::{Policy, PolicyError, RewardModel, write_tensors};
use record::manifest::INNER;
use serde::{Deserialize, Serialize};

use super::command::SavedComponent;
use super::seat::Seat;
use super::state::ModelState;

/// Folder of a critic with weights of its own.
const CRITIC: &str = "trainer/critic";
/// Counts of all components.
const COUNTS: &str = "trainer/counts.json";
/// Head of a critic on the policy's trunk.
const VALUE_HEAD: &str = "value_head";

/// Counts of a checkpoint.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Counts {
    policy_version: u64,
    policy: Option<UpdateCounts>,
    critic: Option<UpdateCounts>,
    reward_model: Option<UpdateCounts>,
}

impl ModelState {
    /// Writes the policy as the folder itself and all else into [`INNER`]. Of several ranks each writes what it has of
    /// weights and optimizers, and rank 0 all else.
    pub(super) fn save(&mut self, folder: &Path) -> Result<Vec<SavedComponent>> {
        let inner = folder.join(INNER);
        std::fs::create_dir_all(&inner).with_context(|| inner.display().to_string())?;
        let files = Files { checkpoint: folder, seat: self.seat };
        let mut counts = Counts::default();
        let mut saved = Vec::new();
        if let Some(learner) = &self.learner {
            let Actor { policy, value_head } = &learner.policy.model;
            saved.extend(files.model("policy", "", policy)?);
            saved.extend(files.optimizer("optimizer", &learner.policy)?);
            if let Some(head) = value_head.as_ref().filter(|_| self.seat.rank == 0) {
                let parameter = head.parameter();
                write_tensors(&inner_file(folder, VALUE_HEAD), &[(parameter.name, parameter.tensor)])?;
                saved.push(files.inner(VALUE_HEAD, &format!("{VALUE_HEAD}.safetensors"))?);
            }
            if let Some(critic) = &learner.critic {
                saved.extend(files.model("critic", CRITIC, &critic.model)?);
                saved.extend(files.optimizer("critic_optimizer", critic)?);
                counts.critic = Some(critic.counts);
            }
            counts.policy = Some(learner.policy.counts);
            counts.policy_version = learner.policy_version;
        } else if let Some(scorer) = &self.scorer {
            saved.extend(files.model("reward_model", "", &scorer.model)?);
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

    /// Completes on rank 0 what all ranks have saved: the models of which each wrote its pieces.
    ///
    /// # Errors
    /// A file cannot be written.
    pub(super) fn complete(&self, folder: &Path) -> Result<Vec<SavedComponent>> {
        let files = Files { checkpoint: folder, seat: self.seat };
        let mut saved = Vec::new();
        if let Some(learner) = &self.learner {
            saved.extend(files.complete("policy", "", &learner.policy.model.policy)?);
            if let Some(critic) = &learner.critic {
                saved.extend(files.complete("critic", CRITIC, &critic.model)?);
            }
        } else if let Some(scorer) = &self.scorer {
            saved.extend(files.complete("reward_model", "", &scorer.model)?);
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
        self.resample();
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
        let inner = folder.join(INNER);
        if let Some(learner) = &mut self.learner {
            if let Some(head) = &mut learner.policy.model.value_head {
                head.load(&inner_file(folder, VALUE_HEAD))?;
            }
            learner.policy.load_optimizer(&inner, "optimizer")?;
            learner.policy.counts = counts.policy.context("the checkpoint has no counts of a policy")?;
            learner.policy_version = counts.policy_version;
            if let Some(critic) = &mut learner.critic {
                critic.model.load_weights(&folder.join(CRITIC))?;
                critic.load_optimizer(&inner, "critic_optimizer")?;
                critic.counts = counts.critic.context("the checkpoint has no counts of a critic")?;
            }
        } else if let Some(scorer) = &mut self.scorer {
            scorer.model.load_weights(folder)?;
            scorer.load_optimizer(&inner, "optimizer")?;
            scorer.counts = counts.reward_model.context("the checkpoint has no counts of a reward model")?;
        }
        Ok(())
    }
}

/// A model with its texts, whole or in pieces.
trait InPieces {
    /// As [`Policy::save`].
    fn save(&self, folder: &Path) -> Result<(), PolicyError>;

    /// As [`Policy::save_pieces`].
    fn save_pieces(&self, folder: &Path, rank: usize, num_ranks: usize) -> Result<String, PolicyError>;

    /// As [`Policy::save_pieces_index`].
    fn save_pieces_index(&self, folder: &Path, num_ranks: usize) -> Result<(), PolicyError>;
}

macro_rules! in_pieces {
    ($($model:ty),*) => {$(
        impl InPieces for $model {
            fn save(&self, folder: &Path) -> Result<(), PolicyError> {
                <$model>::save(self, folder)
            }

            fn save_pieces(&self, folder: &Path, rank: usize, num_ranks: usize) -> Result<String, PolicyError> {
                <$model>::save_pieces(self, folder, rank, num_ranks)
            }

            fn save_pieces_index(&self, folder: &Path, num_ranks: usize) -> Result<(), PolicyError> {
                <$model>::save_pieces_index(self, folder, num_ranks)
            }
        }
    )*};
}
in_pieces!(Policy, RewardModel);

/// The files of a checkpoint that a rank writes.
struct Files<'a> {
    checkpoint: &'a Path,
    seat: Seat,
}

impl Files<'_> {
    /// A model with its texts, in a folder within the checkpoint, where one rank has all of it; else what this rank
    /// has, which is a component once it is [complete](Self::complete).
    fn model(&self, name: &str, folder: &str, model: &impl InPieces) -> Result<Option<SavedComponent>> {
        let path = self.checkpoint.join(folder);
        match self.seat.writer() {
            None => Ok(None),
            Some((_, 1)) => {
                model.save(&path)?;
                self.all_in(name, folder).map(Some)
            }
            Some((rank, num_ranks)) => {
                let file = model.save_pieces(&path, rank, num_ranks)?;
                flush(&path.join(&file))?;
                Ok(None)
            }
        }
    }

    /// Completes a model whose pieces all ranks have written, on rank 0; nothing where one rank had all of it.
    fn complete(&self, name: &str, folder: &str, model: &impl InPieces) -> Result<Option<SavedComponent>> {
        match self.seat.writer() {
            None | Some((_, 1)) => Ok(None),
            Some((_, num_ranks)) => {
                model.save_pieces_index(&self.checkpoint.join(folder), num_ranks)?;
                self.all_in(name, folder).map(Some)
            }
        }
    }

    /// What a rank has of an optimizer's state; nothing where a copy of it writes.
    fn optimizer<M: Model>(&self, name: &str, model: &Trainable<M>) -> Result<Option<SavedComponent>> {
        let Some((rank, num_ranks)) = self.seat.writer() else { return Ok(None) };
        let file = model.save_optimizer(&self.checkpoint.join(INNER), name, rank, num_ranks)?;
        self.inner(name, &file).map(Some)
    }

    /// A component of one file beside the model, flushed to the disk: rank 0 may be on another host.
    fn inner(&self, name: &str, file: &str) -> Result<SavedComponent> {
        flush(&self.checkpoint.join(INNER).join(file))?;
        Ok(SavedComponent { name: name.into(), folder: INNER.into(), files: vec![within(INNER, file)] })
    }

    /// The component whose files are all that lie in a folder within the checkpoint, folders inside apart.
    fn all_in(&self, name: &str, folder: &str) -> Result<SavedComponent> {
        let path = self.checkpoint.join(folder);
        let mut files = Vec::new();
        for entry in std::fs::read_dir(&path).with_context(|| path.display().to_string())? {
            let entry = entry.with_context(|| path.display().to_string())?;
            if entry.path().is_file() {
                files.push(within(folder, &entry.file_name().to_string_lossy()));
            }
        }
        files.sort();
        Ok(SavedComponent { name: name.into(), folder: folder.into(), files })
    }
}

/// Path within a checkpoint of a file in one of its folders.
fn within(folder: &str, file: &str) -> String {
    if folder.is_empty() { file.to_owned() } else { format!("{folder}/{file}") }
}

fn flush(path: &Path) -> Result<()> {
    File::open(path).and_then(|file| file.sync_all()).with_context(|| path.display().to_string())
}

/// A file of tensors beside the model.
fn inner_file(checkpoint: &Path, name: &str) -> PathBuf {
    checkpoint.join(INNER).join(format!("{name}.safetensors"))
}
