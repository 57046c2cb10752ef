//! Sampling and judging of groups: tasks in, groups of rewarded rollouts out.
//!
//! A completion is judged as soon as it is done, while others are still generated.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result};
use datasets::{Message, Task};
use futures::future::join_all;
use rollout::{Completion, GenerationStats, RolloutRequest, generate};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use verifiers::{Judged, Judgement};

use crate::config::PromptSection;
use crate::group::{Group, Rollout, Sampling, SamplingCost};
use crate::interrupt::Interrupt;
use crate::judge::{Judge, Payment};
use crate::learner::Learner;
use crate::model_thread::ModelThread;
use crate::prompt::{PromptFormat, conversation};

/// Samples groups from the policy and judges them.
pub(crate) struct Collector {
    pub model: ModelThread<Learner>,
    pub judge: Arc<Judge>,
    /// Set by Ctrl-C, which ends the sampling.
    pub interrupt: Interrupt,
}

/// A completion with what its verifiers see and say.
struct Judgeable {
    completion: Completion,
    judged: Judged,
    judgement: Judgement,
}

/// A completion as it comes from the model's thread.
struct Delivery {
    /// Place of its task.
    group: usize,
    /// True where the prompt ended within the thinking.
    thinking_open: bool,
    completion: Completion,
}

impl Collector {
    /// Samples a group for each task, and judges it.
    ///
    /// # Errors
    /// A prompt cannot be made or is too long, the model's thread failed, the reward section ends the run at a verdict,
    /// or the user interrupted.
    pub(crate) async fn sample_groups(
        &self,
        tasks: &[Arc<Task>],
        sampling: &Sampling,
    ) -> Result<(Vec<Group>, SamplingCost)> {
        let started = Instant::now();
        let (sender, completions) = mpsc::unbounded_channel();
        let generating = self.model.run({
            let (tasks, sampling, interrupt) = (tasks.to_vec(), sampling.clone(), self.interrupt.clone());
            move |learner| generate_groups(learner, &tasks, &sampling, &interrupt, sender)
        });
        let judging = self.judge_all(tasks, &sampling.prompt, completions);
        let (stats, judged) = tokio::join!(generating, judging);
        self.interrupt.check()?;
        let (stats, (mut by_group, generated)) = (stats??, judged?);
        let mut cost = SamplingCost {
            rollout_seconds: generated.duration_since(started).as_secs_f64(),
            verify_seconds: generated.elapsed().as_secs_f64(),
            reward_model_seconds: 0.0,
            num_tokens: stats.num_completion_tokens,
        };
        let scoring = Instant::now();
        let scores = self.reward_model_scores(&by_group, &sampling.prompt).await?;
        cost.reward_model_seconds = scoring.elapsed().as_secs_f64();
        let judged = tasks.iter().zip(by_group.drain(..)).zip(scores);
        let groups = judged.map(|((task, judged), scores)| self.rewarded(task, judged.into_iter().zip(scores)));
        Ok((groups.collect::<Result<_>>()?, cost))
    }

    /// Judges completions as they come; returns them by task, in the order of their sample index, and the time at which
    /// the last of them was generated.
    ///
    /// # Errors
    /// The user interrupted: no verdict is waited for then.
    async fn judge_all(
        &self,
        tasks: &[Arc<Task>],
        prompt: &PromptSection,
        mut completions: mpsc::UnboundedReceiver<Delivery>,
    ) -> Result<(Vec<Vec<Judgeable>>, Instant)> {
        let conversations: Vec<Arc<[Message]>> =
            tasks.iter().map(|task| conversation(task.as_ref().into(), prompt).into()).collect();
        let mut verdicts = JoinSet::new();
        while let Some(Delivery { group, thinking_open, completion }) = completions.recv().await {
            let judged = Judged {
                conversation: conversations[group].clone(),
                thinking_open,
                finish_reason: Cow::Borrowed(completion.finish_reason.as_str()),
                num_prompt_tokens: completion.prompt_ids.len(),
                num_completion_tokens: completion.ids.len(),
                ..Judged::new(tasks[group].clone(), completion.text.as_str())
            };
            let judge = self.judge.clone();
            verdicts.spawn(async move {
                let judgement = judge.judge(&judged).await;
                (group, Judgeable { completion, judged, judgement })
            });
        }
        let generated = Instant::now();
        let mut by_group: Vec<Vec<Judgeable>> = tasks.iter().map(|_| Vec::new()).collect();
        let judging = async {
            while let Some(judged) = verdicts.join_next().await {
                let (group, judged) = judged.context("a completion's verdicts")?;
                by_group[group].push(judged);
            }
            join_all(by_group.iter_mut().map(|group| self.compare(group))).await;
            anyhow::Ok(())
        };
        self.interrupt.race(judging).await??;
        Ok((by_group, generated))
    }

