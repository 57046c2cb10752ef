//! The page of errors held against the code: words that it quotes are words that the program says.
//!
//! Of each row the first cell's code is looked for in the sources, between `…`. Words of libraries stand in blocks of
//! the page, which are run.

use crate::tidy::source_tree;

const PAGE: &str = "docs/guide/errors.md";
/// Shorter pieces say nothing.
const SHORTEST: usize = 7;
/// Words of libraries, and of others than this program.
const OF_OTHERS: [&str; 3] = ["unknown field", "invalid type", "Killed"];

/// Pieces of code in a row's first cell.
fn quoted(row: &str) -> Vec<String> {
    let Some(cell) = row.strip_prefix("| ").and_then(|row| row.split(" | ").next()) else { return Vec::new() };
    let mut pieces = Vec::new();
    let mut rest = cell;
    while let Some(start) = rest.find('`') {
        let ticks = if rest[start..].starts_with("``") { "``" } else { "`" };
        let behind = &rest[start + ticks.len()..];
        let end = behind.find(ticks).unwrap_or(behind.len());
        pieces.extend(behind[..end].split('…').map(|piece| piece.trim_matches([' ', '`', ':']).to_owned()));
        rest = behind.get(end + ticks.len()..).unwrap_or_default();
    }
    pieces.retain(|piece| piece.len() >= SHORTEST && !OF_OTHERS.contains(&piece.as_str()));
    pieces
}

/// Source text with its broken strings in one piece, and quotes as they are printed.
fn joined(source: &str) -> String {
    let mut text = String::with_capacity(source.len());
    let mut lines = source.lines();
    while let Some(line) = lines.next() {
        let mut line = line.to_owned();
        while let Some(start) = line.strip_suffix('\\') {
            line = format!("{start}{}", lines.next().unwrap_or_default().trim_start());
        }
        text += &line.replace("\\\"", "\"");
        text.push('\n');
    }
    text
}

#[test]
fn every_error_of_the_page_is_one_that_the_program_says() {
    let root = crate::workspace_root();
    let sources = source_tree::read(&root, &[".rs", ".py"]).unwrap();
    let sources: String =
        sources.iter().filter(|file| !file.path.ends_with("error_words.rs")).map(|file| joined(&file.text)).collect();
    let page = std::fs::read_to_string(root.join(PAGE)).unwrap();
    let (mut gone, mut num_quoted) = (Vec::new(), 0);
    for (index, row) in page.lines().enumerate() {
        for piece in quoted(row) {
            num_quoted += 1;
            if !sources.contains(&piece) {
                gone.push(format!("{PAGE}:{}: nothing in the sources says `{piece}`", index + 1));
            }
        }
    }
    assert!(gone.is_empty(), "{}", gone.join("\n"));
    assert!(num_quoted > 80, "{num_quoted}");
}

#[test]
fn words_are_found_in_cells_and_over_broken_lines() {
    assert_eq!(
        quoted("| `LIBTORCH is …, a relative path`, `` `…` is a value `` | x `other words` |"),
        ["LIBTORCH is", ", a relative path", "is a value",]
    );
    assert_eq!(joined("\"one \\\n    two \\\"x\\\"\"\nthree"), "\"one two \"x\"\"\nthree\n");
}
