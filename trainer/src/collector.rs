//! Sampling and judging of groups: tasks in, groups of rewarded rollouts out.
//!
//! A completion is judged as soon as it is done, while others are still generated.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, Result};
use datasets::{Draw, Message};
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
    /// Place of its draw.
    group: usize,
    /// True where the prompt ended within the thinking.
    thinking_open: bool,
    completion: Completion,
}

impl Collector {
    /// Samples a group for each draw, and judges it.
    ///
    /// # Errors
    /// A prompt cannot be made or is too long, the model's thread failed, the reward section ends the run at a verdict,
    /// or the user interrupted.
    pub(crate) async fn sample_groups(
        &self,
        draws: &[Draw],
        sampling: &Sampling,
    ) -> Result<(Vec<Group>, SamplingCost)> {
        let started = Instant::now();
        let (sender, completions) = mpsc::unbounded_channel();
        let generating = self.model.run({
            let (draws, sampling, interrupt) = (draws.to_vec(), sampling.clone(), self.interrupt.clone());
            move |learner| generate_groups(learner, &draws, &sampling, &interrupt, sender)
        });
        let judging = self.judge_all(draws, &sampling.prompt, completions);
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
        let judged = draws.iter().zip(by_group.drain(..)).zip(scores);
        let groups = judged.map(|((draw, judged), scores)| self.rewarded(draw, judged.into_iter().zip(scores)));
        Ok((groups.collect::<Result<_>>()?, cost))
    }

    /// Judges completions as they come; returns them by draw, in the order of their samples, and the time at which the
    /// last of them was generated.
    ///
    /// # Errors
    /// The user interrupted: no verdict is waited for then.
    async fn judge_all(
        &self,
        draws: &[Draw],
        prompt: &PromptSection,
        mut completions: mpsc::UnboundedReceiver<Delivery>,
    ) -> Result<(Vec<Vec<Judgeable>>, Instant)> {
        let conversations: Vec<Arc<[Message]>> =
            draws.iter().map(|draw| conversation(draw.task.as_ref().into(), prompt).into()).collect();
        let mut verdicts = JoinSet::new();
        while let Some(Delivery { group, thinking_open, completion }) = completions.recv().await {
            let judged = Judged {
                conversation: conversations[group].clone(),
                thinking_open,
                finish_reason: Cow::Borrowed(completion.finish_reason.as_str()),
                num_prompt_tokens: completion.prompt_ids().len(),
                num_completion_tokens: completion.sequence.num_sampled(),
                ..Judged::new(draws[group].task.clone(), completion.text.as_str())
            };
            let judge = self.judge.clone();
            verdicts.spawn(async move {
                let judgement = judge.judge(&judged).await;
                (group, Judgeable { completion, judged, judgement })
            });
        }
        let generated = Instant::now();
        let mut by_group: Vec<Vec<Judgeable>> = draws.iter().map(|_| Vec::new()).collect();
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
        group.sort_by_key(|one| one.completion.sample);
        let judged: Vec<Judged> = group.iter().map(|one| one.judged.clone()).collect();
        let mut judgements: Vec<Judgement> = group.iter_mut().map(|one| std::mem::take(&mut one.judgement)).collect();
        self.judge.judge_group(&judged, &mut judgements).await;
        for (one, judgement) in group.iter_mut().zip(judgements) {
            one.judgement = judgement;
        }
    }

