//! The folder of a run: the place of each file, and the cut when a run resumes from a checkpoint.
//! Must not know what the files contain, except that each line of `metrics.jsonl` has a step.

use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::atomic::{self, TEMPORARY_SUFFIX};
use crate::error::RecordError;
use crate::metrics;

/// Folders whose files are each of one step, and are removed with it.
const STEP_FOLDERS: [&str; 4] = ["rollouts", "updates", "skipped", "eval"];

/// The folder of a run. Steps are counted from 1; files of a step are named `step_00001`.
#[derive(Debug, Clone)]
pub struct RunFolder {
    root: PathBuf,
}

impl RunFolder {
    /// Makes the folder of a new run, its parents included.
    ///
    /// # Errors
    /// The folder exists already (no run overwrites another), or the system refuses.
    pub fn create(root: &Path) -> Result<Self, RecordError> {
        if let Some(parent) = root.parent() {
            fs::create_dir_all(parent).map_err(|error| atomic::write_error(parent, error))?;
        }
        match fs::create_dir(root) {
            Ok(()) => Ok(Self { root: root.to_path_buf() }),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                Err(RecordError::FolderExists { path: root.to_owned() })
            }
            Err(error) => Err(atomic::write_error(root, error)),
        }
    }

    /// Opens the folder of an earlier run.
    ///
    /// # Errors
    /// The folder is missing.
    pub fn open(root: &Path) -> Result<Self, RecordError> {
        if !root.is_dir() {
            return Err(RecordError::FolderMissing { path: root.to_owned() });
        }
        Ok(Self { root: root.to_path_buf() })
    }

    /// Path of the folder itself.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Path of the run's resolved configuration.
    pub fn config(&self) -> PathBuf {
        self.root.join("config.toml")
    }

    /// Path of what the run was started with: its identity, and those that it had before changes were accepted.
    pub fn manifest(&self) -> PathBuf {
        self.root.join("manifest.json")
    }

    /// Path of what computed the run.
    pub fn machines(&self) -> PathBuf {
        self.root.join("machines.json")
    }

    /// Path of the run's metrics: one JSON object a step.
    pub fn metrics(&self) -> PathBuf {
        self.root.join("metrics.jsonl")
    }

    /// Path of the rollouts of one step.
    pub fn rollouts(&self, step: u64) -> PathBuf {
        self.root.join("rollouts").join(format!("{}.parquet", step_name(step)))
    }

    /// Path of what the updates of one step know of its rollouts.
    pub fn updates(&self, step: u64) -> PathBuf {
        self.root.join("updates").join(format!("{}.parquet", step_name(step)))
    }

    /// Path of the batch of an update that was skipped; `model` names what was not updated, `update` is its number in
    /// the step, counted from 0.
    pub fn skipped_batch(&self, step: u64, model: &str, update: usize) -> PathBuf {
        self.root.join("skipped").join(format!("{}.{model}_{update}.parquet", step_name(step)))
    }

    /// Path of the checkpoint after one step, which is a folder.
    pub fn checkpoint(&self, step: u64) -> PathBuf {
        self.root.join("checkpoints").join(step_name(step))
    }

    /// Path of the evaluation figures after one step.
    pub fn eval(&self, step: u64) -> PathBuf {
        self.root.join("eval").join(format!("{}.json", step_name(step)))
    }

    /// Path of the evaluation figures after the last step that has any; `None` when no step has.
    ///
    /// # Errors
    /// The folder cannot be listed.
    pub fn latest_eval(&self) -> Result<Option<PathBuf>, RecordError> {
        let newest = step_entries(&self.root.join("eval"))?.into_iter().max();
        Ok(newest.map(|(_, path)| path))
    }

    /// Path of the HTML report.
    pub fn report(&self) -> PathBuf {
        self.root.join("report.html")
    }

    /// Path of the summary of a whole recipe.
    pub fn summary(&self) -> PathBuf {
        self.root.join("summary.json")
    }

    /// Path of the link to the newest checkpoint.
    pub fn last_checkpoint(&self) -> PathBuf {
        self.root.join("checkpoints").join("last")
    }

    /// Points the link to the newest checkpoint at that of a step; the link changes in one move.
    ///
    /// # Errors
    /// The system refuses.
    pub fn point_last_at(&self, step: u64) -> Result<(), RecordError> {
        let link = self.last_checkpoint();
        let target = Path::new(&step_name(step)).to_owned();
        if fs::read_link(&link).is_ok_and(|found| found == target) {
            return Ok(());
        }
        let fresh = link.with_file_name(format!(".last{TEMPORARY_SUFFIX}"));
        atomic::remove_if_there(&fresh)
            .and_then(|()| std::os::unix::fs::symlink(&target, &fresh))
            .and_then(|()| fs::rename(&fresh, &link))
            .map_err(|error| atomic::write_error(&link, error))
    }

    /// Removes all checkpoints but the newest `keep`; 0 keeps all.
    ///
    /// # Errors
    /// The folder cannot be listed, or a checkpoint not be removed.
    pub fn prune_checkpoints(&self, keep: usize) -> Result<(), RecordError> {
        let all = self.checkpoints()?;
        let too_many = if keep == 0 { 0 } else { all.len().saturating_sub(keep) };
        all[..too_many].iter().try_for_each(|(_, path)| atomic::remove_folder(path))
    }

    /// Gives the checkpoints after `step` another name, `altered_step_00004`, under which nobody goes on from them;
    /// returns the new paths. An older one of that name is removed.
    ///
    /// # Errors
    /// The folder cannot be listed, or a checkpoint not be renamed.
    pub fn set_aside_checkpoints_after(&self, step: u64) -> Result<Vec<PathBuf>, RecordError> {
        let mut aside = Vec::new();
        for (_, path) in self.checkpoints()?.into_iter().filter(|(found, _)| *found > step) {
            let renamed = path.with_file_name(format!("altered_{}", file_name(&path)));
            remove(&renamed)?;
            fs::rename(&path, &renamed).map_err(|error| atomic::write_error(&renamed, error))?;
            aside.push(renamed);
        }
        Ok(aside)
    }

    /// Step and path of the newest checkpoint; `None` when there is none. Whether it is whole its manifest says.
    ///
    /// # Errors
    /// The folder cannot be listed.
    pub fn latest_checkpoint(&self) -> Result<Option<(u64, PathBuf)>, RecordError> {
        Ok(self.checkpoints()?.pop())
    }

    /// Steps and paths of all checkpoints, in the order of steps. Whether one is whole its manifest says.
    ///
    /// # Errors
    /// The folder cannot be listed.
    pub fn checkpoints(&self) -> Result<Vec<(u64, PathBuf)>, RecordError> {
        let mut checkpoints = step_entries(&self.root.join("checkpoints"))?;
        checkpoints.retain(|(_, path)| path.is_dir());
        checkpoints.sort();
        Ok(checkpoints)
    }

    /// Steps and paths of all Parquet files of rollouts, in the order of steps.
    ///
    /// # Errors
    /// The folder cannot be listed.
    pub fn rollout_files(&self) -> Result<Vec<(u64, PathBuf)>, RecordError> {
        let mut files = step_entries(&self.root.join("rollouts"))?;
        files.retain(|(_, path)| path.extension().is_some_and(|extension| extension == "parquet"));
        files.sort();
        Ok(files)
    }

    /// Makes the folder what it was right after `step`: removes later lines of metrics, rollouts, updates, skipped
    /// batches and evaluations, and the remains of interrupted writes. Checkpoints stay.
    ///
    /// # Errors
    /// A folder cannot be listed, or a file neither read, written nor removed.
    pub fn truncate_after(&self, step: u64) -> Result<(), RecordError> {
        metrics::truncate_after(&self.metrics(), step)?;
        for folder in STEP_FOLDERS {
            for (_, path) in step_entries(&self.root.join(folder))?.into_iter().filter(|(found, _)| *found > step) {
                remove(&path)?;
            }
        }
        for folder in STEP_FOLDERS.into_iter().chain(["", "checkpoints"]) {
            for path in entries(&self.root.join(folder))? {
                if file_name(&path).starts_with('.') && file_name(&path).ends_with(TEMPORARY_SUFFIX) {
                    remove(&path)?;
                }
            }
        }
        Ok(())
    }
}

