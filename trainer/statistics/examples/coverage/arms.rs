//! Arms of a sweep on one base that differ in nothing: how often either claim calls a difference, and how often any of
//! a corrected family does.
//!
//! Tasks have pass rates around a half, four samples each in either arm. A seed moves the whole arm, and the arms may
//! differ by task: by an amount of mean 0 over tasks like these, or over these tasks exactly, as the claim has it.

use std::fmt::Write;

use random::KeyedRng;
use statistics::{StudentMean, TwoLevel, holm};

use crate::population::{POPULATIONS, normal};
use crate::promises::Promises;
use crate::{Plan, workers};

const NUM_TASKS: usize = 150;
const NUM_SAMPLES: u32 = 4;
const SEEDS: [u64; 4] = [2, 3, 5, 8];
/// Standard deviations of the seeds' differences, in points.
const SEED_POINTS: [u64; 3] = [0, 1, 3];
/// Standard deviations of the arms' difference by task, in points.
const TASK_POINTS: [u64; 2] = [0, 10];
/// The difference that is looked for.
const EFFECT: f64 = 0.05;
const LEVEL: f64 = 0.05;
/// Arms of a corrected family, and the seeds of each.
const FAMILIES: [(usize, u64); 4] = [(3, 3), (3, 5), (8, 3), (8, 5)];

/// What was found of all cells.
pub(crate) struct Arms {
    pub rows: Vec<Row>,
    pub families: Vec<Family>,
}

#[derive(Debug, Clone, Copy)]
struct Cell {
    num_seeds: u64,
    seed_points: u64,
    task_points: u64,
}

/// Shares of a cell's repeats.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    cell: Cell,
    /// False alarms of t over seeds, of which the claim is for these tasks.
    pub these_tasks: f64,
    /// The same where the claim is for tasks like these: t over seeds does not bear it.
    pub seeds_for_like_these: f64,
    /// False alarms of the two-level test, of which the claim is for tasks like these.
    pub like_these: f64,
    /// 5 points found by t over seeds.
    found_these: f64,
    /// 5 points found by the two-level test.
    found_like_these: f64,
}

/// A family of arms on one base.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Family {
    num_arms: usize,
    num_seeds: u64,
    /// Any false alarm after Holm's correction.
    pub corrected: f64,
    /// Any false alarm without one.
    pub uncorrected: f64,
}

pub(crate) fn simulate(plan: Plan) -> Arms {
    let mut cells = Vec::new();
    for task_points in TASK_POINTS {
        for num_seeds in SEEDS {
            cells.extend(SEED_POINTS.map(|seed_points| Cell { num_seeds, seed_points, task_points }));
        }
    }
    let families = workers::map(&FAMILIES, |(num_arms, num_seeds)| Family::of(plan, *num_arms, *num_seeds));
    Arms { rows: workers::map(&cells, |cell| cell.row(plan)), families }
}

/// Two arms of one repeat.
struct Draw {
    /// Differences by seed and task.
    differences: Vec<Vec<f64>>,
}

impl Draw {
    fn of_seeds(&self, shift: f64) -> Option<f64> {
        let mean = |row: &Vec<f64>| row.iter().sum::<f64>() / row.len() as f64 + shift;
        StudentMean::of(&self.differences.iter().map(mean).collect::<Vec<_>>()).p_value()
    }

    fn of_both(&self, shift: f64) -> Option<f64> {
        let shifted: Vec<Vec<f64>> =
            self.differences.iter().map(|row| row.iter().map(|value| value + shift).collect()).collect();
        let layout = TwoLevel::of(&shifted)?;
        layout.p_value(layout.rule())
    }
}

impl Cell {
    fn row(&self, plan: Plan) -> Row {
        let mut counts = [0_u64; 5];
        for repeat in 0..plan.repeats {
            let (fixed, drawn) = (self.draw(plan, repeat, true), self.draw(plan, repeat, false));
            let p_values = [
                fixed.of_seeds(0.0),
                drawn.of_seeds(0.0),
                drawn.of_both(0.0),
                fixed.of_seeds(EFFECT),
                drawn.of_both(EFFECT),
            ];
            for (count, p_value) in counts.iter_mut().zip(p_values) {
                *count += u64::from(p_value.is_some_and(|p_value| p_value <= LEVEL));
            }
        }
        let [these_tasks, seeds_for_like_these, like_these, found_these, found_like_these] =
            counts.map(|count| count as f64 / plan.repeats as f64);
        Row { cell: *self, these_tasks, seeds_for_like_these, like_these, found_these, found_like_these }
    }

