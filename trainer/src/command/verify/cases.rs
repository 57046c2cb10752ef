//! Cases for verifiers: a line of JSON for a completion, or for a group of them.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use datasets::{Message, Task, TaskKind, TaskVerifier};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use verifiers::{Judged, Verifiers};

use crate::failure::Usage;

/// A line of the input. Fields that are not named here are allowed: public data carries more.
#[derive(Deserialize)]
struct CaseLine {
    id: Value,
    verifier: Option<String>,
    #[serde(default)]
    ground_truth: Value,
    completion: Option<String>,
    completions: Option<Vec<String>>,
    #[serde(default)]
    messages: Vec<Message>,
    tools: Option<Value>,
    #[serde(default)]
    thinking_open: bool,
    source: Option<String>,
    meta: Option<Value>,
    #[serde(default, deserialize_with = "expected")]
    expected: Expected,
}

/// What a case says of its verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum Expected {
    /// Nothing.
    #[default]
    Unknown,
    /// Whether the completion passes.
    Passes(bool),
    /// That there is none.
    NoVerdict,
}

impl fmt::Display for Expected {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Unknown => "nothing",
            Self::Passes(true) => "a pass",
            Self::Passes(false) => "no pass",
            Self::NoVerdict => "no verdict",
        })
    }
}

fn expected<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Expected, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::Null => Expected::NoVerdict,
        Value::Bool(passes) => Expected::Passes(passes),
        _ => Expected::Unknown, // some other field of that name
    })
}

/// A completion, or a group of them, with the verifier that judges it.
pub(crate) struct Case {
    /// The line's id, as it stands there.
    pub id: Value,
    /// The completions; one unless the line has a group.
    pub group: Vec<Judged>,
    /// What the line says of its verdict.
    pub expected: Expected,
}

impl Case {
    /// The task; a group has one.
    pub(crate) fn task(&self) -> &Task {
        &self.group[0].task
    }

    /// The name of the verifier that judges it.
    pub(crate) fn verifier(&self) -> &str {
        &self.task().verifiers[0].name
    }
}

/// A file of cases whose lines are read, and held against no verifier yet.
pub(crate) struct CaseFile {
    path: PathBuf,
    /// Lines by their number, counted from 1.
    lines: Vec<(usize, CaseLine)>,
}

impl CaseFile {
    /// Reads a file.
    ///
    /// # Errors
    /// The file cannot be read, or a line is no case: a usage error that names file, line and field.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| path.display().to_string())?;
        let mut lines = Vec::new();
        for (index, line) in text.trim_start_matches('\u{feff}').lines().enumerate() {
            if !line.trim().is_empty() {
                let case = serde_json::from_str(line).map_err(|error| at_line(path, index + 1, &error.to_string()))?;
                lines.push((index + 1, case));
            }
        }
        Ok(Self { path: path.to_owned(), lines })
    }

    /// The verifiers that the lines name.
    pub(crate) fn verifier_names(&self) -> BTreeSet<String> {
        self.lines.iter().filter_map(|(_, line)| line.verifier.clone()).collect()
    }

    /// The cases, with their verifiers made ready; `verifier` judges them all where it is given.
    ///
    /// # Errors
    /// A usage error that names file, line and field, or a verifier that cannot work.
    pub(crate) async fn cases(self, verifiers: &Verifiers, verifier: Option<&str>) -> anyhow::Result<Vec<Case>> {
        let Self { path, lines } = self;
        let mut cases = Vec::with_capacity(lines.len());
        for (number, line) in lines {
            cases.push((number, case(line, verifiers, verifier).map_err(|problem| at_line(&path, number, &problem))?));
        }
        // A plug-in knows what it needs of a task once it is loaded.
        let names: BTreeSet<&str> = cases.iter().map(|(_, case)| case.verifier()).collect();
        verifiers.prepare(names).await.map_err(|error| Usage::error(error.to_string()))?;
        for (number, case) in &cases {
            verifiers.check(case.task()).map_err(|error| at_line(&path, *number, &error.to_string()))?;
        }
        Ok(cases.into_iter().map(|(_, case)| case).collect())
    }
}

fn at_line(path: &Path, number: usize, problem: &str) -> anyhow::Error {
    Usage::error(format!("{}: line {number}: {problem}", path.display()))
}

fn case(line: CaseLine, verifiers: &Verifiers, verifier: Option<&str>) -> Result<Case, String> {
    let completions = match (line.completion, line.completions) {
        (Some(completion), None) => vec![completion],
        (None, Some(completions)) if !completions.is_empty() => completions,
        (None, Some(_)) => return Err("`completions` is empty".to_owned()),
        _ => return Err("give either `completion` or `completions`".to_owned()),
    };
    let verifier = verifier.map(str::to_owned).or(line.verifier).ok_or("field `verifier` is missing")?;
    let id = line.id.as_str().map_or_else(|| line.id.to_string(), str::to_owned);
    let task = Task {
        tools: line.tools,
        source: line.source,
        meta: line.meta,
        ..Task::new(id, TaskKind::new("case"), line.messages, TaskVerifier::new(verifier, line.ground_truth))
    };
    verifiers.get(&task.verifiers[0].name).map_err(|error| error.to_string())?;
    let task = Arc::new(task);
    let thinking_open = line.thinking_open;
    let judged = |completion: String| Judged { thinking_open, ..Judged::new(task.clone(), completion) };
    let group = completions.into_iter().map(judged).collect();
    Ok(Case { id: line.id, group, expected: line.expected })
}
