//! The kinds of record that a layout's rows give.

use std::fmt::{self, Display, Formatter};

use serde::Deserialize;

/// The records that a layout's rows give.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Records {
    /// Tasks, which verifiers judge.
    #[default]
    Tasks,
    /// Worked examples, for the cold start.
    Traces,
    /// Better and worse completions, for a reward model.
    Preferences,
}

impl Display for Records {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Tasks => "tasks",
            Self::Traces => "traces",
            Self::Preferences => "preferences",
        })
    }
}
