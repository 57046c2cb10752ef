//! Simulation of the rules behind intervals and tests: how often an interval holds the true value, and how often a test
//! calls a difference where there is none. Prints tables in Markdown, and ends with 1 where a promise is broken.
//!
//! Tasks are drawn at random, each with a pass rate from a Beta distribution, then its samples. Use: `coverage
//! [--repeats N] [--seed S]`; `cargo xtask coverage` runs it in release. With 10,000
//! repeats the error of a share of 95 % is 0.2 points; with fewer the bounds are wider, see `promises`.

mod arms;
mod one_mean;
mod pairs;
mod population;
mod promises;
mod workers;

use std::process::ExitCode;

use crate::promises::Promises;

/// Numbers of tasks and of samples a task that are simulated.
const TASKS: [usize; 3] = [30, 150, 500];
const SAMPLES: [usize; 3] = [1, 4, 16];

/// Repeats of a cell, and the seed of all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Plan {
    repeats: u64,
    seed: u64,
}

impl Plan {
    fn parse(arguments: &[String]) -> Result<Self, String> {
        let mut plan = Self { repeats: promises::REPEATS, seed: 1 };
        for pair in arguments.chunks(2) {
            let [name, value] = pair else { return Err(format!("{} needs a value", pair[0])) };
            let number = value.parse().map_err(|_| format!("{name} {value:?} is no whole number"))?;
            match name.as_str() {
                "--repeats" if number > 0 => plan.repeats = number,
                "--repeats" => return Err("--repeats 0 simulates nothing".to_owned()),
                "--seed" => plan.seed = number,
                unknown => return Err(format!("no option is called {unknown:?}")),
            }
        }
        Ok(plan)
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let plan = match Plan::parse(&arguments) {
        Ok(plan) => plan,
        Err(what) => {
            eprintln!("error: {what}\n\nUsage: coverage [--repeats N] [--seed S]");
            return ExitCode::from(2);
        }
    };
    let mut promises = Promises::new(plan.repeats);
    println!("{} repeats a cell, seed {}.\n", plan.repeats, plan.seed);
    println!("{}", one_mean::simulate(plan).report(&mut promises));
    println!("{}", pairs::simulate(plan).report(&mut promises));
    println!("{}", arms::simulate(plan).report(&mut promises));
    println!("{}", promises.table());
    if promises.all_kept() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The error of a share of 95 % is 1.8 points with so few repeats, so that the bounds below are loose.
    const PLAN: Plan = Plan { repeats: 150, seed: 7 };

    #[test]
    fn intervals_of_one_mean_hold_it() {
        let cells = one_mean::simulate(PLAN).coverages();
        assert_eq!(cells.len(), 36);
        assert!(cells.iter().all(|share| *share > 0.85), "{cells:?}");
        let average = cells.iter().sum::<f64>() / 36.0;
        assert!((0.935..0.975).contains(&average), "{average}");
    }

    #[test]
    fn intervals_of_a_difference_hold_it_and_alarms_are_rare() {
        let rows = pairs::simulate(PLAN).rows;
        assert_eq!(rows.len(), 108);
        assert!(rows.iter().all(|row| row.coverage > 0.85), "{rows:?}");
        let alarms: Vec<f64> = rows.iter().filter_map(|row| row.false_alarms()).collect();
        assert_eq!(alarms.len(), 72);
        assert!(alarms.iter().all(|share| *share < 0.13), "{alarms:?}");
        // Where there is a difference, many tasks with many samples find it.
        let found = rows.iter().filter(|row| row.false_alarms().is_none()).map(|row| row.share_below[1]);
        assert!(found.fold(0.0, f64::max) > 0.95);
    }

    #[test]
    fn arms_that_differ_in_nothing_are_seldom_told_apart() {
        let found = arms::simulate(PLAN);
        assert_eq!((found.rows.len(), found.families.len()), (24, 4));
        for row in &found.rows {
            assert!(row.these_tasks < 0.13 && row.like_these < 0.13, "{row:?}");
        }
        assert!(found.families.iter().all(|family| family.corrected < 0.13), "{:?}", found.families);
        // The wrong tests are found out: t over seeds for tasks like these, and a family without a correction.
        assert!(found.rows.iter().any(|row| row.seeds_for_like_these > 0.1), "{:?}", found.rows);
        assert!(found.families.iter().any(|family| family.uncorrected > 0.15), "{:?}", found.families);
    }

    #[test]
    fn a_seed_gives_the_same_figures_again() {
        let plan = Plan { repeats: 5, seed: 3 };
        assert_eq!(one_mean::simulate(plan).coverages(), one_mean::simulate(plan).coverages());
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(Plan::parse(&words("--seed 3 --repeats 5")), Ok(plan));
        assert!(Plan::parse(&words("--repeats 0")).is_err() && Plan::parse(&words("--seed")).is_err());
    }

    #[test]
    fn a_broken_promise_is_named() {
        let cells = || [("here".to_owned(), 0.95), ("there".to_owned(), 0.91)];
        let mut promises = Promises::new(promises::REPEATS);
        promises.at_least("coverage", 0.92, cells());
        assert!(!promises.all_kept());
        assert!(
            promises.table().contains("| coverage | at least 92.0 | 91.0 (there) | **no** |"),
            "{}",
            promises.table()
        );
    }
}
