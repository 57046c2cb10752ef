//! `kills`: runs of a micro model are killed at random moments, go on, and must end as runs that nobody interrupted.
//!
//! Every kind of run is among them, in float32 and bfloat16; with `--ranks` a random rank of several is killed or
//! stopped, and the others must end by themselves. What is compared is all that a run leaves, byte for byte:
//! weights, optimizers, counts, records, links; of metrics and summaries, what does not measure the machine. Must know
//! of the trainer no more than its command line and the places of its files.

mod killing;
mod micro;
mod numbers;
mod remains;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use self::killing::{Attempt, Kill};
use self::micro::{DTYPES, Subject};
use self::numbers::Numbers;
use crate::options::Options;
use crate::{handover, setup, test};

/// Folder of the runs, a folder for each seed.
const DIR: &str = "runs/kills";
/// Number of killed runs where none is named.
const NUM_RUNS: u64 = 40;
/// Most kills of one run.
const MAX_KILLS: u64 = 3;
/// Number of times that a run is begun again because it ended before it was killed.
const MAX_ATTEMPTS: u32 = 8;

/// Arguments of `cargo xtask kills`.
#[derive(Debug, PartialEq)]
pub(crate) struct Kills {
    num_runs: u64,
    seed: Option<u64>,
    /// Number of ranks of a run; one is a process by itself.
    num_ranks: u64,
    json: Option<PathBuf>,
    /// A trainer that is built already.
    trainer: Option<PathBuf>,
}

/// A run that was killed and went on to its end.
struct KilledRun {
    subject: &'static Subject,
    dtype: &'static str,
    kills: Vec<Kill>,
    /// What is not as in the uninterrupted run; empty where all is.
    differences: Vec<String>,
}

impl Kills {
    /// Reads the arguments. `Err` says what is wrong with them.
    pub(crate) fn parse(arguments: &[String]) -> Result<Self, String> {
        let mut kills = Self { num_runs: NUM_RUNS, seed: None, num_ranks: 1, json: None, trainer: None };
        let mut options = Options::new(arguments);
        while let Some((argument, name)) = options.next() {
            match name {
                "--runs" => kills.num_runs = options.number()?,
                "--ranks" => kills.num_ranks = options.number()?,
                "--seed" => kills.seed = Some(options.number()?),
                "--json" => kills.json = Some(options.value()?.into()),
                "--trainer" => kills.trainer = Some(options.value()?.into()),
                _ => return Err(format!("kills takes no {argument}")),
            }
        }
        if kills.num_runs == 0 {
            return Err("--runs 0 kills nothing; name how many".to_owned());
        }
        if kills.num_ranks == 0 {
            return Err("--ranks 0 runs nothing; name how many".to_owned());
        }
        Ok(kills)
    }

    /// Builds, runs, kills and compares; the exit code says whether all runs were equal.
    ///
    /// # Errors
    /// The build or an uninterrupted run fails, or a file cannot be written.
    pub(crate) fn run(self, root: &Path) -> Result<ExitCode> {
        let trainer = match &self.trainer {
            Some(path) => root.join(path),
            None => build(root)?,
        };
        let seed = self.seed.unwrap_or_else(numbers::of_the_clock);
        let dir = root.join(DIR).join(format!("seed-{seed}"));
        if dir.exists() {
            std::fs::remove_dir_all(&dir).with_context(|| dir.display().to_string())?;
        }
        eprintln!("kills of seed {seed}, in {}", dir.display());
        let place = Place { root, trainer, dir, num_ranks: self.num_ranks };
        let lengths = place.uninterrupted()?;
        let mut numbers = Numbers::new(seed);
        let mut runs = Vec::new();
        for number in 0..self.num_runs {
            let run = place.killed(number, &lengths, &mut numbers)?;
            let verdict = if run.differences.is_empty() { "equal" } else { "DIFFERENT" };
            let kills: Vec<String> = run.kills.iter().map(Kill::to_string).collect();
            println!("{:>3}  {:<18} {:<9} {verdict}  {}", number + 1, run.subject.name, run.dtype, kills.join(", "));
            run.differences.iter().for_each(|difference| println!("     {difference}"));
            runs.push(run);
        }
        let num_equal = runs.iter().filter(|run| run.differences.is_empty()).count();
        let num_kills: usize = runs.iter().map(|run| run.kills.len()).sum();
        println!("\nseed {seed}: {num_equal} of {} runs equal after {num_kills} kills", runs.len());
        if let Some(path) = &self.json {
            let list: Vec<Value> = runs.iter().map(KilledRun::to_json).collect();
            let all = json!({"seed": seed, "num_equal": num_equal, "num_kills": num_kills, "runs": list});
            std::fs::write(root.join(path), serde_json::to_string_pretty(&all)? + "\n")
                .with_context(|| path.display().to_string())?;
        }
        if num_equal < runs.len() {
            println!("the runs are kept in {}", place.dir.display());
            return Ok(ExitCode::FAILURE);
        }
        std::fs::remove_dir_all(&place.dir).with_context(|| place.dir.display().to_string())?;
        Ok(ExitCode::SUCCESS)
    }
}

