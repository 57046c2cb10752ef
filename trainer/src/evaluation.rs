//! Accuracy on held-out tasks within a run: asked with the same random numbers at each look.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result};
use datasets::Task;
use evaluation::{EvalResult, EvaluationError, Metric, Protocol, ProtocolOverride, Tally, TaskChoice, select};
use policy::Texts;
use progress::{Progress, Unit};
use record::atomic::write_file;
use record::metrics::Metrics;
use record::names;
use record::samples::SampleRow;
use rollout::EngineOptions;
use statistics::{EvalSummary, NothingJudged};

use crate::collect::Collector;
use crate::config::{EvalSection, PromptSection, SuiteSection};
use crate::failure::Usage;
use crate::held_out::{FileProtocol, HeldOut, file_tasks, suite_tasks};
use crate::judge::Judge;
use crate::open_run::OpenRun;
use crate::origin::data_source;
use crate::prompt::Prompt;
use crate::tools::ToolBox;

/// Held-out tasks with their prompts.
pub(crate) struct Evaluation {
    sets: Vec<AskedSet>,
}

/// A set of held-out tasks, with its prompts once a model's texts are known.
struct AskedSet {
    held_out: HeldOut,
    is_suite: bool,
    prompts: Vec<Prompt>,
}

impl Evaluation {
    /// Reads datasets and suites. `max_new_tokens` is the limit of datasets where the section has none of its own.
    ///
    /// # Errors
    /// Data cannot be read, or the sampling is out of range.
    pub(crate) fn new(section: &EvalSection, prompt: &PromptSection, max_new_tokens: usize, seed: u64) -> Result<Self> {
        let protocol = FileProtocol {
            samples: section.samples,
            temperature: section.temperature,
            top_p: section.top_p,
            top_k: section.top_k,
            max_new_tokens: if section.max_new_tokens > 0 { section.max_new_tokens } else { max_new_tokens },
        };
        let protocol = Protocol { thinking: section.thinking.clone(), ..protocol.into() };
        // Which tasks are drawn does not depend on the run's seed: runs are compared on them.
        let choice = TaskChoice::default();
        let mut sets = Vec::new();
        for dataset in &section.datasets {
            let source = data_source(dataset);
            let held_out = file_tasks(&dataset.name(), protocol.clone(), &source, choice, prompt)?;
            sets.push((held_out, false));
        }
        for suite in &section.suites {
            sets.push((of_section(suite, prompt)?, true));
        }
        let set =
            |(held_out, is_suite)| AskedSet { held_out: HeldOut { seed, ..held_out }, is_suite, prompts: Vec::new() };
        let sets: Vec<AskedSet> = sets.into_iter().map(set).collect();
        let names: std::collections::BTreeSet<&str> = sets.iter().map(|set| set.held_out.name.as_str()).collect();
        if names.len() < sets.len() {
            return Err(Usage::error("eval: a dataset and a suite have the same name; give the dataset another"));
        }
        for set in &sets {
            set.held_out.params()?;
        }
        Ok(Self { sets })
    }

    /// Offers a run's tools to the tasks of datasets; suites are asked as they are published.
    pub(crate) fn offer(&mut self, tools: &Arc<ToolBox>) {
        for AskedSet { held_out, .. } in self.sets.iter_mut().filter(|set| !set.is_suite) {
            held_out.offer(&tools.descriptions());
            held_out.tools = Some(tools.clone());
        }
    }

    /// Renders every prompt with a model's texts and checks it; returns the number of tasks that are dropped.
    ///
    /// # Errors
    /// A prompt cannot be made or is too long; file, row and task are named.
    pub(crate) fn check_prompts(&mut self, texts: &Texts, engine: &EngineOptions) -> Result<usize> {
        let mut num_dropped = 0;
        for AskedSet { held_out, prompts, .. } in &mut self.sets {
            let (rendered, dropped) = held_out.prompts(texts, engine)?;
            *prompts = rendered;
            num_dropped += dropped;
        }
        Ok(num_dropped)
    }

    /// The tasks of each set, by its name.
    pub(crate) fn tasks(&self) -> Vec<(&str, Vec<Arc<Task>>)> {
        let tasks = |held_out: &HeldOut| held_out.tasks.tasks.iter().map(|task| task.task.clone()).collect();
        self.sets.iter().map(|set| (set.held_out.name.as_str(), tasks(&set.held_out))).collect()
    }

    /// Checks that every held-out task can be judged.
    ///
    /// # Errors
    /// A usage error that names file, row, task and verifier.
    pub(crate) async fn check(&self, judge: &Judge) -> Result<()> {
        for set in &self.sets {
            set.held_out.check(judge).await?;
        }
        Ok(())
    }

