//! `trainer eval`: suites and files of tasks, asked of a model or answered by another engine, judged, and summed up
//! with how sure the figures are.

mod args;
mod asked;
mod settings;
mod store;

use std::collections::{BTreeSet, HashMap};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result};
use datasets::TaskKind;
use evaluation::{CandidateScores, EvalResult, Metric, Settings, Tally, VerdictChanges, results_table};
use learner::trainable::Trainable;
use policy::{Placement, RewardModel, Texts};
use progress::{Progress, Unit, say};
use record::RecordError;
use record::atomic::{write_file, write_file_by};
use record::samples::write_samples;
use report::{EvaluatedSuite, write_evaluation};
use rollout::EngineOptions;
use serde::{Deserialize, Serialize};
use verifiers::{RewardConfig, VerifiersConfig};

pub(crate) use self::args::EvalArgs;
use self::args::ToolName;
use self::asked::{RequestedSet, asked, fetch_names};
use self::settings::settings_of;
use self::store::{Store, Stored, base};
use crate::collect::Collector;
use crate::config::{EvalSection, PromptSection, RunSection, SandboxSection, Source, ToolsSection, load_part};
use crate::failure::Usage;
use crate::held_out::{read_scores, usage};
use crate::interrupt::Interrupt;
use crate::judge::Judge;
use crate::named_files::NamedFiles;
use crate::prompt::Prompt;
use crate::prompt_check::load_texts;
use crate::ranks::environment::refuse_ranks;
use crate::stdout::print;
use crate::worker::{ModelState, ModelWorker, Plans};

/// The page of an evaluation, in the folder of its records.
const PAGE: &str = "evaluation.html";
/// Most samples of which a page is written.
const MOST_ON_A_PAGE: usize = 20_000;

/// The sections of a run's configuration that are read here.
#[derive(Default, Deserialize)]
#[serde(default)]
struct EvalConfig {
    prompt: PromptSection,
    verifiers: VerifiersConfig,
    sandbox: SandboxSection,
    rollout: RolloutPart,
    eval: EvalPart,
}

/// What is read of `[rollout]`.
#[derive(Default, Deserialize)]
#[serde(default)]
struct RolloutPart {
    tools: ToolsSection,
}

/// What is read of `[eval]`.
#[derive(Deserialize)]
#[serde(default)]
struct EvalPart {
    tools: bool,
}

impl Default for EvalPart {
    fn default() -> Self {
        Self { tools: EvalSection::default().tools }
    }
}

/// A set with all that is needed to answer it.
struct Ready {
    set: RequestedSet,
    /// Absent without a model's texts.
    prompts: Option<Vec<Prompt>>,
    settings: Settings,
}