impl KilledRun {
    fn to_json(&self) -> Value {
        let kills: Vec<Value> = self.kills.iter().map(Kill::to_json).collect();
        json!({"run": self.subject.name, "dtype": self.dtype, "kills": kills, "differences": self.differences})
    }
}

/// Where the runs are, and what makes them.
struct Place<'a> {
    root: &'a Path,
    trainer: PathBuf,
    dir: PathBuf,
    num_ranks: u64,
}

/// A kind of run in one dtype, whose uninterrupted run is there.
struct Whole {
    subject: &'static Subject,
    dtype: &'static str,
    dir: PathBuf,
    length: Duration,
}

impl Place<'_> {
    /// The uninterrupted runs of every kind and dtype, with the time that each took.
    fn uninterrupted(&self) -> Result<Vec<Whole>> {
        let mut all = Vec::new();
        for dtype in DTYPES {
            let base = self.dir.join(dtype);
            micro::write(&base, dtype)?;
            for subject in Subject::ALL {
                let is_alone = self.num_ranks == 1 || subject.is_recipe();
                let on_ranks = || format!("{}-on-ranks", subject.uninterrupted.replace('/', "-"));
                let dir = base.join(if is_alone { subject.uninterrupted.to_owned() } else { on_ranks() });
                let length = match dir.exists() {
                    // The recipe, which comes first, has made it.
                    true => recorded(&dir)?,
                    false => {
                        let started = Instant::now();
                        let status =
                            self.command(subject, dtype, &dir)?.status().context("cannot start the trainer")?;
                        ensure!(status.success(), "an uninterrupted run failed: see {}", log_of(&dir).display());
                        started.elapsed()
                    }
                };
                eprintln!("uninterrupted: {} in {dtype}, {:.1} s", subject.name, length.as_secs_f64());
                if is_alone == (self.num_ranks == 1) {
                    all.push(Whole { subject, dtype, dir, length });
                }
            }
        }
        Ok(all)
    }

    /// Kills a run one to three times, lets it go on to its end, and compares it.
    fn killed(&self, number: u64, all: &[Whole], numbers: &mut Numbers) -> Result<KilledRun> {
        let whole = &all[number as usize % all.len()];
        let dir = self.dir.join(format!("killed-{:02}", number + 1));
        let num_kills = 1 + numbers.below(MAX_KILLS);
        let mut kills: Vec<Kill> = Vec::new();
        let mut failure = None;
        let mut attempts = 0;
        // A run that has become shorter, or is faster than it was, may end before its kill.
        let mut length = whole.length;
        while (kills.len() as u64) < num_kills && failure.is_none() {
            let child = self.command(whole.subject, whole.dtype, &dir)?.spawn().context("cannot start the trainer")?;
            match killing::attempt(child, &whole.subject.run_dirs(&dir), length, self.num_ranks, numbers)? {
                Attempt::Killed(kill) => {
                    length = length.saturating_sub(kill.after.mul_f64(0.5)).max(whole.length.mul_f64(0.3));
                    kills.push(kill);
                }
                Attempt::Ended(status) if !status.success() => failure = Some(status),
                Attempt::Ended(_) if !kills.is_empty() => break,
                Attempt::Ended(_) => {
                    attempts += 1;
                    ensure!(attempts < MAX_ATTEMPTS, "{} ends before it can be killed", whole.subject.name);
                    length = length.mul_f64(0.6);
                    std::fs::remove_dir_all(&dir).with_context(|| dir.display().to_string())?;
                }
            }
        }
        if failure.is_none() {
            let status =
                self.command(whole.subject, whole.dtype, &dir)?.status().context("cannot start the trainer")?;
            failure = (!status.success()).then_some(status);
        }
        let differences = match failure {
            Some(status) => vec![format!("it does not go on, {status}: see {}", log_of(&dir).display())],
            None => remains::differences(&remains::of(&whole.dir)?, &remains::of(&dir)?),
        };
        if differences.is_empty() {
            std::fs::remove_dir_all(&dir).with_context(|| dir.display().to_string())?;
        }
        Ok(KilledRun { subject: whole.subject, dtype: whole.dtype, kills, differences })
    }

    /// The trainer on one kind of run in `dir`, which it enters however it is; what it says goes to a file beside.
    fn command(&self, subject: &Subject, dtype: &str, dir: &Path) -> Result<Command> {
        let path = log_of(dir);
        let log = std::fs::OpenOptions::new().create(true).append(true).open(&path);
        let log = log.with_context(|| path.display().to_string())?;
        let mut command = handover::program(&self.trainer, self.root);
        command.env("OMP_NUM_THREADS", "1").env_remove("RUST_LOG");
        command.args(subject.mode).arg("--config").arg(self.dir.join(dtype).join(subject.config));
        command.args(["--resume", "auto", "--run-dir"]).arg(dir);
        if self.num_ranks > 1 && !subject.is_recipe() {
            command.args(["--nproc", &self.num_ranks.to_string(), "--set", "parallel.timeout_seconds=5"]);
        }
        let error = log.try_clone().with_context(|| path.display().to_string())?;
        command.stdin(std::process::Stdio::null()).stdout(log).stderr(error);
        Ok(command)
    }
}

