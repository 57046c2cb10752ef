//! Sampling and judging over a small model with random weights.
use std::sync::Arc;

use datasets::{Draw, Message, Mixture, Source, Task, TaskCursor, TaskKind, TaskVerifier};
use policy::{
    CHAT_TEMPLATE, Decoder, ModelConfig, Placement, SPECIAL_TOKENS, Texts, Tokenizer, train_tokenizer, write_folder,
};
use rollout::{EngineOptions, SamplingParams};
use verifiers::{RewardConfig, VerifiersConfig};

use super::group_stream::GroupStream;
use super::{Carried, Collector, Group, Sampling};
use crate::config::{PromptSection, SandboxSection};
use crate::interrupt::Interrupt;
use crate::judge::Judge;
use crate::plan::Refill;
use crate::trajectories::trajectories;
use crate::worker::{ModelState, ModelWorker};

/// A collector over a small model with random weights, which judges maths.
async fn collector() -> Collector {
    collector_of(|_, _| {}).await
}

/// The same with weights that `change` has changed.
async fn collector_of(change: impl FnOnce(&Decoder, &Tokenizer)) -> Collector {
    let folder = tempfile::tempdir().unwrap();
    let config = ModelConfig::from_json(&serde_json::json!({
        "model_type": "qwen2", "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1,
        "vocab_size": 272, "num_attention_heads": 2, "num_key_value_heads": 1, "max_position_embeddings": 96,
    }))
    .unwrap();
    let tokenizer = train_tokenizer(["one two three"].into_iter(), 261).unwrap();
    let decoder = Decoder::random(&config, 0, Placement::CPU);
    let write = |decoder: &Decoder| {
        write_folder(folder.path(), decoder, &tokenizer, CHAT_TEMPLATE, SPECIAL_TOKENS[2]).unwrap();
    };
    write(&decoder);
    let texts = Arc::new(Texts::load(folder.path()).unwrap());
    change(&decoder, &texts.tokenizer);
    write(&decoder);
    let load = move || Ok((ModelState::load_policy(folder.path(), Placement::CPU, &EngineOptions::default())?, ()));
    let (worker, ()) = ModelWorker::start(load).await.unwrap();
    let (verifiers, reward) = (VerifiersConfig::default(), RewardConfig::default());
    let judge = Judge::start_for(&["math".to_owned()].into(), &verifiers, &reward, &SandboxSection::default()).await;
    let judge = Arc::new(judge.unwrap());
    Collector { worker, texts, scorer_texts: None, judge, patience: None, interrupt: Interrupt::default() }
}

/// A walk over one task alone, which every draw takes.
fn one_task() -> TaskCursor {
    walk(&["1 + 1?"])
}

