//! The figures of some records: of judged samples, with intervals that span what broken verifiers leave open.

use std::collections::HashSet;

use crate::figure::Figure;
use crate::majority::Ballot;
use crate::mean::mean;
use crate::pass_at::pass_at;
use crate::sample::{Broken, EvalRecord, EvalSample};

/// Figures over tasks, each with an interval that spans what broken verifiers leave open.
pub(crate) struct Figures<'a> {
    records: &'a [EvalRecord],
    has_broken: bool,
}

impl<'a> Figures<'a> {
    pub(crate) fn new(records: &'a [EvalRecord]) -> Self {
        Self { records, has_broken: records.iter().any(|record| record.num_verifier_errors() > 0) }
    }

    /// pass@j over the tasks with at least j judged samples.
    pub(crate) fn pass_at(&self, j: usize) -> Option<Figure> {
        self.spanned(j, |record, broken| {
            let (num_samples, num_passed) = record.counts(broken);
            pass_at(num_samples, num_passed, j)
        })
    }

    /// The mean score.
    pub(crate) fn score(&self) -> Option<Figure> {
        self.spanned(1, EvalRecord::score)
    }

    /// The majority over all k samples of a task; `None` where an answer has no class.
    pub(crate) fn majority(&self, k: usize) -> Option<Figure> {
        let mut judged = self.records.iter().flat_map(EvalRecord::judged);
        let has_classes = judged.all(|sample| sample.no_answer || sample.answer_class.is_some());
        has_classes.then(|| self.spanned(k, ballot))?
    }

    /// pass@1 over the samples of every task.
    pub(crate) fn end(&self, broken: Broken) -> f64 {
        let counts = self.records.iter().map(|record| record.counts(broken));
        mean(counts.filter(|(num_samples, _)| *num_samples > 0).map(|(n, c)| c as f64 / n as f64))
    }

    /// A figure of which each task's value comes from j samples at a time; `None` where no task has a value.
    fn spanned(&self, j: usize, value: impl Fn(&EvalRecord, Broken) -> Option<f64>) -> Option<Figure> {
        let of = |broken| {
            let valued =
                self.records.iter().filter_map(|record| Some((value(record, broken)?, record.counts(broken).0)));
            let (values, num_samples): (Vec<f64>, Vec<usize>) = valued.unzip();
            Figure::of(&values, num_samples.into_iter().map(|count| (count / j.max(1)).max(1)).sum())
        };
        let mut figure = of(Broken::LeftOut)?;
        if self.has_broken {
            let ends = (of(Broken::Wrong)?.interval[0], of(Broken::Right)?.interval[1]);
            figure.interval = [figure.interval[0].min(ends.0), figure.interval[1].max(ends.1)];
        }
        Some(figure)
    }
}

/// Score of the answer that most samples of a task give; `None` where no sample counts.
fn ballot(record: &EvalRecord, broken: Broken) -> Option<f64> {
    // Answers whose only verdicts are broken vote together, for an answer that no judged sample gives.
    const UNKNOWN: u32 = u32::MAX;
    let judged: HashSet<u32> = record.judged().filter_map(|sample| sample.answer_class).collect();
    let known = |class: &u32| judged.contains(class);
    let mean_of = |class: u32| {
        let of_class = record.judged().filter(|sample| sample.answer_class == Some(class));
        mean(of_class.map(|sample| f64::from(sample.passed)))
    };
    let vote = |sample: &EvalSample| match (sample.verifier_error, broken) {
        (false, _) => Some((sample.answer_class.filter(|_| !sample.no_answer), f64::from(sample.passed))),
        (true, Broken::LeftOut) => None,
        (true, _) if sample.no_answer => Some((None, 0.0)),
        (true, _) => Some(match sample.answer_class.filter(known) {
            Some(class) => (Some(class), mean_of(class)),
            None => (Some(UNKNOWN), f64::from(broken == Broken::Right)),
        }),
    };
    let votes: Vec<(Option<u32>, f64)> = record.samples.iter().filter_map(vote).collect();
    (!votes.is_empty()).then(|| Ballot::count(votes).majority())
}
