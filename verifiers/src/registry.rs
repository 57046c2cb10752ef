//! The verifiers of a run, by name. It must not know what any of them checks.

use std::collections::BTreeMap;
use std::sync::Arc;

use datasets::Task;

use crate::code::{CodeForm, CodeVerifier};
use crate::command::CommandVerifier;
use crate::instruction::InstructionVerifier;
use crate::math::MathVerifier;
use crate::open_ended::OpenEnded;
use crate::think_format::ThinkFormat;
use crate::tool_call::ToolCallVerifier;
use crate::{Verdict, Verifier, VerifierError, VerifiersConfig};

/// The registry that finds the verifier which a task names.
#[derive(Clone, Default)]
pub struct Verifiers {
    by_name: BTreeMap<String, Arc<dyn Verifier>>,
}

impl Verifiers {
    /// The built-in verifiers and the configured commands. Programs are graded through `sandbox`.
    ///
    /// A command with the name of a built-in verifier replaces it.
    pub fn standard(config: &VerifiersConfig, sandbox: sandbox_api::Client) -> Self {
        let mut verifiers = Self::default();
        verifiers.register(Arc::new(MathVerifier::new(config.math.clone())));
        for form in CodeForm::ALL {
            verifiers.register(Arc::new(CodeVerifier::new(form, config.code.clone(), sandbox.clone())));
        }
        verifiers.register(Arc::new(InstructionVerifier::new(config.ifeval.clone())));
        verifiers.register(Arc::new(ToolCallVerifier));
        verifiers.register(Arc::new(ThinkFormat));
        verifiers.register(Arc::new(OpenEnded));
        for (name, command) in &config.command {
            verifiers.register(Arc::new(CommandVerifier::new(name.clone(), command.clone())));
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
    pub fn get(&self, name: &str) -> Result<&dyn Verifier, VerifierError> {
        self.by_name.get(name).map(Arc::as_ref).ok_or_else(|| VerifierError::UnknownVerifier {
            name: name.to_owned(),
            known: self.names().collect::<Vec<_>>().join(", "),
        })
    }

    /// Judges `completion` with the verifier that `task` names.
    ///
    /// # Errors
    /// The verifier is unknown, fails, or returns a score outside 0 to 1.
    pub async fn verify(&self, task: &Task, completion: &str) -> Result<Verdict, VerifierError> {
        let verdict = self.get(&task.verifier)?.verify(task, completion).await?;
        if !(0.0..=1.0).contains(&verdict.score) {
            return Err(VerifierError::ScoreOutOfRange {
                name: task.verifier.clone(),
                task: task.id.clone(),
                score: verdict.score,
            });
        }
        Ok(verdict)
    }
}

#[cfg(test)]
mod tests {
    use datasets::TaskKind;

    use super::*;
    use crate::VerdictFuture;

    struct Fixed(f32);

    impl Verifier for Fixed {
        fn name(&self) -> &str {
            "fixed"
        }

        fn verify<'a>(&'a self, _: &'a Task, _: &'a str) -> VerdictFuture<'a> {
            Box::pin(async move { Ok(Verdict { score: self.0, passed: false, reason: String::new(), math: None }) })
        }
    }

    fn task() -> Task {
        Task {
            id: "t".into(),
            kind: TaskKind::Math,
            messages: Vec::new(),
            verifier: "fixed".into(),
            ground_truth: serde_json::Value::Null,
            tools: None,
            source: None,
            license: None,
            meta: None,
        }
    }

    #[tokio::test]
    async fn a_plug_in_is_found_by_its_name() {
        let mut verifiers = Verifiers::default();
        verifiers.register(Arc::new(Fixed(0.5)));
        assert_eq!(verifiers.verify(&task(), "").await.unwrap().score, 0.5);
    }

    #[tokio::test]
    async fn a_score_outside_the_range_is_an_error() {
        for score in [-0.1, 1.5, f32::NAN] {
            let mut verifiers = Verifiers::default();
            verifiers.register(Arc::new(Fixed(score)));
            let error = verifiers.verify(&task(), "").await.unwrap_err();
            assert!(matches!(error, VerifierError::ScoreOutOfRange { .. }));
        }
    }

    #[test]
    fn an_unknown_name_lists_the_known_ones() {
        let mut verifiers = Verifiers::default();
        verifiers.register(Arc::new(Fixed(0.0)));
        let error = verifiers.get("maths").err().unwrap().to_string();
        assert!(error.contains("`maths`") && error.contains("fixed"), "{error}");
    }
}