    /// The differences of one repeat; with `is_fixed` the arms' difference by task has mean 0 over these very tasks.
    fn draw(&self, plan: Plan, repeat: u64, is_fixed: bool) -> Draw {
        let key = [self.num_seeds, self.seed_points, self.task_points, u64::from(is_fixed), repeat];
        let [seeds, by_seed, by_task, fixed, repeat] = key.map(Into::into);
        let mut rng = KeyedRng::new(&[plan.seed.into(), "arms".into(), seeds, by_seed, by_task, fixed, repeat]);
        let population = POPULATIONS[0];
        let rates: Vec<f64> = (0..NUM_TASKS).map(|_| population.rate(&mut rng)).collect();
        let mut offsets: Vec<f64> =
            (0..NUM_TASKS).map(|_| normal(&mut rng) * self.task_points as f64 / 100.0).collect();
        if is_fixed {
            let center = offsets.iter().sum::<f64>() / NUM_TASKS as f64;
            offsets.iter_mut().for_each(|offset| *offset -= center);
        }
        let mut of_seed = || {
            let moved = normal(&mut rng) * self.seed_points as f64 / 100.0;
            let difference = |(rate, offset): (&f64, &f64)| {
                let mut passed = |rate: f64| (0..NUM_SAMPLES).filter(|_| rng.chance(rate)).count() as f64;
                (passed((rate + offset + moved).clamp(0.0, 1.0)) - passed(*rate)) / f64::from(NUM_SAMPLES)
            };
            rates.iter().zip(&offsets).map(difference).collect()
        };
        Draw { differences: (0..self.num_seeds).map(|_| of_seed()).collect() }
    }

    fn name(&self) -> String {
        format!("{} seeds, {} points by seed, {} by task", self.num_seeds, self.seed_points, self.task_points)
    }
}

impl Family {
    /// Figures of a run are normal numbers here: what the runs have in common is the base's.
    fn of(plan: Plan, num_arms: usize, num_seeds: u64) -> Self {
        let mut alarms = [0_u64; 2];
        for repeat in 0..plan.repeats {
            let (arms, seeds) = ((num_arms as u64).into(), num_seeds.into());
            let mut rng = KeyedRng::new(&[plan.seed.into(), "family".into(), arms, seeds, repeat.into()]);
            let mut runs = || (0..num_seeds).map(|_| normal(&mut rng)).collect::<Vec<f64>>();
            let base = runs();
            let p_value = |_| {
                let differences: Vec<f64> = runs().iter().zip(&base).map(|(arm, base)| arm - base).collect();
                StudentMean::of(&differences).p_value()
            };
            let p_values: Vec<Option<f64>> = (0..num_arms).map(p_value).collect();
            for (count, values) in alarms.iter_mut().zip([holm(&p_values), p_values]) {
                *count += u64::from(values.iter().flatten().any(|p_value| *p_value <= LEVEL));
            }
        }
        let [corrected, uncorrected] = alarms.map(|count| count as f64 / plan.repeats as f64);
        Self { num_arms, num_seeds, corrected, uncorrected }
    }

    fn name(&self) -> String {
        format!("{} arms, {} seeds", self.num_arms, self.num_seeds)
    }
}

impl Arms {
    pub(crate) fn report(&self, promises: &mut Promises) -> String {
        let named = |share: fn(&Row) -> f64| self.rows.iter().map(move |row| (row.cell.name(), share(row)));
        promises.at_most("arms: false alarms for these tasks, t over seeds", 0.06, named(|row| row.these_tasks));
        promises.at_most("arms: false alarms for tasks like these, two levels", 0.06, named(|row| row.like_these));
        let families = self.families.iter().map(|family| (family.name(), family.corrected));
        promises.at_most("arms: any false alarm of a family, Holm", 0.057, families);
        self.table() + "\n" + &self.family_table()
    }

    fn table(&self) -> String {
        let mut text = String::from(
            "Arms that differ in nothing, 150 tasks of 4 samples: false alarms at 5 %, % of the sweeps, where the \
             seeds' differences deviate by 0, 1 and 3 points; in the last two columns, 5 points found.\n\n",
        );
        text.push_str("| seeds | arms differ by task | t over seeds, these tasks | t over seeds, tasks like these | ");
        text.push_str("two levels, tasks like these | 5 points, t over seeds | 5 points, two levels |\n");
        text.push_str("| --- | --- | --- | --- | --- | --- | --- |\n");
        for rows in self.rows.chunks(SEED_POINTS.len()) {
            let list = |share: fn(&Row) -> f64| {
                rows.iter().map(|row| format!("{:.1}", 100.0 * share(row))).collect::<Vec<_>>().join(", ")
            };
            let Cell { num_seeds, task_points, .. } = rows[0].cell;
            let by_task = if task_points == 0 { "no".to_owned() } else { format!("{task_points} points") };
            let shares = [
                list(|row| row.these_tasks),
                list(|row| row.seeds_for_like_these),
                list(|row| row.like_these),
                list(|row| row.found_these),
                list(|row| row.found_like_these),
            ];
            let _ = writeln!(text, "| {num_seeds} | {by_task} | {} |", shares.join(" | "));
        }
        text
    }

    fn family_table(&self) -> String {
        let mut text = String::from("Several arms on one base, none different: any false alarm, % of the sweeps.\n\n");
        text.push_str("| arms | seeds | uncorrected | Holm |\n| --- | --- | --- | --- |\n");
        for family in &self.families {
            let Family { num_arms, num_seeds, corrected, uncorrected } = family;
            let _ =
                writeln!(text, "| {num_arms} | {num_seeds} | {:.1} | {:.1} |", 100.0 * uncorrected, 100.0 * corrected);
        }
        text
    }
}
