//! Two results on the same tasks, paired by the tasks' ids.

use std::collections::HashMap;

use crate::mean::mean;
use crate::sign_flips::greatest_divisor;
use crate::task_result::TaskResult;

/// Tasks that both results judged, in the later result's order.
pub(crate) struct Pairs<'a> {
    pairs: Vec<(&'a TaskResult, &'a TaskResult)>,
    /// Differences of the shares that pass, later less earlier.
    pub differences: Vec<f64>,
    /// Tasks that are better, and worse, in the later result.
    pub gained: usize,
    pub lost: usize,
}

impl<'a> Pairs<'a> {
    pub(crate) fn of(before: &'a [TaskResult], after: &'a [TaskResult]) -> Self {
        let before: HashMap<&str, &TaskResult> = judged(before).map(|task| (task.task_id.as_str(), task)).collect();
        let pairs: Vec<(&TaskResult, &TaskResult)> =
            judged(after).filter_map(|task| Some((*before.get(task.task_id.as_str())?, task))).collect();
        let differences: Vec<f64> = pairs.iter().map(|pair| numerator(pair) as f64 / denominator(pair)).collect();
        let gained = differences.iter().filter(|difference| **difference > 0.0).count();
        let lost = differences.iter().filter(|difference| **difference < 0.0).count();
        Self { pairs, differences, gained, lost }
    }

    pub(crate) fn num_tasks(&self) -> usize {
        self.pairs.len()
    }

    pub(crate) fn difference(&self) -> f64 {
        mean(self.differences.iter().copied())
    }

    /// True where every task has one sample in both results.
    pub(crate) fn has_one_sample_each(&self) -> bool {
        self.pairs.iter().all(|(before, after)| before.num_samples == 1 && after.num_samples == 1)
    }

    /// The difference of a pseudo-task: `1 / sqrt(samples)`, over tasks the root of the mean of `1 / samples`.
    pub(crate) fn pseudo_size(&self) -> f64 {
        let samples = |(before, after): &(&TaskResult, &TaskResult)| before.num_samples.min(after.num_samples);
        mean(self.pairs.iter().map(|pair| 1.0 / samples(pair) as f64)).sqrt()
    }

    /// The differences in whole units of the largest common one; `None` where it is too small.
    pub(crate) fn units(&self) -> Option<Vec<i64>> {
        let fractions: Vec<(i64, i64)> = self.pairs.iter().map(reduced).collect();
        let common = fractions.iter().try_fold(1_i64, |common, (_, denominator)| {
            let divisor = greatest_divisor(common.unsigned_abs(), denominator.unsigned_abs());
            common.checked_mul(denominator / i64::try_from(divisor).ok()?)
        })?;
        fractions.iter().map(|(numerator, denominator)| numerator.checked_mul(common / denominator)).collect()
    }
}

/// The tasks with a judged sample: without one there is nothing to compare.
fn judged(tasks: &[TaskResult]) -> impl Iterator<Item = &TaskResult> {
    tasks.iter().filter(|task| task.num_samples > 0)
}

/// The difference of a task's shares as a fraction in lowest terms.
fn reduced(pair: &(&TaskResult, &TaskResult)) -> (i64, i64) {
    let (numerator, denominator) = (numerator(pair), denominator(pair) as i64);
    let divisor = greatest_divisor(numerator.unsigned_abs(), denominator.unsigned_abs()).max(1) as i64;
    (numerator / divisor, denominator / divisor)
}

/// The difference of a task's shares over their common denominator: whole, so that what is equal is 0.
fn numerator((before, after): &(&TaskResult, &TaskResult)) -> i64 {
    let product = |one: usize, other: usize| i64::try_from(one.saturating_mul(other)).unwrap_or(i64::MAX);
    product(after.num_passed, before.num_samples) - product(before.num_passed, after.num_samples)
}

fn denominator((before, after): &(&TaskResult, &TaskResult)) -> f64 {
    before.num_samples as f64 * after.num_samples as f64
}
