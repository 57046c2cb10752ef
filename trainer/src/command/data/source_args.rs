//! The arguments that say what data are read, and how.

use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use datasets::DataSource;

use crate::named_files::NamedFiles;

/// Files of data, and how they are read.
#[derive(Debug, Args)]
pub(super) struct SourceArgs {
    /// Files or folders, or names of data sets of the hub, which are one source.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Layout of the rows: the name of one that is shipped, or a TOML file; told by the columns where absent.
    #[arg(long, value_name = "NAME")]
    layout: Option<String>,
    /// Overrides one key of the layout (may be given several times).
    #[arg(long, value_name = "KEY=VALUE")]
    set_layout: Vec<String>,
    /// Split of a folder.
    #[arg(long, value_name = "NAME")]
    split: Option<String>,
    /// Condition that a row must meet.
    #[arg(long, value_name = "CONDITION")]
    filter: Option<String>,
}

impl SourceArgs {
    /// Puts folders in the place of names of the hub.
    ///
    /// # Errors
    /// Something is neither here nor at the hub, or the user interrupts.
    pub(super) async fn fetch(&mut self, named: &NamedFiles) -> Result<()> {
        let splits: Vec<String> = self.split.iter().cloned().collect();
        for file in &mut self.files {
            named.data("FILE", file, &splits).await?;
        }
        Ok(())
    }

    /// The source of these files.
    pub(super) fn source(&self) -> DataSource {
        DataSource {
            layout: self.layout.clone(),
            set: self.set_layout.clone(),
            split: self.split.clone(),
            filter: self.filter.clone(),
            ..DataSource::new(&self.files)
        }
    }
}
