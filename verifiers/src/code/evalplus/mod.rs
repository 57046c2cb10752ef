//! `code_evalplus`: HumanEval+ and MBPP+, whose files hold inputs and a reference solution but no expected outputs.
//!
//! The reference runs on all inputs once a task, in the sandbox, and says what is expected and how long each input may
//! take: four times as long as the reference, and 4 s at least. The program is then asked input by input by a judge in
//! a process of its own (`judge.py`), which compares as EvalPlus does: equal, or floats within a tolerance, or by a
//! task's own rule. The base inputs and the further ones are two tests; the further ones count only where the base
//! ones passed.

mod ground_truth;
mod python;
mod rebuild;
mod reference;

use datasets::Task;
use sandbox_api::{GradeReport, GradeRequest, GradeVerdict, Language, Limits, Tests};
use serde_json::Value;

use self::ground_truth::EvalPlusTask;
use self::python::{OUTPUT, TASKS, python_text};
use self::reference::{Expected, NAME, References};
use super::completion::program_of;
use super::config::CodeConfig;
use super::grading::Grader;
use super::limits::{MOST_WALL, SUITE_MEMORY};
use crate::{Judged, Measure, TIME_LIMIT, Verdict, VerdictFuture, Verifier, VerifierError};

/// What compares outputs; trusted, it runs where no program can reach it.
const JUDGE: &str = include_str!("judge.py");
/// Most seconds for all inputs of a test, whatever each may take: EvalPlus's own.
const MOST_SECONDS: f64 = 60.0;
/// What the judge says of a call that took too long; no program has a say in it.
const PAST_LIMIT: &str = "past its time limit:";

/// `code_evalplus`: a verdict has the measures `base` and `plus`, and passes where both do.
pub struct EvalPlusVerifier {
    config: CodeConfig,
    grader: Grader,
    references: References,
}

impl EvalPlusVerifier {
    pub(super) fn new(config: CodeConfig, grader: Grader) -> Self {
        Self { config, grader, references: References::default() }
    }

    fn read(&self, task: &Task, ground_truth: &Value) -> Result<EvalPlusTask, VerifierError> {
        let read = EvalPlusTask::read(ground_truth);
        read.map_err(|problem| VerifierError::ground_truth(task, NAME, problem))
    }

    async fn judge(&self, judged: &Judged) -> Result<Verdict, VerifierError> {
        let task = &judged.task;
        let plus_task = self.read(task, judged.ground_truth())?;
        let code = match program_of(judged, &plus_task.prelude, &self.config) {
            Ok(code) => code,
            Err(verdict) => return Ok(verdict.with_measures(measures(0))),
        };
        let failed = |cause| VerifierError::Sandbox { task: task.id.clone(), cause };
        let engine = plus_task.engine.unwrap_or(self.config.engine).named();
        let expected = self.references.expected(task, &plus_task, engine, self.grader.client()).await?;
        let request = GradeRequest {
            code: plus_task.prelude.program(&code),
            language: Language::Python,
            engine,
            tests: tests(&plus_task, &expected),
            limits: limits(&self.config.limits, &expected),
            stop_at_first_failure: true,
        };
        let repeats = self.config.repeat_time_outs.unwrap_or(true);
        let report = self.grader.grade(request, |report| repeats && has_timed_out(report)).await.map_err(failed)?;
        Ok(self.verdict(&report).with_answer(code))
    }

    fn verdict(&self, report: &GradeReport) -> Verdict {
        let words = ["the base inputs failed", "the base inputs passed, the further ones failed", "all inputs passed"];
        let words = words[report.num_passed.min(2)];
        let reason = if report.reason.is_empty() { words.to_owned() } else { format!("{words}: {}", report.reason) };
        let verdict = Verdict::of_checks(report.num_passed, 2, self.config.partial_credit, reason);
        let verdict = verdict.with_measures(measures(report.num_passed));
        if has_timed_out(report) { verdict.with_detail(TIME_LIMIT) } else { verdict }
    }
}

/// The two figures, of the tests that passed: the base inputs are the first.
fn measures(num_passed: usize) -> Vec<Measure> {
    vec![Measure::of_flag("base", num_passed >= 1), Measure::of_flag("plus", num_passed >= 2)]
}

fn has_timed_out(report: &GradeReport) -> bool {
    report.verdict == GradeVerdict::TimeLimit || report.reason.contains(PAST_LIMIT)
}

/// The two tests, and what they need, as Python.
fn tests(task: &EvalPlusTask, expected: &Expected) -> Tests {
    let EvalPlusTask { entry_point, num_base, atol, .. } = task;
    let num_inputs = task.num_inputs;
    let inputs = python_text(&task.inputs);
    let Expected { outputs, limits } = expected;
    // The judge's names stand apart: a program's function may be called like one of them.
    let setup = format!(
        "ponder_names = {{}}\nexec({}, ponder_names)\n\
         ponder_judge = ponder_names['Judge']({}, {inputs}, {}, {}, {limits:?}, {atol})\n",
        python_text(&format!("{TASKS}\n{JUDGE}")),
        python_text(entry_point),
        python_text(task.rebuild.word()),
        python_text(outputs),
    );
    let test = |from: usize, to: usize| format!("assert ponder_judge.passes({entry_point}, {from}, {to})");
    Tests::Asserts { setup, tests: vec![test(0, *num_base), test(*num_base, num_inputs)] }
}

/// The limits of a test: those of its inputs together, and some seconds to load what it needs.
fn limits(limits: &Limits, expected: &Expected) -> Limits {
    let seconds = expected.limits.iter().sum::<f64>().min(MOST_SECONDS) + 2.0;
    Limits {
        cpu_seconds: seconds,
        wall_seconds: (seconds * 2.0 + 10.0).min(MOST_WALL),
        memory_bytes: limits.memory_bytes.max(SUITE_MEMORY),
        output_bytes: limits.output_bytes.max(OUTPUT),
        ..limits.clone()
    }
}

impl Verifier for EvalPlusVerifier {
    fn name(&self) -> &str {
        NAME
    }

    fn check(&self, task: &Task, ground_truth: &Value) -> Result<(), VerifierError> {
        self.read(task, ground_truth).map(drop)
    }

    fn verify<'a>(&'a self, judged: &'a Judged) -> VerdictFuture<'a> {
        Box::pin(self.judge(judged))
    }
}
