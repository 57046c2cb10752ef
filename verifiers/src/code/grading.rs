//! Has submissions graded by the code execution server: large ones in parts, and one that ran out of time once more,
//! alone. It must not know what a verdict is.
//!
//! Alone means beside no other submission of the same verifiers: submissions share a lock, and one that is repeated
//! holds it by itself. It waits for those that run, and those that come wait for it.

use std::mem;
use std::sync::Arc;

use sandbox_api::{Client, ClientError, FunctionCase, GradeReport, GradeRequest, GradeVerdict, StdioCase, Tests};
use serde_json::Value;
use tokio::sync::RwLock;

/// Most cases of one request, and most bytes of their texts: a server takes some 32 MB, and answers within minutes.
const MOST_CASES: usize = 256;
const MOST_BYTES: usize = 8 << 20;

/// What grades submissions; clones share its lock.
#[derive(Clone)]
pub(super) struct Grader {
    client: Client,
    turns: Arc<RwLock<()>>,
}

impl Grader {
    pub(super) fn new(client: Client) -> Self {
        Self { client, turns: Arc::new(RwLock::new(())) }
    }

    /// The client, for what is no submission.
    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// The report on a submission. Its parts are graded in their order; the first that fails ends it where the request
    /// stops at failures, and one that ran out of time ends it always.
    ///
    /// `has_timed_out` tells a report that is repeated.
    ///
    /// # Errors
    /// [`ClientError`]: the submission was not graded.
    pub(super) async fn grade(
        &self,
        request: GradeRequest,
        has_timed_out: impl Fn(&GradeReport) -> bool,
    ) -> Result<GradeReport, ClientError> {
        let num_tests = request.tests.len();
        let mut whole: Option<GradeReport> = None;
        for part in parts(request) {
            let num_before = whole.as_ref().map_or(0, |report| report.num_tests);
            let report = self.grade_part(&part, &has_timed_out).await?;
            let ends = report.verdict != GradeVerdict::Passed
                && (part.stop_at_first_failure || report.verdict == GradeVerdict::TimeLimit);
            whole = Some(match whole {
                None => report,
                Some(before) => joined(before, report, num_before),
            });
            if ends {
                break;
            }
        }
        // The server refuses a submission without tests, so there was a part.
        let report = whole.ok_or_else(|| ClientError::BadConfig("a submission without tests".to_owned()))?;
        Ok(GradeReport { num_tests, ..report })
    }

    async fn grade_part(
        &self,
        request: &GradeRequest,
        has_timed_out: &impl Fn(&GradeReport) -> bool,
    ) -> Result<GradeReport, ClientError> {
        let report = {
            let _turn = self.turns.read().await;
            self.client.grade(request).await?
        };
        if !has_timed_out(&report) {
            return Ok(report);
        }
        let _alone = self.turns.write().await;
        self.client.grade(request).await
    }
}

/// The report on two parts, of which the second comes behind `num_before` cases.
fn joined(before: GradeReport, after: GradeReport, num_before: usize) -> GradeReport {
    let failed_before = before.verdict != GradeVerdict::Passed;
    let (verdict, reason) = match failed_before {
        true => (before.verdict, before.reason),
        false if after.reason.is_empty() => (after.verdict, after.reason),
        false => (after.verdict, format!("behind case {num_before}: {}", after.reason)),
    };
    GradeReport {
        verdict,
        reason,
        num_passed: before.num_passed + after.num_passed,
        num_tests: before.num_tests + after.num_tests,
        seconds: before.seconds + after.seconds,
        engine: after.engine.or(before.engine),
        unmet_need: before.unmet_need.or(after.unmet_need),
    }
}

/// The request in parts that a server takes. Asserts stay whole: what one of them prepares, later ones use.
fn parts(mut request: GradeRequest) -> Vec<GradeRequest> {
    let tests = mem::replace(&mut request.tests, Tests::Stdio { cases: Vec::new() });
    let with = |tests: Tests| GradeRequest { tests, ..request.clone() };
    match tests {
        Tests::Stdio { cases } => {
            let size = |case: &StdioCase| case.input.len() + case.output.len();
            split(cases, size).into_iter().map(|cases| with(Tests::Stdio { cases })).collect()
        }
        Tests::Function { entry_point, cases } => {
            let size = |case: &FunctionCase| num_bytes(&case.args) + num_bytes(&case.expected);
            let of = |cases| with(Tests::Function { entry_point: entry_point.clone(), cases });
            split(cases, size).into_iter().map(of).collect()
        }
        tests => vec![with(tests)],
    }
}

fn split<T>(cases: Vec<T>, size: impl Fn(&T) -> usize) -> Vec<Vec<T>> {
    let (mut parts, mut num_bytes) = (vec![Vec::new()], 0);
    for case in cases {
        let bytes = size(&case);
        let last = parts.last().map_or(0, Vec::len);
        if last > 0 && (last >= MOST_CASES || num_bytes + bytes > MOST_BYTES) {
            parts.push(Vec::new());
            num_bytes = 0;
        }
        num_bytes += bytes;
        if let Some(part) = parts.last_mut() {
            part.push(case);
        }
    }
    parts
}

/// Bytes of a value as JSON, roughly.
fn num_bytes(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len() + 2,
        Value::Array(items) => items.iter().map(|item| num_bytes(item) + 1).sum::<usize>() + 2,
        Value::Object(fields) => fields.iter().map(|(key, value)| key.len() + num_bytes(value) + 4).sum::<usize>() + 2,
        Value::Number(number) => number.as_str().len(),
        Value::Null | Value::Bool(_) => 5,
    }
}

#[cfg(test)]
mod tests {
    use sandbox_api::{Language, Limits};

    use super::*;

    fn request(sizes: &[usize]) -> GradeRequest {
        let case = |size: &usize| StdioCase { input: "x".repeat(*size), output: String::new() };
        GradeRequest {
            code: "print(1)".into(),
            language: Language::Python,
            engine: None,
            tests: Tests::Stdio { cases: sizes.iter().map(case).collect() },
            limits: Limits::default(),
            stop_at_first_failure: true,
        }
    }

    fn lengths(sizes: &[usize]) -> Vec<usize> {
        parts(request(sizes)).iter().map(|part| part.tests.len()).collect()
    }

    #[test]
    fn large_submissions_come_in_parts() {
        assert_eq!(lengths(&[1, 2, 3]), [3]);
        assert_eq!(lengths(&[1; 600]), [256, 256, 88]);
        let half = MOST_BYTES / 2;
        assert_eq!(lengths(&[half, half, half, MOST_BYTES * 2, 1]), [2, 1, 1, 1]);
    }

    #[test]
    fn the_reports_of_parts_are_one() {
        let report = |verdict, num_passed, reason: &str| GradeReport {
            verdict,
            num_passed,
            num_tests: 4,
            reason: reason.into(),
            seconds: 1.0,
            engine: None,
            unmet_need: None,
        };
        let passed = report(GradeVerdict::Passed, 4, "");
        let failed = report(GradeVerdict::WrongAnswer, 1, "case 2 of 4: no");
        let both = joined(passed.clone(), failed.clone(), 4);
        assert_eq!((both.verdict, both.num_passed, both.num_tests), (GradeVerdict::WrongAnswer, 5, 8));
        assert_eq!(both.reason, "behind case 4: case 2 of 4: no");
        assert_eq!(joined(failed, passed, 4).reason, "case 2 of 4: no");
    }
}
