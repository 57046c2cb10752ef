//! Which layout a file has: by its columns, by what its first rows hold, by its name.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::definition::{Layout, Recognition};
use super::expression::{Columns, fits as fits_pattern};
use super::records::Records;
use super::shipped::shipped;
use super::step::Context;
use crate::error::DatasetError;
use crate::rows::Row;

/// The shipped layout that the first rows of a file fit. Where several do, the one that names more columns, or among
/// equal columns more conditions, is the file's; tasks come before preferences and traces where no kind is wanted.
///
/// # Errors
/// No layout fits, or several do equally: they are named.
pub fn recognise(rows: &[Row], wanted: Option<Records>) -> Result<Arc<Layout>, DatasetError> {
    let Some(first) = rows.first() else {
        return Err(DatasetError::Layout { name: "?".to_owned(), problem: "there is no row to tell it by".to_owned() });
    };
    let problem = |problem| DatasetError::Row { place: first.place.clone(), problem };
    let fitting: Vec<(&Arc<Layout>, &Recognition)> =
        recognisable(wanted).filter(|(layout, recognition)| fits(layout, recognition, rows)).collect();
    let best: Vec<&Arc<Layout>> = fitting
        .iter()
        .filter(|(layout, recognition)| {
            !fitting.iter().any(|(other, others)| {
                other.name != layout.name && other.records == layout.records && is_narrower(others, recognition)
            })
        })
        .map(|(layout, _)| *layout)
        .collect();
    let kind = [Records::Tasks, Records::Preferences, Records::Traces]
        .into_iter()
        .find(|kind| best.iter().any(|layout| layout.records == *kind));
    let best: Vec<&Arc<Layout>> = best.into_iter().filter(|layout| Some(layout.records) == kind).collect();
    match best.as_slice() {
        [layout] => Ok((*layout).clone()),
        [] => Err(problem(none_fits(&first.fields, wanted))),
        several => {
            let names: Vec<&str> = several.iter().map(|layout| layout.name.as_str()).collect();
            Err(problem(format!("the layouts {} fit equally; name the one that is meant", names.join(" and "))))
        }
    }
}

/// The shipped layouts of files without a header, with the columns' names.
pub(crate) fn without_header(
    wanted: Option<Records>,
) -> impl Iterator<Item = (&'static Arc<Layout>, &'static [String])> {
    let is_wanted = move |layout: &&Arc<Layout>| wanted.is_none_or(|wanted| layout.records == wanted);
    shipped().iter().filter(is_wanted).filter_map(|layout| Some((layout, layout.columns.as_deref()?)))
}

/// True where these first rows are of the layout.
pub(crate) fn fits_rows(layout: &Layout, rows: &[Row]) -> bool {
    let recognition = layout.recognition.as_ref();
    recognition.is_some_and(|recognition| fits(layout, recognition, rows))
}

fn recognisable(wanted: Option<Records>) -> impl Iterator<Item = (&'static Arc<Layout>, &'static Recognition)> {
    let is_wanted =
        move |layout: &&Arc<Layout>| layout.columns.is_none() && wanted.is_none_or(|wanted| layout.records == wanted);
    shipped().iter().filter(is_wanted).filter_map(|layout| Some((layout, layout.recognition.as_ref()?)))
}

/// True where a file that fits both is the first's: it names all columns of the other, and more or more conditions.
fn is_narrower(one: &Recognition, other: &Recognition) -> bool {
    let columns = |recognition: &Recognition| recognition.columns.iter().cloned().collect::<BTreeSet<_>>();
    let (ones, others) = (columns(one), columns(other));
    let conditions = |recognition: &Recognition| {
        usize::from(recognition.when.is_some()) + usize::from(!recognition.files.is_empty())
    };
    ones.is_superset(&others) && (ones != others || conditions(one) > conditions(other))
}

/// True where the first row has the columns, and the condition holds for half of the rows at least: one that is broken
/// is none of another set.
fn fits(layout: &Layout, recognition: &Recognition, rows: &[Row]) -> bool {
    let Some(first) = rows.first() else { return false };
    let has = |column: &String| has_column(&first.fields, column);
    let names_it = |pattern: &String| names_file(pattern, &first.place.file);
    let holds = |row: &&Row| {
        recognition.when.as_ref().is_none_or(|when| {
            let context = Context { place: &row.place, index: row.index, tables: &layout.tables, seed: 0 };
            let named = Map::new();
            when.holds(&Columns { fields: &row.fields, named: &named, context }).unwrap_or(false)
        })
    };
    recognition.columns.iter().all(has)
        && !recognition.absent.iter().any(has)
        && (recognition.files.is_empty() || recognition.files.iter().any(names_it))
        && rows.iter().filter(holds).count() * 2 >= rows.len()
}

/// True where a column is there; one with dots may be a part of another.
fn has_column(fields: &Map<String, Value>, column: &str) -> bool {
    if fields.contains_key(column) {
        return true;
    }
    let mut parts = column.split('.');
    let mut value = parts.next().and_then(|first| fields.get(first));
    for part in parts {
        value = value.and_then(|value| value.get(part));
    }
    value.is_some()
}

/// True where the end of a file's path, from any of its folders on, fits a pattern; case does not count.
fn names_file(pattern: &str, file: &Path) -> bool {
    let path = file.to_string_lossy().to_lowercase();
    let starts = path.char_indices().filter(|(at, _)| *at == 0 || path[..*at].ends_with('/')).map(|(at, _)| at);
    starts.into_iter().any(|start| fits_pattern(pattern, &path[start..]))
}

/// What to do about a file that no layout fits, with the layouts that miss least.
fn none_fits(fields: &Map<String, Value>, wanted: Option<Records>) -> String {
    let names: Vec<&str> = fields.keys().map(String::as_str).collect();
    let mut near: Vec<(usize, &str, Vec<&str>)> = recognisable(wanted)
        .filter(|(_, recognition)| !recognition.columns.is_empty())
        .map(|(layout, recognition)| {
            let missing = recognition.columns.iter().filter(|column| !has_column(fields, column));
            let missing: Vec<&str> = missing.map(String::as_str).collect();
            (missing.len(), layout.name.as_str(), missing)
        })
        .filter(|(missing, _, columns)| *missing > 0 && !columns.is_empty())
        .collect();
    near.sort();
    let near: Vec<String> =
        near.iter().take(2).map(|(_, name, missing)| format!("{name} lacks {}", missing.join(", "))).collect();
    let hint = if near.is_empty() { String::new() } else { format!(" ({})", near.join("; ")) };
    format!(
        "no layout fits the columns {}{hint}; name one with `layout`, or say where prompt and ground truth stand",
        names.join(", ")
    )
}
