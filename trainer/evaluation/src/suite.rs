//! A suite: a layout of data and a protocol, with where each number comes from and what is known to be wrong.

use std::collections::BTreeMap;
use std::fmt;

use datasets::near::with_near_name;
use serde::{Deserialize, Serialize};

use crate::error::EvaluationError;
use crate::protocol::{Protocol, ProtocolOverride};
use crate::suite_name::{SuiteName, Window};

/// A suite as its TOML file has it, at one version and window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Suite {
    /// The name by which it is asked for.
    pub name: String,
    /// A name for people.
    pub title: String,
    /// The licence of the data, which are never shipped.
    pub licence: String,
    /// The layouts of data that it accepts, by name; an empty list accepts any.
    #[serde(default)]
    pub layouts: Vec<String>,
    /// Those of them whose conversations are complete: no template and no system turn is put around them.
    #[serde(default)]
    pub asked_as_given: Vec<String>,
    /// The numbers of rows that a copy of the set may have; another number is said and marks the figure.
    #[serde(default)]
    pub num_rows: RowCounts,
    /// The first and the last id that belong to the suite, where ids are numbers and the file holds more.
    #[serde(default)]
    pub ids: Option<[i64; 2]>,
    /// True where the set has equal prompts under several ids, which elsewhere is an error.
    #[serde(default)]
    pub has_repeated_prompts: bool,
    /// True where the choices have no order of their own, so that each task shows them in an order drawn for it.
    #[serde(default)]
    pub shuffles_choices: bool,
    /// The part of a task (`subject`, `category`, `subset`) by which figures are given beside the whole.
    #[serde(default)]
    pub by: Option<String>,
    /// How figures of the parts become an overall one, where the set has such a rule.
    #[serde(default)]
    pub overall: Option<Overall>,
    /// How it is asked and judged.
    pub protocol: Protocol,
    /// The version that is meant where none is named.
    #[serde(default)]
    pub default_version: Option<String>,
    /// Versions by name.
    #[serde(default)]
    pub versions: BTreeMap<String, SuiteVersion>,
    /// The source of each number, by its key.
    #[serde(default)]
    pub sources: BTreeMap<String, String>,
    /// Tasks that are known to be wrong.
    #[serde(default)]
    pub errata: Vec<Erratum>,
    /// The version that was asked for.
    #[serde(default, skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The window that was asked for.
    #[serde(default, skip_deserializing, skip_serializing_if = "Option::is_none")]
    pub window: Option<Window>,
}

/// How the figures of a suite's parts become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overall {
    /// BFCL's: the means of the non-live, live and irrelevance categories.
    Bfcl,
    /// RewardBench's four sections.
    RewardBench,
    /// RewardBench 2's mean over subsets, with the score of the ties.
    RewardBench2,
}

/// A version of a suite: what differs from the suite itself.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SuiteVersion {
    /// The numbers of rows that a copy may have.
    pub num_rows: RowCounts,
    /// Number of the set's files that belong to it, from the first on, where the set is published in increments.
    pub files: Option<usize>,
    /// The beginning of the names of its files, where a folder holds those of several versions.
    pub file_prefix: Option<String>,
    /// The layouts that it accepts.
    pub layouts: Option<Vec<String>>,
    /// The first and the last id that belong to it.
    pub ids: Option<[i64; 2]>,
}

/// The numbers of rows that a copy of a set may have: one, or several where copies differ.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "OneOrMore", into = "OneOrMore")]
pub struct RowCounts(pub Vec<u64>);

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum OneOrMore {
    One(u64),
    More(Vec<u64>),
}

impl From<OneOrMore> for RowCounts {
    fn from(counts: OneOrMore) -> Self {
        match counts {
            OneOrMore::One(count) => Self(vec![count]),
            OneOrMore::More(counts) => Self(counts),
        }
    }
}

impl From<RowCounts> for OneOrMore {
    fn from(counts: RowCounts) -> Self {
        match counts.0.as_slice() {
            [only] => Self::One(*only),
            _ => Self::More(counts.0),
        }
    }
}