/// Runs the command and prints a table.
///
/// # Errors
/// The input is bad, the model does not load, too many verifiers broke, or the user interrupts.
pub(crate) async fn run(mut args: EvalArgs, interrupt: Interrupt) -> Result<()> {
    refuse_ranks("eval")?;
    check(&args)?;
    fetch_names(&mut args, &NamedFiles::new(&interrupt)).await?;
    let source = Source { path: args.config.as_deref(), assignments: args.set.clone(), moved: None };
    let EvalConfig { mut prompt, verifiers, mut sandbox, rollout, eval } = load_part(&source)?;
    let RolloutPart { mut tools } = rollout;
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
    tools.python = (tools.python && eval.tools) || args.tools == Some(ToolName::Python);
    tools.validate(sandbox.url.is_empty().then_some(&sandbox.server.max_limits))?;
    let section = RunSection { device: args.device.clone(), dtype: args.dtype.clone(), ..RunSection::default() };
    let placement = section.resolve()?;
    let engine = EngineOptions { max_sequences: args.max_sequences, ..EngineOptions::default() };
    let sets = tokio::task::block_in_place(|| asked(&args, &prompt, &tools))?;
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
    let has_tools = !args.rejudge && ready.iter().any(|ready| ready.set.tools.is_some());
    let reward = RewardConfig::default();
    let judge = Arc::new(match has_tools {
        true => Judge::start(&verifiers, &reward, &sandbox, None).await?,
        false => Judge::start_for(&names, &verifiers, &reward, &sandbox).await?,
    });
    if let Some(texts) = texts.as_ref().filter(|_| has_tools) {
        let name = if args.tools.is_some() { "--tools" } else { "rollout.tools" };
        let mut prepared = ready.iter_mut().map(|ready| ready.set.prepare_tools(&judge, texts, &prompt));
        prepared.try_for_each(|result| result.map_err(|error| Usage::error(format!("{name}: {error:#}"))))?;
    }
    for Ready { set, .. } in &ready {
        if set.is_judged() {
            set.held_out.check(&judge).await?;
        }
    }
    let judging = Judging { judge: judge.clone(), interrupt: &interrupt };
    let evaluated = if args.rejudge {
        judged_again(&args, ready, &judging).await?
    } else {
        answered(&Answering { args: &args, texts, placement, engine, judging }, ready).await?
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
        return Err(Usage::error(
            "--model: name a Hugging Face folder, or judge completions that are there with --completions",
        ));
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

/// A set with its prompts and settings.
fn with_prompts(
    args: &EvalArgs,
    mut set: RequestedSet,
    texts: Option<&Texts>,
    engine: &EngineOptions,
    placement: Placement,
    verifiers: &VerifiersConfig,
) -> Result<Ready> {
    let is_sampled = set.completions.is_none() && args.scores.is_none() && !args.rejudge;
    let prompts = match texts {
        Some(_) if set.metric() == Metric::Reward => None,
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

/// What judging needs.
struct Judging<'a> {
    judge: Arc<Judge>,
    interrupt: &'a Interrupt,
}

/// What answering needs.
struct Answering<'a> {
    args: &'a EvalArgs,
    texts: Option<Arc<Texts>>,
    placement: Placement,
    engine: EngineOptions,
    judging: Judging<'a>,
}

/// A set whose samples have all ended, with its figures.
struct Evaluated {
    set: RequestedSet,
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
        evaluated.push(summed_up(set, stored, settings, seconds, &with.judging.judge)?);
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
    set: &'a RequestedSet,
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
    let progress = Progress::start(held_out.name.as_str(), Unit::Parts, Some(num_samples as u64));
    let (mut num_done, mut num_passed) = ((num_samples - missing.len()) as u64, 0u64);
    let num_before = num_done;
    progress.before(num_before);
    store.begin();
    let mut keep = |row: record::samples::SampleRow| -> Result<()> {
        num_done += 1;
        num_passed += u64::from(row.verdict.passed());
        store.append(row)?;
        let share = num_passed as f64 / (num_done - num_before) as f64;
        progress.reach(num_done, &format!("passed {:.1} %", 100.0 * share));
        Ok(())
    };
    let texts = with.texts.clone();
    match (set.metric(), completions, worker) {
        (Metric::Reward, _, _) if scores.is_some() => {
            held_out.scored_by(scores.unwrap_or(&HashMap::new()), missing, &mut keep)?;
        }
        (Metric::Pass | Metric::Ifeval, Some(completions), _) => {
            held_out
                .judge_texts(&with.judging.judge, completions, missing, with.judging.interrupt, |row, _| keep(row))
                .await?;
        }
        (metric, None, Some(worker)) => {
            let texts = texts.context("--model: name a Hugging Face folder")?;
            match metric {
                Metric::LogLikelihood => {
                    held_out.choose(worker, &texts, prompts, missing, with.judging.interrupt, &mut keep).await?;
                }
                Metric::Reward => held_out.score(worker, &texts, missing, with.judging.interrupt, &mut keep).await?,
                Metric::Pass | Metric::Ifeval => {
                    let collector = Collector {
                        worker: worker.clone(),
                        texts,
                        scorer_texts: None,
                        judge: with.judging.judge.clone(),
                        patience: None,
                        interrupt: with.judging.interrupt.clone(),
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
fn summed_up(set: RequestedSet, stored: Stored, settings: Settings, seconds: f64, judge: &Judge) -> Result<Evaluated> {
    let mut tally = Tally::new(&set.held_out.tasks);
    for row in stored.rows()? {
        tally.add(&row?)?;
    }
    let result = result_of(&set, &tally, settings, seconds, judge)?;
    Evaluated { set, stored, result }.recorded()
}

fn result_of(
    set: &RequestedSet,
    tally: &Tally<'_>,
    settings: Settings,
    seconds: f64,
    judge: &Judge,
) -> Result<EvalResult> {
    let mut result = EvalResult::of(tally, Some(judge.verifiers()), settings, seconds)?;
    result.summary.dataset = set.held_out.name.clone();
    Ok(result)
}

impl Evaluated {
    /// The same with its figures in the record's folder, where there is one.
    fn recorded(self) -> Result<Self> {
        if let Some(folder) = self.stored.folder() {
            write_file(&folder.join("results.json"), &serde_json::to_vec_pretty(&[&self.result])?)?;
        }
        Ok(self)
    }
}

/// Judges the stored samples of every set again, and sums up.
async fn judged_again(args: &EvalArgs, ready: Vec<Ready>, with: &Judging<'_>) -> Result<Vec<Evaluated>> {
    let mut evaluated = Vec::with_capacity(ready.len());
    for Ready { mut set, mut settings, .. } in ready {
        let name = set.held_out.name.clone();
        if let Some(task) = set.held_out.tasks.tasks.iter().find(|task| with.judge.compares(&task.task)) {
            let verifier = &task.task.verifiers[0].name;
            let problem = format!("--rejudge: {verifier} compares the completions of a task; evaluate again instead");
            return Err(Usage::error(problem));
        }
        let (record, there) = Stored::again(args, &name, &settings)?;
        Arc::make_mut(&mut set.held_out.tasks).suite.protocol.samples = there.protocol.samples;
        settings.protocol.samples = there.protocol.samples;
        let started = Instant::now();
        let judging = record.judge_again(with.judge.verifiers(), &set.held_out.tasks, &settings);
        let again = with.interrupt.race(judging).await?.map_err(usage)?;
        let mut result = result_of(&set, &again.tally, again.settings, started.elapsed().as_secs_f64(), &with.judge)?;
        let stored = Stored::Record(record);
        let words = in_words(again.changes);
        say(&format!("{name}: {words}"));
        result.suite.notes.push(words);
        evaluated.push(Evaluated { set, stored, result }.recorded()?);
    }
    Ok(evaluated)
}

/// What became of the verdicts of samples that were judged again.
fn in_words(changes: VerdictChanges) -> String {
    let VerdictChanges { num_samples, num_gained, num_lost } = changes;
    format!("{num_samples} samples judged again: {num_gained} pass now, {num_lost} pass no more")
}

/// Writes the page of what was evaluated, with every task and its samples.
fn write_page(path: &Path, evaluated: &[Evaluated]) -> Result<()> {
    let mut samples = Vec::with_capacity(evaluated.len());
    for one in evaluated {
        samples.push(one.stored.rows()?.collect::<Result<Vec<_>>>()?);
    }
    let suites = evaluated.iter().zip(&samples).map(|(one, samples)| {
        let tasks = one.set.held_out.tasks.tasks.iter();
        let questions =
            tasks.filter_map(|task| Some((task.task.id.as_str(), task.conversation.last()?.content.as_str())));
        EvaluatedSuite { result: &one.result, samples, questions: questions.collect() }
    });
    Ok(write_evaluation(path, "Evaluation", &suites.collect::<Vec<_>>())?)
}

/// Prints the table, and writes the files that are asked for.
fn report(args: &EvalArgs, evaluated: &[Evaluated]) -> Result<()> {
    let results: Vec<&EvalResult> = evaluated.iter().map(|one| &one.result).collect();
    let owned: Vec<EvalResult> = results.iter().map(|result| (*result).clone()).collect();
    print(results_table(&owned))?;
    for result in &results {
        for j in &args.pass_at {
            if let Some(share) = result.summary.pass_at.get(j) {
                print(format_args!("{}: pass@{j} {:.1}\n", result.name(), 100.0 * share))?;
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
    let num_samples: usize = results.iter().map(|result| result.summary.num_asked).sum();
    if let Some(folder) = base(args).filter(|_| num_samples <= MOST_ON_A_PAGE) {
        write_page(&folder.join(PAGE), evaluated)?;
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
