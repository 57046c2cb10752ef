//! Sampling and judging over a small model with random weights.
use std::sync::Arc;

use datasets::{Draw, Message, Mixture, Source, Task, TaskCursor, TaskKind, TaskVerifier};
use policy::{CHAT_TEMPLATE, Decoder, ModelConfig, Placement, SPECIAL_TOKENS, Texts, train_tokenizer, write_folder};
use record::names;
use rollout::{EngineOptions, SamplingParams, ThinkingBudget, TokenSource};
use verifiers::{RewardConfig, VerifiersConfig};

use super::group_stream::GroupStream;
use super::{Batch, Collector, Group, Sampling};
use crate::config::{PromptSection, SandboxSection};
use crate::interrupt::Interrupt;
use crate::judge::Judge;
use crate::step_metrics::batch_metrics;
use crate::trajectories::trajectories;
use crate::worker::{ModelState, ModelWorker};

/// Id of `<think>`.
const OPENING: u32 = 3;

/// A collector over a small model with random weights, which judges maths.
async fn collector() -> Collector {
    let folder = tempfile::tempdir().unwrap();
    let config = ModelConfig::from_json(&serde_json::json!({
        "model_type": "qwen2", "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1,
        "vocab_size": 272, "num_attention_heads": 2, "num_key_value_heads": 1, "max_position_embeddings": 96,
    }))
    .unwrap();
    let tokenizer = train_tokenizer(["one two three"].into_iter(), 261).unwrap();
    let decoder = Decoder::random(&config, 0, Placement::CPU);
    write_folder(folder.path(), &decoder, &tokenizer, CHAT_TEMPLATE, SPECIAL_TOKENS[2]).unwrap();
    let texts = Arc::new(Texts::load(folder.path()).unwrap());
    let load = move || Ok((ModelState::load_policy(folder.path(), Placement::CPU, &EngineOptions::default())?, ()));
    let (worker, ()) = ModelWorker::start(load).await.unwrap();
    let (verifiers, reward) = (VerifiersConfig::default(), RewardConfig::default());
    let judge = Judge::start_for(&["math".to_owned()].into(), &verifiers, &reward, &SandboxSection::default()).await;
    let judge = Arc::new(judge.unwrap());
    Collector { worker, texts, scorer_texts: None, judge, patience: None, interrupt: Interrupt::default() }
}

/// A walk over one task alone, which every draw takes.
fn one_task() -> TaskCursor {
    let verifier = TaskVerifier::new("math", "2");
    let task = Task::new("sum", TaskKind::MATH, vec![Message::user("1 + 1?")], verifier);
    TaskCursor::new(Mixture::new(vec![Source::new("sums", vec![task], 1.0)]).unwrap(), 1)
}

fn sampling() -> Sampling {
    Sampling {
        params: Arc::new(SamplingParams { max_new_tokens: 12, seed: 4, ..SamplingParams::default() }),
        samples_per_prompt: 3,
        prompt: PromptSection::default(),
    }
}

/// The group of each draw, in their order.
async fn groups(collector: &Collector, draws: &[Draw]) -> Vec<Group> {
    groups_of(collector, draws, &sampling()).await
}

async fn groups_of(collector: &Collector, draws: &[Draw], sampling: &Sampling) -> Vec<Group> {
    let mut stream = GroupStream::new(collector, sampling, None);
    stream.submit(draws).unwrap();
    let mut groups = Vec::new();
    while let Some(group) = stream.next().await.unwrap() {
        groups.push(group);
    }
    groups.sort_by_key(|group| group.draw);
    groups
}

async fn completions(collector: &Collector, draws: &[Draw]) -> Vec<Vec<u32>> {
    let groups = groups(collector, draws).await;
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

#[tokio::test]
async fn masked_rollouts_are_counted_and_not_learned_from() {
    let draws = one_task().next_draws(1);
    let mut groups = groups(&collector().await, &draws).await;
    let whole = trajectories(&groups, None);
    assert_eq!((whole[0].trajectories.len(), whole[0].num_masked), (3, 0));
    let masked = groups[0].rollouts.remove(1);
    groups[0].masked.push(masked);
    let learned = trajectories(&groups, None);
    assert_eq!(learned[0].num_masked, 1);
    assert_eq!(learned[0].trajectories[..], [whole[0].trajectories[0].clone(), whole[0].trajectories[2].clone()]);
}

#[tokio::test]
async fn forced_tokens_are_counted_and_not_learned_from() {
    let draws = one_task().next_draws(1);
    let mut sampling = sampling();
    let budget = ThinkingBudget { max_tokens: 4, forced_text: "\n</think>\n\n".to_owned() };
    let opens = vec![(OPENING, 1000.0)];
    let params =
        SamplingParams { thinking: Some(budget), logit_bias: opens, ignore_eos: true, ..(*sampling.params).clone() };
    sampling.params = Arc::new(params);
    let groups = groups_of(&collector().await, &draws, &sampling).await;
    let learned = trajectories(&groups, None);
    for (rollout, trajectory) in groups[0].rollouts.iter().zip(&learned[0].trajectories) {
        let sequence = &rollout.sequences[0];
        let (num_prompt, num_forced) = (sequence.prompt_ids().len(), rollout.num_tokens_of(TokenSource::Forced));
        assert!(num_forced > 1);
        // The first token opens the thinking, and four think.
        let behind = num_prompt + 5 + num_forced;
        assert_eq!(trajectory.targets, [num_prompt..num_prompt + 5, behind..behind + 7]);
        assert_eq!(trajectory.rollout_logprobs.len(), 12);
        trajectory.validate().unwrap();
    }
    let metrics = batch_metrics(&Batch { kept: groups, ..Batch::default() });
    let forced: usize = 3 * (learned[0].trajectories[0].ids.len() - learned[0].trajectories[0].targets[0].start - 12);
    assert_eq!(metrics.get(names::COMPLETION_FORCED_TOKENS), Some(forced as f64));
}
