//! `trainer eval`: suites and files of tasks, asked of a model or answered by another engine, judged, and summed up with
//! how sure the figures are.

mod args;
mod asked;
mod rejudge;
mod settings;
mod store;

use std::collections::{BTreeSet, HashMap};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use datasets::TaskKind;
use evaluation::{CandidateScores, EvalResult, Metric, Settings, Tally, results_table};
use learner::trainable::Trainable;
use policy::{Placement, RewardModel, Texts};
use record::RecordError;
use record::atomic::{write_file, write_file_by};
use record::samples::write_samples;
use rollout::EngineOptions;
use serde::{Deserialize, Serialize};
use verifiers::{RewardConfig, VerifiersConfig};

pub(crate) use self::args::EvalArgs;
use self::asked::{Asked, asked};
use self::rejudge::rejudge;
use self::settings::settings_of;
use self::store::{Store, Stored};
use crate::collect::Collector;
use crate::config::{PromptSection, RunSection, SandboxSection, Source, load};
use crate::failure::Usage;
use crate::held_out::read_scores;
use crate::interrupt::Interrupt;
use crate::judge::Judge;
use crate::progress::Progress;
use crate::prompt::Prompt;
use crate::prompt_check::load_texts;
use crate::ranks::environment::refuse_ranks;
use crate::worker::{ModelState, ModelWorker, Plans};

/// The sections of a run's configuration that are read here.
#[derive(Default, Deserialize)]
#[serde(default)]
struct EvalConfig {
    prompt: PromptSection,
    verifiers: VerifiersConfig,
    sandbox: SandboxSection,
}

/// A set with all that is needed to answer it.
struct Ready {
    set: Asked,
    /// Absent without a model's texts.
    prompts: Option<Vec<Prompt>>,
    settings: Settings,
}

/// Runs the command and prints a table.
///
/// # Errors
/// The input is bad, the model does not load, too many verifiers broke, or the user interrupts.
pub(crate) async fn run(args: EvalArgs, interrupt: Interrupt) -> Result<()> {
    refuse_ranks("eval")?;
    check(&args)?;
    let source = Source { path: args.config.as_deref(), assignments: args.set.clone(), moved: None };
    let EvalConfig { mut prompt, verifiers, mut sandbox } = load(&source)?;
    prompt.validate()?;
    verifiers.validate().map_err(|error| Usage::error(error.to_string()))?;
    if let Some(suffix) = &args.suffix {
        prompt.suffix = [(TaskKind::new(PromptSection::ANY_KIND), suffix.clone())].into();
    }
    if let Some(system) = args.system.as_ref().filter(|_| args.suite.is_empty()) {
        prompt.system = system.clone();
    }
    if !args.sandbox.is_empty() {
        sandbox.url = args.sandbox.clone();
    }
    let section = RunSection { device: args.device.clone(), dtype: args.dtype.clone(), ..RunSection::default() };
    let placement = section.resolve()?;
    let engine = EngineOptions { max_sequences: args.max_sequences, ..EngineOptions::default() };
    let sets = tokio::task::block_in_place(|| asked(&args, &prompt))?;
    let texts = args.model.as_ref().map(|folder| load_texts(folder, &prompt).map(Arc::new)).transpose()?;
    let mut ready = Vec::with_capacity(sets.len());
    for set in sets {
        ready.push(with_prompts(&args, set, texts.as_deref(), &engine, placement, &verifiers)?);
    }
    for Ready { set, .. } in &ready {
        set.say();
    }
    if let Some(path) = &args.prompts {
        write_prompts(path, &ready)?;
        if args.json.is_none() && args.details.is_none() && args.output.is_none() && args.completions.is_empty() {
            return Ok(());
        }
    }
    let names: BTreeSet<String> = ready.iter().flat_map(|ready| ready.set.verifier_names()).collect();
    let judge = Arc::new(Judge::start_for(&names, &verifiers, &RewardConfig::default(), &sandbox).await?);
    for Ready { set, .. } in &ready {
        if set.is_judged() {
            set.held_out.check(&judge).await?;
        }
    }
    let evaluated = if args.rejudge {
        judged_again(&args, ready, &judge, &interrupt).await?
    } else {
        let with = Answering { args: &args, texts, placement, engine, judge: judge.clone(), interrupt };
        answered(&with, ready).await?
    };
    if let Some(judge) = Arc::into_inner(judge) {
        judge.stop().await;
    }
    report(&args, &evaluated)
}