/// Beside a run's folder, where its output goes.
fn log_of(dir: &Path) -> PathBuf {
    dir.with_extension("log")
}

/// Seconds that a run recorded of its steps, with a second for its start.
fn recorded(dir: &Path) -> Result<Duration> {
    let path = dir.join("metrics.jsonl");
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let seconds = |line: &str| serde_json::from_str::<Value>(line).ok()?["time/step"].as_f64();
    Ok(Duration::from_secs_f64(1.0 + text.lines().filter_map(seconds).sum::<f64>()))
}

/// Builds the trainer for release, and returns its path.
fn build(root: &Path) -> Result<PathBuf> {
    setup::run(root)?;
    eprintln!("building the trainer (release); the first build takes some minutes");
    let mut cargo = handover::cargo(root);
    let status = handover::wait_for(cargo.args(["build", "--release", "--package", "trainer"]))?;
    ensure!(status.success(), "the trainer does not build");
    let metadata = test::metadata(root)?;
    let target = metadata["target_directory"].as_str().context("cargo metadata has no target_directory")?;
    Ok(Path::new(target).join("release/trainer"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_numbers_and_files() {
        let parse = |text: &str| Kills::parse(&text.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(parse("").unwrap(), Kills { num_runs: 40, seed: None, num_ranks: 1, json: None, trainer: None });
        let all = parse("--runs 3 --seed=9 --ranks 2 --json out.json --trainer t").unwrap();
        let (json, trainer) = (Some("out.json".into()), Some("t".into()));
        let expected = Kills { num_runs: 3, seed: Some(9), num_ranks: 2, json, trainer };
        assert_eq!(all, expected);
        for (text, expected) in [
            ("--runs 0", "kills nothing"),
            ("--ranks 0", "runs nothing"),
            ("--runs few", "no whole number"),
            ("--seed", "--seed needs a value"),
            ("--resume", "takes no --resume"),
        ] {
            let said = parse(text).unwrap_err();
            assert!(said.contains(expected), "{text}: {said}");
        }
    }
}
