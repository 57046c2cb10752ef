//! A recipe: cold start, stage 1, reward model, stage 2.
//!
//! Each stage writes a run folder inside the recipe's and starts from the stage before. A resumed recipe leaves stages
//! that are done alone, and goes on with the one that was interrupted.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use progress::{Progress, say};
use record::atomic::{write_file, write_folder};
use record::lock::FolderLock;
use record::metrics::read_metrics;
use record::names::TIME_STEP;
use record::run_folder::RunFolder;
use statistics::EvalSummary;

use super::previous_run::PreviousRun;
use super::recipe_phases::StageConfigs;
use super::recipe_summary::Summary;
use crate::checkpoint::newest_whole;
use crate::config::{RecipeConfig, ReinforceRun, RewardModelRun, Source, SupervisedRun, load};
use crate::failure::Usage;
use crate::interrupt::Interrupt;
use crate::named_files::NamedFiles;
use crate::open_run::Entry;
use crate::preference_training::train_reward_model;
use crate::run::identity::RunIdentity;
use crate::run::inputs::{TrainingRun, resolve_links};
use crate::run::named_inputs::fetch_names;
use crate::run::run_manifest::{OnChange, RunManifest};
use crate::stage::run_stage;
use crate::supervised::cold_start;

const COLD_START: &str = "cold-start";
const REWARD_MODEL: &str = "reward-model";

/// A recipe that runs in its folder.
pub(crate) struct Recipe {
    config: RecipeConfig,
    /// Folder of the stages' configuration files.
    base: PathBuf,
    /// Folder that the recipe's file names. Paths in the stages' files that begin with it are moved to `config.dir`.
    named_dir: PathBuf,
    folder: RunFolder,
    summary: Summary,
    on_change: OnChange,
    interrupt: Interrupt,
    /// Held until the recipe ends.
    _lock: FolderLock,
}

impl Recipe {
    /// Opens the recipe of the file at `path`; `run_dir` and `seed`, where given, replace the file's.
    ///
    /// # Errors
    /// The file is unusable, the folder holds another run, or cannot be written.
    pub(crate) fn open(
        path: &Path,
        run_dir: Option<&Path>,
        seed: Option<u64>,
        entry: Entry,
        interrupt: Interrupt,
    ) -> Result<Self> {
        let mut config: RecipeConfig = load(&Source { path: Some(path), ..Source::default() })?;
        config.validate()?;
        let named_dir = config.dir.clone();
        config.dir = run_dir.map_or(config.dir, Path::to_owned);
        let previous = PreviousRun::read(&config.dir)?;
        config.seed = seed.or_else(|| previous.seed().filter(|_| entry != Entry::New)).or(config.seed);
        let data_seed = config.seed_of("data");
        if let (Some(generate), Some(seed)) = (&mut config.generate, data_seed) {
            generate.seed = seed;
        }
        let on_change = entry.on_change();
        previous.check(&config, on_change)?;
        // A recipe that is resumed before its first stage has no folder yet.
        let entry = if entry == Entry::New { entry } else { Entry::Auto(on_change) };
        let (folder, lock, _) = entry.open(&config.dir)?;
        write_file(&folder.config(), toml::to_string(&config).context("the recipe as TOML")?.as_bytes())?;
        let summary = match std::fs::read(folder.summary()) {
            Ok(bytes) => serde_json::from_slice(&bytes).with_context(|| folder.summary().display().to_string())?,
            Err(_) => Summary::new(config.seed),
        };
        let base = path.parent().unwrap_or(Path::new("")).to_owned();
        Ok(Self { config, base, named_dir, folder, summary, on_change, interrupt, _lock: lock })
    }

    /// Runs every stage that is left.
    ///
    /// # Errors
    /// A name of the hub cannot be used, a stage fails, a file cannot be written, or the user interrupts.
    pub(crate) async fn run(&mut self) -> Result<()> {
        let configs = self.configs()?;
        self.fetch_names_of(&configs).await?;
        let progress = self.progress(&configs);
        self.generate_data()?;
        self.cold_start(&progress).await?;
        self.stage(&progress, 1, "stage-1").await?;
        self.reward_model(&progress).await?;
        self.stage(&progress, 2, "stage-2").await?;
        progress.finish("");
        Ok(())
    }

