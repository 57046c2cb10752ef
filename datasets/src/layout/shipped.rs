//! The layouts that the program brings, and those of a team's own.

use std::path::Path;
use std::sync::{Arc, LazyLock};

use toml::Table;

use super::assignment::assign;
use super::definition::Layout;
use crate::error::DatasetError;
use crate::near::near;

/// Name and text of every file of `configs/layouts`.
const FILES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/layouts.rs"));

static SHIPPED: LazyLock<Vec<Arc<Layout>>> = LazyLock::new(|| {
    let parse = |(name, text): &(&str, &str)| match Layout::parse(name, text) {
        Ok(layout) => Arc::new(layout),
        Err(problem) => panic!("configs/layouts/{name}.toml: {problem}"),
    };
    FILES.iter().map(parse).collect()
});

/// The layouts that the program brings, by name.
///
/// # Panics
/// One of them is wrong, which the tests would have shown.
pub fn shipped() -> &'static [Arc<Layout>] {
    &SHIPPED
}

/// The layout of this name, or of a file; assignments override its keys.
///
/// # Errors
/// No layout has the name, the file cannot be read, or a key is wrong.
pub fn load(name_or_path: &str, assignments: &[String]) -> Result<Arc<Layout>, DatasetError> {
    if let Some(layout) = shipped().iter().find(|layout| layout.name == name_or_path) {
        return overridden(layout, assignments);
    }
    let path = Path::new(name_or_path);
    if path.extension().is_none_or(|ending| ending != "toml") {
        let near = near(name_or_path, shipped().iter().map(|layout| layout.name.as_str()));
        let hint = if near.is_empty() { String::new() } else { format!(" (near it: {})", near.join(", ")) };
        let problem = format!("there is no layout of this name{hint}; a file of your own ends in .toml");
        return Err(DatasetError::Layout { name: name_or_path.to_owned(), problem });
    }
    let text = std::fs::read_to_string(path);
    let text = text.map_err(|source| DatasetError::Read { path: path.to_owned(), source })?;
    let name = path.file_stem().map_or_else(String::new, |stem| stem.to_string_lossy().into_owned());
    let wrong = |problem| DatasetError::Layout { name: name_or_path.to_owned(), problem };
    let text = assigned(&text, assignments).map_err(wrong)?;
    Layout::parse(&name, &text).map(Arc::new).map_err(wrong)
}

/// The layout with assignments on its keys.
///
/// # Errors
/// A key or a value is wrong.
pub(crate) fn overridden(layout: &Arc<Layout>, assignments: &[String]) -> Result<Arc<Layout>, DatasetError> {
    if assignments.is_empty() {
        return Ok(layout.clone());
    }
    of_text(&layout.name, &layout.text, assignments)
}

/// The layout that assignments alone make.
///
/// # Errors
/// A key or a value is wrong, or one is missing.
pub(crate) fn assembled(assignments: &[String]) -> Result<Arc<Layout>, DatasetError> {
    of_text("own columns", "", assignments)
}

fn of_text(name: &str, text: &str, assignments: &[String]) -> Result<Arc<Layout>, DatasetError> {
    let layout = assigned(text, assignments).and_then(|text| Layout::parse(name, &text));
    layout.map(Arc::new).map_err(|problem| DatasetError::Layout { name: name.to_owned(), problem })
}

fn assigned(text: &str, assignments: &[String]) -> Result<String, String> {
    if assignments.is_empty() {
        return Ok(text.to_owned());
    }
    let mut table: Table = text.parse().map_err(|error: toml::de::Error| error.to_string())?;
    for assignment in assignments {
        assign(&mut table, assignment)?;
    }
    toml::to_string(&table).map_err(|error| error.to_string())
}
