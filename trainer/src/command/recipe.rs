//! `trainer recipe`: cold start, stage 1, reward model, stage 2, with the figures after each in one table.
//!
//! Each stage writes a run folder inside the recipe's and starts from the stage before. With `--resume`, stages that are
//! done are left alone and the one in hand goes on.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};
use record::atomic::write_file;
use record::metrics::read_metrics;
use record::run_folder::RunFolder;
use statistics::EvalSummary;

use super::recipe_summary::Summary;
use crate::checkpoint::last;
use crate::cli::RecipeArgs;
use crate::config::{RecipeConfig, ReinforceRun, RewardModelRun, Source, SupervisedRun, load};
use crate::failure::Usage;
use crate::interrupt::Interrupt;
use crate::preference_training::train_reward_model;
use crate::session::Entry;
use crate::stage::run_stage;
use crate::supervised::cold_start;

const COLD_START: &str = "cold-start";

/// A recipe on its way.
struct Recipe {
    config: RecipeConfig,
    /// Where the stages' files are.
    base: PathBuf,
    /// The folder as the file names it: paths in the stages' files that begin with it are moved to `config.dir`.
    named_dir: PathBuf,
    folder: RunFolder,
    summary: Summary,
    interrupt: Interrupt,
}

/// Runs every stage that is left, and prints the table.
///
/// # Errors
/// A folder that holds another seed's run, a stage that fails, or the user interrupts.
pub async fn run(args: &RecipeArgs, entry: Entry, interrupt: Interrupt) -> Result<()> {
    let path = &args.config;
    let mut config: RecipeConfig = load(&Source { path: Some(path), ..Source::default() })?;
    config.validate()?;
    let named_dir = config.dir.clone();
    config.dir = args.run_dir.clone().unwrap_or(config.dir);
    let held = Held::read(&config.dir)?;
    config.seed = args.seed.or_else(|| held.seed().filter(|_| entry == Entry::Resume)).or(config.seed);
    let data_seed = config.seed_of("data");
    if let (Some(generate), Some(seed)) = (&mut config.generate, data_seed) {
        generate.seed = seed;
    }
    held.check(&config)?;
    let folder = match entry {
        Entry::Resume if config.dir.is_dir() => RunFolder::open(&config.dir),
        _ => RunFolder::create(&config.dir),
    }
    .map_err(|error| Usage::error(format!("{error:#}")))?;
    write_file(&folder.config(), toml::to_string(&config).context("the recipe as TOML")?.as_bytes())?;
    let summary = match std::fs::read(folder.summary()) {
        Ok(bytes) => serde_json::from_slice(&bytes).with_context(|| folder.summary().display().to_string())?,
        Err(_) => Summary::new(config.seed),
    };
    let base = path.parent().unwrap_or(Path::new("")).to_owned();
    let mut recipe = Recipe { config, base, named_dir, folder, summary, interrupt };
    recipe.generate_data()?;
    recipe.cold_start().await?;
    recipe.stage(1, "stage-1").await?;
    recipe.reward_model().await?;
    recipe.stage(2, "stage-2").await?;
    let report = report::write_report(recipe.folder.root())?;
    print!("{}", recipe.summary.table());
    println!("\nreport: {}", report.display());
    Ok(())
}

/// What a recipe's folder says of the run in it.
enum Held {
    /// No run has begun there.
    Nothing,
    /// A run that recorded no configuration.
    Unknown,
    /// A run of this recipe, as it was resolved.
    Run(Box<RecipeConfig>),
}

impl Held {
    fn read(dir: &Path) -> Result<Self> {
        let Ok(folder) = RunFolder::open(dir) else { return Ok(Self::Nothing) };
        let path = folder.config();
        if path.is_file() {
            return Ok(Self::Run(Box::new(load(&Source { path: Some(&path), ..Source::default() })?)));
        }
        Ok(if dir.join(COLD_START).is_dir() { Self::Unknown } else { Self::Nothing })
    }

    fn seed(&self) -> Option<u64> {
        match self {
            Self::Run(config) => config.seed,
            Self::Nothing | Self::Unknown => None,
        }
    }

    /// Refuses to mix the run in the folder with one of another seed or recipe.
    fn check(&self, config: &RecipeConfig) -> Result<()> {
        let dir = config.dir.display();
        let name = |seed: Option<u64>| seed.map_or("without a seed".to_owned(), |seed| format!("of seed {seed}"));
        let other = match self {
            Self::Nothing => return Ok(()),
            Self::Unknown if config.seed.is_none() => return Ok(()),
            Self::Unknown => "a run that recorded no seed".to_owned(),
            Self::Run(held) if held.seed != config.seed => {
                return Err(Usage::error(format!(
                    "{dir} holds the run {}, not one {}: name another folder with --run-dir, or that run's seed with --seed",
                    name(held.seed),
                    name(config.seed),
                )));
            }
            Self::Run(held) => match differing_key(held, config)? {
                None => return Ok(()),
                Some(key) => format!("a run with another `{key}`"),
            },
        };
        Err(Usage::error(format!("{dir} holds {other}: name another folder with --run-dir")))
    }
}

/// The first key in which two recipes differ, their folders aside.
fn differing_key(held: &RecipeConfig, config: &RecipeConfig) -> Result<Option<String>> {
    let table = |config: &RecipeConfig| -> Result<toml::Table> {
        let mut table = toml::Table::try_from(config).context("the recipe as TOML")?;
        table.remove("dir");
        Ok(table)
    };
    Ok(difference(&table(held)?, &table(config)?))
}

