//! The figures of one dataset or suite, from the samples of each task: how good, how sure, and what stands beside.
//!
//! pass@1 is the mean over tasks of the share of a task's samples that pass (avg@n). pass@j and majority@j are means
//! over tasks as well. The interval of each follows [`Figure`]'s rule. pass@j and majority@j with j > 1 are no means of
//! independent samples: a task with n of them counts as n / j, rounded down, so that pass@n and majority@n have
//! Wilson's interval over tasks. That is approximate; what was simulated is pass@1.
//!
//! **Where verifiers broke** nothing is known of a sample. pass@1 and the other figures are those of the judged samples
//! alone, and never stand alone: `low` and `high` are pass@1 over all samples with the broken ones wrong and right, and
//! each interval reaches from the lower end with them wrong to the upper end with them right. A majority counts a
//! broken sample whose answer was judged in another one by that verdict; the others vote for a wrong and for a right
//! answer.
//!
//! This file must not know who sampled or judged.

use std::collections::{BTreeMap, HashSet};

use serde::{Deserialize, Serialize};

use crate::figure::Figure;
use crate::figures::Figures;
use crate::mean::mean;
use crate::sample::{Broken, EvalRecord, EvalSample};
use crate::task_result::TaskResult;

/// Error for a dataset of which not one sample was judged, so that there is no figure to report.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "dataset {dataset}: not one sample could be judged ({num_verifier_errors} verifier errors); see the log for the \
     first one"
)]
pub struct NothingJudged {
    /// The dataset's name.
    pub dataset: String,
    /// Samples whose verifier failed.
    pub num_verifier_errors: usize,
}

/// Tasks from which on intervals cover what they say.
const FEWEST_COVERED: usize = 150;

/// The figures of one dataset.
///
/// Fields that say so are empty, 0 or `None` in files of versions without them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct EvalSummary {
    /// The dataset's name.
    pub dataset: String,
    /// Number of tasks with at least one judged sample.
    pub num_tasks: usize,
    /// k, the number of samples asked of each task.
    pub num_samples: usize,
    /// Mean over tasks of the share of judged samples that pass, 0..=1.
    #[serde(rename = "pass@1")]
    pub pass_at_1: f64,
    /// Standard error of pass@1, clustered by task; `None` with fewer than two tasks.
    pub standard_error: Option<f64>,
    /// 95 % interval of pass@1: lower and upper end.
    pub interval: [f64; 2],
    /// Share of tasks with at least one sample that passes.
    #[serde(rename = "pass@k")]
    pub pass_at_k: f64,
    /// Mean score over tasks and samples, which differs from pass@1 where verifiers give partial credit.
    #[serde(rename = "avg@k")]
    pub score_mean: f64,
    /// Mean tokens of a completion.
    pub completion_tokens_mean: f64,
    /// Share of completions that hit the length limit.
    pub truncated: f64,
    /// Number of samples whose verifier failed; see `low` and `high`.
    pub num_verifier_errors: usize,
    /// Wall-clock seconds of the evaluation.
    pub seconds: f64,
    /// Every task with at least one judged sample, in the dataset's order. Not in old files.
    #[serde(default)]
    pub tasks: Vec<TaskResult>,
    /// Number of samples that were asked for, over all tasks. Not in old files.
    #[serde(default)]
    pub num_asked: usize,
    /// Number of samples that were judged. Not in old files.
    #[serde(default)]
    pub num_judged: usize,
    /// pass@1 over all samples if those whose verifier failed were wrong. Not in old files.
    #[serde(default)]
    pub low: Option<f64>,
    /// pass@1 over all samples if those whose verifier failed were right. Not in old files.
    #[serde(default)]
    pub high: Option<f64>,
    /// pass@j by j, up to k: the mean over the tasks with at least j judged samples. Not in old files.
    #[serde(default)]
    pub pass_at: BTreeMap<usize, f64>,
    /// majority@k by k; empty where answers were not put into classes. Not in old files.
    #[serde(default)]
    pub majority_at: BTreeMap<usize, f64>,
    /// 95 % intervals by the figure's name: `pass@1`, `pass@2`, …, `majority@k`, `avg@k`, `corrected`, with the number
    /// for k. Not in old files.
    #[serde(default)]
    pub intervals: BTreeMap<String, [f64; 2]>,
    /// Share of completions without an answer or program. Not in old files.
    #[serde(default)]
    pub no_answer: f64,
    /// Share of completions whose program was stopped at its time limit. Not in old files.
    #[serde(default)]
    pub timed_out: f64,
    /// Share of completions whose verifier failed. Not in old files.
    #[serde(default)]
    pub verifier_errors: f64,
    /// Mean tokens of a completion that passes; `None` without one. Not in old files.
    #[serde(default)]
    pub right_completion_tokens_mean: Option<f64>,
    /// Mean tokens of a judged completion that does not pass; `None` without one. Not in old files.
    #[serde(default)]
    pub wrong_completion_tokens_mean: Option<f64>,
    /// Share of completions that equal an earlier one of their task; `None` where completions were not hashed. Not in
    /// old files.
    #[serde(default)]
    pub equal_completions: Option<f64>,
    /// pass@1 of the tasks as errata correct them, which [`EvalSummary::with_corrected`] sets.
    #[serde(default)]
    pub corrected: Option<f64>,
}

