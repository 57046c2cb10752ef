//! Two arms over seeds and tasks that are both drawn at random: the claim for tasks like these.
//!
//! The differences of n seeds (rows) on m tasks (columns) are a two-way layout without repeats. With S, T and E the
//! mean squares of seeds, tasks and the rest (Fisher 1925), S and T held at E at least, the variance of the mean is
//! `(S + T - E) / (n m)`, and its degrees of freedom are
//! `(S + T - E)^2 / (S^2 / (n - 1) + T^2 / (m - 1) + E^2 / ((n - 1) (m - 1)))` (Satterthwaite 1946, "An approximate
//! distribution of estimates of variance components") from five seeds on. With fewer these are too many, and
//! false alarms too frequent: then they are n - 1, which is careful.
//!
//! Student's t over seeds alone is too liberal for this claim where arms differ by task (docs/ablations.md has the
//! simulation), and t over tasks of the seeds' means takes no note of training at all.

use serde::{Deserialize, Serialize};

use crate::aim::TestAim;
use crate::mean::{mean, near_alike};
use crate::normal::{student_quantile_above, student_tail};

/// Fewest seeds with Satterthwaite's degrees of freedom.
const FEWEST_FOR_SATTERTHWAITE: usize = 5;

/// Most seeds that are looked for.
const MOST_SEEDS: usize = 1000;

/// Rule for the degrees of freedom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DegreesRule {
    /// Satterthwaite's.
    Satterthwaite,
    /// Number of seeds less one.
    SeedsLessOne,
}

/// A number for seeds, one for tasks, and one for what is left.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ByLevel {
    /// Of the seeds.
    pub seeds: f64,
    /// Of the tasks.
    pub tasks: f64,
    /// Of the rest: a seed's difference on a task.
    pub rest: f64,
}

/// The mean difference over seeds and tasks, with its error.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TwoLevel {
    /// Mean difference.
    pub mean: f64,
    /// Number of seeds.
    pub num_seeds: usize,
    /// Number of tasks.
    pub num_tasks: usize,
    /// Mean squares as they are.
    pub mean_squares: ByLevel,
    /// Standard error of the mean; 0 where all differences are alike.
    pub standard_error: f64,
}

impl TwoLevel {
    /// The layout of `differences[seed][task]`; `None` with fewer than two seeds or tasks, or rows of other lengths.
    pub fn of(differences: &[Vec<f64>]) -> Option<Self> {
        let num_seeds = differences.len();
        let num_tasks = differences.first()?.len();
        if num_seeds < 2 || num_tasks < 2 || differences.iter().any(|row| row.len() != num_tasks) {
            return None;
        }
        let all: Vec<f64> = differences.iter().flatten().copied().collect();
        let center = mean(all.iter().copied());
        let of_seeds: Vec<f64> = differences.iter().map(|row| mean(row.iter().copied())).collect();
        let of_tasks: Vec<f64> = (0..num_tasks).map(|task| mean(differences.iter().map(|row| row[task]))).collect();
        let (n, m) = (num_seeds as f64, num_tasks as f64);
        let squares = |means: &[f64]| means.iter().map(|mean| (mean - center).powi(2)).sum::<f64>();
        let mut rest = 0.0;
        for (row, of_seed) in differences.iter().zip(&of_seeds) {
            rest += row.iter().zip(&of_tasks).map(|(d, of_task)| (d - of_seed - of_task + center).powi(2)).sum::<f64>();
        }
        let mean_squares = ByLevel {
            seeds: m * squares(&of_seeds) / (n - 1.0),
            tasks: n * squares(&of_tasks) / (m - 1.0),
            rest: rest / ((n - 1.0) * (m - 1.0)),
        };
        let mut layout = Self { mean: center, num_seeds, num_tasks, mean_squares, standard_error: 0.0 };
        if !near_alike(&all, 1.0) {
            layout.standard_error = (layout.held().sum() / (n * m)).sqrt();
        }
        Some(layout)
    }

    /// The mean squares, those of seeds and tasks held at the rest's at least.
    fn held(&self) -> ByLevel {
        let ByLevel { seeds, tasks, rest } = self.mean_squares;
        ByLevel { seeds: seeds.max(rest), tasks: tasks.max(rest), rest }
    }

    /// Parts of a single difference's variance, those of seeds and tasks at least 0.
    pub fn components(&self) -> ByLevel {
        let ByLevel { seeds, tasks, rest } = self.held();
        ByLevel { seeds: (seeds - rest) / self.num_tasks as f64, tasks: (tasks - rest) / self.num_seeds as f64, rest }
    }

    /// The rule for this number of seeds.
    pub fn rule(&self) -> DegreesRule {
        rule(self.num_seeds)
    }

    /// Degrees of freedom by a rule.
    pub fn degrees_of_freedom(&self, rule: DegreesRule) -> f64 {
        degrees(rule, self.held(), self.num_seeds, self.num_tasks)
    }

