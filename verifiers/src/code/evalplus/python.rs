//! What the reference's run and the judge's have in common.

use serde_json::Value;

/// What is known of single tasks; trusted, it runs where no program can reach it.
pub(super) const TASKS: &str = include_str!("tasks.py");
/// Bytes that all that a program returns or prints may take.
pub(super) const OUTPUT: u64 = 64 << 20;

/// A text as a literal of Python's: JSON's escapes are Python's too.
pub(super) fn python_text(text: &str) -> String {
    Value::from(text).to_string()
}
