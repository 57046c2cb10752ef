//! The demo: the whole recipe on its small model, once or for several seeds in turn.
//!
//! Must know of a run's `summary.json` no more than the table needs: each stage's name and its figures.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use progress::{Pace, time_words};
use serde_json::{Value, json};

use crate::options::Options;
use crate::{handover, setup};

/// Folder of the runs of several seeds, one folder for each seed.
const SEEDS_DIR: &str = "runs/demo-seeds";
/// The exit code of the trainer where it was stopped.
const INTERRUPTED: i32 = 130;
/// The same after SIGTERM to a run that has saved its step.
const SAVED: i32 = 75;
const SUITES: [&str; 3] = ["maths", "code", "instruction"];

/// Arguments of `cargo xtask demo`.
#[derive(Debug, PartialEq)]
pub(crate) enum Demo {
    /// One run; the arguments go to `trainer recipe`.
    Once(Vec<String>),
    /// Seeds 1 to `num_seeds`, with a table at the end.
    Seeds { num_seeds: u64, json: Option<PathBuf>, dir: PathBuf },
}

impl Demo {
    /// Reads the arguments. `Err` says what is wrong with them.
    pub(crate) fn parse(arguments: &[String]) -> Result<Self, String> {
        let (mut seeds, mut json, mut dir, mut others) = (None, None, None, Vec::new());
        let mut options = Options::new(arguments);
        while let Some((argument, name)) = options.next() {
            match name {
                "--seeds" => seeds = Some(options.number()?),
                "--json" => json = Some(PathBuf::from(options.value()?)),
                "--run-dir" => dir = Some(options.value()?.to_owned()),
                "--seed" => others.extend([name.to_owned(), options.number()?.to_string()]),
                _ => others.push(argument.to_owned()),
            }
        }
        match (seeds, others.first()) {
            (Some(0), _) => Err("--seeds 0 runs nothing; name how many".to_owned()),
            (Some(_), Some(other)) => Err(format!("--seeds runs seeds 1 to N whole and takes no {other}")),
            (Some(num_seeds), None) => {
                Ok(Self::Seeds { num_seeds, json, dir: dir.unwrap_or(SEEDS_DIR.to_owned()).into() })
            }
            (None, _) if json.is_some() => Err("--json writes the figures of several seeds: give --seeds N".to_owned()),
            (None, _) => {
                others.extend(dir.into_iter().flat_map(|dir| ["--run-dir".to_owned(), dir]));
                Ok(Self::Once(others))
            }
        }
    }

    /// Sets up, builds and runs.
    pub(crate) fn run(self, root: &Path) -> Result<ExitCode> {
        setup::run(root)?;
        eprintln!("building the trainer (release); the first build takes some minutes");
        match self {
            Self::Once(arguments) => Err(handover::replace_with(recipe(root).args(arguments))),
            Self::Seeds { num_seeds, json, dir } => run_seeds(root, num_seeds, json.as_deref(), &dir),
        }
    }
}

fn recipe(root: &Path) -> std::process::Command {
    let mut cargo = handover::cargo(root);
    cargo.args(["run", "--release", "--package", "trainer", "--"]);
    cargo.args(["recipe", "--config", "configs/demo/recipe.toml"]);
    cargo
}

