//! Judged samples of a task, as the caller hands them in, and how they are counted where a verifier broke.

use serde::{Deserialize, Serialize};

use crate::mean::mean;

/// One sample of a task and its verdict. A sample whose verifier failed is a sample too: see [`EvalSample::broken`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct EvalSample {
    /// The verifier's score, 0..=1.
    pub score: f32,
    /// True for a sample that the verifier passed.
    pub passed: bool,
    /// Number of tokens in the completion.
    pub num_tokens: usize,
    /// True for a completion that hit the length limit.
    pub truncated: bool,
    /// True where the completion holds no answer, or no program.
    #[serde(default)]
    pub no_answer: bool,
    /// True where the completion's program was stopped at its time limit.
    #[serde(default)]
    pub timed_out: bool,
    /// True where the verifier failed: nothing is known of score and passed.
    #[serde(default)]
    pub verifier_error: bool,
    /// Number of the answer among the task's different answers, by the verifier's own equality: what a majority votes
    /// on. `None` where there is no answer, or none that can be compared.
    #[serde(default)]
    pub answer_class: Option<u32>,
    /// Hash of the completion's text or ids, equal for equal completions; `None` where it was not taken.
    #[serde(default)]
    pub completion_hash: Option<u64>,
}

impl EvalSample {
    /// A sample whose verifier failed.
    pub fn broken(num_tokens: usize, truncated: bool) -> Self {
        Self { num_tokens, truncated, verifier_error: true, ..Self::default() }
    }
}

/// All samples of one task.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct EvalRecord {
    /// The task's id.
    pub task_id: String,
    /// The samples, those whose verifier failed among them.
    pub samples: Vec<EvalSample>,
    /// Number of samples that were asked for, where it is more than there are; otherwise as many as there are.
    #[serde(default)]
    pub num_asked: usize,
}

/// Counting of samples whose verifier failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Broken {
    LeftOut,
    Wrong,
    Right,
}

impl EvalRecord {
    /// A record with as many samples as were asked for.
    pub fn new(task_id: impl Into<String>, samples: Vec<EvalSample>) -> Self {
        Self { task_id: task_id.into(), num_asked: samples.len(), samples }
    }

    /// Number of samples that were asked for.
    pub fn num_asked(&self) -> usize {
        self.num_asked.max(self.samples.len())
    }

    /// Samples whose verifier failed.
    pub fn num_verifier_errors(&self) -> usize {
        self.samples.iter().filter(|sample| sample.verifier_error).count()
    }

    /// The samples that were judged.
    pub fn judged(&self) -> impl Iterator<Item = &EvalSample> {
        self.samples.iter().filter(|sample| !sample.verifier_error)
    }

    /// Number of samples, and of those that pass.
    pub(crate) fn counts(&self, broken: Broken) -> (usize, usize) {
        let num_judged = self.judged().count();
        let num_passed = self.judged().filter(|sample| sample.passed).count();
        let num_broken = self.samples.len() - num_judged;
        match broken {
            Broken::LeftOut => (num_judged, num_passed),
            Broken::Wrong => (num_judged + num_broken, num_passed),
            Broken::Right => (num_judged + num_broken, num_passed + num_broken),
        }
    }

    /// The mean score; `None` where no sample counts.
    pub(crate) fn score(&self, broken: Broken) -> Option<f64> {
        let score = |sample: &EvalSample| match (sample.verifier_error, broken) {
            (false, _) => Some(f64::from(sample.score)),
            (true, Broken::LeftOut) => None,
            (true, Broken::Wrong) => Some(0.0),
            (true, Broken::Right) => Some(1.0),
        };
        Some(mean(self.samples.iter().filter_map(score))).filter(|mean| !mean.is_nan())
    }
}
