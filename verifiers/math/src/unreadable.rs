//! The reason that an answer could not be read or judged: its notation, or a counted budget. Never a clock, so that
//! every machine agrees.

/// Reason that a text could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// Notation that is not known or not well formed.
    Notation(&'static str),
    /// More tokens, digits or work than allowed.
    Budget(&'static str),
}
