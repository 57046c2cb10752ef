//! Rules for documents: the width of their lines, and that the files which the architecture names are there.

use super::source_tree::SourceFile;

/// Columns of a line of prose at most.
pub(super) const MOST_COLUMNS: usize = 100;

/// Lines of prose that are too long, a sentence each. Tables, code, and what has no blank to break at are left alone.
pub(super) fn long_lines(file: &SourceFile) -> Vec<String> {
    let mut long = Vec::new();
    let mut is_code = false;
    for (index, line) in file.text.lines().enumerate() {
        let content = line.trim_start();
        if content.starts_with("```") {
            is_code = !is_code;
        }
        let columns = line.chars().count();
        let indent = line.len() - content.len();
        // A list's mark or a heading's is no place to break at.
        let can_break = content.trim_start_matches(['-', '*', '#', '>', ' ']).contains(' ') && indent < MOST_COLUMNS;
        if columns > MOST_COLUMNS && !is_code && !content.starts_with('|') && can_break {
            long.push(format!("{}:{}: {columns} columns, {MOST_COLUMNS} at most", file.path, index + 1));
        }
    }
    long
}

/// Paths in backticks in `document` that stand for no file or folder, a sentence each. A path counts from the root, or
/// from any folder below it; `exists` looks.
pub(super) fn dead_paths(document: &SourceFile, exists: impl Fn(&str) -> bool) -> Vec<String> {
    let mut dead = Vec::new();
    for (index, line) in document.text.lines().enumerate() {
        for name in line.split('`').skip(1).step_by(2) {
            let is_path =
                name.ends_with('/') || [".rs", ".md", ".toml", ".py"].iter().any(|ending| name.ends_with(ending));
            let is_plain = name.chars().all(|character| character.is_alphanumeric() || "_-./".contains(character));
            if is_path && is_plain && !exists(name.trim_end_matches('/')) {
                dead.push(format!("{}:{}: `{name}` is not there", document.path, index + 1));
            }
        }
    }
    dead
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(text: String) -> SourceFile {
        SourceFile { path: "a.md".to_owned(), text }
    }

    #[test]
    fn prose_is_measured_and_tables_and_code_are_not() {
        let words = "word ".repeat(21);
        let text = format!("{words}\n| {words} |\n```\n{words}\n```\n- {}\n{words}", "x".repeat(120));
        assert_eq!(
            long_lines(&document(text)),
            ["a.md:1: 105 columns, 100 at most", "a.md:7: 105 columns, 100 at most"]
        );
    }

    #[test]
    fn a_path_that_is_not_there_is_named() {
        let text = "`policy/src/walk.rs`, `trainer/`, `gone.rs`, `a * b.rs`, `metrics`".to_owned();
        let found = dead_paths(&document(text), |path| ["policy/src/walk.rs", "trainer"].contains(&path));
        assert_eq!(found, ["a.md:1: `gone.rs` is not there"]);
    }
}
