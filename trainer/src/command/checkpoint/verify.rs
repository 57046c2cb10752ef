//! `trainer checkpoint verify`: whether checkpoints are as they were written.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::Args;
use record::manifest::{FileState, Verification, VerifiedFile};
use record::run_folder::RunFolder;
use serde::Serialize;

use crate::failure::Usage;
use crate::stdout::print;

/// What `trainer checkpoint verify` takes.
#[derive(Debug, Args)]
pub(crate) struct VerifyCheckpointArgs {
    /// A checkpoint, or a run's folder, whose checkpoints are all looked at.
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Prints one JSON object: `{"whole", "files": [{"path", "bytes", "state"}], "problems"}`.
    #[arg(long)]
    json: bool,
}

/// What was found, of one checkpoint or of several.
#[derive(Debug, Default, Serialize)]
struct Findings {
    /// True where nothing is wrong.
    whole: bool,
    /// Every file, with its path within DIR.
    files: Vec<VerifiedFile>,
    /// What is wrong, each with its file.
    problems: Vec<String>,
}

/// Verifies, and prints what was found.
///
/// # Errors
/// There is no checkpoint (a usage error), or one is not whole.
pub(super) fn run(args: &VerifyCheckpointArgs) -> Result<()> {
    let findings = Findings::of(&args.dir)?;
    if args.json {
        print(format_args!("{}\n", serde_json::to_string_pretty(&findings)?))?;
    } else {
        print(findings.words())?;
    }
    let num_problems = findings.problems.len();
    if findings.whole {
        return Ok(());
    }
    bail!("{} is not whole: {num_problems} problem{}", args.dir.display(), if num_problems == 1 { "" } else { "s" });
}

impl Findings {
    fn of(dir: &Path) -> Result<Self> {
        if !dir.is_dir() {
            return Err(Usage::error(format!("{}: there is no such folder", dir.display())));
        }
        let mut findings = Self::default();
        if dir.join("checkpoints").is_dir() {
            let checkpoints = RunFolder::open(dir)?.checkpoints()?;
            if checkpoints.is_empty() {
                return Err(Usage::error(format!("{}: the run has no checkpoint", dir.display())));
            }
            for (_, path) in checkpoints {
                let place = path.strip_prefix(dir).unwrap_or(&path).display().to_string();
                findings.add(&format!("{place}/"), Verification::of(&path));
            }
        } else {
            // A link such as `last` is followed, so that the step in the folder's name is seen.
            findings.add("", Verification::of(&dir.canonicalize()?));
        }
        findings.whole = findings.problems.is_empty();
        Ok(findings)
    }

    fn add(&mut self, place: &str, found: Verification) {
        self.files
            .extend(found.files.into_iter().map(|file| VerifiedFile { path: format!("{place}{}", file.path), ..file }));
        self.problems.extend(found.problems.into_iter().map(|problem| format!("{place}{problem}")));
    }

    /// A line for each file and each problem.
    fn words(&self) -> String {
        let mut words = String::new();
        for VerifiedFile { path, bytes, state } in &self.files {
            let word = match state {
                FileState::Whole => "whole",
                FileState::Altered => "altered",
                FileState::Missing => "missing",
                FileState::Unreadable => "unreadable",
                FileState::Unlisted => "unlisted",
            };
            words += &format!("{word:<9} {bytes:>15} bytes  {path}\n");
        }
        for problem in &self.problems {
            words += &format!("problem   {problem}\n");
        }
        words
    }
}
