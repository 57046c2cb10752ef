//! Places in a TOML file: keys joined by dots, `[]` for the first table of a list, and `NAME` for one of any name.

use toml::{Table, Value};

pub(super) fn below(place: &str, key: &str) -> String {
    if place.is_empty() || key.is_empty() { format!("{place}{key}") } else { format!("{place}.{key}") }
}

/// The heading of the table at a place: `[a.b]`, or `[[a.b]]` of a list.
pub(super) fn brackets(place: &str) -> String {
    match place.strip_suffix(".[]") {
        Some(list) => format!("[[{list}]]"),
        None => format!("[{place}]"),
    }
}

pub(super) fn get<'v>(file: &'v Value, place: &str) -> Option<&'v Value> {
    let mut parts = place.split('.').filter(|part| !part.is_empty());
    parts.try_fold(file, |value, part| if part == "[]" { value.get(0) } else { value.get(part) })
}

/// The value at a place, with the tables and lists on the way there.
pub(super) fn make<'v>(file: &'v mut Value, place: &str) -> &'v mut Value {
    let mut value = file;
    let mut parts = place.split('.').filter(|part| !part.is_empty()).peekable();
    while let Some(part) = parts.next() {
        let empty = if parts.peek() == Some(&"[]") { Value::Array(Vec::new()) } else { Value::Table(Table::new()) };
        value = match value {
            Value::Table(table) => table.entry(part).or_insert(empty),
            Value::Array(items) => {
                items.resize(1, empty);
                &mut items[0]
            }
            _ => panic!("{place} goes through a value"),
        };
    }
    value
}
