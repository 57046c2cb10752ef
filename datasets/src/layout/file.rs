//! A layout's file: its keys, as TOML has them.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Table;

use super::records::Records;

/// The keys of a layout's file.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct LayoutFile {
    pub(super) about: String,
    pub(super) records: Records,
    pub(super) source: Option<String>,
    pub(super) license: Option<String>,
    pub(super) rows: BTreeMap<String, u64>,
    pub(super) split: Option<String>,
    pub(super) split_column: Option<String>,
    pub(super) columns: Option<Vec<String>>,
    pub(super) own: bool,
    pub(super) id: Option<String>,
    pub(super) kind: Option<String>,
    pub(super) prompt: Option<String>,
    pub(super) system: Option<String>,
    pub(super) conversation: Option<String>,
    pub(super) completion: Option<String>,
    pub(super) tools: Option<String>,
    pub(super) filter: Option<String>,
    pub(super) duplicates_by: Option<String>,
    pub(super) route: Option<String>,
    pub(super) recognise: Option<RecogniseFile>,
    pub(super) join: Option<JoinFile>,
    pub(super) preference: Option<PreferenceFile>,
    pub(super) routes: BTreeMap<String, String>,
    #[serde(rename = "let")]
    pub(super) named: Table,
    pub(super) tables: Table,
    pub(super) verifier: Table,
    pub(super) meta: Table,
}

/// `[recognise]`: the files that a layout fits.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RecogniseFile {
    pub(super) columns: Vec<String>,
    pub(super) absent: Vec<String>,
    pub(super) when: Option<String>,
    pub(super) files: Vec<String>,
}

/// `[join]`: a second file, whose rows are found by a key.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct JoinFile {
    pub(super) file: String,
    pub(super) key: String,
    #[serde(rename = "as")]
    pub(super) column: String,
}

/// `[preference]`: which completion is better.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct PreferenceFile {
    pub(super) chosen: Option<String>,
    pub(super) rejected: Option<String>,
    pub(super) first: Option<String>,
    pub(super) second: Option<String>,
    pub(super) strength: Option<String>,
    pub(super) tie: Option<String>,
}

/// `[verifier.LABEL]`: a verifier and what it judges by.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct VerifierFile {
    pub(super) name: Option<String>,
    pub(super) weight: Option<f32>,
    pub(super) kind: Option<String>,
    pub(super) when: Option<String>,
    pub(super) tests: Option<String>,
    pub(super) ground_truth: Option<toml::Value>,
}
