//! The paired difference of an arm to the base in one figure, with what may be claimed of it.

use serde::{Deserialize, Serialize};
use statistics::{DegreesRule, Flips, PairedTest, StudentMean, Test, TestAim, TwoLevel, over_seeds, unpaired_interval};

use super::figure::FigureName;
use super::machines::UnlikePair;
use super::pairs::{ByTask, Pairs};
use crate::claims::{Claims, Tasks};
use crate::measured::MeasuredCell;

/// The most samples a task that shares by task are looked at for.
const MOST_SAMPLES: usize = 4096;

/// Paired difference of an arm, arm less base.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DifferenceResult {
    /// Name of the arm.
    pub arm: String,
    /// Name of the figure.
    pub figure: String,
    /// True where the figure is the primary one, whose tests are the family.
    pub is_primary: bool,
    /// Mean over the whole pairs, of the claim where there is one; `None` without a pair.
    pub difference: Option<f64>,
    /// 95 % interval by the claim that the sweep's file chose.
    pub interval: Option<[f64; 2]>,
    /// Two-sided probability of a difference so far from 0 where there is none, by the same claim.
    pub p_value: Option<f64>,
    /// The same, corrected for the family (Holm); `None` of a figure that is not the primary one.
    pub p_corrected: Option<f64>,
    /// Whole pairs.
    pub num_pairs: usize,
    /// Seeds of the base whose pair lost a side.
    pub lost_pairs: Vec<u64>,
    /// Seeds of the base whose pair is not done yet.
    pub open_pairs: Vec<u64>,
    /// The smallest difference that as many pairs with this spread show with the power of the claims.
    pub smallest_detectable: Option<f64>,
    /// Seeds beyond these pairs that would show the difference seen with that power; 0 where these are enough.
    pub more_seeds: Option<usize>,
    /// The claim that interval and p-value are of; `None` where there is none.
    pub claim: Option<Claim>,
    /// Every claim that can be made.
    pub claims: Vec<ClaimResult>,
    /// Difference under each seed of a whole pair.
    pub seeds: Vec<SeedDifference>,
    /// 95 % interval over seeds if the seeds were not paired (Welch).
    pub unpaired_interval: Option<[f64; 2]>,
    /// Part of the unpaired interval's length by which pairing shortens it; below 0 where pairing lengthens it.
    pub shortened_by_pairing: Option<f64>,
    /// Tasks that a cell of a whole pair lacks; they are left out over tasks.
    pub num_tasks_left_out: usize,
    /// Whole pairs whose sides were not computed alike: by another machine or program.
    pub unlike_pairs: Vec<UnlikePair>,
}

/// Difference under one seed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SeedDifference {
    /// Seed of the base.
    pub seed: u64,
    /// Arm less base.
    pub difference: f64,
}

/// What a difference is claimed for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Claim {
    /// For these tasks: seeds are drawn, tasks are not.
    TheseTasks,
    /// For tasks like these: seeds and tasks are drawn.
    TasksLikeThese,
    /// For tasks like these and these two trainings alone, of a sweep of one seed: tasks are drawn, seeds are not.
    TheseTrainings,
}

/// Test behind a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// Student's t over the seeds' differences, n - 1 degrees of freedom.
    TOverSeeds,
    /// Both levels, with Satterthwaite's degrees of freedom.
    TwoLevelSatterthwaite,
    /// Both levels, with the seeds less one as degrees of freedom.
    TwoLevelSeedsLessOne,
    /// Over tasks: McNemar's mid-p and Tango's interval.
    McnemarMidP,
    /// Student's t over tasks.
    TOverTasks,
    /// Student's t over tasks and two pseudo-tasks.
    TOverPseudoTasks,
}

/// One claim of a difference.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ClaimResult {
    /// The claim.
    pub claim: Claim,
    /// The test.
    pub rule: Rule,
    /// Mean difference that is tested: where tasks are drawn, of those that every cell of the whole pairs judged.
    pub difference: f64,
    /// Tasks of the test, where tasks are drawn.
    pub num_tasks: Option<usize>,
    /// Standard error of the difference.
    pub standard_error: Option<f64>,
    /// Degrees of freedom, where the test is a t.
    pub degrees_of_freedom: Option<f64>,
    /// 95 % interval; `None` where all differences are alike.
    pub interval: Option<[f64; 2]>,
    /// Two-sided p-value; where all differences are alike 1 if they are 0, and otherwise `None`.
    pub p_value: Option<f64>,
    /// The same, corrected for the family.
    pub p_corrected: Option<f64>,
    /// The smallest difference that would be found.
    pub smallest_detectable: Option<f64>,
    /// Seeds beyond these pairs that would show the difference seen.
    pub more_seeds: Option<usize>,
}