/// Checks what clap cannot.
fn check(args: &EvalArgs) -> Result<()> {
    let is_answered = !args.completions.is_empty() || args.scores.is_some() || args.rejudge || args.prompts.is_some();
    if args.model.is_none() && !is_answered {
        return Err(Usage::error("--model: name a Hugging Face folder, or judge completions that are there with --completions"));
    }
    if args.rejudge && !args.completions.is_empty() {
        return Err(Usage::error("--rejudge judges the samples that are stored; leave --completions out"));
    }
    if args.limit == Some(0) {
        return Err(Usage::error("--limit: is 0; leave it out to take all tasks"));
    }
    if !(0.0..=1.0).contains(&args.max_verifier_errors) {
        return Err(Usage::error("--max-verifier-errors: is a share, from 0 to 1"));
    }
    Ok(())
}

impl Asked {
    fn metric(&self) -> Metric {
        self.held_out.tasks.suite.protocol.metric
    }

    /// True where verifiers judge completions.
    fn is_judged(&self) -> bool {
        matches!(self.metric(), Metric::Pass | Metric::Ifeval)
    }

    fn verifier_names(&self) -> Vec<String> {
        if !self.is_judged() {
            return Vec::new();
        }
        let tasks = self.held_out.tasks.tasks.iter();
        tasks.flat_map(|task| task.task.verifiers.iter().map(|verifier| verifier.name.clone())).collect()
    }

    /// Says on the console what is asked.
    fn say(&self) {
        let tasks = &self.held_out.tasks;
        let (name, protocol) = (&self.held_out.name, &tasks.suite.protocol);
        let of_each = protocol.samples;
        eprintln!("{name}: {} tasks, {of_each} of each; {}", tasks.tasks.len(), tasks.notes.join("; "));
        for mark in &tasks.marks {
            eprintln!("{name}: * {mark}");
        }
    }
}

/// A set with its prompts and settings.
fn with_prompts(
    args: &EvalArgs,
    mut set: Asked,
    texts: Option<&Texts>,
    engine: &EngineOptions,
    placement: Placement,
    verifiers: &VerifiersConfig,
) -> Result<Ready> {
    let is_sampled = set.completions.is_none() && args.scores.is_none() && !args.rejudge;
    let prompts = match texts {
        Some(texts) if set.metric() == Metric::Reward => {
            let _ = texts;
            None
        }
        Some(texts) if is_sampled => Some(set.held_out.prompts(texts, engine)?.0),
        Some(texts) => Some(set.held_out.unchecked_prompts(texts)?),
        None => None,
    };
    if let (Some((completions, _)), Some(texts), Some(prompts)) = (&mut set.completions, texts, &prompts) {
        for (completions, prompt) in completions.iter_mut().zip(prompts) {
            for completion in completions {
                completion.thinking_open = prompt.thinking_open;
                completion.num_prompt_tokens = prompt.ids.len() as u32;
                if completion.num_completion_tokens == 0 {
                    completion.num_completion_tokens = texts.tokenizer.encode(&completion.text)?.len() as u32;
                }
            }
        }
    }
    let settings = settings_of(args, &set, prompts.as_deref(), texts, placement, verifiers)?;
    Ok(Ready { set, prompts, settings })
}

/// A line of prompts; the suite is said where there are several.
#[derive(Serialize)]
struct SuiteLine<'a, T> {
    #[serde(skip_serializing_if = "Option::is_none")]
    suite: Option<&'a str>,
    #[serde(flatten)]
    line: T,
}

/// Writes what would be asked.
fn write_prompts(path: &Path, ready: &[Ready]) -> Result<()> {
    let written = write_file_by(path, |file| {
        let mut file = BufWriter::new(file);
        for Ready { set, prompts, .. } in ready {
            let suite = (ready.len() > 1).then_some(set.held_out.name.as_str());
            for (place, mut line) in set.held_out.tasks.prompt_lines().enumerate() {
                if let Some(prompt) = prompts.as_ref().and_then(|prompts| prompts.get(place)) {
                    line.text = Some(prompt.text.clone());
                    line.ids = Some(prompt.ids.clone());
                }
                serde_json::to_writer(&mut file, &SuiteLine { suite, line })?;
                file.write_all(b"\n")?;
            }
        }
        file.flush()
    });
    written.with_context(|| path.display().to_string())
}