    /// Evaluates, writes the figures into the run's folder, and returns them as metrics `eval/DATASET/*`.
    ///
    /// # Errors
    /// Sampling fails, or the figures cannot be written.
    pub(crate) async fn run(&self, collector: &Collector, run: &OpenRun, step: u64) -> Result<Metrics> {
        let started = Instant::now();
        let mut metrics = Metrics::new();
        let mut summaries = Vec::new();
        for set in &self.sets {
            match self.summary(set, collector).await {
                Ok(summary) => summaries.push(summary),
                // A service may be away for a while: the run goes on, and the figures of this step lack the dataset.
                Err(error) => match error.downcast_ref::<NothingJudged>() {
                    Some(nothing) => {
                        tracing::warn!(step, "{nothing}");
                        let count = nothing.num_verifier_errors as f64;
                        metrics.set(names::EVAL_VERIFIER_ERRORS.of(&set.held_out.name), count);
                    }
                    None => return Err(error),
                },
            }
        }
        for summary in &summaries {
            let dataset = summary.dataset.as_str();
            metrics.set(names::EVAL_PASS_AT_1.of(dataset), summary.pass_at_1);
            metrics.set(names::EVAL_SCORE.of(dataset), summary.score_mean);
            metrics.set(names::EVAL_COMPLETION_TOKENS.of(dataset), summary.completion_tokens_mean);
            metrics.set(names::EVAL_TRUNCATED.of(dataset), summary.truncated);
            metrics.set(names::EVAL_VERIFIER_ERRORS.of(dataset), summary.num_verifier_errors as f64);
        }
        if !self.sets.is_empty() {
            metrics.set(names::TIME_EVAL, started.elapsed().as_secs_f64());
            write_file(&run.folder.eval(step), &serde_json::to_vec_pretty(&summaries)?)?;
        }
        Ok(metrics)
    }

    async fn summary(
        &self,
        AskedSet { held_out, prompts, .. }: &AskedSet,
        collector: &Collector,
    ) -> Result<EvalSummary> {
        let started = Instant::now();
        let collector = collector.for_evaluation();
        let mut tally = Tally::new(&held_out.tasks);
        let all: Vec<(usize, u32)> = held_out.all_samples().collect();
        let progress = Progress::aside(held_out.name.as_str(), Unit::Parts, Some(all.len() as u64));
        let (mut num_done, mut num_passed) = (0u64, 0u64);
        let mut broken = None;
        let mut count = |row: SampleRow| -> Result<()> {
            num_done += 1;
            num_passed += u64::from(row.verdict.passed());
            progress.reach(num_done, &format!("passed {:.1} %", 100.0 * num_passed as f64 / num_done as f64));
            if row.verdict.score.is_none() {
                broken.get_or_insert(row.verdict.reason.clone());
            }
            Ok(tally.add(&row)?)
        };
        let asked = match held_out.tasks.suite.protocol.metric {
            Metric::LogLikelihood => {
                let Collector { worker, texts, interrupt, .. } = &collector;
                held_out.choose(worker, texts, prompts, &all, interrupt, count).await
            }
            _ => held_out.sample(&collector, prompts, &all, |row, _| count(row)).await,
        };
        asked.with_context(|| format!("evaluation on {}", held_out.name))?;
        if let Some(error) = broken {
            let dataset = &held_out.name;
            tracing::warn!(dataset, error, "a verifier broke; pass@1 is of the others, low and high span both ends");
        }
        let (settings, seconds) = (held_out.settings.clone(), started.elapsed().as_secs_f64());
        let result = EvalResult::of(&tally, Some(collector.judge.verifiers()), settings, seconds);
        match result {
            Ok(result) => Ok(EvalSummary { dataset: held_out.name.clone(), ..result.summary }),
            Err(EvaluationError::NothingJudged(nothing)) => Err(nothing.into()),
            Err(error) => Err(error.into()),
        }
    }
}

/// A suite that a run is measured on.
fn of_section(section: &SuiteSection, prompt: &PromptSection) -> Result<HeldOut> {
    let selection = select(&section.suite).map_err(|error| Usage::error(format!("eval.suites: {error}")))?;
    let Ok([mut suite]) = <[_; 1]>::try_from(selection.suites) else {
        let problem = format!("eval.suites: {} stands for several suites; name each with its data", section.suite);
        return Err(Usage::error(problem));
    };
    suite.protocol.set(&ProtocolOverride {
        samples: section.samples,
        max_new_tokens: section.max_new_tokens,
        ..ProtocolOverride::default()
    });
    suite.protocol.check(&suite.name).map_err(|error| Usage::error(format!("eval.suites: {error}")))?;
    if suite.protocol.metric == Metric::Reward {
        let problem = format!("eval.suites: {} is scored by a reward model; use `trainer eval`", suite.name);
        return Err(Usage::error(problem));
    }
    let choice = TaskChoice { limit: section.limit, ..TaskChoice::default() };
    let held_out = suite_tasks(suite, &section.source(), choice, prompt)?;
    for mark in &held_out.tasks.marks {
        tracing::warn!(suite = held_out.name, "{mark}");
    }
    Ok(held_out)
}
