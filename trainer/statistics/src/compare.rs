//! Comparison of two results on the same tasks, and of several with a first one.
//!
//! Each task is compared with itself, so that the tasks' own spread drops out (Miller 2024, arXiv:2411.00640). With one
//! sample a task on both sides the interval is Tango's (1998) and the p-value McNemar's mid-p, the exact p beside it;
//! with more, both are Student's over the tasks' differences, and the exact p is that over sign flips. Where fewer than
//! ten tasks differ, or all differ alike, Student's interval is too narrow, down to empty: two pseudo-tasks are added.
//!
//! Samples pooled over tasks would not do: they find differences in up to half of the comparisons of equals.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use crate::holm::holm;
use crate::mcnemar::McNemar;
use crate::mean::variance;
use crate::paired_test::{NoWorse, PairedTest, Test};
use crate::pairs::Pairs;
use crate::planning::smallest_detectable;
use crate::sign_flips::sign_flips;
use crate::tango::Flips;
use crate::task_result::TaskResult;

/// Two results that cannot be compared.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ComparisonError {
    /// No task is in both.
    #[error(
        "the results share no task: of {num_before} and {num_after} tasks no id is in both; compare results on the \
         same data"
    )]
    NoCommonTask {
        /// Tasks of the first result.
        num_before: usize,
        /// Tasks of the second result.
        num_after: usize,
    },
    /// A result has two tasks of one id.
    #[error(
        "task {task_id} stands twice in one result, so its samples cannot be paired; give every task an id of its own"
    )]
    RepeatedTask {
        /// The id.
        task_id: String,
    },
    /// A margin that is no share.
    #[error("the margin is {margin}; give the largest loss that is still no loss, between 0 and 1 (0.02 for 2 points)")]
    Margin {
        /// The margin as text, for floats know no equality.
        margin: String,
    },
}

/// Difference of two results, the later less the earlier, over the tasks that both judged.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// Tasks that both judged.
    pub num_tasks: usize,
    /// Tasks that only one of the two judged; they are in no figure here.
    #[serde(default)]
    pub num_unpaired: usize,
    /// Mean over tasks of the later pass rate less the earlier one, -1..=1.
    pub difference: f64,
    /// 95 % interval of the difference, within -1..=1.
    pub interval: [f64; 2],
    /// Two-sided probability of a difference so far from 0 where there is none.
    pub p_value: f64,
    /// The same counted exactly: McNemar's with one sample a task, otherwise over all sign flips of the tasks'
    /// differences; `None` where they are too many to count.
    pub p_exact: Option<f64>,
    /// The p-value for the family of comparisons that it belongs to (Holm); `None` for a single one.
    #[serde(default)]
    pub p_corrected: Option<f64>,
    /// The test behind `p_value` and `interval`.
    pub test: Test,
    /// Tasks that pass more often in the later result.
    pub gained: usize,
    /// Tasks that pass less often in the later result.
    pub lost: usize,
    /// The smallest difference that these tasks show in 80 of 100 comparisons, at 5 % two-sided; `None` where all tasks
    /// differ alike, so that nothing is known of their spread.
    pub smallest_detectable: Option<f64>,
    /// The claim of "no worse", where a margin was given.
    #[serde(default)]
    pub no_worse: Option<NoWorse>,
}

