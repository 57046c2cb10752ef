//! Faults of a row: what keeps a layout from reading it.

use std::fmt::{self, Display, Formatter};

/// The reason why an expression has no value for a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A column that the layout names is not there; the text says which, and what comes near.
    Column(String),
    /// A value is not what the layout expects.
    Value(String),
}

impl Fault {
    /// The fault, said of a part of the layout or of the row.
    pub(crate) fn within(self, part: &str) -> Self {
        match self {
            Self::Column(problem) => Self::Column(format!("{part}: {problem}")),
            Self::Value(problem) => Self::Value(format!("{part}: {problem}")),
        }
    }
}

impl Display for Fault {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Column(problem) | Self::Value(problem) => formatter.write_str(problem),
        }
    }
}

impl From<String> for Fault {
    fn from(problem: String) -> Self {
        Self::Value(problem)
    }
}
