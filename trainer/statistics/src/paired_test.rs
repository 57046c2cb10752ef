//! The interval and the p-value of a paired difference: which rule applies, and what it says.

use serde::{Deserialize, Serialize};

use crate::mcnemar::McNemar;
use crate::normal::{NORMAL_950, NORMAL_975, normal_tail};
use crate::student::StudentMean;
use crate::tango::Flips;

/// Fewest differing tasks for which no pseudo-tasks are added.
const FEWEST_DIFFERING: usize = 10;

/// Test behind a p-value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Test {
    /// McNemar's mid-p, and Tango's interval: one sample a task.
    McnemarMidP,
    /// Student's t over the tasks' differences.
    T,
    /// Student's t with two pseudo-tasks, since few tasks differ.
    TPseudoTasks,
}

impl Test {
    /// The test in words.
    pub fn title(self) -> &'static str {
        match self {
            Self::McnemarMidP => "McNemar's mid-p, Tango's interval",
            Self::T => "t over tasks",
            Self::TPseudoTasks => "t over tasks and two pseudo-tasks",
        }
    }
}

/// The claim that the later result is no worse than the earlier one by more than a margin.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct NoWorse {
    /// The largest loss that counts as none, 0..=1.
    pub margin: f64,
    /// One-sided lower bound of 95 % of the difference.
    pub lower_bound: f64,
    /// One-sided probability of a difference as high as this where the loss is as large as the margin.
    pub p_value: f64,
    /// True where the bound lies above -margin. The best of several such claims is no safer than one of them.
    pub holds: bool,
}

/// A test of a paired difference.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PairedTest {
    /// The rule.
    pub test: Test,
    /// 95 % interval of the difference, within -1..=1.
    pub interval: [f64; 2],
    /// Two-sided probability of a difference so far from 0 where there is none.
    pub p_value: f64,
    basis: Basis,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Basis {
    Flips(Flips),
    Student(StudentMean),
}

impl PairedTest {
    /// The test of results with one sample a task.
    pub fn of_flips(flips: Flips) -> Self {
        Self {
            test: Test::McnemarMidP,
            interval: flips.interval(NORMAL_975),
            p_value: McNemar::of(flips.gained, flips.lost).p_mid,
            basis: Basis::Flips(flips),
        }
    }

    /// The test of the tasks' differences, at least one. Where fewer than ten are not 0, or all are alike, Student's
    /// interval is too narrow, down to empty: two pseudo-tasks are added, one better and one worse by `pseudo_size`, `1
    /// / sqrt(samples)` (after Bonett and Price 2012, "Adjusted Wald confidence interval for a difference of binomial
    /// proportions based on paired data").
    pub fn of_differences(differences: &[f64], pseudo_size: f64) -> Self {
        let plain = StudentMean::of(differences);
        let num_differing = differences.iter().filter(|difference| **difference != 0.0).count();
        let (test, student) = match plain.interval() {
            Some(_) if num_differing >= FEWEST_DIFFERING => (Test::T, plain),
            _ => (Test::TPseudoTasks, StudentMean::of(&[differences, &[pseudo_size, -pseudo_size]].concat())),
        };
        Self {
            test,
            interval: student.interval().unwrap_or([-1.0, 1.0]).map(|end| end.clamp(-1.0, 1.0)),
            p_value: student.p_value().unwrap_or(1.0),
            basis: Basis::Student(student),
        }
    }

    /// One-sided probability of a difference as low as this or lower where there is none.
    pub fn p_lower(&self) -> f64 {
        match &self.basis {
            Basis::Flips(flips) => normal_tail(-flips.statistic(0.0)),
            Basis::Student(student) => student.p_below(0.0).unwrap_or(1.0),
        }
    }

    /// The claim that the difference is above `-margin`.
    pub fn no_worse(&self, margin: f64) -> NoWorse {
        let (lower_bound, p_value) = match &self.basis {
            Basis::Flips(flips) => (flips.interval(NORMAL_950)[0], normal_tail(flips.statistic(-margin))),
            Basis::Student(student) => {
                (student.lower_bound().unwrap_or(-1.0).max(-1.0), student.p_above(-margin).unwrap_or(1.0))
            }
        };
        NoWorse { margin, lower_bound, p_value, holds: lower_bound > -margin }
    }
}