    /// The distance of the mean from 0, in standard errors.
    pub fn t(&self) -> Option<f64> {
        (self.standard_error > 0.0).then(|| self.mean / self.standard_error)
    }

    /// 95 % interval by a rule; `None` where all differences are alike.
    pub fn interval(&self, rule: DegreesRule) -> Option<[f64; 2]> {
        let reach = student_quantile_above(0.025, self.degrees_of_freedom(rule)) * self.standard_error;
        (self.standard_error > 0.0).then_some([self.mean - reach, self.mean + reach])
    }

    /// The two-sided probability of a mean so far from 0 if 0 is the true one; 1 where every difference is 0.
    pub fn p_value(&self, rule: DegreesRule) -> Option<f64> {
        match self.t() {
            Some(t) => Some(2.0 * student_tail(t.abs(), self.degrees_of_freedom(rule))),
            None => (self.mean == 0.0).then_some(1.0),
        }
    }

    /// The smallest difference that as many seeds and tasks find; `None` where it is beyond what can be computed.
    pub fn smallest_detectable(&self, aim: TestAim) -> Option<f64> {
        let errors = aim.errors_found(self.degrees_of_freedom(self.rule()))?;
        (self.standard_error > 0.0).then_some(errors * self.standard_error)
    }

    /// The number of seeds on as many tasks that would find the difference seen, if the parts of the variance are as
    /// they were measured; `None` where no number up to 1,000 does, as where the tasks' own part is too large.
    pub fn num_seeds_needed(&self, aim: TestAim) -> Option<usize> {
        let parts = self.components();
        let m = self.num_tasks as f64;
        let is_found = |num_seeds: usize| {
            let n = num_seeds as f64;
            let squares = ByLevel { seeds: m * parts.seeds + parts.rest, tasks: n * parts.tasks + parts.rest, ..parts };
            let error = (squares.sum() / (n * m)).sqrt();
            let df = degrees(rule(num_seeds), squares, num_seeds, self.num_tasks);
            aim.is_found(self.mean.abs() / error, df)
        };
        if self.mean == 0.0 || self.standard_error == 0.0 || !is_found(MOST_SEEDS) {
            return None;
        }
        (2..=MOST_SEEDS).find(|num_seeds| is_found(*num_seeds))
    }
}

impl ByLevel {
    /// What the mean's variance is made of: seeds and tasks less the rest, which both hold.
    fn sum(&self) -> f64 {
        self.seeds + self.tasks - self.rest
    }
}

fn rule(num_seeds: usize) -> DegreesRule {
    if num_seeds < FEWEST_FOR_SATTERTHWAITE { DegreesRule::SeedsLessOne } else { DegreesRule::Satterthwaite }
}

fn degrees(rule: DegreesRule, squares: ByLevel, num_seeds: usize, num_tasks: usize) -> f64 {
    let (seeds, tasks) = (num_seeds as f64 - 1.0, num_tasks as f64 - 1.0);
    if rule == DegreesRule::SeedsLessOne {
        return seeds;
    }
    let parts = squares.seeds.powi(2) / seeds + squares.tasks.powi(2) / tasks + squares.rest.powi(2) / (seeds * tasks);
    squares.sum().powi(2) / parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layout_that_does_not_vary_has_no_error() {
        let same = TwoLevel::of(&[vec![0.0; 4], vec![0.0; 4]]).unwrap();
        assert_eq!((same.interval(same.rule()), same.p_value(same.rule())), (None, Some(1.0)));
        let constant = TwoLevel::of(&[vec![0.1; 7], vec![0.1; 7]]).unwrap();
        assert_eq!((constant.t(), constant.p_value(constant.rule())), (None, None));
        assert!(TwoLevel::of(&[vec![0.1, 0.2]]).is_none() && TwoLevel::of(&[vec![0.1], vec![0.2]]).is_none());
        assert!(TwoLevel::of(&[vec![0.1, 0.2], vec![0.1]]).is_none() && TwoLevel::of(&[]).is_none());
    }

    #[test]
    fn more_seeds_help_until_the_tasks_own_part_is_left() {
        // Seeds differ much and tasks hardly: a few seeds more are enough.
        let by_seed = |offset: f64| (0..40).map(|task| offset + 0.001 * f64::from(task % 3)).collect::<Vec<_>>();
        let layout = TwoLevel::of(&[by_seed(0.02), by_seed(0.08), by_seed(0.05)]).unwrap();
        let needed = layout.num_seeds_needed(TestAim::default()).unwrap();
        assert!((4..12).contains(&needed), "{needed}");
        // Tasks differ much and seeds not at all: no number of seeds shows it.
        let by_task =
            |shift: f64| (0..10).map(|task| shift + if task % 2 == 0 { 0.9 } else { -0.8 }).collect::<Vec<_>>();
        let layout = TwoLevel::of(&[by_task(0.0), by_task(0.001), by_task(0.002)]).unwrap();
        assert_eq!(layout.num_seeds_needed(TestAim::default()), None);
        assert!(layout.smallest_detectable(TestAim::default()).unwrap() > 0.5);
    }
}
