//! Sampling groups and judging them: tasks in, groups of rewarded rollouts out.
//!
//! A completion is judged as soon as it is done, while the others still generate.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result};
use datasets::{Task, TaskKind};
use rollout::{Completion, EngineOptions, FinishReason, GenerationStats, RolloutRequest, SamplingParams, generate};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use verifiers::{Reward, Verdict, VerifierError, split_thinking};

use crate::config::PromptSection;
use crate::interrupt::Interrupt;
use crate::judge::{Judge, Judgement};
use crate::learner::Learner;
use crate::model_thread::ModelThread;
use crate::prompt::{prompt_ids, scored_ids};

/// A completion and what it is worth.
#[derive(Debug)]
pub struct Rollout {
    /// What was sampled.
    pub completion: Completion,
    /// The task's verifier's verdict; `Err` where it broke.
    pub verdict: Result<Verdict, VerifierError>,
    /// Its worth; absent where the verifier broke or the reward section leaves its verdict out.
    pub reward: Option<Reward>,
}

impl Rollout {
    /// Whether the length limit cut it.
    pub fn truncated(&self) -> bool {
        self.completion.finish_reason == FinishReason::Length
    }
}

/// The rollouts of one prompt.
#[derive(Debug)]
pub struct Group {
    /// What was asked.
    pub task: Arc<Task>,
    /// What was answered, by sample index.
    pub rollouts: Vec<Rollout>,
    /// Answers that the reward section leaves out: recorded, and no part of the group otherwise.
    pub masked: Vec<Rollout>,
}

impl Group {
    /// The rewards, or nothing where a verifier broke on one of them or none is left: such a group is dropped, never
    /// scored 0.
    pub fn rewards(&self) -> Option<Vec<f32>> {
        if self.rollouts.is_empty() {
            return None;
        }
        self.rollouts.iter().map(|rollout| rollout.reward.as_ref().map(|reward| reward.total)).collect()
    }

    /// Every rollout, those that are left out too.
    pub fn sampled(&self) -> impl Iterator<Item = &Rollout> {
        self.rollouts.iter().chain(&self.masked)
    }
}

/// How groups are sampled.
#[derive(Clone, Debug)]
pub struct Sampling {
    /// Temperature, filters, length.
    pub params: SamplingParams,
    /// Batching and memory.
    pub engine: EngineOptions,
    /// Completions of each prompt.
    pub samples_per_prompt: usize,
    /// What stands around a task's words.
    pub prompt: PromptSection,
}

/// Time and tokens of some rounds of sampling.
#[derive(Clone, Copy, Debug, Default)]
pub struct SamplingCost {
    /// Seconds in which the model generated.
    pub rollout_seconds: f64,
    /// Seconds in which verdicts were waited for after the last completion was done.
    pub verify_seconds: f64,
    /// Seconds in which the reward model scored.
    pub reward_model_seconds: f64,
    /// Completion tokens.
    pub num_tokens: usize,
}

impl SamplingCost {
    /// Adds another round's.
    pub fn add(&mut self, other: Self) {
        self.rollout_seconds += other.rollout_seconds;
        self.verify_seconds += other.verify_seconds;
        self.reward_model_seconds += other.reward_model_seconds;
        self.num_tokens += other.num_tokens;
    }
}

/// Samples a group for each task, and judges it.
///
/// # Errors
/// A prompt cannot be made or is too long, the model's thread failed, or the user interrupted.
pub async fn sample_groups(
    model: &ModelThread<Learner>,
    judge: &Arc<Judge>,
    tasks: &[Arc<Task>],
    sampling: &Sampling,
    interrupt: &Interrupt,
) -> Result<(Vec<Group>, SamplingCost)> {
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

/// A task's completions with their rewards, those that are left out set aside.
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

/// On the model's thread: every completion of every task, sent on as it is done with its task's place.
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
        // A task that stands twice in a batch gets samples of its own each time.
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
            let _ = sender.send((*group, completion)); // nobody listens once the run is interrupted
        }
    };
    let version = learner.policy_version;
    Ok(generate(policy, requests, &sampling.params, &sampling.engine, version, interrupt.flag(), deliver)?)
}

/// Each rollout's score, where there is a reward model and the task's outcome cannot be checked outright: mathematics and
/// code keep stage 1's rewards. The reward model sees the answer, not the thinking.
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
                let sequences = answers
                    .iter()
                    .map(|answer| {
                        let (template, tokenizer) = (&reward_model.chat_template, &reward_model.tokenizer);
                        scored_ids(template, tokenizer, &task.messages, answer, &section)
                    })
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
