//! `trainer checkpoint export`: the model of a checkpoint as a folder that other tools load.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use record::atomic::write_folder;
use record::manifest::{CheckpointManifest, Verification};

use crate::failure::Usage;
use crate::stdout::print;

/// What `trainer checkpoint export` takes.
#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// A checkpoint, as a run's checkpoints/last.
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Folder to write, which must not be there: configuration, tokenizer and texts as they are, and the weights in
    /// model.safetensors, or past 5 GB in shards with their index.
    #[arg(value_name = "OUT")]
    out: PathBuf,
}

/// Verifies every file of the checkpoint, and writes the folder.
///
/// # Errors
/// DIR is no checkpoint or OUT is there (usage errors); the checkpoint is not whole; a file cannot be read or written.
pub(super) fn run(args: &ExportArgs) -> Result<()> {
    let ExportArgs { dir, out } = args;
    if !dir.is_dir() {
        return Err(Usage::error(format!("{}: there is no such folder", dir.display())));
    }
    if dir.join("checkpoints").is_dir() {
        let last = dir.join("checkpoints/last");
        return Err(Usage::error(format!(
            "{} is a run: name one of its checkpoints, as {}",
            dir.display(),
            last.display()
        )));
    }
    let WholeCheckpoint { folder: checkpoint, manifest } = WholeCheckpoint::open(dir, out)?;
    write_folder(out, |folder| policy::export_folder(&checkpoint, folder))?;
    print(format_args!("{}: the model of step {}\n", out.display(), manifest.step))
}

/// A checkpoint all of whose files are as they were written.
pub(in crate::command) struct WholeCheckpoint {
    /// The folder itself, not a link to it.
    pub(in crate::command) folder: PathBuf,
    pub(in crate::command) manifest: CheckpointManifest,
}

impl WholeCheckpoint {
    /// Verifies a checkpoint that is to be written to the folder `out`.
    ///
    /// # Errors
    /// `out` is there or within the checkpoint (usage errors), or the checkpoint is not whole.
    pub(in crate::command) fn open(dir: &Path, out: &Path) -> Result<Self> {
        if out.symlink_metadata().is_ok() {
            return Err(Usage::error(format!("{} is there already; name a folder that is not", out.display())));
        }
        // A link such as `last` may move while the files are copied.
        let folder = dir.canonicalize().with_context(|| dir.display().to_string())?;
        if is_inside(out, &folder)? {
            let reason = "lies within the checkpoint, which would not be as it was written then; name a folder outside";
            return Err(Usage::error(format!("{} {reason}", out.display())));
        }
        let found = Verification::of(&folder);
        let Some(manifest) = found.manifest.filter(|_| found.problems.is_empty()) else {
            bail!("{} is not whole, so nothing is exported: {}", dir.display(), found.problems.join("; "));
        };
        Ok(Self { folder, manifest })
    }
}

/// True where a path that need not be there lies within a folder.
fn is_inside(path: &Path, folder: &Path) -> Result<bool> {
    let path = std::path::absolute(path).with_context(|| path.display().to_string())?;
    let there = path.ancestors().find_map(|ancestor| ancestor.canonicalize().ok());
    Ok(there.is_some_and(|there| there.starts_with(folder)))
}
