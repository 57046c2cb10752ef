//! `auto` beside the names of the engines, where settings, requests and the command line may leave the choice open.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize};

use crate::EngineKind;

/// The name of the open choice.
const AUTO: &str = "auto";

/// An engine by name, or `auto`: the server's choice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EngineChoice {
    /// The server's choice: its `default_engine` where that names one, else the engine that the program needs.
    #[default]
    Auto,
    /// The wasm engine, whatever the program needs.
    Wasm,
    /// The process engine.
    Process,
}

impl EngineChoice {
    /// The engine that is named; `None` leaves the choice to the server.
    pub fn named(self) -> Option<EngineKind> {
        match self {
            Self::Auto => None,
            Self::Wasm => Some(EngineKind::Wasm),
            Self::Process => Some(EngineKind::Process),
        }
    }

    /// The name in JSON, settings and on the command line.
    pub fn as_str(self) -> &'static str {
        self.named().map_or(AUTO, EngineKind::as_str)
    }
}

impl fmt::Display for EngineChoice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl FromStr for EngineChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::Auto, Self::Wasm, Self::Process]
            .into_iter()
            .find(|choice| choice.as_str() == text)
            .ok_or_else(|| format!("no engine is called {text:?}: give auto, wasm or process"))
    }
}

/// Reads a field `engine`: absent, null and `auto` leave the choice to the server.
///
/// # Errors
/// The value is neither null nor one of the three names.
pub fn named_engine<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<EngineKind>, D::Error> {
    Ok(Option::<EngineChoice>::deserialize(deserializer)?.and_then(EngineChoice::named))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back_and_auto_names_no_engine() {
        for choice in [EngineChoice::Auto, EngineChoice::Wasm, EngineChoice::Process] {
            assert_eq!(choice.to_string().parse(), Ok(choice));
            assert_eq!(serde_json::to_value(choice).unwrap(), choice.as_str());
        }
        assert_eq!(EngineChoice::default().named(), None);
        assert!("docker".parse::<EngineChoice>().unwrap_err().contains("auto, wasm or process"));
    }

    #[test]
    fn a_field_may_be_null_or_auto() {
        let read = |text: &str| named_engine(&mut serde_json::Deserializer::from_str(text)).ok();
        assert_eq!((read("null"), read("\"auto\"")), (Some(None), Some(None)));
        assert_eq!(read("\"process\""), Some(Some(EngineKind::Process)));
        assert_eq!((read("\"docker\""), read("1")), (None, None));
    }
}
