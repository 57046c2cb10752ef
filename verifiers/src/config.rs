//! The `[verifiers]` section of a run's config: one struct for each verifier that has settings.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use math_verifier::MathConfig;
use serde::{Deserialize, Serialize};

use crate::VerifierError;
use crate::code::CodeConfig;
use crate::command::CommandConfig;
use crate::component::ComponentConfig;
use crate::deadlines::{DEFAULT_SECONDS, Deadlines};
use crate::http::HttpConfig;
use crate::instruction::InstructionConfig;
use crate::python::PythonConfig;

/// Settings of the verifiers, a section each.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VerifiersConfig {
    /// Longest wait for a verdict, in seconds; one that takes longer is `timed_out`.
    pub deadline_seconds: f64,
    /// `[verifiers.deadlines]`: longest wait for a verdict of the verifier NAME, in seconds, where it has one of its
    /// own.
    pub deadlines: BTreeMap<String, f64>,
    /// Longest time in minutes that a run waits for a service that is away (`unavailable`), asking again and again;
    /// then it saves and ends. 0 does not wait: the verdict is missing.
    pub pause_minutes: f64,
    /// Steps in a row after which a run ends whose verifier always found its service away; 0 never ends it.
    pub max_steps_unavailable: u64,
    /// `[verifiers.math]`: final answers of mathematics.
    pub math: MathConfig,
    /// `[verifiers.code]`: programs that run on the code execution server.
    pub code: CodeConfig,
    /// `[verifiers.ifeval]`: instructions of IFEval's types.
    pub ifeval: InstructionConfig,
    /// `[verifiers.command.NAME]`: external verifiers. A task asks for one with `"verifier": "NAME"`.
    pub command: BTreeMap<String, CommandConfig>,
    /// `[verifiers.python.NAME]`: plug-ins in Python. A task asks for one with `"verifier": "NAME"`.
    pub python: BTreeMap<String, PythonConfig>,
    /// `[verifiers.component.NAME]`: WebAssembly components. A task asks for one with `"verifier": "NAME"`.
    pub component: BTreeMap<String, ComponentConfig>,
    /// `[verifiers.http.NAME]`: services. A task asks for one with `"verifier": "NAME"`.
    pub http: BTreeMap<String, HttpConfig>,
}

impl Default for VerifiersConfig {
    fn default() -> Self {
        Self {
            deadline_seconds: DEFAULT_SECONDS,
            deadlines: BTreeMap::new(),
            pause_minutes: 30.0,
            max_steps_unavailable: 3,
            math: MathConfig::default(),
            code: CodeConfig::default(),
            ifeval: InstructionConfig::default(),
            command: BTreeMap::new(),
            python: BTreeMap::new(),
            component: BTreeMap::new(),
            http: BTreeMap::new(),
        }
    }
}

impl VerifiersConfig {
    /// The longest waits; a number of seconds that [`validate`](Self::validate) refuses is without end.
    pub(crate) fn deadlines(&self) -> Deadlines {
        let limit = |seconds: f64| Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX);
        let by_name = self.deadlines.iter().map(|(name, seconds)| (name.clone(), limit(*seconds))).collect();
        Deadlines { of_all: limit(self.deadline_seconds), by_name }
    }

    /// Checks what the types cannot say.
    ///
    /// # Errors
    /// [`VerifierError::Config`] with the key and what to do.
    pub fn validate(&self) -> Result<(), VerifierError> {
        let refused = |key: String, problem: &str| VerifierError::Config { key, problem: problem.to_owned() };
        let error = |key: String, problem: &str| Err(refused(key, problem));
        let named = self.deadlines.iter().map(|(name, seconds)| (format!("verifiers.deadlines.{name}"), *seconds));
        let of_all = ("verifiers.deadline_seconds".to_owned(), self.deadline_seconds);
        for (key, seconds) in named.chain([of_all]) {
            if !(seconds > 0.0 && seconds <= 86_400.0) {
                return error(key, "must be above 0 and at most 86400 seconds");
            }
        }
        if !(self.pause_minutes >= 0.0 && self.pause_minutes.is_finite()) {
            return error("verifiers.pause_minutes".into(), "must be a number of minutes from 0");
        }
        for (name, command) in &self.command {
            command.validate().map_err(|(key, problem)| refused(format!("verifiers.command.{name}.{key}"), problem))?;
        }
        for (name, python) in &self.python {
            python.validate().map_err(|(key, problem)| refused(format!("verifiers.python.{name}.{key}"), problem))?;
        }
        for (name, component) in &self.component {
            let place = |key| format!("verifiers.component.{name}.{key}");
            component.validate().map_err(|(key, problem)| refused(place(key), problem))?;
        }
        for (name, http) in &self.http {
            http.validate().map_err(|(key, problem)| refused(format!("verifiers.http.{name}.{key}"), problem))?;
        }
        let sections = [
            ("command", self.command.keys().collect::<Vec<_>>()),
            ("python", self.python.keys().collect()),
            ("component", self.component.keys().collect()),
            ("http", self.http.keys().collect()),
        ];
        let mut taken = BTreeSet::new();
        for (section, names) in sections {
            if let Some(name) = names.into_iter().find(|name| !taken.insert(*name)) {
                let problem = "another plug-in has that name too; give it another";
                return error(format!("verifiers.{section}.{name}"), problem);
            }
        }
        if self.math.max_answer_bytes == 0 || self.math.max_digits == 0 {
            return error("verifiers.math".into(), "max_answer_bytes and max_digits must be at least 1");
        }
        if self.code.max_code_bytes == 0 {
            return error("verifiers.code.max_code_bytes".into(), "must be at least 1");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_section_is_the_default_and_valid() {
        let config: VerifiersConfig = toml::from_str("").unwrap();
        assert!(config.validate().is_ok());
        assert!(config.math.extraction.last_number);
        let written = toml::to_string(&config).unwrap();
        assert!(toml::from_str::<VerifiersConfig>(&written).is_ok(), "{written}");
    }

    #[test]
    fn an_unknown_key_is_named() {
        let error = toml::from_str::<VerifiersConfig>("[math]\nlast_number = true").unwrap_err();
        assert!(error.to_string().contains("last_number"), "{error}");
    }

    #[test]
    fn a_command_without_a_program_is_refused() {
        let config: VerifiersConfig = toml::from_str("[command.judge]\ncommand = []").unwrap();
        let error = config.validate().unwrap_err().to_string();
        assert!(error.contains("verifiers.command.judge.command"), "{error}");
    }
}