impl Claim {
    /// All claims.
    pub const ALL: [Self; 3] = [Self::TheseTasks, Self::TasksLikeThese, Self::TheseTrainings];

    /// The claim in words.
    pub fn title(self) -> &'static str {
        match self {
            Self::TheseTasks => "for these tasks",
            Self::TasksLikeThese => "for tasks like these",
            Self::TheseTrainings => "for tasks like these, of these two trainings alone",
        }
    }
}

impl Rule {
    /// The test in words.
    pub fn title(self) -> &'static str {
        match self {
            Self::TOverSeeds => "t over seeds",
            Self::TwoLevelSatterthwaite => "two levels, Satterthwaite",
            Self::TwoLevelSeedsLessOne => "two levels, n − 1",
            Self::McnemarMidP => Test::McnemarMidP.title(),
            Self::TOverTasks => Test::T.title(),
            Self::TOverPseudoTasks => Test::TPseudoTasks.title(),
        }
    }
}

impl DifferenceResult {
    pub(super) fn of(
        claims: &Claims,
        arm: &str,
        figure: &FigureName,
        is_primary: bool,
        base_cells: &[&MeasuredCell],
        arm_cells: &[&MeasuredCell],
    ) -> Self {
        let pairs = Pairs::of(&figure.name, base_cells, arm_cells);
        let by_task = pairs.by_task().filter(|_| !pairs.whole.is_empty());
        let has_one_seed = base_cells.len() == 1;
        let found = if has_one_seed {
            by_task.as_ref().and_then(|by_task| over_tasks(by_task, claims.aim())).into_iter().collect()
        } else {
            over_pairs(&pairs, by_task.as_ref(), claims.aim())
        };
        let wanted = match claims.tasks {
            _ if has_one_seed => Claim::TheseTrainings,
            Tasks::These => Claim::TheseTasks,
            Tasks::LikeThese => Claim::TasksLikeThese,
        };
        let differences = pairs.differences();
        let [base, other]: [Vec<f64>; 2] = [
            pairs.whole.iter().map(|pair| pair.base.value).collect(),
            pairs.whole.iter().map(|pair| pair.arm.value).collect(),
        ];
        let unpaired = unpaired_interval(&base, &other);
        let of_seeds = found.iter().find(|result| result.claim == Claim::TheseTasks).and_then(|found| found.interval);
        let own = found.iter().find(|result| result.claim == wanted).cloned();
        let seeds = pairs.whole.iter().zip(&differences);
        Self {
            arm: arm.to_owned(),
            figure: figure.name.clone(),
            is_primary,
            difference: match &own {
                Some(own) => Some(own.difference),
                None => (!differences.is_empty()).then(|| StudentMean::of(&differences).mean),
            },
            interval: own.as_ref().and_then(|own| own.interval),
            p_value: own.as_ref().and_then(|own| own.p_value),
            p_corrected: None,
            num_pairs: differences.len(),
            seeds: seeds
                .map(|(pair, difference)| SeedDifference { seed: pair.seed, difference: *difference })
                .collect(),
            smallest_detectable: own.as_ref().and_then(|own| own.smallest_detectable),
            more_seeds: own.as_ref().and_then(|own| own.more_seeds),
            claim: own.map(|own| own.claim),
            claims: found,
            unpaired_interval: unpaired,
            shortened_by_pairing: of_seeds.zip(unpaired).map(|(own, other)| 1.0 - length(own) / length(other)),
            num_tasks_left_out: by_task.map_or(0, |by_task| by_task.num_left_out),
            lost_pairs: pairs.lost,
            open_pairs: pairs.open,
            unlike_pairs: pairs.unlike,
        }
    }

    /// What was found for a claim.
    pub fn claim_result(&self, claim: Claim) -> Option<&ClaimResult> {
        self.claims.iter().find(|result| result.claim == claim)
    }
}

fn length([low, high]: [f64; 2]) -> f64 {
    high - low
}