impl EvalSummary {
    /// Sums up the records of one dataset. `seconds` is the evaluation's wall-clock time.
    ///
    /// # Errors
    /// Not one sample was judged.
    pub fn of(dataset: &str, records: &[EvalRecord], seconds: f64) -> Result<Self, NothingJudged> {
        let num_verifier_errors = records.iter().map(EvalRecord::num_verifier_errors).sum();
        let figures = Figures::new(records);
        let Some(pass_at_1) = figures.pass_at(1) else {
            return Err(NothingJudged { dataset: dataset.to_owned(), num_verifier_errors });
        };
        let num_samples = records.iter().map(EvalRecord::num_asked).max().unwrap_or(0);
        let samples = || records.iter().flat_map(|record| &record.samples);
        let share = |is: fn(&EvalSample) -> bool| mean(samples().map(|sample| f64::from(is(sample))));
        let tokens = |is: fn(&EvalSample) -> bool| {
            let mean = mean(samples().filter(|sample| is(sample)).map(|sample| sample.num_tokens as f64));
            Some(mean).filter(|mean| !mean.is_nan())
        };
        let mut summary = Self {
            dataset: dataset.to_owned(),
            num_tasks: pass_at_1.num_tasks as usize,
            num_samples,
            pass_at_1: pass_at_1.value,
            standard_error: pass_at_1.standard_error,
            interval: pass_at_1.interval,
            pass_at_k: mean(results(records).map(|task| f64::from(task.num_passed > 0))),
            completion_tokens_mean: tokens(|_| true).unwrap_or(0.0),
            truncated: share(|sample| sample.truncated),
            num_verifier_errors,
            seconds,
            tasks: results(records).collect(),
            num_asked: records.iter().map(EvalRecord::num_asked).sum(),
            num_judged: records.iter().map(|record| record.judged().count()).sum(),
            low: Some(figures.end(Broken::Wrong)),
            high: Some(figures.end(Broken::Right)),
            no_answer: share(|sample| sample.no_answer),
            timed_out: share(|sample| sample.timed_out),
            verifier_errors: share(|sample| sample.verifier_error),
            right_completion_tokens_mean: tokens(|sample| sample.passed && !sample.verifier_error),
            wrong_completion_tokens_mean: tokens(|sample| !sample.passed && !sample.verifier_error),
            equal_completions: equal_completions(records),
            ..Self::default()
        };
        for j in 1..=num_samples {
            if let Some(figure) = figures.pass_at(j) {
                summary.pass_at.insert(j, figure.value);
                summary.intervals.insert(format!("pass@{j}"), figure.interval);
            }
        }
        if let Some(figure) = figures.majority(num_samples) {
            summary.majority_at.insert(num_samples, figure.value);
            summary.intervals.insert(format!("majority@{num_samples}"), figure.interval);
        }
        if let Some(figure) = figures.score() {
            summary.score_mean = figure.value;
            summary.intervals.insert(format!("avg@{num_samples}"), figure.interval);
        }
        Ok(summary)
    }

    /// Adds pass@1 of the same samples judged by corrected keys, beside the official one.
    ///
    /// # Errors
    /// Not one sample was judged.
    pub fn with_corrected(mut self, records: &[EvalRecord]) -> Result<Self, NothingJudged> {
        let corrected = Self::of(&self.dataset, records, self.seconds)?;
        self.intervals.insert("corrected".to_owned(), corrected.interval);
        self.corrected = Some(corrected.pass_at_1);
        Ok(self)
    }

    /// pass@1 as a figure, from which those over several suites are made. Made of the judged samples alone.
    pub fn figure(&self) -> Option<Figure> {
        let means: Vec<f64> = self.tasks.iter().map(|task| task.pass_at_1).collect();
        Figure::of(&means, self.tasks.iter().map(|task| task.num_samples).sum())
    }

