//! `trainer init`: a folder with all that a first run of one's own takes, to be changed piece by piece.
//!
//! The files are templates, explained by their own comments. What a run does with them is unknown here.

mod first_model;
mod small_model;
mod template;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use record::atomic::{remove_if_there, write_folder};
use sweep::shell::quoted;

use self::first_model::FirstModel;
use self::template::{FirstDevice, write_files};
use crate::failure::Usage;
use crate::stdout::print;

/// What `trainer init` takes.
#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// The folder to write, which is empty or not there.
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// The model to train: a Hugging Face folder, or a name of the hub as org/name@revision. Without it a small one
    /// with random weights is made in the folder.
    #[arg(long, value_name = "PATH-OR-NAME")]
    model: Option<String>,
    /// Computes on a GPU: in bfloat16, and not at all where there is none.
    #[arg(long, conflicts_with = "cpu")]
    gpu: bool,
    /// Computes on the CPU, also where there is a GPU. Without either the run takes what there is.
    #[arg(long)]
    cpu: bool,
}

/// Writes the folder and says how to go on.
///
/// # Errors
/// A usage error: the folder holds something, or there is no such model. The folder cannot be written.
pub(crate) fn run(args: &InitArgs) -> Result<()> {
    print(begin(args)?)
}

/// Writes the folder; returns what it holds and how to go on.
fn begin(args: &InitArgs) -> Result<String> {
    let InitArgs { dir, .. } = args;
    let is_there = is_empty_folder(dir)?;
    let model = FirstModel::of(args.model.as_deref())?;
    let device = match (args.gpu, args.cpu) {
        (true, _) => FirstDevice::Gpu,
        (_, true) => FirstDevice::Cpu,
        _ => FirstDevice::Auto,
    };
    let fill = |folder: &Path| {
        if model == FirstModel::Small {
            small_model::write(&folder.join(model.path()))?;
        }
        write_files(folder, &model, device)
    };
    if is_there {
        fill_empty_folder(dir, fill)?;
    } else {
        write_folder(dir, fill)?;
    }
    let (shown, made) = (dir.display(), model.words());
    Ok(format!(
        "{shown}: a configuration, ten tasks, a verifier in Python, and {made}\n\
         next: cd {} && trainer --stage 1 --config config.toml\n",
        quoted(&shown.to_string())
    ))
}

/// Fills an empty folder, or leaves it empty. It is not replaced by another: a shell may stand in it.
fn fill_empty_folder(dir: &Path, fill: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let filled = fill(dir).with_context(|| dir.display().to_string());
    if filled.is_err() {
        for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
            // The error of the filling is the one to report.
            let _ = remove_if_there(&entry.path());
        }
    }
    filled
}

/// True for a folder without anything in it, false where there is nothing.
fn is_empty_folder(dir: &Path) -> Result<bool> {
    let refuse = |problem: &str| {
        let remedy = "name one that is empty or not there yet";
        Err(Usage::error(format!("{}: {problem}; {remedy}", dir.display())))
    };
    match std::fs::read_dir(dir) {
        Ok(mut entries) => match entries.next() {
            None => Ok(true),
            Some(_) => refuse("the folder is not empty, and nothing in it is overwritten"),
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => refuse(&error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{ReinforceRun, Source, load};

    fn init(dir: &Path, model: Option<&str>, gpu: bool, cpu: bool) -> Result<String> {
        begin(&InitArgs { dir: dir.to_owned(), model: model.map(str::to_owned), gpu, cpu })
    }

    fn config(dir: &Path) -> ReinforceRun {
        load(&Source { path: Some(&dir.join("config.toml")), ..Source::default() }).unwrap()
    }

    #[test]
    fn every_way_to_begin_writes_a_valid_configuration() {
        let folder = tempfile::tempdir().unwrap();
        let given = folder.path().join("a \"model\"");
        std::fs::create_dir(&given).unwrap();
        std::fs::write(given.join("config.json"), "{}").unwrap();
        let given = given.display().to_string();
        let begun = |name: &str, model: Option<&str>, gpu, cpu| {
            let dir = folder.path().join(name);
            init(&dir, model, gpu, cpu).unwrap();
            let config = config(&dir);
            config.validate(1).unwrap();
            assert_eq!(dir.join("model").exists(), model.is_none());
            assert_eq!(config.update.steps, 2);
            (config.model.path.display().to_string(), config.run.device, config.run.dtype)
        };
        let text = |path: &str, device: &str, dtype: &str| (path.to_owned(), device.to_owned(), dtype.to_owned());
        assert_eq!(begun("plain", None, false, false), text("model", "auto", "float32"));
        assert_eq!(begun("cpu", Some(&given), false, true), text(&given, "cpu", "float32"));
        let name = "Qwen/Qwen2.5-0.5B-Instruct@main";
        assert_eq!(begun("gpu", Some(name), true, false), text(name, "cuda", "bfloat16"));
    }

    #[test]
    fn a_folder_that_holds_something_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (full, empty, file) =
            (folder.path().join("full"), folder.path().join("an empty one"), folder.path().join("file.txt"));
        std::fs::create_dir(&full).unwrap();
        std::fs::create_dir(&empty).unwrap();
        std::fs::write(full.join("mine.txt"), "kept").unwrap();
        std::fs::write(&file, "kept").unwrap();
        for there in [&full, &file] {
            let error = init(there, Some("a/b"), false, false).unwrap_err();
            assert_eq!(crate::failure::exit_code(&error), 2);
            assert!(error.to_string().contains(&there.display().to_string()), "{error}");
        }
        assert_eq!(std::fs::read_dir(&full).unwrap().count(), 1);
        let said = init(&empty, Some("a/b"), false, false).unwrap();
        assert!(said.contains(&format!("next: cd '{}' && ", empty.display())), "{said}");
        assert!(empty.join("README.md").is_file());
    }

    #[test]
    fn an_empty_folder_that_cannot_be_filled_is_empty_again() {
        let folder = tempfile::tempdir().unwrap();
        let error = fill_empty_folder(folder.path(), |dir| {
            std::fs::create_dir(dir.join("model"))?;
            std::fs::write(dir.join("model/config.json"), "{}")?;
            std::fs::write(dir.join("tasks.jsonl"), "half")?;
            anyhow::bail!("the disk is full")
        });
        assert!(format!("{:#}", error.unwrap_err()).ends_with(": the disk is full"));
        assert!(is_empty_folder(folder.path()).unwrap());
    }

    #[test]
    fn a_model_that_is_none_leaves_no_folder() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("my");
        let bare = folder.path().join("bare");
        std::fs::create_dir(&bare).unwrap();
        for model in ["nowhere", "too/many/parts", "", "../gone/model", &bare.display().to_string()] {
            let error = init(&dir, Some(model), false, false).unwrap_err();
            assert_eq!(crate::failure::exit_code(&error), 2);
            assert!(error.to_string().starts_with("--model"), "{error}");
            assert!(!dir.exists());
        }
    }
}