fn step_name(step: u64) -> String {
    format!("step_{step:05}")
}

/// The step in `step_00012`, `step_00012.parquet` or `step_00012.update_0.parquet`; `None` for any other name.
fn step_of(path: &Path) -> Option<u64> {
    file_name(path).strip_prefix("step_")?.split('.').next()?.parse().ok()
}

fn file_name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

fn step_entries(folder: &Path) -> Result<Vec<(u64, PathBuf)>, RecordError> {
    Ok(entries(folder)?.into_iter().filter_map(|path| Some((step_of(&path)?, path))).collect())
}

/// Paths of all that lies in a folder; none when the folder is missing.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, RecordError> {
    let fail = |source| RecordError::List { path: folder.to_owned(), source };
    let listing = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(fail)?,
    };
    listing.map(|entry| Ok(entry?.path())).collect::<io::Result<_>>().map_err(fail)
}

fn remove(path: &Path) -> Result<(), RecordError> {
    atomic::remove_if_there(path).map_err(|source| RecordError::Remove { path: path.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Metrics, MetricsWriter, read_metrics};

    #[test]
    fn an_existing_folder_is_refused_with_the_way_out() {
        let parent = tempfile::tempdir().unwrap();
        let root = parent.path().join("runs/demo");
        RunFolder::create(&root).unwrap();
        let text = RunFolder::create(&root).unwrap_err().to_string();
        assert!(text.contains("--resume") && text.contains("--run-dir") && text.contains("runs/demo"), "{text}");
        RunFolder::open(&root).unwrap();
        assert!(RunFolder::open(&parent.path().join("none")).is_err());
    }

    #[test]
    fn a_resume_cuts_what_came_after_the_checkpoint() {
        let parent = tempfile::tempdir().unwrap();
        let run = RunFolder::create(&parent.path().join("run")).unwrap();
        let mut writer = MetricsWriter::open(&run.metrics()).unwrap();
        for step in 1..=4 {
            let mut row = Metrics::new();
            row.set("reward/mean", step as f64);
            writer.append(step, &row).unwrap();
            for path in [run.rollouts(step), run.updates(step), run.skipped_batch(step, "policy", 1)] {
                atomic::write_file(&path, b"rows").unwrap();
            }
            atomic::write_file(&run.eval(step), b"{}").unwrap();
        }
        atomic::write_folder(&run.checkpoint(2), |folder| fs::write(folder.join("weights"), b"w")).unwrap();
        fs::create_dir(run.root.join("checkpoints/.step_00004.tmp")).unwrap();

        assert_eq!(run.latest_checkpoint().unwrap(), Some((2, run.checkpoint(2))));
        run.truncate_after(2).unwrap();

        let steps: Vec<u64> = read_metrics(&run.metrics()).unwrap().iter().filter_map(Metrics::step).collect();
        assert_eq!(steps, [1, 2]);
        let left: Vec<u64> = run.rollout_files().unwrap().into_iter().map(|(step, _)| step).collect();
        assert_eq!(left, [1, 2]);
        let files = |step| [run.eval(step), run.updates(step), run.skipped_batch(step, "policy", 1)];
        assert!(files(2).iter().all(|path| path.exists()) && files(3).iter().all(|path| !path.exists()));
        assert!(!run.root.join("checkpoints/.step_00004.tmp").exists());
    }

    #[test]
    fn pruning_and_the_link_follow_the_steps() {
        let parent = tempfile::tempdir().unwrap();
        let run = RunFolder::create(&parent.path().join("run")).unwrap();
        for step in [2, 4, 6] {
            atomic::write_folder(&run.checkpoint(step), |folder| fs::write(folder.join("weights"), b"w")).unwrap();
        }
        let steps = || -> Vec<u64> { run.checkpoints().unwrap().into_iter().map(|(step, _)| step).collect() };
        run.point_last_at(4).unwrap();
        run.point_last_at(6).unwrap();
        assert_eq!(fs::read_link(run.last_checkpoint()).unwrap(), Path::new("step_00006"));
        run.prune_checkpoints(0).unwrap();
        assert_eq!(steps(), [2, 4, 6]);
        run.prune_checkpoints(2).unwrap();
        assert_eq!(steps(), [4, 6]);
        let aside = run.set_aside_checkpoints_after(4).unwrap();
        assert_eq!(aside, [run.root.join("checkpoints/altered_step_00006")]);
        assert_eq!(steps(), [4]);
        assert!(aside[0].join("weights").is_file());
    }

    #[test]
    fn a_fresh_folder_truncates_to_nothing() {
        let parent = tempfile::tempdir().unwrap();
        let run = RunFolder::create(&parent.path().join("run")).unwrap();
        run.truncate_after(0).unwrap();
        assert_eq!(run.latest_checkpoint().unwrap(), None);
    }
}
