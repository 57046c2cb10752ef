//! Sampling and judging of groups: tasks in, groups of rewarded rollouts out.
//!
//! A completion is judged as soon as it is done, while others are still generated.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result};
use datasets::{Task, TaskKind};
use rollout::{Completion, FinishReason, GenerationStats, RolloutRequest, generate};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use verifiers::split_thinking;

use crate::config::PromptSection;
use crate::group::{Group, Rollout, Sampling, SamplingCost};
use crate::interrupt::Interrupt;
use crate::judge::{Judge, Judgement};
use crate::learner::Learner;
use crate::model_thread::ModelThread;
use crate::prompt::{PromptFormat, prompt_ids};

/// Samples groups from the policy and judges them.
pub(crate) struct Collector {
    pub model: ModelThread<Learner>,
    pub judge: Arc<Judge>,
    /// Set by Ctrl-C, which ends the sampling.
    pub interrupt: Interrupt,
}

impl Collector {
    /// Samples a group for each task, and judges it.
    ///
    /// # Errors
    /// A prompt cannot be made or is too long, the model's thread failed, or the user interrupted.
    pub(crate) async fn sample_groups(
        &self,
        tasks: &[Arc<Task>],
        sampling: &Sampling,
    ) -> Result<(Vec<Group>, SamplingCost)> {
        let Self { model, judge, interrupt } = self;
        let started = Instant::now();
        let (sender, mut completions) = mpsc::unbounded_channel();
        let generating = model.run({
            let (tasks, sampling, interrupt) = (tasks.to_vec(), sampling.clone(), interrupt.clone());
            move |learner| generate_groups(learner, &tasks, &sampling, &interrupt, sender)
        });
        let judging = async {
            let mut verdicts = JoinSet::new();
            while let Some((group, completion)) = completions.recv().await {
                let (judge, task) = (judge.clone(), tasks[group].clone());
                verdicts.spawn(async move {
                    let judgement = judge.judge(task, completion.text.clone()).await;
                    (group, completion, judgement)
                });
            }
            let generated = Instant::now();
            (verdicts.join_all().await, generated)
        };
        let (stats, (judged, generated)) = tokio::join!(generating, judging);
        interrupt.check()?;
        let stats = stats??;
        let mut cost = SamplingCost {
            rollout_seconds: generated.duration_since(started).as_secs_f64(),
            verify_seconds: generated.elapsed().as_secs_f64(),
            reward_model_seconds: 0.0,
            num_tokens: stats.num_completion_tokens,
        };
        let mut by_group: Vec<Vec<(Completion, Judgement)>> = tasks.iter().map(|_| Vec::new()).collect();
        for (group, completion, judgement) in judged {
            by_group[group].push((completion, judgement?));
        }
        for rollouts in &mut by_group {
            rollouts.sort_by_key(|(completion, _)| completion.sample_index);
        }
        let scoring = Instant::now();
        let scores = reward_model_scores(model, tasks, &by_group, &sampling.prompt).await?;
        cost.reward_model_seconds = scoring.elapsed().as_secs_f64();
        let judged = tasks.iter().zip(by_group).zip(scores);
        let groups = judged.map(|((task, judged), scores)| rewarded(judge, task, judged.into_iter().zip(scores)));
        Ok((groups.collect::<Result<_>>()?, cost))
    }
}

/// The group of a task: its completions with their rewards, apart from those that the reward section leaves out.
fn rewarded(
    judge: &Judge,
    task: &Arc<Task>,
    judged: impl Iterator<Item = ((Completion, Judgement), Option<f32>)>,
) -> Result<Group> {
    let mut group = Group { task: task.clone(), rollouts: Vec::new(), masked: Vec::new() };
    for ((completion, judgement), score) in judged {
        let truncated = completion.finish_reason == FinishReason::Length;
        let reward = judge.reward(&judgement, score, truncated).with_context(|| format!("task {}", task.id))?;
        let place = if judge.masks(&judgement.verdict) { &mut group.masked } else { &mut group.rollouts };
        place.push(Rollout { completion, verdict: judgement.verdict, reward });
    }
    Ok(group)
}

/// Generates all completions of all tasks on the model's thread; sends each as it is done, with the place of its task.
fn generate_groups(
    learner: &mut Learner,
    tasks: &[Arc<Task>],
    sampling: &Sampling,
    interrupt: &Interrupt,
    sender: mpsc::UnboundedSender<(usize, Completion)>,
) -> Result<GenerationStats> {
    let policy = &learner.policy;
    let mut requests = Vec::with_capacity(tasks.len() * sampling.samples_per_prompt);
    let mut places = HashMap::new();
    let mut num_seen: HashMap<&str, u64> = HashMap::new();
    for (group, task) in tasks.iter().enumerate() {
        let ids = prompt_ids(policy, task, &sampling.prompt)?;
        // A task that stands twice in a batch gets other samples the second time.
        let seen = num_seen.entry(&task.id).or_default();
        for sample in 0..sampling.samples_per_prompt as u64 {
            let sample_index = *seen * sampling.samples_per_prompt as u64 + sample;
            places.insert((task.id.clone(), sample_index), group);
            requests.push(RolloutRequest { task_id: task.id.clone(), sample_index, prompt_ids: ids.clone() });
        }
        *seen += 1;
    }
    let deliver = |completion: Completion| {
        let place = (completion.task_id.clone(), completion.sample_index);
        if let Some(group) = places.get(&place) {
            let _ = sender.send((*group, completion)); // the receiver is gone once the run is interrupted
        }
    };
    let version = learner.policy_version;
    Ok(generate(policy, requests, &sampling.params, &sampling.engine, version, interrupt.flag(), deliver)?)
}

/// Scores of the reward model, one for each rollout; `None` without a reward model and for mathematics and code, whose
/// outcome is checked. The reward model sees the answer, not the thinking.
async fn reward_model_scores(
    model: &ModelThread<Learner>,
    tasks: &[Arc<Task>],
    judged: &[Vec<(Completion, Judgement)>],
    section: &PromptSection,
) -> Result<Vec<Vec<Option<f32>>>> {
    let answers: Vec<Vec<String>> = judged
        .iter()
        .map(|group| group.iter().map(|(completion, _)| split_thinking(&completion.text).1.trim().to_owned()).collect())
        .collect();
    let (tasks, section) = (tasks.to_vec(), section.clone());
    model
        .run(move |learner| {
            let Some(reward_model) = &learner.reward_model else {
                return Ok(answers.iter().map(|group| vec![None; group.len()]).collect());
            };
            let mut scores = Vec::with_capacity(tasks.len());
            for (task, answers) in tasks.iter().zip(&answers) {
                if matches!(task.kind, TaskKind::Math | TaskKind::Code) || answers.is_empty() {
                    scores.push(vec![None; answers.len()]);
                    continue;
                }
                let format = PromptFormat::new(&reward_model.chat_template, &reward_model.tokenizer, &section)?;
                let sequences = answers
                    .iter()
                    .map(|answer| format.answered_ids(task.as_ref().into(), answer))
                    .collect::<Result<Vec<_>>>()?;
                let lengths: Vec<usize> = sequences.iter().map(Vec::len).collect();
                let ids: Vec<i64> = sequences.concat().into_iter().map(i64::from).collect();
                let ids = tch::Tensor::from_slice(&ids).to_device(reward_model.decoder.device());
                let group = tch::no_grad(|| reward_model.score(&ids, &lengths));
                let group = Vec::<f32>::try_from(group).context("the reward model's scores")?;
                scores.push(group.into_iter().map(Some).collect());
            }
            Ok(scores)
        })
        .await?
}
