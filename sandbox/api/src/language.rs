//! The languages of programs by name; knows nothing of how they are run.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The language of a program.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Language {
    /// Python, on either engine.
    #[default]
    Python,
    /// C++, compiled by the host's `g++` or `clang++`.
    Cpp,
    /// Rust, compiled by the host's `rustc`.
    Rust,
    /// JavaScript, run by the host's `node`.
    JavaScript,
    /// A language that the server's settings give a command for.
    Other(String),
}

impl Language {
    /// The name in JSON and settings.
    pub fn as_str(&self) -> &str {
        match self {
            Language::Python => "python",
            Language::Cpp => "cpp",
            Language::Rust => "rust",
            Language::JavaScript => "javascript",
            Language::Other(name) => name,
        }
    }

    /// The language of files with this extension, given without the dot; `None` for any other extension.
    pub fn of_extension(extension: &str) -> Option<Self> {
        match extension {
            "py" => Some(Language::Python),
            "cpp" | "cc" | "cxx" => Some(Language::Cpp),
            "rs" => Some(Language::Rust),
            "js" | "mjs" | "cjs" => Some(Language::JavaScript),
            _ => None,
        }
    }
}

impl From<String> for Language {
    fn from(name: String) -> Self {
        match name.to_ascii_lowercase().as_str() {
            "python" | "python3" | "py" => Language::Python,
            "cpp" | "c++" => Language::Cpp,
            "rust" | "rs" => Language::Rust,
            "javascript" | "js" | "node" | "nodejs" => Language::JavaScript,
            _ => Language::Other(name),
        }
    }
}

impl From<Language> for String {
    fn from(language: Language) -> Self {
        language.as_str().to_owned()
    }
}

impl fmt::Display for Language {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back_and_have_aliases() {
        for name in ["python", "cpp", "rust", "javascript", "cobol"] {
            let language: Language = serde_json::from_value(name.into()).unwrap();
            assert_eq!(serde_json::to_value(&language).unwrap(), name);
        }
        assert_eq!(Language::from("C++".to_owned()), Language::Cpp);
        assert_eq!(Language::from("Python3".to_owned()), Language::Python);
        assert_eq!(Language::of_extension("mjs"), Some(Language::JavaScript));
        assert_eq!(Language::of_extension("txt"), None);
    }
}
