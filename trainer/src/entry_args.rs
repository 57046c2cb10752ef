//! `--resume` and `--accept-changes`, which every command that trains takes.

use clap::{Args, ValueEnum};

use crate::open_run::Entry;
use crate::run::run_manifest::OnChange;

/// How a run's folder is entered.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct EntryArgs {
    /// Goes on with the run in the folder, from its newest whole checkpoint; `auto` starts one where there is none.
    #[arg(long, value_name = "auto|require", num_args = 0..=1, default_missing_value = "require",
        hide_possible_values = true)]
    pub resume: Option<ResumeMode>,
    /// Goes on although the run is not what it was started as, and writes the changes into its manifest.json.
    #[arg(long, requires = "resume")]
    pub accept_changes: bool,
}

/// What `--resume` does where there is no folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ResumeMode {
    /// Starts a run where there is no folder: one command for launchers that repeat it.
    Auto,
    /// Ends with an error where there is no folder.
    Require,
}

impl EntryArgs {
    /// The way into the folder.
    pub(crate) fn entry(self) -> Entry {
        let on_change = if self.accept_changes { OnChange::Accept } else { OnChange::Refuse };
        match self.resume {
            None => Entry::New,
            Some(ResumeMode::Auto) => Entry::Auto(on_change),
            Some(ResumeMode::Require) => Entry::Resume(on_change),
        }
    }
}
