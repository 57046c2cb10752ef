//! The code verifiers: the program in the completion is run on the task's tests by the code execution server.
//!
//! A code verifier picks the program out of the completion and the tests out of the ground truth. The sandbox runs the
//! program and holds it in check. A server that does not answer is an error, never a verdict.

mod config;
mod extraction;
mod fence;
mod ground_truth;

use datasets::Task;
use sandbox_api::{GradeReport, GradeRequest, Language};

pub use self::config::CodeConfig;
pub use self::extraction::{Extraction, ExtractionRule, extract_code};
pub use self::ground_truth::CodeForm;
use self::ground_truth::engine_of;
use crate::{Verdict, VerdictFuture, Verifier, VerifierError, split_thinking};

/// `code_asserts`, `code_stdio` or `code_function`, by the form of the tests.
pub struct CodeVerifier {
    form: CodeForm,
    config: CodeConfig,
    client: sandbox_api::Client,
}

impl CodeVerifier {
    /// A verifier of one form of tests, which has programs graded through `client`.
    pub fn new(form: CodeForm, config: CodeConfig, client: sandbox_api::Client) -> Self {
        Self { form, config, client }
    }

    async fn judge(&self, task: &Task, completion: &str) -> Result<Verdict, VerifierError> {
        // The ground truth is read first, so that a broken task is reported even where no completion has code.
        let tests = self
            .form
            .read(&task.ground_truth)
            .map_err(|problem| VerifierError::ground_truth(task, self.name(), problem))?;
        let asked =
            engine_of(&task.ground_truth).map_err(|problem| VerifierError::ground_truth(task, self.name(), problem))?;
        let (_, answer) = split_thinking(completion);
        let Some(Extraction { code, .. }) = extract_code(answer) else {
            return Ok(Verdict::fail("no closed block of code"));
        };
        if code.len() > self.config.max_code_bytes {
            let reason = format!("{} bytes of code, more than {}", code.len(), self.config.max_code_bytes);
            return Ok(Verdict::fail(reason));
        }
        let request = GradeRequest {
            code,
            language: Language::Python,
            engine: asked.unwrap_or(self.config.engine).named(),
            tests,
            limits: self.config.limits.clone(),
            stop_at_first_failure: !self.config.partial_credit,
        };
        let failed = |source| VerifierError::Sandbox { task: task.id.clone(), source };
        let report = self.client.grade(&request).await.map_err(failed)?;
        Ok(self.verdict(&report))
    }

    fn verdict(&self, report: &GradeReport) -> Verdict {
        let tests = format!("{} of {} tests passed", report.num_passed, report.num_tests);
        let reason = if report.reason.is_empty() { tests } else { format!("{tests}: {}", report.reason) };
        Verdict::of_checks(report.num_passed, report.num_tests, self.config.partial_credit, reason)
    }
}

impl Verifier for CodeVerifier {
    fn name(&self) -> &str {
        self.form.verifier_name()
    }

    fn verify<'a>(&'a self, task: &'a Task, completion: &'a str) -> VerdictFuture<'a> {
        Box::pin(self.judge(task, completion))
    }
}