    /// The stages as they are configured, each with its place in the folder for what a stage before it makes.
    fn configs(&self) -> Result<StageConfigs> {
        let from = |key: &str, stage: &str| {
            let checkpoint = self.config.dir.join(stage).join("checkpoints").join("last");
            self.assignment(key, &checkpoint)
        };
        let start = from("model.path", COLD_START);
        let after = [from("model.path", "stage-1"), from("reward_model.path", REWARD_MODEL)];
        Ok(StageConfigs {
            cold_start: self.load(&self.config.cold_start, COLD_START, &[])?,
            stage_1: self.load(&self.config.stage_1, "stage-1", std::slice::from_ref(&start))?,
            reward_model: self.load(&self.config.reward_model, REWARD_MODEL, &[start])?,
            stage_2: self.load(&self.config.stage_2, "stage-2", &after)?,
        })
    }

    /// Brings what the stages read of the hub before the first begins: a name that cannot be used ends no run that has
    /// come far.
    async fn fetch_names_of(&self, configs: &StageConfigs) -> Result<()> {
        self.fetch_names_in(COLD_START, &configs.cold_start).await?;
        self.fetch_names_in("stage-1", &configs.stage_1).await?;
        self.fetch_names_in(REWARD_MODEL, &configs.reward_model).await?;
        self.fetch_names_in("stage-2", &configs.stage_2).await
    }

    async fn fetch_names_in<C: TrainingRun>(&self, name: &str, config: &C) -> Result<()> {
        let held = Entry::Auto(self.on_change).held_commits(&self.config.dir.join(name))?;
        fetch_names(&mut config.clone(), &NamedFiles::new(&self.interrupt), &held).await.map(drop)
    }

