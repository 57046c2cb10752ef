//! The names of the engines in requests, settings and on the command line.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};

/// An engine, by which a program is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, IntoStaticStr, VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum EngineKind {
    /// CPython compiled to WebAssembly: a new instance for each run, with files in memory alone, no network, no
    /// processes.
    Wasm,
    /// The host's interpreter in a process with namespaces of its own.
    Process,
}

impl EngineKind {
    /// Every engine, in the order of the variants.
    pub const ALL: &[Self] = Self::VARIANTS;

    /// The name in JSON, settings and on the command line.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

impl fmt::Display for EngineKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for EngineKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.iter().copied().find(|kind| kind.as_str() == text);
        found.ok_or_else(|| format!("no engine is called {text:?}: give wasm or process"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        for kind in EngineKind::ALL.iter().copied() {
            assert_eq!(kind.to_string().parse(), Ok(kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
        assert!("docker".parse::<EngineKind>().unwrap_err().contains("docker"));
    }
}
