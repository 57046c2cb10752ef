//! A layout, checked: where the parts of a record stand in a row.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Map, Value};
use toml::Table;

use super::expression::Columns;
use super::file::{LayoutFile, PreferenceFile, RecogniseFile, VerifierFile};
use super::records::Records;
use super::step::Context;
use super::tree::{Expression, Tree};
use crate::near::with_near_name;
use crate::rows::{Place, PlaceUnit};

/// A layout: what the rows of a data set mean.
#[derive(Debug)]
pub struct Layout {
    /// The layout's name: that of its file without the ending.
    pub name: String,
    /// The data set, in a sentence.
    pub about: String,
    /// The records that its rows give.
    pub records: Records,
    /// The data set as the hub or its repository names it.
    pub source: Option<String>,
    /// The licence that the data set's authors state; `None` where none is known.
    pub license: Option<String>,
    /// Published number of rows by split.
    pub rows: BTreeMap<String, u64>,
    /// The split that is read of a folder with several, where none is named.
    pub split: Option<String>,
    /// True for this project's own files.
    pub is_own: bool,
    /// The text of the file, as it was read and overridden.
    pub(crate) text: String,
    pub(crate) split_column: Option<String>,
    /// Names of the columns of a file without a header.
    pub(crate) columns: Option<Vec<String>>,
    pub(crate) id: Option<Expression>,
    pub(crate) kind: Option<String>,
    pub(crate) prompt: Option<Expression>,
    pub(crate) system: Option<Expression>,
    pub(crate) conversation: Option<Expression>,
    pub(crate) completion: Option<Expression>,
    pub(crate) tools: Option<Expression>,
    pub(crate) filter: Option<Expression>,
    pub(crate) duplicates_by: Option<Expression>,
    pub(crate) route: Option<Route>,
    pub(crate) named: Vec<(String, Tree)>,
    pub(crate) tables: Map<String, Value>,
    pub(crate) verifiers: Vec<LayoutVerifier>,
    pub(crate) meta: Vec<(String, Tree)>,
    pub(crate) recognition: Option<Recognition>,
    pub(crate) join: Option<Join>,
    pub(crate) preference: Option<Preference>,
}

/// A verifier of a layout's tasks.
#[derive(Debug)]
pub(crate) struct LayoutVerifier {
    /// The key in `[verifier]`, by which routes find it.
    pub(crate) label: String,
    /// The verifier's name; found by the form of the tests where there are some.
    pub(crate) name: String,
    pub(crate) weight: f32,
    pub(crate) kind: Option<String>,
    pub(crate) when: Option<Expression>,
    pub(crate) tests: Option<Expression>,
    pub(crate) ground_truth: Option<Tree>,
}

/// The column whose words say which verifier judges, and the table of the words.
#[derive(Debug)]
pub(crate) struct Route {
    pub(crate) by: Expression,
    /// Patterns of words, each with a verifier's label.
    pub(crate) words: BTreeMap<String, String>,
}

/// The files that a layout fits.
#[derive(Debug)]
pub(crate) struct Recognition {
    pub(crate) columns: Vec<String>,
    pub(crate) absent: Vec<String>,
    pub(crate) when: Option<Expression>,
    /// Patterns of the file's name, or of the end of its path.
    pub(crate) files: Vec<String>,
}

/// A second file, whose rows are found by a key.
#[derive(Debug)]
pub(crate) struct Join {
    /// The file, relative to the folder of the first.
    pub(crate) file: Expression,
    /// The column of both that is the same.
    pub(crate) key: String,
    /// The column that the second file's row becomes.
    pub(crate) column: String,
}

/// Which completion is better.
#[derive(Debug)]
pub(crate) enum Preference {
    /// The better and the worse have columns of their own.
    Columns { chosen: Expression, rejected: Expression, tie: Option<Expression> },
    /// A number says it: below 0 the first is better, above 0 the second, and 0 is a tie.
    Strength { first: Expression, second: Expression, strength: Expression },
}

