//! The code verifiers: the program in the completion is run on the task's tests by the code execution server.
//!
//! A code verifier picks the program out of the completion and the tests out of the ground truth. The sandbox runs the
//! program and holds it in check. A server that does not answer is an error, never a verdict. `docs/code-judging.md` of
//! the repository lists where the judging of public suites departs from their own judges.

mod completion;
mod config;
mod evalplus;
mod extraction;
mod fence;
mod grading;
mod ground_truth;
mod limits;
mod program;

use datasets::Task;
use sandbox_api::{GradeReport, GradeRequest, GradeVerdict, Language};
use serde_json::Value;

use self::completion::program_of;
pub use self::config::CodeConfig;
pub use self::evalplus::EvalPlusVerifier;
pub use self::extraction::{Extraction, ExtractionRule, extract_code};
use self::grading::Grader;
pub use self::ground_truth::CodeForm;
use self::ground_truth::CodeTask;
use self::limits::limits_of;
use crate::{Judged, TIME_LIMIT, Verdict, VerdictFuture, Verifier, VerifierError};

/// `code_asserts`, `code_stdio` or `code_function`, by the form of the tests. A verdict's answer is the program as it
/// was extracted; the detail of one on a program that ran out of time is [`TIME_LIMIT`].
pub struct CodeVerifier {
    form: CodeForm,
    config: CodeConfig,
    grader: Grader,
}

impl CodeVerifier {
    /// A verifier of one form of tests, which has programs graded through `client`.
    pub fn new(form: CodeForm, config: CodeConfig, client: sandbox_api::Client) -> Self {
        Self { form, config, grader: Grader::new(client) }
    }

    /// A verifier for each form of tests, and the one of EvalPlus. A program that is repeated because it ran out of
    /// time waits for the programs of all of them.
    pub fn of_all_forms(config: &CodeConfig, client: sandbox_api::Client) -> (Vec<Self>, EvalPlusVerifier) {
        let grader = Grader::new(client);
        let of_form = |form| Self { form, config: config.clone(), grader: grader.clone() };
        (CodeForm::ALL.map(of_form).into(), EvalPlusVerifier::new(config.clone(), grader))
    }

    fn read(&self, task: &Task, ground_truth: &Value) -> Result<CodeTask, VerifierError> {
        let read = self.form.read(ground_truth);
        read.map_err(|problem| VerifierError::ground_truth(task, self.name(), problem))
    }

    async fn judge(&self, judged: &Judged) -> Result<Verdict, VerifierError> {
        let task = &judged.task;
        // The ground truth is read first, so that a broken task is reported even where no completion has code.
        let code_task = self.read(task, judged.ground_truth())?;
        let code = match program_of(judged, &code_task.prelude, &self.config) {
            Ok(code) => code,
            Err(verdict) => return Ok(verdict),
        };
        let CodeTask { tests, engine, prelude, cpu_seconds, is_suite } = code_task;
        let request = GradeRequest {
            code: prelude.program(&code),
            language: Language::Python,
            engine: engine.unwrap_or(self.config.engine).named(),
            tests,
            limits: limits_of(&self.config.limits, cpu_seconds, is_suite),
            stop_at_first_failure: !self.config.partial_credit,
        };
        let repeats = self.config.repeat_time_outs.unwrap_or(is_suite);
        let has_timed_out = |report: &GradeReport| repeats && report.verdict == GradeVerdict::TimeLimit;
        let failed = |cause| VerifierError::Sandbox { task: task.id.clone(), cause };
        let report = self.grader.grade(request, has_timed_out).await.map_err(failed)?;
        Ok(self.verdict(&report).with_answer(code))
    }

    fn verdict(&self, report: &GradeReport) -> Verdict {
        let tests = format!("{} of {} tests passed", report.num_passed, report.num_tests);
        let reason = if report.reason.is_empty() { tests } else { format!("{tests}: {}", report.reason) };
        let verdict = Verdict::of_checks(report.num_passed, report.num_tests, self.config.partial_credit, reason);
        if report.verdict == GradeVerdict::TimeLimit { verdict.with_detail(TIME_LIMIT) } else { verdict }
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
