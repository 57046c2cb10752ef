//! The code verifiers: the program in the completion is run on the task's tests by the code execution server.
//!
//! They pick the program out of the completion and the tests out of the ground truth. How a program is run and held in check
//! is the sandbox's affair. A server that does not answer is an error, never a verdict.

mod extraction;
mod ground_truth;

use datasets::Task;
pub use extraction::{Extraction, ExtractionRule, extract_code};
pub use ground_truth::CodeForm;
use ground_truth::engine_of;
use sandbox_api::{
    EngineKind, GradeReport, GradeRequest, GradeVerdict, Language, Limits, is_limit_of_wasm, missing_in_wasm,
};
use serde::{Deserialize, Serialize};

use crate::{Verdict, VerdictFuture, Verifier, VerifierError, split_thinking};

/// `[verifiers.code]`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CodeConfig {
    /// Whether a program that passes some of the tests gets their fraction. False pays all or nothing, and stops at the first
    /// test that fails.
    pub partial_credit: bool,
    /// Longest program that is sent to the server, in bytes. A longer one scores 0.
    pub max_code_bytes: usize,
    /// What one test may use.
    pub limits: Limits,
    /// What runs the program, unless the task's ground truth says it in a field `engine`.
    pub engine: CodeEngine,
}

/// `engine` of `[verifiers.code]`: what runs a program.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CodeEngine {
    /// The server's default; the process engine for a program that imports what the wasm engine lacks, such as numpy, or that
    /// failed there at a limit of the engine's own.
    #[default]
    Auto,
    /// The wasm engine, whatever the program imports.
    Wasm,
    /// The process engine.
    Process,
}

impl CodeEngine {
    fn of(self, code: &str) -> Option<EngineKind> {
        match self {
            Self::Auto => missing_in_wasm(code).map(|_| EngineKind::Process),
            Self::Wasm => Some(EngineKind::Wasm),
            Self::Process => Some(EngineKind::Process),
        }
    }
}

impl Default for CodeConfig {
    fn default() -> Self {
        Self {
            partial_credit: false,
            max_code_bytes: 64 * 1024,
            limits: Limits::default(),
            engine: CodeEngine::default(),
        }
    }
}

/// `code_asserts`, `code_stdio` or `code_function`, by the form of the tests.
pub struct CodeVerifier {
    form: CodeForm,
    config: CodeConfig,
    client: sandbox_api::Client,
}

impl CodeVerifier {
    /// A verifier of one form of tests, which grades through `client`.
    pub fn new(form: CodeForm, config: CodeConfig, client: sandbox_api::Client) -> Self {
        Self { form, config, client }
    }

    async fn judge(&self, task: &Task, completion: &str) -> Result<Verdict, VerifierError> {
        // The ground truth first: a broken task shows even where no completion has code.
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
        let engine = self.config.engine.of(&code);
        let request = GradeRequest {
            code,
            language: Language::Python,
            engine: asked.or(engine),
            tests,
            limits: self.config.limits.clone(),
            stop_at_first_failure: !self.config.partial_credit,
        };
        let failed = |source| VerifierError::Sandbox { task: task.id.clone(), source };
        let report = self.client.grade(&request).await.map_err(failed)?;
        if request.engine.is_none() && report.verdict == GradeVerdict::RuntimeError && is_limit_of_wasm(&report.reason)
        {
            let again = GradeRequest { engine: Some(EngineKind::Process), ..request };
            // A server without that engine has said all that it can.
            if let Ok(report) = self.client.grade(&again).await {
                return Ok(self.verdict(&report));
            }
        }
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