/// Runs the seeds one after another, each on from where it was interrupted, and prints the table over all of them.
fn run_seeds(root: &Path, num_seeds: u64, json: Option<&Path>, dir: &Path) -> Result<ExitCode> {
    let mut runs = Vec::new();
    let began = Instant::now();
    let mut pace = Pace::new(Duration::ZERO);
    for seed in 1..=num_seeds {
        let folder = dir.join(format!("seed-{seed}"));
        let left = pace.left(began.elapsed(), num_seeds + 1 - seed);
        let left = left.map(|left| format!("; about {} left of all", time_words(left))).unwrap_or_default();
        eprintln!("\nseed {seed} of {num_seeds}, in {}{left}", folder.display());
        let mut recipe = recipe(root);
        recipe.args(["--seed", &seed.to_string(), "--resume", "--run-dir"]).arg(&folder);
        let status = handover::wait_for(&mut recipe)?;
        if !status.success() {
            match status.code() {
                Some(SAVED | INTERRUPTED) | None => {
                    eprintln!("seed {seed} was interrupted; the same command goes on with it")
                }
                Some(code) => eprintln!("seed {seed} ended with {code}; its message stands above"),
            }
            return Ok(handover::exit_code(status));
        }
        let path = root.join(&folder).join("summary.json");
        let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        let summary: Value = serde_json::from_str(&text).with_context(|| path.display().to_string())?;
        pace.advance(began.elapsed(), 1);
        runs.push(figures(seed, &summary).with_context(|| path.display().to_string())?);
    }
    print!("{}", table(&runs));
    if let Some(path) = json {
        let text = serde_json::to_string_pretty(&runs)?;
        std::fs::write(root.join(path), text + "\n").with_context(|| path.display().to_string())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// One run's part of the list: its seed, its stages as the summary has them, and the minutes of all of them.
fn figures(seed: u64, summary: &Value) -> Result<Value> {
    let rows = summary["rows"].as_array().context("field `rows` is missing or no list")?;
    let mut seconds = summary["reward_model_seconds"].as_f64().unwrap_or(0.0);
    for row in rows {
        let names = SUITES.iter().chain(&["seconds"]);
        if let Some(missing) = names.into_iter().find(|name| row[**name].as_f64().is_none()) {
            bail!("a row has no number `{missing}`");
        }
        seconds += row["seconds"].as_f64().unwrap_or(0.0);
    }
    Ok(json!({"seed": seed, "stages": rows, "minutes": (seconds / 6.0).round() / 10.0}))
}

/// Median and range of each suite after each stage, then what was lost.
fn table(runs: &[Value]) -> String {
    let mut text = format!("\n{:<12}", "held-out, %");
    for suite in SUITES {
        let _ = write!(text, " {suite:>24}");
    }
    text.push('\n');
    let num_stages = runs.iter().filter_map(|run| run["stages"].as_array()).map(Vec::len).max().unwrap_or(0);
    let mut lost = Vec::new();
    for stage in 0..num_stages {
        let name = runs[0]["stages"][stage]["stage"].as_str().unwrap_or("?");
        let _ = write!(text, "{name:<12}");
        for suite in SUITES {
            let values = runs.iter().filter_map(|run| run["stages"][stage][suite].as_f64()).map(|share| 100.0 * share);
            let _ = write!(text, " {:>24}", median_and_range(values.collect()));
            for run in runs.iter().filter(|run| run["stages"][stage]["changes"][suite]["lost"] == true) {
                lost.push(format!("{suite} in {name} of seed {}", run["seed"]));
            }
        }
        text.push('\n');
    }
    let minutes = runs.iter().filter_map(|run| run["minutes"].as_f64()).collect();
    let _ = writeln!(text, "\nmedian (range) over {} seeds; minutes {}", runs.len(), median_and_range(minutes));
    let lost = if lost.is_empty() { "nothing".to_owned() } else { lost.join(", ") };
    let _ = writeln!(text, "lost against the stage before, at 5 % over the changes of one seed: {lost}");
    text
}

fn median_and_range(mut values: Vec<f64>) -> String {
    values.sort_by(f64::total_cmp);
    let (Some(low), Some(high)) = (values.first(), values.last()) else { return "-".to_owned() };
    let median = (values[(values.len() - 1) / 2] + values[values.len() / 2]) / 2.0;
    format!("{median:.1} ({low:.1} to {high:.1})")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Demo, String> {
        Demo::parse(&text.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn one_run_takes_the_recipes_arguments() {
        let once = |text: &str| match parse(text) {
            Ok(Demo::Once(arguments)) => arguments.join(" "),
            other => panic!("{other:?}"),
        };
        assert_eq!(once("--resume --seed=3 --run-dir runs/other"), "--resume --seed 3 --run-dir runs/other");
        assert_eq!(once(""), "");
    }

    #[test]
    fn several_seeds_take_a_number_and_a_file() {
        let seeds = parse("--seeds 5 --json out.json").unwrap();
        assert_eq!(seeds, Demo::Seeds { num_seeds: 5, json: Some("out.json".into()), dir: SEEDS_DIR.into() });
        for (text, expected) in [
            ("--seeds many", "--seeds \"many\" is no whole number"),
            ("--seed -1", "--seed \"-1\" is no whole number"),
            ("--seeds", "--seeds needs a value"),
            ("--seeds 0", "runs nothing"),
            ("--seeds 2 --resume", "takes no --resume"),
            ("--seeds 2 --seed 4", "takes no --seed"),
            ("--json out.json", "give --seeds N"),
        ] {
            let error = parse(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    #[test]
    fn the_table_is_medians_and_ranges_and_names_what_was_lost() {
        let run = |seed: u64, maths: f64, lost: bool| {
            let row = |stage: &str, maths: f64| {
                json!({"stage": stage, "maths": maths, "code": 0.25, "instruction": 0.5, "seconds": 60.0,
                    "changes": {"maths": {"lost": lost && stage == "stage-1"}}})
            };
            let summary =
                json!({"rows": [row("cold-start", 0.5), row("stage-1", maths)], "reward_model_seconds": 30.0});
            figures(seed, &summary).unwrap()
        };
        let runs = [run(1, 0.9, false), run(2, 0.2, true), run(3, 0.8, false)];
        assert_eq!(runs[0]["minutes"].as_f64(), Some(2.5));
        let text = table(&runs);
        assert!(text.contains("80.0 (20.0 to 90.0)") && text.contains("25.0 (25.0 to 25.0)"), "{text}");
        assert!(text.contains("over 3 seeds; minutes 2.5 (2.5 to 2.5)"), "{text}");
        assert!(text.contains("maths in stage-1 of seed 2\n"), "{text}");
        assert!(table(&runs[..1]).contains("one seed: nothing"));
        assert!(table(&runs[..2]).contains("55.0 (20.0 to 90.0)"));
        assert!(figures(1, &json!({"rows": [{"stage": "x", "maths": 0.1}]})).is_err());
    }
}
