//! The code verifiers: the program in the completion is run on the task's tests by the code execution server.
//!
//! A code verifier picks the program out of the completion and the tests out of the ground truth. The sandbox runs the
//! program and holds it in check. A server that does not answer is an error, never a verdict.

mod config;
mod extraction;
mod fence;
mod ground_truth;

use datasets::Task;
use sandbox_api::{EngineChoice, GradeReport, GradeRequest, Language, Tests};
use serde_json::Value;

pub use self::config::CodeConfig;
pub use self::extraction::{Extraction, ExtractionRule, extract_code};
pub use self::ground_truth::CodeForm;
use self::ground_truth::engine_of;
use crate::{Judged, Verdict, VerdictFuture, Verifier, VerifierError};

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

    fn read(&self, task: &Task, ground_truth: &Value) -> Result<(Tests, Option<EngineChoice>), VerifierError> {
        let tests = self.form.read(ground_truth).and_then(|tests| Ok((tests, engine_of(ground_truth)?)));
        tests.map_err(|problem| VerifierError::ground_truth(task, self.name(), problem))
    }

    async fn judge(&self, judged: &Judged) -> Result<Verdict, VerifierError> {
        let task = &judged.task;
        // The ground truth is read first, so that a broken task is reported even where no completion has code.
        let (tests, asked) = self.read(task, judged.ground_truth())?;
        let Some(Extraction { code, .. }) = extract_code(judged.answer()) else {
            return Ok(Verdict::no_answer("no closed block of code"));
        };
        if code.len() > self.config.max_code_bytes {
            let reason = format!("{} bytes of code, more than {}", code.len(), self.config.max_code_bytes);
            return Ok(Verdict::unparsed(reason));
        }
        let request = GradeRequest {
            code,
            language: Language::Python,
            engine: asked.unwrap_or(self.config.engine).named(),
            tests,
            limits: self.config.limits.clone(),
            stop_at_first_failure: !self.config.partial_credit,
        };
        let failed = |cause| VerifierError::Sandbox { task: task.id.clone(), cause };
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

    fn check(&self, task: &Task, ground_truth: &Value) -> Result<(), VerifierError> {
        self.read(task, ground_truth).map(drop)
    }

    fn verify<'a>(&'a self, judged: &'a Judged) -> VerdictFuture<'a> {
        Box::pin(self.judge(judged))
    }
}
