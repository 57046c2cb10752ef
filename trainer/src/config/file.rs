//! Reading a configuration from a file and `--set`, with errors that name the file and the key.

use std::path::{Path, PathBuf};

use anyhow::Result;
use datasets::near::{did_you_mean, with_near_name};
use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::renamed::refuse_old_keys;
use super::run_sections::RUN_SECTIONS;
use crate::failure::Usage;

/// Origin of a configuration: a file, then assignments `section.key=value` in order.
#[derive(Clone, Debug, Default)]
pub(crate) struct Source<'a> {
    /// TOML file; defaults alone where absent.
    pub path: Option<&'a Path>,
    /// Assignments; a value is TOML, or else text.
    pub assignments: Vec<String>,
    /// Two folders: paths in the file that begin with the first are moved to the second.
    pub moved: Option<(PathBuf, PathBuf)>,
}

/// Reads, merges and parses a configuration.
///
/// # Errors
/// A usage error that names the file and the key: unreadable, not TOML, a renamed or unknown key (with the near one), a
/// wrong type.
pub(crate) fn load<C: DeserializeOwned>(source: &Source<'_>) -> Result<C> {
    parsed(source, source.read()?.as_deref())
}

/// Reads a part of a run's configuration, as [`load`]. Sections of other parts, and those of other programs, are not
/// looked at; one that is nearly a run's, or that is assigned, is refused.
///
/// # Errors
/// As [`load`].
pub(crate) fn load_part<C: DeserializeOwned>(source: &Source<'_>) -> Result<C> {
    let text = source.read()?;
    let table: Table = parsed(source, text.as_deref())?;
    for unknown in table.keys().filter(|key| !RUN_SECTIONS.contains(&key.as_str())) {
        let hint = did_you_mean(unknown, RUN_SECTIONS.iter().copied());
        let is_assigned =
            source.assignments.iter().any(|assigned| assigned.split(['.', '=']).next() == Some(unknown.as_str()));
        if !hint.is_empty() || is_assigned {
            let name = source.path.map_or_else(|| "--set".to_owned(), |_| format!("config {}", source.name()));
            return Err(Usage::error(format!("{name}: no run has the section `{unknown}`{hint}")));
        }
    }
    parsed(source, text.as_deref())
}

impl Source<'_> {
    /// The file as it is called in errors.
    fn name(&self) -> String {
        self.path.map_or("(defaults)".into(), |path| path.display().to_string())
    }

    /// The file's text; none where there is no file.
    fn read(&self) -> Result<Option<String>> {
        let Some(path) = self.path else { return Ok(None) };
        let text = std::fs::read_to_string(path);
        Ok(Some(text.map_err(|error| Usage::error(format!("config {}: {error}", self.name())))?))
    }
}

/// Parses the text of the source's file. An error quotes lines and assignments, and no token in them.
fn parsed<C: DeserializeOwned>(source: &Source<'_>, text: Option<&str>) -> Result<C> {
    parsed_openly(source, text).map_err(|error| {
        let mut tables = vec![text.and_then(|text| text.parse().ok()).unwrap_or_default()];
        for assignment in &source.assignments {
            let mut table = Table::new();
            // What is no assignment has no key, and so no token.
            let _ = assign(&mut table, assignment);
            tables.push(table);
        }
        let hide = |words: String, token: &str| words.replace(token, "…");
        Usage::error(tables.iter().flat_map(tokens).fold(error.to_string(), hide))
    })
}

/// Values of the keys `token` of a table and of the tables within.
fn tokens(table: &Table) -> Vec<&str> {
    let tokens = table.iter().flat_map(|(key, value)| match value {
        Value::String(text) if key == "token" && !text.is_empty() => vec![text.as_str()],
        Value::Table(inner) => tokens(inner),
        _ => Vec::new(),
    });
    tokens.collect()
}

/// As [`parsed`], with an error that quotes tokens too.
fn parsed_openly<C: DeserializeOwned>(source: &Source<'_>, text: Option<&str>) -> Result<C> {
    let name = source.name();
    let Some(text) = text else { return assigned(source, Table::new(), &name) };
    let wrong = |reason: &str| Usage::error(format!("config {name}: {}", with_near_name(reason)));
    let table: Table = text.parse().map_err(|error: toml::de::Error| wrong(&error.to_string()))?;
    refuse_old_keys(&table).map_err(|reason| wrong(&reason))?;
    // Parse the text itself where nothing changes it: errors then show the line of the file.
    if source.assignments.is_empty() && source.moved.is_none() {
        return toml::from_str(text).map_err(|error| wrong(&error.to_string()));
    }
    assigned(source, table, &name).map_err(|error| match toml::from_str::<C>(text) {
        // The file has the same fault by itself: show its own line.
        Err(own) if error.to_string().contains(own.message()) => wrong(&own.to_string()),
        _ => error,
    })
}

