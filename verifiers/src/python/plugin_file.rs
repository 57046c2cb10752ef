//! A plug-in's file as it was read, with its settings. It must not know how it is run.

use sandbox_api::ClientError;

use super::config::{PythonConfig, PythonIsolation};
use crate::VerifierError;

/// A file that is read. All of its workers run the same text, whatever becomes of the file.
pub(super) struct PluginFile {
    pub name: String,
    pub config: PythonConfig,
    /// The file's path as Python sees it; a sandbox is not told where the file lies.
    pub path: String,
    pub text: String,
}

impl PluginFile {
    /// Reads the file of the plug-in called `name`.
    ///
    /// # Errors
    /// It cannot be read, or is no UTF-8.
    pub(super) async fn read(name: &str, config: &PythonConfig) -> Result<Self, VerifierError> {
        let path = match config.isolation {
            PythonIsolation::Trusted => std::path::absolute(&config.file).unwrap_or_else(|_| config.file.clone()),
            _ => config.file.file_name().map_or_else(|| config.file.clone(), Into::into),
        };
        let path = path.display().to_string();
        let mut file = Self { name: name.to_owned(), config: config.clone(), path, text: String::new() };
        let bytes = tokio::fs::read(&config.file).await.map_err(|error| file.refused(&error.to_string()))?;
        file.text = String::from_utf8(bytes).map_err(|_| file.refused("it is no UTF-8"))?;
        Ok(file)
    }

    /// The error for a run that the server refuses, with the key that asks for what it does not grant.
    pub(super) fn refused_by_server(&self, error: &ClientError) -> VerifierError {
        let said = error.to_string();
        let PythonConfig { timeout_seconds, memory_bytes, .. } = self.config;
        let (key, asked) = match () {
            () if said.contains("_seconds") => (
                "timeout_seconds",
                format!("{timeout_seconds} needs runs of a quarter more, and loading one of 30 seconds"),
            ),
            () if said.contains("memory_bytes") => ("memory_bytes", format!("{memory_bytes} is not granted")),
            () => return self.refused(&said),
        };
        VerifierError::Config {
            key: format!("verifiers.python.{}.{key}", self.name),
            problem: format!("{asked}; {said}. Give less, or let the server grant more in its `max_limits`"),
        }
    }

    /// The error that names the plug-in's key and file.
    pub(super) fn refused(&self, problem: &str) -> VerifierError {
        let key = format!("verifiers.python.{}", self.name);
        VerifierError::Config { key, problem: format!("{}: {problem}", self.config.file.display()) }
    }
}
