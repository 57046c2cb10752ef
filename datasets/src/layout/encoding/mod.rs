//! Readers of the encodings in which published rows hide a value: Python's literals and pickles.

mod opcodes;
pub(super) mod pickle;
pub(super) mod python;
mod python_text;
