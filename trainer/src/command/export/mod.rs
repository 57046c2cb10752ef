//! `trainer export`: the folder of a run's model that is uploaded. The model as other tools load it, and a model card
//! that says what it was made of, how, and how good it is.

mod card;
mod figures;
mod licence;
mod lineage;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use record::atomic::write_folder;
use record::run_folder::RunFolder;

use self::card::Card;
use self::figures::CardFigure;
use self::licence::Licence;
use self::lineage::Lineage;
use super::checkpoint::WholeCheckpoint;
use crate::failure::Usage;
use crate::stdout::print;

/// Folder within a run's that is written where none is named.
const EXPORT: &str = "export";
/// File of the model card.
const CARD: &str = "README.md";

/// What `trainer export` takes.
#[derive(Debug, Args)]
pub(crate) struct ModelExportArgs {
    /// A run's folder, whose newest checkpoint is taken, or a checkpoint.
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Folder to write, which must not be there [default: `export` in the run's folder].
    #[arg(value_name = "OUT")]
    out: Option<PathBuf>,
    /// Figures of `trainer eval --json` of this model, for the card (may be given several times). Those of the run's
    /// own evaluation at the checkpoint stand in it anyway.
    #[arg(long, value_name = "FILE")]
    results: Vec<PathBuf>,
    /// Name of the model in the card [default: the folder's].
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

/// Verifies the checkpoint, and writes the folder.
///
/// # Errors
/// DIR is neither a run nor a checkpoint, OUT is there, or figures are of other weights (usage errors); the checkpoint
/// is not whole; a file cannot be read or written.
pub(crate) fn run(args: &ModelExportArgs) -> Result<()> {
    let (run, checkpoint) = places(&args.dir)?;
    let out = match (&args.out, &run) {
        (Some(out), _) => out.clone(),
        (None, Some(run)) => run.join(EXPORT),
        (None, None) => {
            return Err(Usage::error(format!("OUT: {} lies in no run; name the folder to write", args.dir.display())));
        }
    };
    let WholeCheckpoint { folder, manifest } = WholeCheckpoint::open(&checkpoint, &out)?;
    let lineage = Lineage::of(&manifest)?;
    let figures = CardFigure::all(run.as_deref(), &folder, manifest.step, &args.results)?;
    let licence = Licence::of(lineage.base_folder(), &folder);
    let name = args.name.clone().or_else(|| name_of(&out, run.as_deref())).unwrap_or_else(|| "model".to_owned());
    let card = Card { name: &name, step: manifest.step, lineage: &lineage, figures: &figures, licence: &licence };
    let card = card.text();
    write_folder(&out, |folder_of_out| -> Result<()> {
        policy::export_folder(&folder, folder_of_out)?;
        let path = folder_of_out.join(CARD);
        std::fs::write(&path, &card).with_context(|| path.display().to_string())
    })?;
    if !licence.is_known() && lineage.has_base() {
        tracing::warn!("the licence of the base is not known: say it in {}", out.join(CARD).display());
    }
    let num_figures = figures.len();
    let (out, step) = (out.display(), manifest.step);
    print(format_args!("{out}: the model of step {step}, with {num_figures} figures in its card\n"))
}

/// The folder of the run, where there is one, and that of the checkpoint.
fn places(dir: &Path) -> Result<(Option<PathBuf>, PathBuf)> {
    if !dir.is_dir() {
        return Err(Usage::error(format!("{}: there is no such folder", dir.display())));
    }
    if dir.join("checkpoints").is_dir() {
        let newest = RunFolder::open(dir)?.latest_checkpoint()?;
        let (_, newest) =
            newest.ok_or_else(|| Usage::error(format!("{}: the run has no checkpoint yet", dir.display())))?;
        return Ok((Some(dir.to_owned()), newest));
    }
    if let Some(stage) = ["stage-2", "stage-1", "cold-start"].iter().find(|stage| dir.join(stage).is_dir()) {
        let stage = dir.join(stage);
        return Err(Usage::error(format!(
            "{} is a recipe: name one of its runs, as {}",
            dir.display(),
            stage.display()
        )));
    }
    let checkpoint = dir.canonicalize().with_context(|| dir.display().to_string())?;
    let run = lineage::run_of(&checkpoint).map(Path::to_owned);
    Ok((run, checkpoint))
}

/// The name of the folder, or of the run where the folder has none of its own.
fn name_of(out: &Path, run: Option<&Path>) -> Option<String> {
    let out = std::path::absolute(out).ok()?;
    let name = out.file_name()?.to_string_lossy().into_owned();
    match run.filter(|_| name == EXPORT) {
        Some(run) => Some(run.canonicalize().ok()?.file_name()?.to_string_lossy().into_owned()),
        None => Some(name),
    }
}
