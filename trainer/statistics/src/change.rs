//! The change between two evaluations on the same tasks, with its interval and a test for a loss. It must not know who
//! sampled or judged.
//!
//! The change is the mean over tasks of the difference of their pass rates, and the interval is Student's over these
//! differences, also with one sample a task; otherwise it is as in [`Comparison`](crate::Comparison).

use crate::paired_test::PairedTest;
use crate::pairs::Pairs;
use crate::task_result::TaskResult;

/// The change of the pass rate from one evaluation to another, over the tasks that both judged.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Change {
    /// Mean over tasks of the later pass rate less the earlier one, -1..=1.
    pub change: f64,
    /// 95 % interval of the change by task: lower and upper end, within -1..=1.
    pub interval: [f64; 2],
    /// The probability of a change as low as this one or lower if nothing had changed (Student's t, one-sided).
    pub p_lower: f64,
    /// Tasks that both evaluations judged.
    pub num_tasks: usize,
}

impl Change {
    /// The change from `before` to `after`; `None` where the two have no task in common.
    pub fn between(before: &[TaskResult], after: &[TaskResult]) -> Option<Self> {
        let pairs = Pairs::of(before, after);
        if pairs.num_tasks() == 0 {
            return None;
        }
        let tested = PairedTest::of_differences(&pairs.differences, pairs.pseudo_size());
        Some(Self {
            change: pairs.difference(),
            interval: tested.interval,
            p_lower: tested.p_lower(),
            num_tasks: pairs.num_tasks(),
        })
    }

    /// True for a change significantly below 0: one-sided, at a level of 5 % over `num_compared` changes that are
    /// judged together (Bonferroni).
    pub fn is_loss(&self, num_compared: usize) -> bool {
        self.p_lower <= 0.05 / num_compared.max(1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(id: usize, samples: &[u8]) -> TaskResult {
        let passed: u8 = samples.iter().sum();
        TaskResult::new(format!("task-{id}"), passed.into(), samples.len())
    }

    fn tasks(samples: &[Vec<u8>]) -> Vec<TaskResult> {
        samples.iter().enumerate().map(|(id, samples)| task(id, samples)).collect()
    }

    #[derive(serde::Deserialize)]
    struct Golden {
        name: String,
        before: Vec<Vec<u8>>,
        after: Vec<Vec<u8>>,
        change: f64,
        interval: [f64; 2],
        p_lower: f64,
    }

    #[test]
    fn changes_are_the_references() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/golden/paired_change.json");
        let cases: Vec<Golden> = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        assert!(cases.len() >= 4);
        for case in cases {
            let found = Change::between(&tasks(&case.before), &tasks(&case.after)).unwrap();
            let pairs = [
                (found.change, case.change),
                (found.interval[0], case.interval[0]),
                (found.interval[1], case.interval[1]),
                (found.p_lower, case.p_lower),
            ];
            for (found, expected) in pairs {
                assert!((found - expected).abs() < 1e-9, "{}: {found} and not {expected}", case.name);
            }
        }
    }

    #[test]
    fn tasks_are_paired_by_their_ids() {
        let before = [task(1, &[1, 1]), task(2, &[0, 0]), task(3, &[1, 0])];
        let after = [task(3, &[1, 0]), task(2, &[0, 0]), task(1, &[1, 1]), task(4, &[0, 0])];
        let change = Change::between(&before, &after).unwrap();
        assert_eq!((change.change, change.num_tasks), (0.0, 3));
        assert!(Change::between(&before, &after[3..]).is_none());
    }

    #[test]
    fn a_loss_is_called_by_its_size_and_by_how_many_are_judged() {
        let good: Vec<Vec<u8>> = (0..100).map(|_| vec![1, 1]).collect();
        let falling =
            |lost: usize| (0..100).map(|id| if id < lost { vec![0, 0] } else { vec![1, 1] }).collect::<Vec<_>>();
        let of = |lost| Change::between(&tasks(&good), &tasks(&falling(lost))).unwrap();
        assert!(!of(0).is_loss(1) && of(0).interval[0] < 0.0 && of(0).interval[1] > 0.0);
        assert!(of(12).is_loss(1) && of(12).is_loss(6));
        let slight = of(4);
        assert!(slight.is_loss(1) && !slight.is_loss(20), "{slight:?}");
        let all = of(100);
        assert!(all.is_loss(1000) && all.interval[0] == -1.0 && all.interval[1] < -0.9);
    }
}
