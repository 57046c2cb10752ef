//! The comparison of two results on the same tasks: 108 rows of population, effect, tasks and samples. Half of the
//! samples share their random number between the two results.

use std::fmt::Write;

use random::KeyedRng;
use statistics::{Flips, PairedTest};

use crate::population::{POPULATIONS, Population};
use crate::promises::Promises;
use crate::{Plan, SAMPLES, TASKS, workers};

/// Levels at which p-values are looked at.
const LEVELS: [f64; 4] = [0.01, 0.05, 0.10, 0.20];

/// What the later result did to the tasks' pass rates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Effect {
    None,
    /// 30 % of the rates are drawn afresh: no change on average.
    Redrawn,
    /// An equal share of all failures is repaired: 5 points more.
    Better,
}

const EFFECTS: [Effect; 3] = [Effect::None, Effect::Redrawn, Effect::Better];

impl Effect {
    fn name(self) -> &'static str {
        match self {
            Self::None => "no change",
            Self::Redrawn => "30 % redrawn",
            Self::Better => "+5 points",
        }
    }

    fn difference(self) -> f64 {
        if self == Self::Better { 0.05 } else { 0.0 }
    }

    fn rate(self, rate: f64, population: &Population, rng: &mut KeyedRng) -> f64 {
        match self {
            Self::None => rate,
            Self::Redrawn if rng.chance(0.3) => population.rate(rng),
            Self::Redrawn => rate,
            Self::Better => rate + (1.0 - rate) * self.difference() / (1.0 - population.mean),
        }
    }
}

/// One row: shares of the repeats.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    cell: Cell,
    /// The interval holds the true difference.
    pub coverage: f64,
    /// The p-value is at most the level.
    pub share_below: [f64; LEVELS.len()],
}

impl Row {
    /// Share of the repeats in which a difference is called at 5 %; `None` where there is one.
    pub(crate) fn false_alarms(&self) -> Option<f64> {
        (self.cell.effect != Effect::Better).then_some(self.share_below[1])
    }
}

#[derive(Debug, Clone, Copy)]
struct Cell {
    population: Population,
    effect: Effect,
    num_tasks: usize,
    num_samples: usize,
}

/// Coverage and false alarms of comparisons.
pub(crate) struct Pairs {
    pub rows: Vec<Row>,
}

pub(crate) fn simulate(plan: Plan) -> Pairs {
    let mut cells = Vec::new();
    for population in POPULATIONS {
        for effect in EFFECTS {
            for num_tasks in TASKS {
                cells.extend(SAMPLES.map(|num_samples| Cell { population, effect, num_tasks, num_samples }));
            }
        }
    }
    Pairs { rows: workers::map(&cells, |cell| cell.row(plan)) }
}

impl Cell {
    fn row(&self, plan: Plan) -> Row {
        let mut num_held = 0;
        let mut num_below = [0; LEVELS.len()];
        for repeat in 0..plan.repeats {
            let tested = self.test(plan, repeat);
            let [low, high] = tested.interval;
            num_held += u64::from((low..=high).contains(&self.effect.difference()));
            for (count, level) in num_below.iter_mut().zip(LEVELS) {
                *count += u64::from(tested.p_value <= level);
            }
        }
        let share = |count: u64| count as f64 / plan.repeats as f64;
        Row { cell: *self, coverage: share(num_held), share_below: num_below.map(share) }
    }

    /// The test of one repeat.
    fn test(&self, plan: Plan, repeat: u64) -> PairedTest {
        let (tasks, samples) = (self.num_tasks as u64, self.num_samples as u64);
        let (population, effect) = (self.population.name.into(), self.effect.name().into());
        let mut rng =
            KeyedRng::new(&[plan.seed.into(), population, effect, tasks.into(), samples.into(), repeat.into()]);
        let changes: Vec<i32> = (0..tasks).map(|_| self.change(&mut rng)).collect();
        if self.num_samples == 1 {
            let count = |sign: i32| changes.iter().filter(|change| **change == sign).count();
            return PairedTest::of_flips(Flips { gained: count(1), lost: count(-1), num_tasks: self.num_tasks });
        }
        let differences: Vec<f64> = changes.iter().map(|change| f64::from(*change) / samples as f64).collect();
        PairedTest::of_differences(&differences, 1.0 / (samples as f64).sqrt())
    }

    /// The later number of samples that pass less the earlier one, of one task.
    fn change(&self, rng: &mut KeyedRng) -> i32 {
        let before = self.population.rate(rng);
        let after = self.effect.rate(before, &self.population, rng);
        (0..self.num_samples)
            .map(|_| {
                let number = rng.uniform();
                let later = if rng.chance(0.5) { number } else { rng.uniform() };
                i32::from(later < after) - i32::from(number < before)
            })
            .sum()
    }

    fn name(&self) -> String {
        format!("{}, {}, {} x {}", self.population.name, self.effect.name(), self.num_tasks, self.num_samples)
    }
}

impl Pairs {
    pub(crate) fn report(&self, promises: &mut Promises) -> String {
        let without_effect = || self.rows.iter().filter(|row| row.false_alarms().is_some());
        promises.at_least(
            "a difference: the interval holds it",
            0.92,
            self.rows.iter().map(|row| (row.cell.name(), row.coverage)),
        );
        let alarms = without_effect().map(|row| (row.cell.name(), row.share_below[1]));
        promises.at_most("a difference: false alarms at 5 %", 0.06, alarms);
        for (place, level) in LEVELS.into_iter().enumerate() {
            let below = without_effect().map(|row| (row.cell.name(), row.share_below[place]));
            promises.at_most(&format!("P(p <= {level}) without a difference"), level + 0.015, below);
        }
        let mut text = String::from(
            "A difference: the interval holds it, % of the repeats, with 1, 4 and 16 samples a task; behind the slash, \
             false alarms at 5 %.\n\n",
        );
        text.push_str("| tasks' pass rates | effect | 30 tasks | 150 tasks | 500 tasks |\n");
        text.push_str("| --- | --- | --- | --- | --- |\n");
        for row in self.rows.chunks(TASKS.len() * SAMPLES.len()) {
            let list = |rows: &[Row], share: fn(&Row) -> f64| {
                rows.iter().map(|row| format!("{:.1}", 100.0 * share(row))).collect::<Vec<_>>().join(", ")
            };
            let columns = row.chunks(SAMPLES.len()).map(|rows| {
                let held = list(rows, |row| row.coverage);
                if rows[0].false_alarms().is_none() {
                    return held;
                }
                format!("{held} / {}", list(rows, |row| row.share_below[1]))
            });
            let Cell { population, effect, .. } = row[0].cell;
            let columns: Vec<String> = columns.collect();
            let _ = writeln!(text, "| {} | {} | {} |", population.name, effect.name(), columns.join(" | "));
        }
        text
    }
}