    /// Puts a group into its order, and adds the verdicts of the verifiers that compare its completions.
    async fn compare(&self, group: &mut [Judgeable]) {
        group.sort_by_key(|one| one.completion.sample_index);
        let judged: Vec<Judged> = group.iter().map(|one| one.judged.clone()).collect();
        let mut judgements: Vec<Judgement> = group.iter_mut().map(|one| std::mem::take(&mut one.judgement)).collect();
        self.judge.judge_group(&judged, &mut judgements).await;
        for (one, judgement) in group.iter_mut().zip(judgements) {
            one.judgement = judgement;
        }
    }

    /// The group of a task: its completions with their rewards, apart from those that the reward section leaves out.
    fn rewarded(&self, task: &Arc<Task>, judged: impl Iterator<Item = (Judgeable, Option<f32>)>) -> Result<Group> {
        let mut group = Group { task: task.clone(), rollouts: Vec::new(), masked: Vec::new() };
        for (Judgeable { completion, judged, mut judgement }, score) in judged {
            let payment = self.judge.pay(&judged, &mut judgement, score)?;
            let (place, reward) = match payment {
                Payment::Reward(reward) => (&mut group.rollouts, Some(reward)),
                Payment::DropGroup => (&mut group.rollouts, None),
                Payment::Mask => (&mut group.masked, None),
            };
            place.push(Rollout { completion, judgement, reward });
        }
        Ok(group)
    }

    /// Scores of the reward model, one for each rollout; `None` without a reward model and for tasks whose outcome is
    /// checked. The reward model sees the answer, not the thinking.
    async fn reward_model_scores(
        &self,
        judged: &[Vec<Judgeable>],
        section: &PromptSection,
    ) -> Result<Vec<Vec<Option<f32>>>> {
        let groups: Vec<Vec<Judged>> =
            judged.iter().map(|group| group.iter().map(|one| one.judged.clone()).collect()).collect();
        let (judge, section) = (self.judge.clone(), section.clone());
        self.model
            .run(move |learner| {
                let Some(reward_model) = &learner.reward_model else {
                    return Ok(groups.iter().map(|group| vec![None; group.len()]).collect());
                };
                let format = PromptFormat::new(&reward_model.chat_template, &reward_model.tokenizer, &section)?;
                let mut scores = Vec::with_capacity(groups.len());
                for group in &groups {
                    if group.first().is_none_or(|judged| !judge.is_scored(&judged.task)) {
                        scores.push(vec![None; group.len()]);
                        continue;
                    }
                    let sequences = group
                        .iter()
                        .map(|judged| format.answered_ids(judged.task.as_ref().into(), judged.answer().trim()))
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
}

/// Generates all completions of all tasks on the model's thread; sends each as it is done.
fn generate_groups(
    learner: &mut Learner,
    tasks: &[Arc<Task>],
    sampling: &Sampling,
    interrupt: &Interrupt,
    sender: mpsc::UnboundedSender<Delivery>,
) -> Result<GenerationStats> {
    let policy = &learner.policy;
    let format = PromptFormat::of_policy(policy, &sampling.prompt)?;
    let mut requests = Vec::with_capacity(tasks.len() * sampling.samples_per_prompt);
    let mut places = HashMap::new();
    let mut num_seen: HashMap<&str, u64> = HashMap::new();
    for (group, task) in tasks.iter().enumerate() {
        let prompt = format.prompt(task.as_ref().into()).with_context(|| format!("task {}", task.id))?;
        // A task that stands twice in a batch gets other samples the second time.
        let seen = num_seen.entry(&task.id).or_default();
        for sample in 0..sampling.samples_per_prompt as u64 {
            let sample_index = *seen * sampling.samples_per_prompt as u64 + sample;
            places.insert((task.id.clone(), sample_index), (group, prompt.thinking_open));
            requests.push(RolloutRequest { task_id: task.id.clone(), sample_index, prompt_ids: prompt.ids.clone() });
        }
        *seen += 1;
    }
    let deliver = |completion: Completion| {
        let place = (completion.task_id.clone(), completion.sample_index);
        if let Some(&(group, thinking_open)) = places.get(&place) {
            // The receiver is gone once the run is interrupted.
            let _ = sender.send(Delivery { group, thinking_open, completion });
        }
    };
    let version = learner.policy_version;
    Ok(generate(policy, requests, &sampling.params, &sampling.engine, version, interrupt.flag(), deliver)?)
}
