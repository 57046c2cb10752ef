//! Evaluation figures: pass@1 with its standard error and interval, and pass@k, from the samples of each task.
//!
//! pass@1 is the mean over tasks of the share of a task's samples that pass (avg@k). It must not know who sampled or
//! judged.

use serde::{Deserialize, Serialize};

use crate::proportion::{interval, mean, standard_error};

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

/// One judged sample of a task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EvalSample {
    /// The verifier's score, 0..=1.
    pub score: f32,
    /// True for a sample that the verifier passed.
    pub passed: bool,
    /// Number of tokens in the completion.
    pub num_tokens: usize,
    /// True for a completion that hit the length limit.
    pub truncated: bool,
}

/// All samples of one task. Samples whose verifier failed are counted, not scored.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct EvalRecord {
    /// The task's id.
    pub task_id: String,
    /// The samples that were judged.
    pub samples: Vec<EvalSample>,
    /// Samples whose verifier failed.
    pub num_verifier_errors: usize,
}

impl EvalRecord {
    fn result(&self) -> TaskResult {
        TaskResult {
            task_id: self.task_id.clone(),
            pass_at_1: mean(self.samples.iter().map(passed)),
            num_samples: self.samples.len(),
        }
    }
}

/// One task's part in pass@1, by which two evaluations are compared task by task.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskResult {
    /// The task's id.
    pub task_id: String,
    /// Share of the task's judged samples that pass, 0..=1.
    #[serde(rename = "pass@1")]
    pub pass_at_1: f64,
    /// Number of judged samples, at least one.
    pub num_samples: usize,
}

/// The figures of one dataset.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EvalSummary {
    /// The dataset's name.
    pub dataset: String,
    /// Number of tasks with at least one judged sample.
    pub num_tasks: usize,
    /// k, the number of samples asked of each task.
    pub num_samples: usize,
    /// Mean over tasks of the share of samples that pass, 0..=1.
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
    /// Number of samples whose verifier failed; they are in no other figure.
    pub num_verifier_errors: usize,
    /// Wall-clock seconds of the evaluation.
    pub seconds: f64,
    /// Every task with at least one judged sample, in the dataset's order; empty in files of versions without them.
    #[serde(default)]
    pub tasks: Vec<TaskResult>,
}

impl EvalSummary {
    /// Sums up the records of one dataset. `seconds` is the evaluation's wall-clock time.
    ///
    /// # Errors
    /// Not one sample was judged.
    pub fn of(dataset: &str, records: &[EvalRecord], seconds: f64) -> Result<Self, NothingJudged> {
        let records_judged: Vec<&EvalRecord> = records.iter().filter(|record| !record.samples.is_empty()).collect();
        let judged: Vec<&[EvalSample]> = records_judged.iter().map(|record| record.samples.as_slice()).collect();
        let num_verifier_errors = records.iter().map(|record| record.num_verifier_errors).sum();
        if judged.is_empty() {
            return Err(NothingJudged { dataset: dataset.to_owned(), num_verifier_errors });
        }
        let num_tasks = judged.len();
        let num_samples = records.iter().map(|r| r.samples.len() + r.num_verifier_errors).max().unwrap_or(0);
        let over_tasks =
            |value: fn(&EvalSample) -> f64| mean(judged.iter().map(|samples| mean(samples.iter().map(value))));
        let over_samples = |value: fn(&EvalSample) -> f64| mean(judged.iter().copied().flatten().map(value));
        let tasks: Vec<TaskResult> = records_judged.into_iter().map(EvalRecord::result).collect();
        let task_means: Vec<f64> = tasks.iter().map(|task| task.pass_at_1).collect();
        let pass_at_1 = mean(task_means.iter().copied());
        let standard_error = standard_error(&task_means);
        Ok(Self {
            dataset: dataset.to_owned(),
            num_tasks,
            num_samples,
            pass_at_1,
            standard_error,
            interval: interval(pass_at_1, standard_error, num_tasks, num_samples),
            pass_at_k: mean(judged.iter().map(|samples| f64::from(samples.iter().any(|sample| sample.passed)))),
            score_mean: over_tasks(|sample| f64::from(sample.score)),
            completion_tokens_mean: over_samples(|sample| sample.num_tokens as f64),
            truncated: over_samples(|sample| f64::from(sample.truncated)),
            num_verifier_errors,
            seconds,
            tasks,
        })
    }
}

fn passed(sample: &EvalSample) -> f64 {
    f64::from(sample.passed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(passes: &[bool]) -> EvalRecord {
        let samples = passes.iter().map(|&passed| EvalSample {
            score: f32::from(passed),
            passed,
            num_tokens: 10,
            truncated: !passed,
        });
        EvalRecord { task_id: "t".into(), samples: samples.collect(), num_verifier_errors: 0 }
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
        let mut broken = record(&[]);
        broken.num_verifier_errors = 1;
        let summary = EvalSummary::of("x", &[record(&[true]), broken.clone()], 0.0).unwrap();
        assert!(close(summary.pass_at_1, 1.0));
        assert_eq!((summary.num_tasks, summary.num_verifier_errors, summary.standard_error), (1, 1, None));
        assert!(EvalSummary::of("x", &[broken], 0.0).unwrap_err().to_string().contains("1 verifier error"));
    }

    #[test]
    fn the_json_names_are_the_fields_own() {
        let json = serde_json::to_value(EvalSummary::of("x", &[record(&[true])], 0.0).unwrap()).unwrap();
        assert!(json.get("pass@1").is_some() && json.get("pass@k").is_some());
    }
}
