//! The verifiers of a run, by name. It must not know what any of them checks.

use std::collections::BTreeMap;
use std::sync::Arc;

use datasets::Task;
use datasets::near::did_you_mean;

use crate::choice::ChoiceVerifier;
use crate::code::CodeVerifier;
use crate::command::CommandVerifier;
use crate::deadlines::Deadlines;
use crate::http::HttpVerifier;
use crate::instruction::InstructionVerifier;
use crate::math::MathVerifier;
use crate::open_ended::OpenEnded;
use crate::python::PythonVerifier;
use crate::think_format::ThinkFormat;
use crate::tool_call::ToolCallVerifier;
use crate::{Verifier, VerifierError, VerifiersConfig};

/// The registry that finds the verifiers which a task names.
#[derive(Clone, Default)]
pub struct Verifiers {
    by_name: BTreeMap<String, Arc<dyn Verifier>>,
    /// How long each may take.
    pub(crate) deadlines: Deadlines,
}

impl Verifiers {
    /// The built-in verifiers and the configured plug-ins, apart from components: whoever has a runtime for those
    /// registers them. Programs are graded through `sandbox`.
    ///
    /// A plug-in with the name of a built-in verifier replaces it.
    pub fn standard(config: &VerifiersConfig, sandbox: sandbox_api::Client) -> Self {
        let mut verifiers = Self { deadlines: config.deadlines(), ..Self::default() };
        verifiers.register(Arc::new(MathVerifier::new(config.math.clone())));
        verifiers.register(Arc::new(ChoiceVerifier));
        let (code, evalplus) = CodeVerifier::of_all_forms(&config.code, sandbox.clone());
        code.into_iter().for_each(|verifier| verifiers.register(Arc::new(verifier)));
        verifiers.register(Arc::new(evalplus));
        verifiers.register(Arc::new(InstructionVerifier::new(config.ifeval.clone())));
        verifiers.register(Arc::new(ToolCallVerifier));
        verifiers.register(Arc::new(ThinkFormat));
        verifiers.register(Arc::new(OpenEnded));
        for (name, command) in &config.command {
            verifiers.register(Arc::new(CommandVerifier::new(name.clone(), command.clone())));
        }
        for (name, python) in &config.python {
            verifiers.register(Arc::new(PythonVerifier::new(name.clone(), python.clone(), sandbox.clone())));
        }
        for (name, http) in &config.http {
            verifiers.register(Arc::new(HttpVerifier::new(name.clone(), http.clone())));
        }
        verifiers
    }

    /// Adds a verifier under its own name, and replaces the one that had that name.
    pub fn register(&mut self, verifier: Arc<dyn Verifier>) {
        self.by_name.insert(verifier.name().to_owned(), verifier);
    }

    /// The registered names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }

    /// The verifier called `name`.
    ///
    /// # Errors
    /// [`VerifierError::UnknownVerifier`], which lists the known names.
    pub fn get(&self, name: &str) -> Result<&Arc<dyn Verifier>, VerifierError> {
        self.by_name.get(name).ok_or_else(|| VerifierError::UnknownVerifier {
            name: name.to_owned(),
            hint: did_you_mean(name, self.names()),
            known: self.names().collect::<Vec<_>>().join(", "),
        })
    }

    /// Checks that each verifier which a task names is there and can judge by the task's ground truth.
    ///
    /// # Errors
    /// The first fault, with the task's id.
    pub fn check(&self, task: &Task) -> Result<(), VerifierError> {
        for verifier in &task.verifiers {
            self.get(&verifier.name)?.check(task, &verifier.ground_truth)?;
        }
        Ok(())
    }

    /// True where one of the task's verifiers holds two answers to it to be the same, as a majority vote asks.
    ///
    /// # Errors
    /// [`VerifierError::UnknownVerifier`] where a verifier of the task is not there.
    pub fn same_answer(&self, task: &Task, a: &str, b: &str) -> Result<bool, VerifierError> {
        for verifier in &task.verifiers {
            if self.get(&verifier.name)?.same_answer(task, a, b) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Makes the verifiers called `names` ready.
    ///
    /// # Errors
    /// The first that is unknown or cannot work.
    pub async fn prepare<'a>(&self, names: impl IntoIterator<Item = &'a str>) -> Result<(), VerifierError> {
        for name in names {
            self.get(name)?.prepare().await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        let mut verifiers = Verifiers::default();
        verifiers.register(Arc::new(OpenEnded));
        let error = verifiers.get("maths").err().unwrap().to_string();
        assert!(error.contains("`maths`") && error.contains("preference"), "{error}");
    }
}
