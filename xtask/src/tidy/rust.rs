//! Rules for one Rust file: its header, its length, its lines, and the order of its imports.

use super::source_tree::SourceFile;

/// Lines of a file at most.
pub(super) const MOST_LINES: usize = 500;
/// Columns of a line at most, comments included.
pub(super) const MOST_COLUMNS: usize = 120;

/// Broken rules in `file`, a sentence each.
pub(super) fn broken_rules(file: &SourceFile) -> Vec<String> {
    let path = &file.path;
    let mut broken = Vec::new();
    if !file.text.starts_with("//!") {
        broken.push(format!("{path}:1: begin with `//!`: what the file does, and what it must not know"));
    }
    let num_lines = file.text.lines().count();
    if num_lines > MOST_LINES {
        broken.push(format!("{path}: {num_lines} lines, {MOST_LINES} at most: it is two files"));
    }
    for (index, line) in file.text.lines().enumerate() {
        let columns = line.chars().count();
        if columns > MOST_COLUMNS {
            broken.push(format!("{path}:{}: {columns} columns, {MOST_COLUMNS} at most", index + 1));
        }
    }
    broken.extend(imports_out_of_order(file));
    broken
}

/// Imports in three groups with a blank line between: std, other crates, and this crate's own, which begin with
/// `crate`, `super` or `self`.
fn imports_out_of_order(file: &SourceFile) -> Option<String> {
    let children: Vec<&str> = file.text.lines().filter_map(child).collect();
    // Group and line of the import before, as long as nothing but imports stands between.
    let mut before: Option<(u8, usize)> = None;
    let mut is_open = false;
    for (index, line) in file.text.lines().enumerate() {
        let ends = line.split("//").next().unwrap_or_default().trim_end().ends_with(';');
        if is_open {
            is_open = !ends;
            before = before.map(|(group, _)| (group, index));
            continue;
        }
        let Some(path) = import(line) else {
            before = before.filter(|_| line.is_empty());
            continue;
        };
        let place = format!("{}:{}", file.path, index + 1);
        let first = path.split([':', ';', ' ']).next().unwrap_or_default();
        if children.contains(&first) {
            return Some(format!("{place}: write `self::{first}`: it is a module of this file, no crate"));
        }
        let group = match first {
            "std" | "core" | "alloc" => 0,
            "crate" | "super" | "self" => 2,
            _ => 1,
        };
        if let Some((earlier, last)) = before {
            let is_apart = index > last + 1;
            if group < earlier || is_apart != (group > earlier) {
                let groups = "std; other crates; crate, super and self";
                return Some(format!("{place}: imports stand in three groups, a blank line between: {groups}"));
            }
        }
        is_open = !ends;
        before = Some((group, index));
    }
    None
}

/// The module that a line declares.
fn child(line: &str) -> Option<&str> {
    without_visibility(line).strip_prefix("mod ")?.strip_suffix(';')
}

/// The path that a line of a top-level `use` begins with.
fn import(line: &str) -> Option<&str> {
    without_visibility(line).strip_prefix("use ")
}

fn without_visibility(line: &str) -> &str {
    ["pub(crate) ", "pub(super) ", "pub "].iter().find_map(|visibility| line.strip_prefix(visibility)).unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken(text: &str) -> String {
        broken_rules(&SourceFile { path: "a.rs".to_owned(), text: text.to_owned() }).join("\n")
    }

    #[test]
    fn a_tidy_file_breaks_no_rule() {
        let text = concat!(
            "//! A noun.\n\nmod b;\n\nuse std::fmt;\n\nuse c::C; // why\n",
            "use serde::{\n    Deserialize,\n    Serialize,\n};\n\npub use self::b::B;\nuse crate::x;\n"
        );
        assert_eq!(broken(text), "");
    }

    #[test]
    fn each_rule_names_file_and_line() {
        assert!(broken("use std::fmt;\n").contains("a.rs:1: begin with"));
        assert!(broken(&format!("//! A\n{}\n", "x".repeat(121))).contains("a.rs:2: 121 columns"));
        assert!(broken(&format!("//! A\n{}", "x\n".repeat(500))).contains("501 lines"));
        for text in
            ["use crate::x;\n\nuse std::fmt;\n", "use std::fmt;\nuse serde::S;\n", "use std::fmt;\n\nuse std::io;\n"]
        {
            assert!(broken(&format!("//! A\n{text}")).contains("three groups"), "{text}");
        }
        assert!(broken("//! A\nmod b;\n\npub use b::B;\n").contains("a.rs:4: write `self::b`"));
    }
}