fn difference(left: &toml::Table, right: &toml::Table) -> Option<String> {
    left.keys().chain(right.keys()).find_map(|key| match (left.get(key), right.get(key)) {
        (Some(toml::Value::Table(left)), Some(toml::Value::Table(right))) => {
            difference(left, right).map(|inner| format!("{key}.{inner}"))
        }
        (left, right) => (left != right).then(|| key.clone()),
    })
}

impl Recipe {
    fn generate_data(&self) -> Result<()> {
        let folder = self.config.dir.join("data");
        if let Some(generate) = &self.config.generate
            && !folder.is_dir()
        {
            let data = datasets::generate::generate_demo(generate)
                .map_err(|error| Usage::error(format!("generate: {error}")))?;
            record::atomic::write_folder(&folder, |folder| Ok(data.write(folder)?))?;
            eprintln!("generated {} traces and their tasks in {}", data.traces.len(), folder.display());
        }
        Ok(())
    }

    async fn cold_start(&mut self) -> Result<()> {
        let name = COLD_START;
        let Some(entry) = self.entry(name) else { return Ok(()) };
        let started = Instant::now();
        let config: SupervisedRun = self.load(&self.config.cold_start, name, &[])?;
        let steps = config.update.steps;
        cold_start(config, entry, self.interrupt.clone()).await?;
        self.add_row(name, steps, started)
    }

    async fn stage(&mut self, stage: u8, name: &str) -> Result<()> {
        let Some(entry) = self.entry(name) else { return Ok(()) };
        let started = Instant::now();
        let (file, from) = match stage {
            1 => (&self.config.stage_1, COLD_START),
            _ => (&self.config.stage_2, "stage-1"),
        };
        let mut assignments = vec![self.assignment("model.path", &last(&self.config.dir.join(from)))];
        if stage == 2 {
            let reward_model = last(&self.config.dir.join("reward-model"));
            assignments.push(self.assignment("reward_model.path", &reward_model));
        }
        let config: ReinforceRun = self.load(file, name, &assignments)?;
        let steps = config.update.steps;
        run_stage(stage, config, entry, self.interrupt.clone()).await?;
        self.add_row(name, steps, started)
    }

    async fn reward_model(&mut self) -> Result<()> {
        let name = "reward-model";
        let started = Instant::now();
        let run = self.config.dir.join(name);
        let from = self.assignment("model.path", &last(&self.config.dir.join(COLD_START)));
        let config: RewardModelRun = self.load(&self.config.reward_model, name, &[from])?;
        let steps = config.update.steps;
        let entry = if run.is_dir() { Entry::Resume } else { Entry::New };
        if entry == Entry::Resume && RunFolder::open(&run)?.latest_checkpoint()?.is_some_and(|(step, _)| step >= steps)
        {
            eprintln!("{name}: done before");
        } else {
            train_reward_model(config, entry, self.interrupt.clone()).await?;
        }
        if self.summary.reward_model_seconds.is_none() {
            self.summary.reward_model_seconds = Some(self.seconds(name, started)?);
            self.write_summary()?;
        }
        Ok(())
    }

    /// How to enter a stage's folder; nothing where the stage is done.
    fn entry(&self, name: &str) -> Option<Entry> {
        if self.summary.has(name) {
            eprintln!("{name}: done before");
            return None;
        }
        Some(if self.config.dir.join(name).is_dir() { Entry::Resume } else { Entry::New })
    }

    fn load<C: serde::de::DeserializeOwned>(&self, file: &Path, name: &str, assignments: &[String]) -> Result<C> {
        let mut assignments = assignments.to_vec();
        if let Some(seed) = self.config.seed_of(name) {
            assignments.push(format!("run.seed={seed}"));
        }
        assignments.push(self.assignment("run.dir", &self.config.dir.join(name)));
        let path = self.base.join(file);
        let moved = Some((self.named_dir.clone(), self.config.dir.clone()));
        load(&Source { path: Some(&path), assignments, moved })
    }

    fn assignment(&self, key: &str, path: &Path) -> String {
        format!("{key}={:?}", path.display().to_string())
    }

    fn add_row(&mut self, name: &str, steps: u64, started: Instant) -> Result<()> {
        let before = match self.summary.last_stage() {
            Some(stage) => match RunFolder::open(&self.config.dir.join(stage))?.latest_eval()? {
                Some(path) => read_evaluation(&path)?,
                None => Vec::new(),
            },
            None => Vec::new(),
        };
        let path = RunFolder::open(&self.config.dir.join(name))?.eval(steps);
        let after = read_evaluation(&path).context("a recipe's stages evaluate after their last step")?;
        let seconds = self.seconds(name, started)?;
        self.summary
            .add_row(name, &self.config.summary, &before, &after, seconds)
            .with_context(|| path.display().to_string())?;
        self.write_summary()
    }

    /// Wall-clock seconds of a stage that is done. One that was interrupted took those of its recorded steps at least.
    fn seconds(&self, name: &str, started: Instant) -> Result<f64> {
        let steps = read_metrics(&RunFolder::open(&self.config.dir.join(name))?.metrics())?;
        let recorded: f64 = steps.iter().filter_map(|step| step.get("time/step")).sum();
        Ok(started.elapsed().as_secs_f64().max(recorded))
    }

    fn write_summary(&self) -> Result<()> {
        write_file(&self.folder.summary(), &serde_json::to_vec_pretty(&self.summary)?)
    }
}

fn read_evaluation(path: &Path) -> Result<Vec<EvalSummary>> {
    let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
    serde_json::from_slice(&bytes).with_context(|| path.display().to_string())
}