/// What answering needs.
struct Answering<'a> {
    args: &'a EvalArgs,
    texts: Option<Arc<Texts>>,
    placement: Placement,
    engine: EngineOptions,
    judge: Arc<Judge>,
    interrupt: Interrupt,
}

/// A set whose samples have all ended, with its figures.
struct Evaluated {
    stored: Stored,
    result: EvalResult,
}

/// Answers every set, and sums up.
async fn answered(with: &Answering<'_>, ready: Vec<Ready>) -> Result<Vec<Evaluated>> {
    let scores = with.args.scores.as_deref().map(read_scores).transpose()?;
    let mut worker: Option<ModelWorker> = None;
    let mut evaluated = Vec::with_capacity(ready.len());
    for Ready { mut set, prompts, settings } in ready {
        let mut store = Store::open(with.args, &set.held_out.name, &settings)?;
        let missing = store.missing(&set.held_out.tasks);
        if !missing.is_empty() {
            let needs_model = set.completions.is_none() && scores.is_none();
            if needs_model && worker.is_none() {
                worker = Some(model(with, set.metric()).await?);
            }
            let completions = set.completions.take().map(|(completions, _)| completions);
            let prompts = prompts.unwrap_or_default();
            let work = Work { set: &set, prompts: &prompts, missing: &missing, worker: worker.as_ref() };
            answer(with, work, completions, scores.as_ref(), &mut store).await?;
        }
        let (stored, seconds) = store.finish(&set.held_out.tasks)?;
        evaluated.push(summed_up(&set, stored, settings, seconds, &with.judge)?);
    }
    Ok(evaluated)
}

/// The model's thread: a policy, or for suites of rewards a reward model.
async fn model(with: &Answering<'_>, metric: Metric) -> Result<ModelWorker> {
    let folder = with.args.model.clone().context("--model: name a Hugging Face folder")?;
    let (placement, engine) = (with.placement, with.engine.clone());
    let load = move || {
        if metric == Metric::Reward {
            let model = RewardModel::load(&folder, placement)
                .with_context(|| format!("{}: this suite needs a reward model, or --scores", folder.display()))?;
            return Ok((ModelState::of_reward_model(Trainable::frozen(model), Plans::default()), ()));
        }
        Ok((ModelState::load_policy(&folder, placement, &engine)?, ()))
    };
    Ok(ModelWorker::start(load).await?.0)
}

/// What is to be answered of a set.
struct Work<'a> {
    set: &'a Asked,
    prompts: &'a [Prompt],
    missing: &'a [(usize, u32)],
    worker: Option<&'a ModelWorker>,
}

/// Has the missing samples made and judged.
async fn answer(
    with: &Answering<'_>,
    Work { set, prompts, missing, worker }: Work<'_>,
    completions: Option<Vec<Vec<evaluation::SampledCompletion>>>,
    scores: Option<&HashMap<String, CandidateScores>>,
    store: &mut Store,
) -> Result<()> {
    let held_out = &set.held_out;
    let num_samples = held_out.tasks.num_samples();
    let progress = Progress::new(&held_out.name, num_samples as u64);
    let (mut num_done, mut num_passed) = ((num_samples - missing.len()) as u64, 0u64);
    let num_before = num_done;
    store.begin();
    let mut keep = |row: record::samples::SampleRow| -> Result<()> {
        num_done += 1;
        num_passed += u64::from(row.verdict.passed());
        store.append(row)?;
        let share = num_passed as f64 / (num_done - num_before) as f64;
        progress.step(num_done, &format!("passed {:.1} %", 100.0 * share));
        Ok(())
    };
    let texts = with.texts.clone();
    match (set.metric(), completions, worker) {
        (Metric::Reward, _, _) if scores.is_some() => {
            held_out.scored_by(scores.unwrap_or(&HashMap::new()), missing, &mut keep)?;
        }
        (Metric::Pass | Metric::Ifeval, Some(completions), _) => {
            held_out.judge_texts(&with.judge, completions, missing, &with.interrupt, |row, _| keep(row)).await?;
        }
        (metric, None, Some(worker)) => {
            let texts = texts.context("--model: name a Hugging Face folder")?;
            match metric {
                Metric::LogLikelihood => {
                    held_out.choose(worker, &texts, prompts, missing, &with.interrupt, &mut keep).await?;
                }
                Metric::Reward => held_out.score(worker, &texts, missing, &with.interrupt, &mut keep).await?,
                Metric::Pass | Metric::Ifeval => {
                    let collector = Collector {
                        worker: worker.clone(),
                        texts,
                        scorer_texts: None,
                        judge: with.judge.clone(),
                        patience: None,
                        interrupt: with.interrupt.clone(),
                    };
                    held_out.sample(&collector, prompts, missing, |row, _| keep(row)).await?;
                }
            }
        }
        (metric, _, _) => {
            let word: &str = metric.into();
            let problem = format!("{}: its metric is {word}, which another engine's texts do not say", held_out.name);
            return Err(Usage::error(problem));
        }
    }
    progress.finish("");
    Ok(())
}