    /// The group of a draw: its completions with their rewards, apart from those that the reward section leaves out.
    fn rewarded(&self, draw: &Draw, judged: impl Iterator<Item = (Judgeable, Option<f32>)>) -> Result<Group> {
        let Draw { number, task } = draw.clone();
        let mut group = Group { draw: number, task, rollouts: Vec::new(), masked: Vec::new() };
        for (Judgeable { completion, judged, mut judgement }, score) in judged {
            let name = || format!("draw {}, sample {}", group.draw, completion.sample);
            let payment = self.judge.pay(&judged, &mut judgement, score).with_context(name)?;
            let (place, reward) = match payment {
                Payment::Reward(reward) => (&mut group.rollouts, Some(reward)),
                Payment::DropGroup => (&mut group.rollouts, None),
                Payment::Mask => (&mut group.masked, None),
            };
            let Completion { sample, sequence, text, finish_reason, .. } = completion;
            place.push(Rollout { sample, sequences: vec![sequence], text, finish_reason, judgement, reward });
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
                let format = PromptFormat::of_texts(&reward_model.texts, &section)?;
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

/// Generates all completions of all draws on the model's thread; sends each as it is done.
fn generate_groups(
    learner: &mut Learner,
    draws: &[Draw],
    sampling: &Sampling,
    interrupt: &Interrupt,
    sender: mpsc::UnboundedSender<Delivery>,
) -> Result<GenerationStats> {
    let policy = &learner.policy;
    let format = PromptFormat::of_texts(&policy.texts, &sampling.prompt)?;
    let mut requests = Vec::with_capacity(draws.len() * sampling.samples_per_prompt);
    let mut places = HashMap::new();
    for (group, Draw { number, task }) in draws.iter().enumerate() {
        let prompt = format.prompt(task.as_ref().into()).with_context(|| format!("task {}", task.id))?;
        places.insert(*number, (group, prompt.thinking_open));
        requests.extend((0..sampling.samples_per_prompt as u64).map(|sample| RolloutRequest {
            draw: *number,
            sample,
            label: Some(format!("task {}", task.id)),
            prompt_ids: prompt.ids.clone(),
            params: sampling.params.clone(),
        }));
    }
    let deliver = |completion: Completion| {
        if let Some(&(group, thinking_open)) = places.get(&completion.draw) {
            // The receiver is gone once the run is interrupted.
            let _ = sender.send(Delivery { group, thinking_open, completion });
        }
    };
    Ok(generate(policy, requests, &sampling.engine, learner.policy_version, interrupt.flag(), deliver)?)
}

#[cfg(test)]
mod tests {
    use datasets::{Mixture, Source, Task, TaskCursor, TaskKind, TaskVerifier};
    use policy::{CHAT_TEMPLATE, Decoder, ModelConfig, Placement, SPECIAL_TOKENS, train_tokenizer, write_folder};
    use rollout::{EngineOptions, SamplingParams};
    use verifiers::{RewardConfig, VerifiersConfig};

    use super::*;
    use crate::config::SandboxSection;

    /// A collector over a small model with random weights, which judges maths.
    async fn collector() -> Collector {
        let model = ModelThread::start(|| {
            let config = ModelConfig::from_json(&serde_json::json!({
                "model_type": "qwen2", "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1,
                "vocab_size": 272, "num_attention_heads": 2, "num_key_value_heads": 1, "max_position_embeddings": 96,
            }))?;
            let tokenizer = train_tokenizer(["one two three"].into_iter(), 261)?;
            let folder = tempfile::tempdir()?;
            let decoder = Decoder::random(&config, 0, Placement::CPU);
            write_folder(folder.path(), &decoder, &tokenizer, CHAT_TEMPLATE, SPECIAL_TOKENS[2])?;
            Learner::load(folder.path(), Placement::CPU)
        });
        let (verifiers, reward) = (VerifiersConfig::default(), RewardConfig::default());
        let judge =
            Judge::start_for(&["math".to_owned()].into(), &verifiers, &reward, &SandboxSection::default()).await;
        let model = model.await.unwrap();
        Collector { model, judge: Arc::new(judge.unwrap()), interrupt: Interrupt::default() }
    }

    /// A walk over one task alone, which every draw takes.
    fn one_task() -> TaskCursor {
        let verifier = TaskVerifier::new("math", "2");
        let task = Task::new("sum", TaskKind::MATH, vec![Message::user("1 + 1?")], verifier);
        TaskCursor::new(Mixture::new(vec![Source::new("sums", vec![task], 1.0)]).unwrap(), 1)
    }

    async fn completions(collector: &Collector, draws: &[Draw]) -> Vec<Vec<u32>> {
        let sampling = Sampling {
            params: Arc::new(SamplingParams { max_new_tokens: 12, seed: 4, ..SamplingParams::default() }),
            engine: EngineOptions::default(),
            samples_per_prompt: 3,
            prompt: PromptSection::default(),
        };
        let (groups, _) = collector.sample_groups(draws, &sampling).await.unwrap();
        assert_eq!(
            groups.iter().map(|group| group.draw).collect::<Vec<_>>(),
            draws.iter().map(|d| d.number).collect::<Vec<_>>()
        );
        let rollouts = groups.iter().flat_map(|group| &group.rollouts);
        rollouts.map(|rollout| rollout.sequences[0].completion_ids()).collect()
    }

    #[tokio::test]
    async fn a_task_that_is_drawn_twice_gets_other_completions_in_one_round_as_in_two() {
        let collector = collector().await;
        let draws = one_task().next_draws(2);
        assert_eq!(draws[0].task, draws[1].task);
        let together = completions(&collector, &draws).await;
        let mut apart = completions(&collector, &draws[..1]).await;
        apart.extend(completions(&collector, &draws[1..]).await);
        assert_eq!(together, apart, "the round changed a completion");
        for (at, one) in together.iter().enumerate() {
            assert!(!together[..at].contains(one), "two samples are one: {one:?}");
        }
    }
}
