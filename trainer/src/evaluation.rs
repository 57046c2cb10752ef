//! Accuracy on held-out tasks: sampled at a temperature, averaged over samples, with an interval.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result};
use datasets::{Draw, Task, TaskVerifier, read_tasks};
use policy::Texts;
use random::{KeyedRng, fnv1a};
use record::atomic::write_file;
use record::metrics::Metrics;
use record::names;
use rollout::{EngineOptions, SamplingParams};
use serde_json::Value;
use statistics::{EvalRecord, EvalSample, EvalSummary, NothingJudged};

use crate::collect::{Collector, Group, Rollout, Sampling};
use crate::config::{EvalSection, PromptSection};
use crate::failure::Usage;
use crate::judge::Judge;
use crate::open_run::OpenRun;
use crate::prompt_check::PromptCheck;

/// Held-out datasets with their sampling.
pub(crate) struct Evaluation {
    datasets: Vec<HeldOut>,
    sampling: Sampling,
}

/// A held-out dataset.
struct HeldOut {
    name: String,
    path: PathBuf,
    tasks: Vec<Arc<Task>>,
}

impl Evaluation {
    /// Reads the datasets. `max_new_tokens` is the limit where the section has none of its own.
    ///
    /// # Errors
    /// A dataset cannot be read, or the sampling is out of range.
    pub(crate) fn new(section: &EvalSection, prompt: &PromptSection, max_new_tokens: usize, seed: u64) -> Result<Self> {
        let mut datasets = Vec::new();
        for dataset in &section.datasets {
            let mut tasks = read_tasks(&dataset.path)?;
            tasks.truncate(dataset.limit.unwrap_or(usize::MAX));
            let tasks = tasks.into_iter().map(Arc::new).collect();
            datasets.push(HeldOut { name: dataset.name(), path: dataset.path.clone(), tasks });
        }
        let params = SamplingParams {
            temperature: section.temperature,
            top_p: section.top_p,
            top_k: section.top_k,
            max_new_tokens: if section.max_new_tokens > 0 { section.max_new_tokens } else { max_new_tokens },
            seed,
            ..SamplingParams::default()
        };
        params.validate().map_err(|error| Usage::error(format!("eval: {error}")))?;
        let sampling =
            Sampling { params: Arc::new(params), samples_per_prompt: section.samples, prompt: prompt.clone() };
        Ok(Self { datasets, sampling })
    }

    /// Checks every prompt against a model's texts; returns the number of tasks that are dropped.
    ///
    /// # Errors
    /// A prompt cannot be made or is too long; file, line and task are named.
    pub(crate) fn check_prompts(&mut self, texts: &Texts, engine: &EngineOptions) -> Result<usize> {
        let Sampling { params, prompt, .. } = &self.sampling;
        let check = PromptCheck::new(texts, prompt, engine, params.max_new_tokens)?;
        let mut num_dropped = 0;
        for HeldOut { path, tasks, .. } in &mut self.datasets {
            let (kept, dropped) = check.keep(path, tasks.drain(..).map(Arc::unwrap_or_clone).collect())?;
            *tasks = kept.into_iter().map(Arc::new).collect();
            num_dropped += dropped;
        }
        Ok(num_dropped)
    }

    /// Makes this verifier judge every task instead of the task's own.
    pub(crate) fn judge_by(&mut self, verifier: &str) {
        for task in self.datasets.iter_mut().flat_map(|dataset| &mut dataset.tasks) {
            let task = Arc::make_mut(task);
            let ground_truth = task.verifiers.first().map_or(Value::Null, |own| own.ground_truth.clone());
            task.verifiers = vec![TaskVerifier::new(verifier, ground_truth)];
        }
    }

    /// Checks that every held-out task can be judged.
    ///
    /// # Errors
    /// A usage error that names file, line, task and verifier.
    pub(crate) async fn check(&self, judge: &Judge) -> Result<()> {
        for dataset in &self.datasets {
            let tasks: Vec<&Task> = dataset.tasks.iter().map(Arc::as_ref).collect();
            judge.check(&dataset.path, &tasks).await?;
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
        for dataset in &self.datasets {
            match self.summary(dataset, collector).await {
                Ok(summary) => summaries.push(summary),
                // A service may be away for a while: the run goes on, and the figures of this step lack the dataset.
                Err(error) => match error.downcast_ref::<NothingJudged>() {
                    Some(nothing) => {
                        tracing::warn!(step, "{nothing}");
                        let count = nothing.num_verifier_errors as f64;
                        metrics.set(names::EVAL_VERIFIER_ERRORS.of(&dataset.name), count);
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
        if !self.datasets.is_empty() {
            metrics.set(names::TIME_EVAL, started.elapsed().as_secs_f64());
            write_file(&run.folder.eval(step), &serde_json::to_vec_pretty(&summaries)?)?;
        }
        Ok(metrics)
    }

    /// Evaluates on each dataset.
    ///
    /// # Errors
    /// Sampling fails, or no sample of a dataset can be judged.
    pub(crate) async fn summaries(&self, collector: &Collector) -> Result<Vec<EvalSummary>> {
        let mut summaries = Vec::new();
        for dataset in &self.datasets {
            summaries.push(self.summary(dataset, collector).await?);
        }
        Ok(summaries)
    }

    /// The sampling of a dataset, under a seed of its own: its tasks are numbered from 0.
    fn sampling_of(&self, dataset: &str) -> Sampling {
        let params = &self.sampling.params;
        let seed = KeyedRng::new(&[params.seed.into(), "evaluation".into(), dataset.into()]).next_u64();
        Sampling { params: Arc::new(SamplingParams { seed, ..params.as_ref().clone() }), ..self.sampling.clone() }
    }

    async fn summary(&self, HeldOut { name, tasks, .. }: &HeldOut, collector: &Collector) -> Result<EvalSummary> {
        let started = Instant::now();
        let draws: Vec<Draw> = (0..).zip(tasks).map(|(number, task)| Draw { number, task: task.clone() }).collect();
        let sampled = collector.for_evaluation().sample_groups(&draws, &self.sampling_of(name)).await;
        let (groups, _) = sampled.with_context(|| format!("evaluation on {name}"))?;
        let records: Vec<EvalRecord> = groups
            .iter()
            .map(|group| EvalRecord::new(&group.task.id, group.sampled().filter_map(sample).collect()))
            .collect();
        if let Some(error) = groups.iter().flat_map(Group::sampled).find_map(|one| one.judgement.error()) {
            tracing::warn!(dataset = name, %error, "a verifier broke; pass@1 is of the others, see low and high");
        }
        Ok(EvalSummary::of(name, &records, started.elapsed().as_secs_f64())?)
    }
}

/// A completion as the figures count it; `None` where no verifier applies to it.
fn sample(rollout: &Rollout) -> Option<EvalSample> {
    let judgement = &rollout.judgement;
    let (num_tokens, truncated) = (rollout.num_sampled(), rollout.truncated());
    let sample = if judgement.error().is_some() {
        EvalSample::broken(num_tokens, truncated)
    } else {
        let verdict = judgement.verdict()?;
        let passed = verdict.passed();
        EvalSample { score: verdict.score, passed, num_tokens, truncated, ..EvalSample::default() }
    };
    Some(EvalSample { completion_hash: Some(fnv1a(rollout.text.bytes())), ..sample })
}
