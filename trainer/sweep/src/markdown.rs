//! Texts in Markdown.

/// A text as it is, in which Markdown sees no markup, in a cell of a table too.
pub fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\n' | '\r' => out.push(' '),
            '|' | '*' | '_' | '`' | '<' | '\\' | '[' | ']' | '#' => out.extend(['\\', character]),
            other => out.push(other),
        }
    }
    out
}