impl Layout {
    /// Reads a layout's file. The error says which key is wrong.
    pub(super) fn parse(name: &str, text: &str) -> Result<Self, String> {
        let file: LayoutFile = toml::from_str(text).map_err(|error| with_near_name(&error.to_string()))?;
        let expression = |key: &str, text: Option<&String>| {
            text.map(|text| Expression::parse(text).map_err(|problem| format!("{key}: {problem}"))).transpose()
        };
        let tables = serde_json::to_value(&file.tables).map_err(|error| format!("tables: {error}"))?;
        let verifiers = file.verifier.iter().map(|(label, value)| verifier(label, value.clone()));
        let verifiers: Vec<LayoutVerifier> = verifiers.collect::<Result<_, _>>()?;
        let route = match expression("route", file.route.as_ref())? {
            None if file.routes.is_empty() => None,
            None => return Err("[routes] needs `route`, the column whose words it maps".to_owned()),
            Some(by) => Some(Route { by, words: file.routes.clone() }),
        };
        for label in file.routes.values() {
            if !verifiers.iter().any(|verifier| verifier.label == *label) {
                let labels: Vec<&str> = verifiers.iter().map(|verifier| verifier.label.as_str()).collect();
                return Err(format!("routes: there is no [verifier.{label}]; there are {}", labels.join(", ")));
            }
        }
        let join = file.join.as_ref().map(|join| {
            let file = Expression::parse(&join.file).map_err(|problem| format!("join.file: {problem}"))?;
            Ok::<_, String>(Join { file, key: join.key.clone(), column: join.column.clone() })
        });
        let layout = Self {
            name: name.to_owned(),
            text: text.to_owned(),
            is_own: file.own,
            id: expression("id", file.id.as_ref())?,
            prompt: expression("prompt", file.prompt.as_ref())?,
            system: expression("system", file.system.as_ref())?,
            conversation: expression("conversation", file.conversation.as_ref())?,
            completion: expression("completion", file.completion.as_ref())?,
            tools: expression("tools", file.tools.as_ref())?,
            filter: expression("filter", file.filter.as_ref())?,
            duplicates_by: expression("duplicates_by", file.duplicates_by.as_ref())?,
            route,
            named: trees("let", &file.named)?,
            meta: trees("meta", &file.meta)?,
            tables: match tables {
                Value::Object(tables) => tables,
                _ => Map::new(),
            },
            verifiers,
            recognition: file.recognise.as_ref().map(recognition).transpose()?,
            join: join.transpose()?,
            preference: file.preference.as_ref().map(preference).transpose()?,
            about: file.about,
            records: file.records,
            source: file.source,
            license: file.license,
            rows: file.rows,
            split: file.split,
            split_column: file.split_column,
            columns: file.columns,
            kind: file.kind,
        };
        layout.check()?;
        Ok(layout)
    }

    /// Checks that the keys that the records need are there.
    fn check(&self) -> Result<(), String> {
        let missing = match self.records {
            _ if self.is_own => None,
            Records::Tasks if self.prompt.is_none() => Some("`prompt`, the question or the conversation to complete"),
            Records::Tasks if self.verifiers.is_empty() => Some("[verifier.NAME], which judges a completion"),
            Records::Traces if self.conversation.is_none() && (self.prompt.is_none() || self.completion.is_none()) => {
                Some("`conversation`, or `prompt` and `completion`")
            }
            Records::Preferences if self.preference.is_none() => {
                Some("[preference] with chosen and rejected, or with first, second and strength")
            }
            _ => None,
        };
        missing.map_or(Ok(()), |missing| Err(format!("a layout of {} needs {missing}", self.records)))
    }

    /// The file that is read beside a file, where there is one.
    pub(crate) fn joined_file(&self, file: &Path) -> Option<PathBuf> {
        let join = self.join.as_ref()?;
        let place = Place { file: Arc::from(file), row: 0, unit: PlaceUnit::Row };
        let context = Context { place: &place, index: 0, tables: &self.tables, seed: 0 };
        let none = Map::new();
        let name = join.file.value(&Columns { fields: &none, named: &none, context }).ok()?;
        Some(file.parent()?.join(name.as_str()?))
    }

    /// The verifiers by name, each once; those that tests choose are all that they may choose.
    pub fn verifier_names(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for verifier in &self.verifiers {
            let all = if verifier.tests.is_some() { CODE_VERIFIERS.to_vec() } else { vec![verifier.name.as_str()] };
            names.extend(all.into_iter().filter(|name| !names.contains(name)).collect::<Vec<_>>());
        }
        names
    }

