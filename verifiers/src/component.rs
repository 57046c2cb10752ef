//! `[verifiers.component.NAME]`: the settings of a verifier that is a WebAssembly component. It must not know what
//! runs one: wit/verifier.wit is the interface, and whoever has a runtime registers the verifier.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::ScoreRange;

/// The component that judges for the verifier NAME.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ComponentConfig {
    /// The component's file.
    pub file: PathBuf,
    /// Lowest and highest score that it may give.
    #[serde(default)]
    pub range: ScoreRange,
    /// Units of fuel of a call, about an instruction each; a call that needs more is `over_budget`, on every machine.
    #[serde(default = "default_fuel")]
    pub fuel: u64,
    /// Memory of a call, in MiB.
    #[serde(default = "default_memory_mib")]
    pub memory_mib: u64,
}

fn default_fuel() -> u64 {
    1_000_000_000
}

fn default_memory_mib() -> u64 {
    64
}

impl ComponentConfig {
    /// The settings of a component in `file`, apart from it the defaults.
    pub fn new(file: PathBuf) -> Self {
        Self { file, range: ScoreRange::default(), fuel: default_fuel(), memory_mib: default_memory_mib() }
    }

    /// Checks what the types cannot say; the error is a key and what to do.
    pub(crate) fn validate(&self) -> Result<(), (&'static str, &'static str)> {
        match () {
            () if self.file.as_os_str().is_empty() => Err(("file", "is empty; give the component's file")),
            () if self.fuel == 0 => Err(("fuel", "must be at least 1")),
            () if !(1..=4096).contains(&self.memory_mib) => Err(("memory_mib", "must be from 1 to 4096")),
            () if !self.range.is_valid() => Err(("range", "must be two numbers, the lower first, as in [0, 1]")),
            () => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_enough_and_settings_that_cannot_work_are_named() {
        let config = |text: &str| toml::from_str::<ComponentConfig>(text).unwrap();
        assert_eq!(config("file = 'a.wasm'"), ComponentConfig::new("a.wasm".into()));
        assert!(config("file = 'a.wasm'").validate().is_ok());
        for (text, key) in [
            ("file = ''", "file"),
            ("file = 'a.wasm'\nfuel = 0", "fuel"),
            ("file = 'a.wasm'\nmemory_mib = 5000", "memory_mib"),
            ("file = 'a.wasm'\nrange = [0, 0]", "range"),
        ] {
            assert_eq!(config(text).validate().unwrap_err().0, key);
        }
    }
}