/// The figures of a set's samples.
fn summed_up(set: &Asked, stored: Stored, settings: Settings, seconds: f64, judge: &Judge) -> Result<Evaluated> {
    let tasks = &set.held_out.tasks;
    let mut tally = Tally::new(tasks);
    for row in stored.rows()? {
        tally.add(&row?)?;
    }
    let mut result = EvalResult::of(&tally, Some(judge.verifiers()), settings, seconds)?;
    result.summary.dataset = set.held_out.name.clone();
    if let Some(folder) = stored.folder() {
        write_file(&folder.join("results.json"), &serde_json::to_vec_pretty(&[&result])?)?;
    }
    Ok(Evaluated { stored, result })
}

/// Judges the stored samples of every set again, and sums up.
async fn judged_again(
    args: &EvalArgs,
    ready: Vec<Ready>,
    judge: &Arc<Judge>,
    interrupt: &Interrupt,
) -> Result<Vec<Evaluated>> {
    let mut evaluated = Vec::with_capacity(ready.len());
    for Ready { mut set, settings, .. } in ready {
        let (stored, there) = Stored::again(args, &set.held_out.name, &settings)?;
        let tasks = Arc::make_mut(&mut set.held_out.tasks);
        tasks.suite.protocol.samples = there.protocol.samples;
        let changes = rejudge(&set.held_out, &stored, judge, interrupt)?;
        Arc::make_mut(&mut set.held_out.tasks).notes.push(changes.words());
        eprintln!("{}: {}", set.held_out.name, changes.words());
        let settings = Settings { model: there.model, completions: there.completions, ..settings };
        evaluated.push(summed_up(&set, stored, settings, 0.0, judge)?);
    }
    Ok(evaluated)
}

/// Prints the table, and writes the files that are asked for.
fn report(args: &EvalArgs, evaluated: &[Evaluated]) -> Result<()> {
    let results: Vec<&EvalResult> = evaluated.iter().map(|one| &one.result).collect();
    let owned: Vec<EvalResult> = results.iter().map(|result| (*result).clone()).collect();
    print!("{}", results_table(&owned));
    for result in &results {
        for j in &args.pass_at {
            if let Some(share) = result.summary.pass_at.get(j) {
                println!("{}: pass@{j} {:.1}", result.name(), 100.0 * share);
            }
        }
    }
    if let Some(path) = &args.details {
        let mut rows = Vec::new();
        for one in evaluated {
            rows.push(one.stored.rows()?);
        }
        let unreadable = |error: anyhow::Error| RecordError::Read { path: path.clone(), source: error.into() };
        write_samples(path, rows.into_iter().flatten().map(|row| row.map_err(unreadable)))?;
    }
    if let Some(path) = &args.json {
        write_file(path, &serde_json::to_vec_pretty(&results)?)?;
    }
    for result in &results {
        let share = result.summary.verifier_errors;
        if share > args.max_verifier_errors {
            anyhow::bail!(
                "{}: the verifiers of {:.1} % of the samples broke, more than {:.1} % (--max-verifier-errors); pass@1 \
                 lies between {:.1} and {:.1}",
                result.name(),
                100.0 * share,
                100.0 * args.max_verifier_errors,
                100.0 * result.summary.ends()[0],
                100.0 * result.summary.ends()[1]
            );
        }
    }
    Ok(())
}
