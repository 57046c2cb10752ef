//! Tells the layout of a source by its first rows.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::DatasetError;
use crate::layout::{self, Layout, Records};
use crate::rows::{self, Options, Row};

/// Rows by which a layout is told.
const ROWS: usize = 16;
/// Fields of our own files; a row with two of them, of which one stands in the first four, is meant to be one.
const OWN_FIELDS: [&str; 6] = ["messages", "task", "verifier", "verifiers", "id", "ground_truth"];
/// Splits of which one is looked at where a folder has several: their columns are the same.
const SPLITS: [&str; 5] = ["test", "train", "validation", "dev", "val"];

/// The layout that the first rows fit, with assignments on it. Where none fits, the assignments may say all that is
/// needed; a file of JSON lines that looks like one of our own is read as one, whose errors say what it lacks.
pub(super) fn tell(
    paths: &[PathBuf],
    split: Option<&str>,
    assignments: &[String],
    wanted: Option<Records>,
) -> Result<Arc<Layout>, DatasetError> {
    if let Some(layout) = without_header(paths, split, wanted) {
        return layout::overridden(&layout, assignments);
    }
    let (first, error) = first_rows(paths, split);
    let is_plain = paths.len() == 1 && is_plain_json_lines(&paths[0]);
    if first.is_empty() {
        return match error {
            Some(error) if !is_plain || !paths[0].is_file() => Err(error),
            _ if is_plain => own(wanted.unwrap_or_default()),
            _ => {
                let path = paths.first().cloned().unwrap_or_default();
                let problem = "the dataset is empty; it needs at least one row".to_owned();
                Err(DatasetError::Source { path, problem })
            }
        };
    }
    match layout::recognise(&first, wanted) {
        Ok(layout) => layout::overridden(&layout, assignments),
        Err(_) if assignments.is_empty() && is_meant_as_own(&first[0]) => own(wanted.unwrap_or_default()),
        Err(error) if assignments.is_empty() => Err(error),
        Err(_) => layout::assembled(assignments),
    }
}

/// The layout of a CSV file that has no header: its first row is one like the others.
fn without_header(paths: &[PathBuf], split: Option<&str>, wanted: Option<Records>) -> Option<Arc<Layout>> {
    let is_csv = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().contains(".csv"));
    let fits = |layout: &Layout, columns: &[String]| {
        // Any split will do: their columns are the same.
        let split = split.or(layout.split.as_deref());
        let files = rows::files_of(paths, split).ok().filter(|files| files.iter().all(is_csv));
        let options = Options { split: None, columns: Some(columns.to_vec()) };
        let rows = files.and_then(|files| rows::open_with(&files, &options).ok());
        let first: Option<Vec<Row>> = rows.and_then(|rows| rows.take(ROWS).collect::<Result<_, _>>().ok());
        first.is_some_and(|first| !first.is_empty() && layout::fits_rows(layout, &first))
    };
    layout::without_header(wanted).find(|(layout, columns)| fits(layout, columns)).map(|(layout, _)| layout.clone())
}

/// The first rows, and the error that ended them.
fn first_rows(paths: &[PathBuf], split: Option<&str>) -> (Vec<Row>, Option<DatasetError>) {
    let opened = rows::open(paths, split).or_else(|error| {
        let any = SPLITS.iter().filter(|_| split.is_none()).find_map(|split| rows::open(paths, Some(split)).ok());
        // A column may say the split: the rows then tell whether it is there.
        any.or_else(|| rows::open(paths, None).ok().filter(|_| split.is_some())).ok_or(error)
    });
    let mut first = Vec::new();
    match opened {
        Err(error) => (first, Some(error)),
        Ok(rows) => {
            for row in rows.take(ROWS) {
                match row {
                    Ok(row) => first.push(row),
                    Err(error) => return (first, Some(error)),
                }
            }
            (first, None)
        }
    }
}

fn is_meant_as_own(row: &Row) -> bool {
    let has = |field: &&str| row.fields.contains_key(*field);
    OWN_FIELDS.iter().filter(|field| has(field)).count() >= 2 && OWN_FIELDS[..4].iter().any(has)
}

fn own(records: Records) -> Result<Arc<Layout>, DatasetError> {
    layout::load(&format!("ponder_{records}"), &[])
}

/// True for a file of JSON lines that is not compressed, by its name.
pub(super) fn is_plain_json_lines(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending == "jsonl")
}