/// A walk over tasks whose ids are what they ask.
fn walk(questions: &[&str]) -> TaskCursor {
    let task = |question: &&str| {
        Task::new(*question, TaskKind::MATH, vec![Message::user(*question)], TaskVerifier::new("math", "2"))
    };
    let tasks = questions.iter().map(task).collect();
    TaskCursor::new(Mixture::new(vec![Source::new("sums", tasks, 1.0)]).unwrap(), 1)
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
    let sampling = sampling();
    let mut stream = GroupStream::new(collector, &sampling, None);
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

/// A prompt with this character breaks.
const BROKEN: &str = "~";

/// A collector whose model has no numbers behind [`BROKEN`].
async fn with_a_broken_token() -> Collector {
    collector_of(|decoder, tokenizer| {
        let id = tokenizer.encode(BROKEN).unwrap()[0];
        let _ = tch::no_grad(|| decoder.store().embedding().get(i64::from(id)).fill_(f64::NAN));
    })
    .await
}

const REFILL: Refill = Refill { wanted: 3, replaces: true, in_flight: None, max_draws: 12, lag: 2 };

#[tokio::test]
async fn a_draw_whose_request_is_refused_is_left_out_and_replaced() {
    let collector = with_a_broken_token().await;
    // One sample each: no group is flat.
    let sampling = Sampling { samples_per_prompt: 1, ..sampling() };
    let questions = ["1 + 1?", "1 ~ 1?", "2 + 0?"];
    let mut tasks = walk(&questions);
    let batch = collector.collect(&mut tasks, &sampling, REFILL).await.unwrap();
    let draws = |groups: &[Group]| groups.iter().map(|group| group.draw).collect::<Vec<_>>();
    let is_broken = |draw: &&datasets::Draw| draw.task.id.contains(BROKEN);
    let drawn = walk(&questions).next_draws(tasks.num_drawn() as usize);
    let (broken, good): (Vec<_>, Vec<_>) = drawn.iter().partition(is_broken);
    assert!(!broken.is_empty());
    assert_eq!(draws(&batch.kept), good.iter().map(|draw| draw.number).collect::<Vec<_>>());
    assert_eq!((batch.kept.len(), draws(&batch.left_out)), (3, broken.iter().map(|draw| draw.number).collect()));
    for group in &batch.left_out {
        assert!(group.rollouts.is_empty() && group.rewards().is_none());
        assert!(group.refusals[0].reason.contains("not finite"), "{:?}", group.refusals);
    }
    // Without refilling the step has one group less.
    let alone = Refill { replaces: false, max_draws: 3, ..REFILL };
    let batch = collector.collect(&mut walk(&questions), &sampling, alone).await.unwrap();
    assert_eq!((batch.kept.len(), batch.left_out.len()), (2, 1));
}

#[tokio::test]
async fn a_step_of_which_no_request_is_completed_ends_the_run() {
    let collector = with_a_broken_token().await;
    let error = collector.collect(&mut walk(&["1 ~ 1?"]), &sampling(), REFILL).await.unwrap_err().to_string();
    assert!(error.starts_with("none of the step's 36 requests was completed"), "{error}");
    assert!(error.contains("task 1 ~ 1?") && error.contains("not finite"), "{error}");
}

/// Draws of the groups of so many partial steps, kept and left out, with the requests that each leaves.
async fn partial_steps(collector: &Collector, num_steps: usize, lag: u64) -> Vec<(Vec<u64>, usize)> {
    let (sampling, refill) = (sampling(), Refill { replaces: false, lag, ..REFILL });
    let (mut tasks, mut carried) = (one_task(), Carried::default());
    let mut steps = Vec::new();
    for _ in 0..num_steps {
        let (batch, left) = collector.collect_partial(&mut tasks, &sampling, refill, 5, &carried).await.unwrap();
        let mut draws: Vec<u64> = batch.kept.iter().chain(&batch.left_out).map(|group| group.draw).collect();
        draws.sort_unstable();
        assert_eq!(batch.kept.len(), 3);
        let num_open = left.groups.iter().filter(|group| group.completions.len() < 3).count();
        let of_requests: std::collections::BTreeSet<u64> = left.requests.iter().map(|it| it.request.draw).collect();
        assert_eq!(num_open, of_requests.len(), "every open group has a request");
        steps.push((draws, left.requests.len()));
        carried = left;
    }
    steps
}

#[tokio::test]
async fn partial_steps_learn_from_each_draw_once_and_are_the_same_again() {
    let collector = collector().await;
    let steps = partial_steps(&collector, 6, 1).await;
    assert_eq!(partial_steps(&collector, 6, 1).await, steps);
    let mut all: Vec<u64> = steps.iter().flat_map(|(draws, _)| draws.clone()).collect();
    all.sort_unstable();
    assert_eq!(all.windows(2).find(|pair| pair[0] == pair[1]), None, "{steps:?}");
}

#[tokio::test]
async fn what_is_carried_goes_through_a_checkpoint() {
    let collector = collector().await;
    let (sampling, refill) = (sampling(), Refill { replaces: false, ..REFILL });
    let mut tasks = one_task();
    let (_, carried) = collector.collect_partial(&mut tasks, &sampling, refill, 6, &Carried::default()).await.unwrap();
    assert!(!carried.groups.is_empty());
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("trainer")).unwrap();
    let component = carried.save(folder.path()).unwrap();
    assert_eq!(component.files, ["trainer/unfinished.msgpack"]);
    let loaded = Carried::load(folder.path(), &tasks, &sampling.params).unwrap();
    assert_eq!(format!("{loaded:?}"), format!("{carried:?}"));
    // A walk that begins again has other tasks at these places.
    assert!(Carried::load(folder.path(), &one_task(), &sampling.params).unwrap().groups.is_empty());
}