impl Comparison {
    /// Compares `after` with `before`; a `margin` adds the claim that it is no worse by more.
    ///
    /// # Errors
    /// No task is in both, an id stands twice in one, or the margin is not within 0..=1.
    pub fn between(before: &[TaskResult], after: &[TaskResult], margin: Option<f64>) -> Result<Self, ComparisonError> {
        if let Some(margin) = margin.filter(|margin| !(0.0..=1.0).contains(margin)) {
            return Err(ComparisonError::Margin { margin: margin.to_string() });
        }
        check_ids(before)?;
        check_ids(after)?;
        let pairs = Pairs::of(before, after);
        if pairs.num_tasks() == 0 {
            return Err(ComparisonError::NoCommonTask { num_before: before.len(), num_after: after.len() });
        }
        let flips = Flips { gained: pairs.gained, lost: pairs.lost, num_tasks: pairs.num_tasks() };
        let (tested, p_exact) = if pairs.has_one_sample_each() {
            (PairedTest::of_flips(flips), Some(McNemar::of(flips.gained, flips.lost).p_exact))
        } else {
            let tested = PairedTest::of_differences(&pairs.differences, pairs.pseudo_size());
            (tested, pairs.units().and_then(|units| sign_flips(&units)))
        };
        let deviation = variance(&pairs.differences).filter(|variance| *variance > 0.0).map(f64::sqrt);
        Ok(Self {
            num_tasks: pairs.num_tasks(),
            num_unpaired: before.len() + after.len() - 2 * pairs.num_tasks(),
            difference: pairs.difference(),
            interval: tested.interval,
            p_value: tested.p_value,
            p_exact,
            p_corrected: None,
            test: tested.test,
            gained: pairs.gained,
            lost: pairs.lost,
            smallest_detectable: deviation.map(|deviation| smallest_detectable(deviation, pairs.num_tasks())),
            no_worse: margin.map(|margin| tested.no_worse(margin)),
        })
    }

    /// Compares each of `others` with `base` and corrects their p-values for one another (Holm), if there are several.
    ///
    /// # Errors
    /// As for two.
    pub fn with_base(
        base: &[TaskResult],
        others: &[&[TaskResult]],
        margin: Option<f64>,
    ) -> Result<Vec<Self>, ComparisonError> {
        let compared: Result<Vec<Self>, _> = others.iter().map(|other| Self::between(base, other, margin)).collect();
        let mut compared = compared?;
        if compared.len() > 1 {
            let p_values: Vec<Option<f64>> = compared.iter().map(|comparison| Some(comparison.p_value)).collect();
            for (comparison, p_corrected) in compared.iter_mut().zip(holm(&p_values)) {
                comparison.p_corrected = p_corrected;
            }
        }
        Ok(compared)
    }
}

