//! Accuracy on held-out tasks: sampled at a temperature, averaged over samples, with an interval.

use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result};
use datasets::{Task, read_tasks};
use record::atomic::write_file;
use record::metrics::{Metrics, read_metrics};
use rollout::{EngineOptions, SamplingParams};
use statistics::{EvalRecord, EvalSample, EvalSummary};

use crate::config::{EvalSection, PromptSection};
use crate::failure::Usage;
use crate::group::{Group, Sampling, sample_groups};
use crate::interrupt::Interrupt;
use crate::judge::Judge;
use crate::learner::Learner;
use crate::model_thread::ModelThread;
use crate::session::Session;

/// Held-out datasets and how they are sampled.
pub struct Evaluation {
    datasets: Vec<(String, Vec<Arc<Task>>)>,
    sampling: Sampling,
}

impl Evaluation {
    /// Reads the datasets. `max_new_tokens` is the run's limit, where the section has none of its own.
    ///
    /// # Errors
    /// A dataset cannot be read, or the sampling is out of range.
    pub fn new(
        section: &EvalSection,
        prompt: &PromptSection,
        engine: &EngineOptions,
        max_new_tokens: usize,
        seed: u64,
    ) -> Result<Self> {
        let mut datasets = Vec::new();
        for dataset in &section.datasets {
            let mut tasks = read_tasks(&dataset.path)?;
            tasks.truncate(dataset.limit.unwrap_or(usize::MAX));
            datasets.push((dataset.name(), tasks.into_iter().map(Arc::new).collect()));
        }
        let params = SamplingParams {
            temperature: section.temperature,
            top_p: section.top_p,
            top_k: section.top_k,
            max_new_tokens: if section.max_new_tokens > 0 { section.max_new_tokens } else { max_new_tokens },
            seed: random::KeyedRng::new(&[seed.into(), "evaluation".into()]).next_u64(),
            ..SamplingParams::default()
        };
        params.validate().map_err(|error| Usage::error(format!("eval: {error}")))?;
        let sampling =
            Sampling { params, engine: engine.clone(), samples_per_prompt: section.samples, prompt: prompt.clone() };
        Ok(Self { datasets, sampling })
    }

    /// Judges every task by this verifier instead of its own.
    pub fn judge_by(&mut self, verifier: &str) {
        for task in self.datasets.iter_mut().flat_map(|(_, tasks)| tasks) {
            Arc::make_mut(task).verifier = verifier.to_owned();
        }
    }

    /// Every held-out task.
    pub fn tasks(&self) -> impl Iterator<Item = &Task> {
        self.datasets.iter().flat_map(|(_, tasks)| tasks.iter().map(Arc::as_ref))
    }

    /// Evaluates, writes the figures into the run's folder, and answers them as `eval/NAME/*`.
    ///
    /// # Errors
    /// Sampling fails, no sample of a dataset can be judged, or the figures cannot be written.
    pub async fn run(
        &self,
        model: &ModelThread<Learner>,
        judge: &Arc<Judge>,
        interrupt: &Interrupt,
        session: &Session,
        step: u64,
    ) -> Result<Metrics> {
        let started = Instant::now();
        let summaries = self.summaries(model, judge, interrupt).await?;
        let mut metrics = Metrics::new();
        for summary in &summaries {
            let name = |figure: &str| format!("eval/{}/{figure}", summary.dataset);
            metrics.set(name("pass@1"), summary.pass_at_1);
            metrics.set(name("score"), summary.score_mean);
            metrics.set(name("completion_tokens"), summary.completion_tokens_mean);
            metrics.set(name("truncated"), summary.truncated);
            metrics.set(name("verifier_errors"), summary.num_verifier_errors as f64);
        }
        if !summaries.is_empty() {
            metrics.set("time/eval", started.elapsed().as_secs_f64());
            write_file(&session.folder.eval(step), &serde_json::to_vec_pretty(&summaries)?)?;
        }
        Ok(metrics)
    }

    /// Evaluates on each dataset.
    ///
    /// # Errors
    /// Sampling fails, or no sample of a dataset can be judged.
    pub async fn summaries(
        &self,
        model: &ModelThread<Learner>,
        judge: &Arc<Judge>,
        interrupt: &Interrupt,
    ) -> Result<Vec<EvalSummary>> {
        let mut summaries = Vec::new();
        for (name, tasks) in &self.datasets {
            let started = Instant::now();
            let (groups, _) = sample_groups(model, judge, tasks, &self.sampling, interrupt)
                .await
                .with_context(|| format!("evaluation on {name}"))?;
            let records: Vec<EvalRecord> = groups
                .iter()
                .map(|group| EvalRecord {
                    task_id: group.task.id.clone(),
                    num_verifier_errors: group.sampled().filter(|rollout| rollout.verdict.is_err()).count(),
                    samples: group
                        .sampled()
                        .filter_map(|rollout| {
                            let verdict = rollout.verdict.as_ref().ok()?;
                            Some(EvalSample {
                                score: verdict.score,
                                passed: verdict.passed,
                                num_tokens: rollout.completion.ids.len(),
                                truncated: rollout.truncated(),
                            })
                        })
                        .collect(),
                })
                .collect();
            if let Some(error) = groups.iter().flat_map(Group::sampled).find_map(|r| r.verdict.as_ref().err()) {
                tracing::warn!(dataset = name, %error, "a verifier broke; such samples are not counted as wrong");
            }
            summaries.push(EvalSummary::of(name, &records, started.elapsed().as_secs_f64())?);
        }
        Ok(summaries)
    }
}

/// The first and the last evaluation of a run side by side: what a stage gained, and what it kept.
///
/// # Errors
/// The run's metrics cannot be read.
pub fn table(session: &Session) -> Result<String> {
    let steps = read_metrics(&session.folder.metrics())?;
    let evaluated = |metrics: &&Metrics| metrics.iter().any(|(name, _)| name.starts_with("eval/"));
    let (Some(first), Some(last)) = (steps.iter().find(evaluated), steps.iter().rev().find(evaluated)) else {
        return Ok(String::new());
    };
    let mut text = format!("{:<24} {:>8} {:>8} {:>8}\n", "held-out pass@1, %", "before", "after", "change");
    let is_only = first.step() == last.step();
    for (name, after) in last.iter() {
        let Some(dataset) = name.strip_prefix("eval/").and_then(|name| name.strip_suffix("/pass@1")) else { continue };
        match first.get(name).filter(|_| !is_only) {
            Some(before) => {
                let (before, after) = (100.0 * before, 100.0 * after);
                text.push_str(&format!("{dataset:<24} {before:>8.1} {after:>8.1} {:>+8.1}\n", after - before));
            }
            None => text.push_str(&format!("{dataset:<24} {:>8} {:>8.1}\n", "", 100.0 * after)),
        }
    }
    Ok(text)
}
