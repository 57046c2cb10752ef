//! `[eval] suites`: published suites that a run is measured on, by their own protocols.

use std::path::PathBuf;

use anyhow::Result;
use evaluation::SuiteSource;
use serde::{Deserialize, Serialize};

use super::data::{Paths, SourceSection};

/// A suite and its data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SuiteSection {
    /// `NAME[@VERSION]` of a suite that ships, or a suite's TOML file.
    pub suite: String,
    /// The suite's files or folder, or the name of a data set of the hub.
    pub path: Paths,
    /// Layout of the rows, where the suite takes several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub layout: Option<PathBuf>,
    /// Assignments `key=value` over the layout.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub set: Vec<String>,
    /// Split of a folder, in the place of the suite's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<String>,
    /// Number of tasks, the same ones in every run; all where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    /// Number of completions of each task, in the place of the suite's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub samples: Option<usize>,
    /// Longest completion in tokens, in the place of the suite's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_new_tokens: Option<usize>,
}

impl SuiteSection {
    /// The files, and how their rows are read.
    pub(crate) fn source(&self) -> SuiteSource {
        SuiteSource {
            layout: self.layout.as_ref().map(|layout| layout.display().to_string()),
            set: self.set.clone(),
            split: self.split.clone(),
            ..SuiteSource::new(&self.path.0)
        }
    }

    /// Checks the values; `key` is where the section stands.
    ///
    /// # Errors
    /// A usage error that names the key.
    pub(crate) fn validate(&self, key: &str) -> Result<()> {
        SourceSection { limit: self.limit, ..SourceSection::of(self.path.clone()) }.validate(key)
    }
}