    /// The recipe as long work, with what the stages that are done took.
    fn progress(&self, configs: &StageConfigs) -> Progress {
        let phases = configs.phases();
        let progress = Progress::phases("recipe", phases.clone());
        for phase in &phases {
            let seconds = match phase.name.as_str() {
                REWARD_MODEL => self.summary.reward_model_seconds,
                stage => self.summary.seconds_of(stage),
            };
            if let Some(took) = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()) {
                progress.phase_done(&phase.name, Some(took));
            }
        }
        progress
    }

    /// Notes that a stage begins, or goes on. Whether what it left can be read is the stage's own affair.
    fn begin(&self, progress: &Progress, name: &str) {
        let is_there = self.config.dir.join(name).is_dir();
        let before = if is_there { self.recorded_seconds(name).unwrap_or_default() } else { 0.0 };
        progress.begin_phase(name, Duration::try_from_secs_f64(before).unwrap_or_default());
    }

    /// The folder that the recipe writes.
    pub(crate) fn dir(&self) -> &Path {
        self.folder.root()
    }

    /// The figures of all stages as a table.
    pub(crate) fn table(&self) -> String {
        self.summary.table()
    }

    fn generate_data(&self) -> Result<()> {
        let folder = self.config.dir.join("data");
        if let Some(generate) = &self.config.generate
            && !folder.is_dir()
        {
            let data = datasets::generate::generate_demo(generate)
                .map_err(|error| Usage::error(format!("generate: {error}")))?;
            write_folder(&folder, |folder| data.write(folder))?;
            say(&format!("generated {} traces and their tasks in {}", data.traces.len(), folder.display()));
        }
        Ok(())
    }

    async fn cold_start(&mut self, progress: &Progress) -> Result<()> {
        let name = COLD_START;
        let started = Instant::now();
        let config: SupervisedRun = self.load(&self.config.cold_start, name, &[])?;
        let Some(entry) = self.entry(name, &config).await? else { return Ok(()) };
        let steps = config.update.steps;
        self.begin(progress, name);
        cold_start(config, entry, self.interrupt.clone()).await?;
        self.add_row(name, steps, started)
    }

    async fn stage(&mut self, progress: &Progress, stage: u8, name: &str) -> Result<()> {
        let started = Instant::now();
        let (file, from) = match stage {
            1 => (&self.config.stage_1, COLD_START),
            _ => (&self.config.stage_2, "stage-1"),
        };
        let mut assignments = vec![self.assignment("model.path", &self.checkpoint_of(from)?)];
        if stage == 2 {
            let reward_model = self.checkpoint_of(REWARD_MODEL)?;
            assignments.push(self.assignment("reward_model.path", &reward_model));
        }
        let config: ReinforceRun = self.load(file, name, &assignments)?;
        let Some(entry) = self.entry(name, &config).await? else { return Ok(()) };
        let steps = config.update.steps;
        self.begin(progress, name);
        run_stage(stage, config, entry, self.interrupt.clone()).await?;
        self.add_row(name, steps, started)
    }

    async fn reward_model(&mut self, progress: &Progress) -> Result<()> {
        let name = REWARD_MODEL;
        let started = Instant::now();
        let from = self.assignment("model.path", &self.checkpoint_of(COLD_START)?);
        let config: RewardModelRun = self.load(&self.config.reward_model, name, &[from])?;
        let steps = config.update.steps;
        let is_summarised = self.summary.reward_model_seconds.is_some();
        if is_summarised && self.newest_step(name)? >= Some(steps) {
            self.check_unchanged(name, &config).await?;
            say(&format!("{name}: done before"));
        } else {
            self.begin(progress, name);
            train_reward_model(config, Entry::Auto(self.on_change), self.interrupt.clone()).await?;
        }
        if self.summary.reward_model_seconds.is_none() {
            self.summary.reward_model_seconds = Some(self.seconds(name, started)?);
            self.write_summary()?;
        }
        Ok(())
    }

    /// Way into a stage's folder; `None` where the stage is done.
    async fn entry<C: TrainingRun>(&self, name: &str, config: &C) -> Result<Option<Entry>> {
        if self.summary.has(name) {
            self.check_unchanged(name, config).await?;
            say(&format!("{name}: done before"));
            return Ok(None);
        }
        Ok(Some(Entry::Auto(self.on_change)))
    }

    /// Holds a stage that is done against what its configuration says now: stages after it stand on it.
    async fn check_unchanged<C: TrainingRun>(&self, name: &str, config: &C) -> Result<()> {
        let folder = RunFolder::open(&self.config.dir.join(name))?;
        let mut config = config.clone();
        let held = RunManifest::held_commits(&folder, self.on_change)?;
        let names = fetch_names(&mut config, &NamedFiles::new(&self.interrupt), &held).await?;
        resolve_links(&mut config);
        let identity = RunIdentity::of(&config, config.section().resolve()?)?.with_names(names);
        let step = folder.latest_checkpoint()?.map_or(0, |(step, _)| step);
        let manifest = RunManifest::resume(&folder, None, identity, step, self.on_change)?;
        if self.on_change == OnChange::Accept { manifest.write(&folder) } else { Ok(()) }
    }

    /// Step of the newest whole checkpoint of a stage; `None` where it has none.
    fn newest_step(&self, name: &str) -> Result<Option<u64>> {
        let run = self.config.dir.join(name);
        if !run.is_dir() {
            return Ok(None);
        }
        Ok(newest_whole(&RunFolder::open(&run)?, self.on_change)?.map(|checkpoint| checkpoint.step))
    }

    /// Folder of the checkpoint that a stage ended with: the folder itself, for a link may come to name another.
    fn checkpoint_of(&self, name: &str) -> Result<PathBuf> {
        let folder = RunFolder::open(&self.config.dir.join(name))?;
        let last = folder.latest_checkpoint()?.map(|(step, _)| step);
        match newest_whole(&folder, self.on_change)? {
            Some(checkpoint) if Some(checkpoint.step) == last => {
                // The stage may have been killed before its link followed.
                folder.point_last_at(checkpoint.step)?;
                Ok(checkpoint.folder().to_owned())
            }
            _ => Err(Usage::error(format!(
                "{}: the last checkpoint is not whole, so that the next stage has nothing to start from: put it back, \
                 or run the recipe in another folder with --run-dir",
                folder.root().display()
            ))),
        }
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

    /// Wall-clock seconds of a stage that is done: at least those of its recorded steps, if it was interrupted.
    fn seconds(&self, name: &str, started: Instant) -> Result<f64> {
        Ok(started.elapsed().as_secs_f64().max(self.recorded_seconds(name)?))
    }

    /// Seconds of a stage's recorded steps; 0 where none is.
    fn recorded_seconds(&self, name: &str) -> Result<f64> {
        let path = RunFolder::open(&self.config.dir.join(name))?.metrics();
        let steps = if path.exists() { read_metrics(&path)? } else { Vec::new() };
        Ok(steps.iter().filter_map(|step| step.get(TIME_STEP.name)).sum())
    }

    fn write_summary(&self) -> Result<()> {
        Ok(write_file(&self.folder.summary(), &serde_json::to_vec_pretty(&self.summary)?)?)
    }
}

fn read_evaluation(path: &Path) -> Result<Vec<EvalSummary>> {
    let bytes = std::fs::read(path).with_context(|| path.display().to_string())?;
    serde_json::from_slice(&bytes).with_context(|| path.display().to_string())
}