/// Parses the file's table with the source's assignments and moved paths.
fn assigned<C: DeserializeOwned>(source: &Source<'_>, mut table: Table, name: &str) -> Result<C> {
    if let Some((from, to)) = &source.moved {
        table.iter_mut().for_each(|(_, value)| move_paths(value, from, to));
    }
    for assignment in &source.assignments {
        let assigned = assign(&mut table, assignment).and_then(|()| refuse_old_keys(&table));
        assigned.map_err(|reason| Usage::error(format!("--set {assignment}: {reason}")))?;
    }
    // Write the table and read it again, so that an error shows the line that an assignment became.
    let text = toml::to_string(&table).map_err(|error| Usage::error(format!("config {name}: {error}")))?;
    toml::from_str(&text).map_err(|error| {
        let sets = source.assignments.join(" --set ");
        let problem = with_near_name(&error.to_string());
        Usage::error(format!("config {name} with --set {sets}: {problem}"))
    })
}

fn assign(table: &mut Table, assignment: &str) -> std::result::Result<(), String> {
    let (key, value) = assignment.split_once('=').ok_or("is not section.key=value")?;
    let mut path: Vec<&str> = key.trim().split('.').collect();
    let last = path.pop().filter(|last| !last.is_empty()).ok_or("has no key")?;
    let mut table = table;
    for part in path {
        let entry = table.entry(part).or_insert_with(|| Value::Table(Table::new()));
        table = entry.as_table_mut().ok_or_else(|| format!("`{part}` is a value, not a section"))?;
    }
    table.insert(last.to_owned(), parse(value.trim()));
    Ok(())
}

/// Moves every text that is a path below `from` to the same path below `to`.
fn move_paths(value: &mut Value, from: &Path, to: &Path) {
    match value {
        Value::String(text) => {
            if let Ok(rest) = Path::new(text.as_str()).strip_prefix(from) {
                *text = to.join(rest).display().to_string();
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| move_paths(value, from, to)),
        Value::Table(table) => table.iter_mut().for_each(|(_, value)| move_paths(value, from, to)),
        _ => {}
    }
}

/// The text as a TOML value; the text itself where it is none.
fn parse(value: &str) -> Value {
    format!("x = {value}")
        .parse::<Table>()
        .ok()
        .and_then(|mut table| table.remove("x"))
        .unwrap_or_else(|| Value::String(value.to_owned()))
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Default, Deserialize, PartialEq)]
    #[serde(default, deny_unknown_fields)]
    struct Inner {
        steps: u64,
        name: String,
        rates: Vec<f64>,
    }

    #[derive(Debug, Default, Deserialize, PartialEq)]
    #[serde(default, deny_unknown_fields)]
    struct Outer {
        train: Inner,
    }

    #[test]
    fn assignments_win_over_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.toml");
        std::fs::write(&path, "[train]\nsteps = 3\nname = \"a\"\n").unwrap();
        let assignments = vec!["train.name=b c".to_owned(), "train.rates=[0.5, 1.0]".to_owned()];
        let config: Outer = load(&Source { path: Some(&path), assignments, moved: None }).unwrap();
        assert_eq!(config.train, Inner { steps: 3, name: "b c".into(), rates: vec![0.5, 1.0] });
    }

    #[test]
    fn an_unknown_key_is_named_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.toml");
        std::fs::write(&path, "[train]\nsteps = 3\nstps = 4\n").unwrap();
        let error = load::<Outer>(&Source { path: Some(&path), ..Source::default() }).unwrap_err();
        assert_eq!(crate::failure::exit_code(&error), 2);
        let text = error.to_string();
        assert!(text.contains("run.toml") && text.contains("stps") && text.contains("line 3"), "{text}");
    }

    #[test]
    fn a_renamed_key_is_named_with_its_new_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.toml");
        std::fs::write(&path, "[rollout]\nengine.max_batch = 8\n").unwrap();
        let old_file = Source { path: Some(&path), ..Source::default() };
        let old_set = Source { assignments: vec!["rollout.engine.max_batch=8".to_owned()], ..Source::default() };
        for (source, place) in [(old_file, "run.toml"), (old_set, "--set rollout.engine.max_batch=8")] {
            let error = load::<Outer>(&source).unwrap_err();
            assert_eq!(crate::failure::exit_code(&error), 2);
            let text = error.to_string();
            assert!(text.contains(place) && text.contains("`rollout.engine.max_sequences`"), "{text}");
        }
    }

    #[test]
    fn no_token_is_quoted() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.toml");
        std::fs::write(&path, "[sandbox]\ntoken = \"a secret\"\n").unwrap();
        let said = |path: Option<&Path>, sets: &[&str]| {
            let assignments = sets.iter().map(|set| (*set).to_owned()).collect();
            load::<crate::config::ReinforceRun>(&Source { path, assignments, moved: None }).unwrap_err().to_string()
        };
        for (words, error) in [
            ("token = \"…\"", said(Some(&path), &[])),
            ("sandbox.token=… --set update.stepz=3", said(None, &["sandbox.token=secret", "update.stepz=3"])),
            ("stepz", said(None, &["sandbox={server={token='secret'}}", "update.stepz=3"])),
        ] {
            assert!(error.contains(words) && !error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn a_wrong_assignment_is_named() {
        let assignments = vec!["train.steps=many".to_owned()];
        let error = load::<Outer>(&Source { assignments, ..Source::default() }).unwrap_err().to_string();
        assert!(error.contains("train.steps=many") && error.contains("invalid type"), "{error}");
    }
}
