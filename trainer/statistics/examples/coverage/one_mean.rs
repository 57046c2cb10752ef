//! The interval of one mean: 36 cells of population, tasks and samples.

use std::fmt::Write;

use random::KeyedRng;
use statistics::Figure;

use crate::population::{POPULATIONS, Population};
use crate::promises::Promises;
use crate::{Plan, SAMPLES, TASKS, workers};

/// Coverage of the interval of a mean.
pub(crate) struct OneMean {
    cells: Vec<(Cell, f64)>,
}

#[derive(Debug, Clone, Copy)]
struct Cell {
    population: Population,
    num_tasks: usize,
    num_samples: usize,
}

pub(crate) fn simulate(plan: Plan) -> OneMean {
    let mut cells = Vec::new();
    for population in POPULATIONS {
        for num_tasks in TASKS {
            cells.extend(SAMPLES.map(|num_samples| Cell { population, num_tasks, num_samples }));
        }
    }
    let shares = workers::map(&cells, |cell| cell.coverage(plan));
    OneMean { cells: cells.into_iter().zip(shares).collect() }
}

impl Cell {
    fn coverage(&self, plan: Plan) -> f64 {
        let num_held = (0..plan.repeats).filter(|repeat| self.holds(plan, *repeat)).count();
        num_held as f64 / plan.repeats as f64
    }

    /// True where the interval of one repeat holds the population's mean.
    fn holds(&self, plan: Plan, repeat: u64) -> bool {
        let (tasks, samples) = (self.num_tasks as u64, self.num_samples as u64);
        let name = self.population.name.into();
        let mut rng =
            KeyedRng::new(&[plan.seed.into(), "one mean".into(), name, tasks.into(), samples.into(), repeat.into()]);
        let means: Vec<f64> = (0..tasks)
            .map(|_| {
                let rate = self.population.rate(&mut rng);
                let num_passed = (0..samples).filter(|_| rng.chance(rate)).count();
                num_passed as f64 / samples as f64
            })
            .collect();
        Figure::of(&means, self.num_tasks * self.num_samples).is_some_and(|figure| {
            let [low, high] = figure.interval;
            (low..=high).contains(&self.population.mean)
        })
    }

    fn name(&self) -> String {
        format!("{}, {} x {}", self.population.name, self.num_tasks, self.num_samples)
    }
}

impl OneMean {
    #[cfg(test)]
    pub(crate) fn coverages(&self) -> Vec<f64> {
        self.cells.iter().map(|(_, share)| *share).collect()
    }

    pub(crate) fn report(&self, promises: &mut Promises) -> String {
        let named = |num_tasks: usize| {
            let cells = self.cells.iter().filter(move |(cell, _)| cell.num_tasks >= num_tasks);
            cells.map(|(cell, share)| (cell.name(), *share))
        };
        promises.at_least("one mean: the interval holds it, all cells", 0.92, named(0));
        promises.at_least("one mean: the same from 150 tasks on", 0.93, named(150));
        promises.at_most("one mean: the same from 150 tasks on", 0.97, named(150));
        let mut text =
            String::from("One mean: the interval holds it, % of the repeats, with 1, 4 and 16 samples a task.\n\n");
        text.push_str("| tasks' pass rates | 30 tasks | 150 tasks | 500 tasks |\n| --- | --- | --- | --- |\n");
        for row in self.cells.chunks(TASKS.len() * SAMPLES.len()) {
            let percents: Vec<String> = row.iter().map(|(_, share)| format!("{:.1}", 100.0 * share)).collect();
            let columns: Vec<String> = percents.chunks(SAMPLES.len()).map(|cells| cells.join(", ")).collect();
            let _ = writeln!(text, "| {} | {} |", row[0].0.population.name, columns.join(" | "));
        }
        text
    }
}
