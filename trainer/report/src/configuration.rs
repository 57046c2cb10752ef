//! The saved configuration of a run: a table for each section, folded away. Must not know which keys there are.

use std::fmt::Write;

use super::html::escape;
use super::run_data::RunData;

/// The configuration as a folded block; empty when the run has none.
pub(crate) fn section(run: &RunData) -> String {
    let Some(config) = run.config.as_ref().filter(|config| !config.is_empty()) else {
        return String::new();
    };
    let mut groups = Vec::new();
    flatten("", config, &mut groups);
    let mut out = String::from("<details class=\"config\"><summary>Configuration</summary><div class=\"settings\">");
    for (section, settings) in groups {
        let heading = if section.is_empty() { "run" } else { &section };
        let _ = write!(out, "<table><caption>{}</caption>", escape(heading));
        for (key, value) in settings {
            let _ = write!(out, "<tr><th>{}</th><td>{}</td></tr>", escape(&key), escape(&value));
        }
        out.push_str("</table>");
    }
    out + "</div></details>"
}

/// Path of a table, and its scalars as key and text.
type Group = (String, Vec<(String, String)>);

/// Scalars of each table under the table's dotted path, outer tables first.
fn flatten(path: &str, table: &toml::Table, groups: &mut Vec<Group>) {
    let scalars: Vec<(String, String)> =
        table.iter().filter(|(_, value)| !value.is_table()).map(|(key, value)| (key.clone(), show(value))).collect();
    if !scalars.is_empty() {
        groups.push((path.to_owned(), scalars));
    }
    for (key, value) in table {
        if let toml::Value::Table(inner) = value {
            let inner_path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            flatten(&inner_path, inner, groups);
        }
    }
}

fn show(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