    /// pass@1 with broken verdicts wrong and right; both are pass@1 where no verifier failed.
    pub fn ends(&self) -> [f64; 2] {
        [self.low.unwrap_or(self.pass_at_1), self.high.unwrap_or(self.pass_at_1)]
    }

    /// The words to say beside a figure of few tasks that nearly all pass, or nearly all fail: its interval covers less
    /// than it says, by any method. `None` elsewhere. docs/evaluation.md has the numbers.
    pub fn caveat(&self) -> Option<&'static str> {
        let is_extreme = self.pass_at_1 >= 0.95 || self.pass_at_1 <= 0.05;
        (self.num_tasks < FEWEST_COVERED && is_extreme).then_some(
            "fewer than 150 tasks at 95 % and more or 5 % and less: no method's interval holds in 95 of 100 cases",
        )
    }
}

/// The tasks with at least one judged sample.
fn results(records: &[EvalRecord]) -> impl Iterator<Item = TaskResult> {
    let counted = records.iter().map(|record| (record, record.counts(Broken::LeftOut)));
    let judged = counted.filter(|(_, (num_judged, _))| *num_judged > 0);
    judged.map(|(record, (num_judged, num_passed))| TaskResult::new(&record.task_id, num_passed, num_judged))
}

/// Share of the samples whose completion equals an earlier one of their task.
fn equal_completions(records: &[EvalRecord]) -> Option<f64> {
    let mut num_equal = 0;
    let mut num_samples = 0;
    for record in records {
        let hashes: Option<HashSet<u64>> = record.samples.iter().map(|sample| sample.completion_hash).collect();
        num_equal += record.samples.len() - hashes?.len();
        num_samples += record.samples.len();
    }
    (num_samples > 0).then(|| num_equal as f64 / num_samples as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(passed: bool) -> EvalSample {
        EvalSample { score: f32::from(passed), passed, num_tokens: 10, truncated: !passed, ..EvalSample::default() }
    }

    fn record(passes: &[bool]) -> EvalRecord {
        EvalRecord::new("t", passes.iter().copied().map(sample).collect())
    }

    fn close(left: f64, right: f64) -> bool {
        (left - right).abs() < 1e-4
    }

    #[test]
    fn figures_of_two_samples_a_task() {
        let records = [record(&[true, true]), record(&[true, false]), record(&[false, false]), record(&[false, false])];
        let summary = EvalSummary::of("sums", &records, 2.0).unwrap();
        assert!(close(summary.pass_at_1, 0.375) && close(summary.pass_at_k, 0.5));
        // Task means 1, 0.5, 0, 0: standard deviation 0.478714, over sqrt(4).
        assert!(close(summary.standard_error.unwrap(), 0.239357), "{summary:?}");
        assert!(close(summary.truncated, 0.625) && close(summary.completion_tokens_mean, 10.0));
        assert_eq!((summary.num_tasks, summary.num_samples), (4, 2));
    }

    #[test]
    fn the_interval_is_wilsons_and_never_empty() {
        // Wilson for 3 of 10: 0.10779 to 0.60322. With one sample a task, se^2 = p (1 - p) / (n - 1), so n is clamped
        // to 10.
        let records: Vec<EvalRecord> = (0..10).map(|index| record(&[index < 3])).collect();
        let [low, high] = EvalSummary::of("x", &records, 0.0).unwrap().interval;
        assert!(close(low, 0.10779) && close(high, 0.60322), "{low} {high}");
        let all: Vec<EvalRecord> = (0..10).map(|_| record(&[true])).collect();
        let [low, high] = EvalSummary::of("x", &all, 0.0).unwrap().interval;
        assert!(low < 0.8 && close(high, 1.0), "{low} {high}");
    }

    #[test]
    fn broken_verifiers_are_counted_not_scored() {
        let broken = EvalRecord::new("b", vec![EvalSample::broken(10, false)]);
        let summary = EvalSummary::of("x", &[record(&[true]), broken.clone()], 0.0).unwrap();
        assert!(close(summary.pass_at_1, 1.0));
        assert_eq!((summary.num_tasks, summary.num_verifier_errors, summary.standard_error), (1, 1, None));
        assert_eq!((summary.num_asked, summary.num_judged, summary.ends()), (2, 1, [0.5, 1.0]));
        assert!(EvalSummary::of("x", &[broken], 0.0).unwrap_err().to_string().contains("1 verifier error"));
    }

    #[test]
    fn the_json_names_are_the_fields_own() {
        let json = serde_json::to_value(EvalSummary::of("x", &[record(&[true])], 0.0).unwrap()).unwrap();
        assert!(json.get("pass@1").is_some() && json.get("pass@k").is_some());
    }
}
