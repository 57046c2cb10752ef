//! `trainer recipe`: cold start, stage 1, reward model, stage 2, with the figures after each in one table.
//!
//! Each stage writes a run folder inside the recipe's and starts from the stage before. With `--resume`, stages that are
//! done are left alone and the one in hand goes on.

use crate::checkpoint::last;
use crate::config::{RecipeConfig, ReinforceRun, RewardModelRun, Source, SupervisedRun, load};
use crate::failure::Usage;
use crate::interrupt::Interrupt;
use crate::preference_training::train_reward_model;
use crate::record::atomic::write_file;
use crate::record::eval::EvalSummary;
use crate::record::run_folder::RunFolder;
use crate::session::Entry;
use crate::stage::run_stage;
use crate::supervised::cold_start;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::Instant;

/// `summary.json`.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Summary {
    rows: Vec<Row>,
}

/// One stage's figures: pass@1 on held-out tasks, with 95 % intervals.
#[derive(Debug, Serialize, Deserialize)]
struct Row {
    stage: String,
    maths: f64,
    code: f64,
    instruction: f64,
    /// Wall-clock seconds of the stage, evaluation too.
    seconds: f64,
    maths_interval: [f64; 2],
    code_interval: [f64; 2],
    instruction_interval: [f64; 2],
}

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
/// A stage fails, or the user interrupts.
pub async fn run(path: &Path, dir: Option<PathBuf>, entry: Entry, interrupt: Interrupt) -> Result<()> {
    let mut config: RecipeConfig = load(&Source { path: Some(path), ..Source::default() })?;
    config.validate()?;
    let named_dir = config.dir.clone();
    config.dir = dir.unwrap_or(config.dir);
    let folder = match entry {
        Entry::Resume if config.dir.is_dir() => RunFolder::open(&config.dir),
        _ => RunFolder::create(&config.dir),
    }
    .map_err(|error| Usage::error(format!("{error:#}")))?;
    let summary = match std::fs::read(folder.summary()) {
        Ok(bytes) => serde_json::from_slice(&bytes).with_context(|| folder.summary().display().to_string())?,
        Err(_) => Summary::default(),
    };
    let base = path.parent().unwrap_or(Path::new("")).to_owned();
    let mut recipe = Recipe { config, base, named_dir, folder, summary, interrupt };
    recipe.generate_data()?;
    recipe.cold_start().await?;
    recipe.stage(1, "stage-1").await?;
    recipe.reward_model().await?;
    recipe.stage(2, "stage-2").await?;
    let report = crate::report::write_report(recipe.folder.root())?;
    print!("{}", recipe.table());
    println!("\nreport: {}", report.display());
    Ok(())
}

impl Recipe {
    fn generate_data(&self) -> Result<()> {
        let folder = self.config.dir.join("data");
        if let Some(generate) = &self.config.generate
            && !folder.is_dir()
        {
            let data = datasets::generate::generate_demo(generate)
                .map_err(|error| Usage::error(format!("generate: {error}")))?;
            crate::record::atomic::write_folder(&folder, |folder| Ok(data.write(folder)?))?;
            eprintln!("generated {} traces and their tasks in {}", data.traces.len(), folder.display());
        }
        Ok(())
    }

    async fn cold_start(&mut self) -> Result<()> {
        let name = "cold-start";
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
            1 => (&self.config.stage_1, "cold-start"),
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
        let run = self.config.dir.join(name);
        let from = self.assignment("model.path", &last(&self.config.dir.join("cold-start")));
        let config: RewardModelRun = self.load(&self.config.reward_model, name, &[from])?;
        if !run.is_dir() {
            return train_reward_model(config, Entry::New, self.interrupt.clone()).await;
        }
        let done = RunFolder::open(&run)?.latest_checkpoint()?.map_or(0, |(step, _)| step);
        if done >= config.update.steps {
            eprintln!("{name}: done before");
            return Ok(());
        }
        train_reward_model(config, Entry::Resume, self.interrupt.clone()).await
    }

    /// How to enter a stage's folder; nothing where the stage is done.
    fn entry(&self, name: &str) -> Option<Entry> {
        if self.summary.rows.iter().any(|row| row.stage == name) {
            eprintln!("{name}: done before");
            return None;
        }
        Some(if self.config.dir.join(name).is_dir() { Entry::Resume } else { Entry::New })
    }

    fn load<C: serde::de::DeserializeOwned>(&self, file: &Path, name: &str, assignments: &[String]) -> Result<C> {
        let mut assignments = assignments.to_vec();
        assignments.push(self.assignment("run.dir", &self.config.dir.join(name)));
        let path = self.base.join(file);
        let moved = Some((self.named_dir.clone(), self.config.dir.clone()));
        load(&Source { path: Some(&path), assignments, moved })
    }

    fn assignment(&self, key: &str, path: &Path) -> String {
        format!("{key}={:?}", path.display().to_string())
    }

    fn add_row(&mut self, name: &str, steps: u64, started: Instant) -> Result<()> {
        let path = RunFolder::open(&self.config.dir.join(name))?.eval(steps);
        let bytes = std::fs::read(&path)
            .with_context(|| format!("{}: a recipe's stages evaluate after their last step", path.display()))?;
        let evaluated: Vec<EvalSummary> = serde_json::from_slice(&bytes).with_context(|| path.display().to_string())?;
        let find = |dataset: &str| {
            let summary = evaluated.iter().find(|summary| summary.dataset == dataset);
            summary.with_context(|| format!("{}: has no dataset {dataset}, which summary names", path.display()))
        };
        let columns = &self.config.summary;
        let (maths, code, instruction) = (find(&columns.maths)?, find(&columns.code)?, find(&columns.instruction)?);
        self.summary.rows.push(Row {
            stage: name.to_owned(),
            maths: maths.pass_at_1,
            code: code.pass_at_1,
            instruction: instruction.pass_at_1,
            seconds: started.elapsed().as_secs_f64(),
            maths_interval: maths.interval,
            code_interval: code.interval,
            instruction_interval: instruction.interval,
        });
        write_file(&self.folder.summary(), &serde_json::to_vec_pretty(&self.summary)?)
    }

    fn table(&self) -> String {
        let mut text =
            format!("\n{:<12} {:>18} {:>18} {:>18} {:>9}\n", "held-out, %", "maths", "code", "instruction", "seconds");
        for row in &self.summary.rows {
            let cell = |value: f64, [low, high]: [f64; 2]| {
                format!("{:.1} ({:.0} to {:.0})", 100.0 * value, 100.0 * low, 100.0 * high)
            };
            text.push_str(&format!(
                "{:<12} {:>18} {:>18} {:>18} {:>9.0}\n",
                row.stage,
                cell(row.maths, row.maths_interval),
                cell(row.code, row.code_interval),
                cell(row.instruction, row.instruction_interval),
                row.seconds,
            ));
        }
        text
    }
}