impl fmt::Display for RowCounts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts: Vec<String> = self.0.iter().map(u64::to_string).collect();
        formatter.write_str(&counts.join(" or "))
    }
}

/// A task that is known to be wrong. The official figure keeps it as it is; the corrected one does not.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Erratum {
    /// The task's id, or the title that its `meta` has; several where copies of the set number it otherwise.
    pub ids: Vec<String>,
    /// The fault.
    pub reason: String,
    /// Who found it.
    pub source: String,
    /// The right key; where absent the task is left out of the corrected figure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
}

/// Several suites under one name, with the settings that they share.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SuiteGroup {
    /// The name by which it is asked for.
    pub name: String,
    /// A name for people.
    pub title: String,
    /// Settings of all members.
    #[serde(default)]
    pub protocol: ProtocolOverride,
    /// The suites, in their order.
    pub members: Vec<GroupMember>,
    /// The source of each number, by its key.
    pub sources: BTreeMap<String, String>,
}

/// A suite of a group.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupMember {
    /// The suite, with version and window.
    pub suite: String,
    /// Settings of this member alone.
    #[serde(default)]
    pub protocol: ProtocolOverride,
}

impl Suite {
    /// The suite that a file of a person's own tasks is: of any layout, under `protocol`.
    pub fn of_file(name: &str, protocol: Protocol) -> Self {
        Self {
            name: name.to_owned(),
            title: name.to_owned(),
            licence: String::new(),
            layouts: Vec::new(),
            asked_as_given: Vec::new(),
            num_rows: RowCounts::default(),
            ids: None,
            has_repeated_prompts: true,
            shuffles_choices: false,
            by: None,
            overall: None,
            protocol,
            default_version: None,
            versions: BTreeMap::new(),
            sources: BTreeMap::new(),
            errata: Vec::new(),
            version: None,
            window: None,
        }
    }

    /// Reads a suite's file. `place` is its path, for errors.
    ///
    /// # Errors
    /// The text is no suite; the key is named.
    pub fn parse(text: &str, place: &str) -> Result<Self, EvaluationError> {
        let fail = |problem: String| EvaluationError::SuiteFile { place: place.to_owned(), problem };
        let suite: Self = toml::from_str(text).map_err(|error| fail(with_near_name(&error.to_string())))?;
        suite.protocol.check(&suite.name)?;
        if let Some(default) = suite.default_version.as_ref().filter(|name| !suite.versions.contains_key(*name)) {
            return Err(fail(format!("default_version `{default}` stands in no [versions]")));
        }
        if let Some(missing) = suite.asked_as_given.iter().find(|name| !suite.layouts.contains(name)) {
            return Err(fail(format!("asked_as_given names the layout `{missing}`, which is not in `layouts`")));
        }
        Ok(suite)
    }

    /// The suite at the version and window of `name`.
    ///
    /// # Errors
    /// There is no such version; those that there are stand in the message.
    pub fn at(mut self, name: &SuiteName) -> Result<Self, EvaluationError> {
        let chosen = name.version.as_ref().or(self.default_version.as_ref()).cloned();
        if let Some(version) = &chosen {
            let Some(found) = self.versions.get(version).cloned() else {
                let known: Vec<&str> = self.versions.keys().map(String::as_str).collect();
                let known = if known.is_empty() { "it has none".to_owned() } else { known.join(", ") };
                let problem = format!("there is no version `{version}`; known: {known}");
                return Err(EvaluationError::Version { name: name.to_string(), problem });
            };
            self.num_rows = found.num_rows;
            self.layouts = found.layouts.unwrap_or(self.layouts);
            self.ids = found.ids.or(self.ids);
        }
        self.version = name.version.clone();
        self.window = name.window.clone();
        Ok(self)
    }

    /// The suite as it was asked for: name, version and window.
    pub fn full_name(&self) -> String {
        let name = SuiteName { name: self.name.clone(), version: self.version.clone(), window: self.window.clone() };
        name.to_string()
    }
}