/// The claims over two whole pairs or more; none with fewer.
fn over_pairs(pairs: &Pairs<'_>, by_task: Option<&ByTask>, aim: TestAim) -> Vec<ClaimResult> {
    let side = |of: fn(&super::pairs::Pair<'_>) -> f64| pairs.whole.iter().map(|pair| Some(of(pair))).collect();
    let (base, arm): (Vec<Option<f64>>, Vec<Option<f64>>) = (side(|pair| pair.base.value), side(|pair| pair.arm.value));
    let student = over_seeds(&base, &arm).filter(|student| student.num > 1);
    let mut found: Vec<ClaimResult> = student.map(|student| of_student(&student, aim)).into_iter().collect();
    found
        .extend(by_task.and_then(|by_task| TwoLevel::of(&by_task.differences())).map(|layout| of_layout(&layout, aim)));
    found
}

fn of_student(student: &StudentMean, aim: TestAim) -> ClaimResult {
    let deviation =
        student.standard_error.filter(|error| *error > 0.0).map(|error| error * (student.num as f64).sqrt());
    let needed = deviation.and_then(|deviation| aim.num_needed(student.mean.abs() / deviation));
    ClaimResult {
        claim: Claim::TheseTasks,
        rule: Rule::TOverSeeds,
        difference: student.mean,
        num_tasks: None,
        standard_error: student.standard_error,
        degrees_of_freedom: Some(student.degrees_of_freedom()),
        interval: student.interval(),
        p_value: student.p_value(),
        p_corrected: None,
        smallest_detectable: deviation.and_then(|deviation| Some(aim.deviations_found(student.num)? * deviation)),
        more_seeds: needed.map(|needed| needed.saturating_sub(student.num)),
    }
}

fn of_layout(layout: &TwoLevel, aim: TestAim) -> ClaimResult {
    let rule = layout.rule();
    ClaimResult {
        claim: Claim::TasksLikeThese,
        rule: match rule {
            DegreesRule::Satterthwaite => Rule::TwoLevelSatterthwaite,
            DegreesRule::SeedsLessOne => Rule::TwoLevelSeedsLessOne,
        },
        difference: layout.mean,
        num_tasks: Some(layout.num_tasks),
        standard_error: Some(layout.standard_error),
        degrees_of_freedom: Some(layout.degrees_of_freedom(rule)).filter(|df| df.is_finite()),
        interval: layout.interval(rule),
        p_value: layout.p_value(rule),
        p_corrected: None,
        smallest_detectable: layout.smallest_detectable(aim),
        more_seeds: layout.num_seeds_needed(aim).map(|needed| needed.saturating_sub(layout.num_seeds)),
    }
}

/// The claim of a sweep of one seed: the two results are compared task by task.
fn over_tasks(by_task: &ByTask, aim: TestAim) -> Option<ClaimResult> {
    let (base, arm) = by_task.first_pair()?;
    let differences: Vec<f64> = base.iter().zip(arm).map(|(base, arm)| arm - base).collect();
    if differences.is_empty() {
        return None;
    }
    let student = StudentMean::of(&differences);
    let num_samples = samples_of_shares(&[base, arm].concat());
    let tested = match num_samples {
        Some(1) => {
            let count = |sign: f64| differences.iter().filter(|difference| **difference == sign).count();
            Some(PairedTest::of_flips(Flips { gained: count(1.0), lost: count(-1.0), num_tasks: differences.len() }))
        }
        Some(samples) => Some(PairedTest::of_differences(&differences, 1.0 / (samples as f64).sqrt())),
        None => None,
    };
    let rule = match tested.map(|tested| tested.test) {
        Some(Test::McnemarMidP) => Rule::McnemarMidP,
        Some(Test::TPseudoTasks) => Rule::TOverPseudoTasks,
        Some(Test::T) | None => Rule::TOverTasks,
    };
    let error = student.standard_error.filter(|error| *error > 0.0);
    Some(ClaimResult {
        claim: Claim::TheseTrainings,
        rule,
        difference: student.mean,
        num_tasks: Some(differences.len()),
        standard_error: student.standard_error,
        degrees_of_freedom: (rule == Rule::TOverTasks).then(|| student.degrees_of_freedom()),
        interval: tested.map_or_else(|| student.interval(), |tested| Some(tested.interval)),
        p_value: tested.map_or_else(|| student.p_value(), |tested| Some(tested.p_value)),
        p_corrected: None,
        smallest_detectable: error.and_then(|error| Some(aim.errors_found(student.degrees_of_freedom())? * error)),
        more_seeds: None,
    })
}

/// The fewest samples a task that give these shares; `None` of values that are no shares, as of scores.
pub(super) fn samples_of_shares(values: &[f64]) -> Option<usize> {
    let is_whole = |value: f64| (value - value.round()).abs() < 1e-9 * value.abs().max(1.0);
    if values.iter().any(|value| !(0.0..=1.0).contains(value)) {
        return None;
    }
    (1..=MOST_SAMPLES).find(|samples| values.iter().all(|value| is_whole(value * *samples as f64)))
}
