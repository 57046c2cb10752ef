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
        "the results share no task: of {num_before} and {num_after} tasks no id is in both; compare results on the same \
         data"
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