    /// The columns and the expressions that parts of a record are made of, for showing: part and expression.
    pub fn mapping(&self) -> Vec<(String, String)> {
        let Ok(table) = self.text.parse::<Table>() else { return Vec::new() };
        let mut mapping = Vec::new();
        for key in ["id", "system", "prompt", "conversation", "completion", "tools", "filter", "duplicates_by", "route"]
        {
            if let Some(toml::Value::String(text)) = table.get(key) {
                mapping.push((key.to_owned(), text.clone()));
            }
        }
        for section in ["let", "verifier", "preference", "meta"] {
            if let Some(value) = table.get(section) {
                flatten(section, value, &mut mapping);
            }
        }
        mapping
    }
}

/// Verifiers that a set of tests chooses among by its form.
pub(crate) const CODE_VERIFIERS: [&str; 3] = ["code_stdio", "code_function", "code_asserts"];

fn flatten(path: &str, value: &toml::Value, mapping: &mut Vec<(String, String)>) {
    match value {
        toml::Value::Table(table) if !table.contains_key("choose") => {
            for (key, value) in table {
                flatten(&format!("{path}.{key}"), value, mapping);
            }
        }
        toml::Value::String(text) => mapping.push((path.to_owned(), text.clone())),
        other => mapping.push((path.to_owned(), other.to_string())),
    }
}

fn trees(section: &str, table: &Table) -> Result<Vec<(String, Tree)>, String> {
    let parse = |(name, value): (&String, &toml::Value)| {
        let tree = Tree::parse(value).map_err(|problem| format!("{section}.{name}: {problem}"))?;
        Ok((name.clone(), tree))
    };
    table.iter().map(parse).collect()
}

fn verifier(label: &str, value: toml::Value) -> Result<LayoutVerifier, String> {
    let problem = |problem: String| format!("verifier.{label}: {problem}");
    let file: VerifierFile = value.try_into().map_err(|error: toml::de::Error| problem(error.message().to_owned()))?;
    let expression = |text: Option<&String>| text.map(|text| Expression::parse(text)).transpose().map_err(problem);
    let weight = file.weight.unwrap_or(1.0);
    if !(weight >= 0.0 && weight.is_finite()) {
        return Err(problem(format!("weight is {weight}; it must be a number of at least 0")));
    }
    Ok(LayoutVerifier {
        label: label.to_owned(),
        name: file.name.clone().unwrap_or_else(|| label.to_owned()),
        weight,
        when: expression(file.when.as_ref())?,
        tests: expression(file.tests.as_ref())?,
        ground_truth: file.ground_truth.as_ref().map(Tree::parse).transpose().map_err(problem)?,
        kind: file.kind,
    })
}

fn recognition(file: &RecogniseFile) -> Result<Recognition, String> {
    let when = file.when.as_ref().map(|text| Expression::parse(text)).transpose();
    Ok(Recognition {
        columns: file.columns.clone(),
        absent: file.absent.clone(),
        when: when.map_err(|problem| format!("recognise.when: {problem}"))?,
        files: file.files.clone(),
    })
}

fn preference(file: &PreferenceFile) -> Result<Preference, String> {
    let parse =
        |key: &str, text: &str| Expression::parse(text).map_err(|problem| format!("preference.{key}: {problem}"));
    match (&file.chosen, &file.rejected, &file.first, &file.second, &file.strength) {
        (Some(chosen), Some(rejected), None, None, None) => Ok(Preference::Columns {
            chosen: parse("chosen", chosen)?,
            rejected: parse("rejected", rejected)?,
            tie: file.tie.as_ref().map(|tie| parse("tie", tie)).transpose()?,
        }),
        (None, None, Some(first), Some(second), Some(strength)) if file.tie.is_none() => Ok(Preference::Strength {
            first: parse("first", first)?,
            second: parse("second", second)?,
            strength: parse("strength", strength)?,
        }),
        _ => Err("[preference] has chosen and rejected (and tie), or first, second and strength".to_owned()),
    }
}