fn check_ids(tasks: &[TaskResult]) -> Result<(), ComparisonError> {
    let mut seen = HashSet::new();
    match tasks.iter().find(|task| !seen.insert(task.task_id.as_str())) {
        Some(task) => Err(ComparisonError::RepeatedTask { task_id: task.task_id.clone() }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results(passed: impl IntoIterator<Item = usize>, num_samples: usize) -> Vec<TaskResult> {
        let result = |(id, num_passed): (usize, usize)| TaskResult::new(format!("task-{id}"), num_passed, num_samples);
        passed.into_iter().enumerate().map(result).collect()
    }

    #[test]
    fn results_that_cannot_be_paired_are_refused() {
        let (one, other) = (results([1, 0], 1), vec![TaskResult::new("else", 1, 1)]);
        let error = Comparison::between(&one, &other, None).unwrap_err();
        assert!(error.to_string().contains("share no task: of 2 and 1"), "{error}");
        let twice = [one.clone(), one.clone()].concat();
        let error = Comparison::between(&twice, &one, None).unwrap_err();
        assert_eq!(error, ComparisonError::RepeatedTask { task_id: "task-0".to_owned() });
        for margin in [-0.1, 2.0, f64::NAN] {
            assert!(Comparison::between(&one, &one, Some(margin)).unwrap_err().to_string().contains("margin"));
        }
    }

    #[test]
    fn tasks_of_one_result_alone_are_counted_and_left_out() {
        let (before, after) = (results([1, 0, 1, 0], 1), results([1, 1], 1));
        let comparison = Comparison::between(&before, &after, None).unwrap();
        assert_eq!((comparison.num_tasks, comparison.num_unpaired, comparison.difference), (2, 2, 0.5));
    }

    #[test]
    fn a_comparison_turned_round_is_the_same_with_the_other_sign() {
        for num_samples in [1, 4] {
            let rate = |id: usize, shift: usize| ((id * 7 + shift) % 5).min(num_samples);
            let arm = |shift| results((0..40).map(|id| rate(id, shift)), num_samples);
            let there = Comparison::between(&arm(0), &arm(3), None).unwrap();
            let back = Comparison::between(&arm(3), &arm(0), None).unwrap();
            let turned = back.interval.map(|end| -end);
            assert!((there.interval[0] - turned[1]).abs() < 1e-9, "{there:?} {back:?}");
            assert!((there.p_value - back.p_value).abs() < 1e-9 && there.difference == -back.difference);
            assert_eq!((there.gained, there.lost, there.p_exact), (back.lost, back.gained, back.p_exact));
        }
    }

    #[test]
    fn tasks_that_all_change_alike_leave_an_interval() {
        let comparison = Comparison::between(&results(vec![0; 40], 2), &results(vec![1; 40], 2), None).unwrap();
        assert_eq!((comparison.test, comparison.smallest_detectable), (Test::TPseudoTasks, None));
        let [low, high] = comparison.interval;
        assert!((0.4..0.5).contains(&low) && (0.5..0.6).contains(&high), "{comparison:?}");
        assert!(comparison.p_value < 1e-9);
        let same = Comparison::between(&results([2, 1, 0], 2), &results([2, 1, 0], 2), None).unwrap();
        assert_eq!((same.p_value, same.p_exact), (1.0, Some(1.0)));
        assert!(same.interval[0] < 0.0 && same.interval[1] > 0.0);
        let alone = Comparison::between(&results([1], 4), &results([3], 4), None).unwrap();
        assert!(alone.p_value > 0.05 && alone.interval[0] < 0.0, "{alone:?}");
    }

    #[test]
    fn no_worse_depends_on_the_margin_and_on_the_tasks() {
        let claim = |num_tasks: usize, num_samples: usize, margin| {
            let arm = |lucky: usize| results((0..num_tasks).map(|id| usize::from(id % 10 != lucky)), num_samples);
            Comparison::between(&arm(0), &arm(1), Some(margin)).unwrap().no_worse.unwrap()
        };
        for num_samples in [1, 3] {
            assert!(claim(1000, num_samples, 0.05).holds && !claim(30, num_samples, 0.05).holds);
            assert!(!claim(1000, num_samples, 0.0).holds);
        }
        let NoWorse { lower_bound, p_value, .. } = claim(1000, 1, 0.05);
        assert!(p_value < 0.05 && lower_bound > -0.05 && lower_bound < 0.0);
    }

    #[test]
    fn several_results_are_corrected_for_one_another() {
        let (base, better) = (results(vec![0; 30], 1), results((0..30).map(|id| usize::from(id < 6)), 1));
        let [one, other] = &Comparison::with_base(&base, &[&better, &base], None).unwrap()[..] else {
            panic!("two comparisons")
        };
        assert_eq!((one.p_corrected, other.p_corrected), (Some(2.0 * one.p_value), Some(1.0)));
        let alone = Comparison::with_base(&base, &[&better], None).unwrap();
        assert_eq!(alone[0].p_corrected, None);
    }

    #[test]
    fn the_json_has_the_names_of_the_command() {
        let comparison = Comparison::between(&results([0, 1], 1), &results([1, 1], 1), None).unwrap();
        let json = serde_json::to_value(&comparison).unwrap();
        let names =
            ["num_tasks", "difference", "interval", "p_value", "p_exact", "gained", "lost", "smallest_detectable"];
        assert!(names.iter().all(|name| json.get(name).is_some()), "{json}");
        assert_eq!(json["test"], "mcnemar_mid_p");
        assert_eq!(serde_json::from_value::<Comparison>(json).unwrap(), comparison);
    }
}
