//! Levels of isolation, as settings and the command line name them. `layers.rs` finds out which one a machine allows.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};

/// Level of isolation of programs; each level includes the ones before it.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    IntoStaticStr,
    VariantArray,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Isolation {
    /// No layer is asked for: for programs that are trusted.
    None,
    /// The system call filter, resource limits, no capability: what a container without user namespaces allows.
    Filtered,
    /// Also namespaces, a root of its own and a fresh scratch folder for each run.
    #[default]
    Standard,
    /// Also Landlock on files, network and signals.
    Strict,
}

impl Isolation {
    /// Every level, the weakest first.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// The name in settings and on the command line.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

impl fmt::Display for Isolation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for Isolation {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.iter().copied().find(|level| level.as_str() == text);
        found.ok_or_else(|| format!("no isolation is called {text:?}: give none, filtered, standard or strict"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_ordered_and_read_back() {
        assert!(Isolation::ALL.is_sorted());
        for level in Isolation::ALL.iter().copied() {
            assert_eq!(level.to_string().parse(), Ok(level));
            assert_eq!(serde_json::to_value(level).unwrap(), level.as_str());
        }
        assert!("wall".parse::<Isolation>().is_err());
    }
}
