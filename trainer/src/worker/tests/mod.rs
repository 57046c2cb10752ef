//! The model's thread over small models with random weights: what each command does, and what it leaves alone.

mod faults;
mod kept_sets;
mod learning;
mod sampling;
mod scores;

use std::path::Path;
use std::sync::Arc;

use learner::learner::Learner;
use learner::optimizer::adamw::AdamWConfig;
use learner::optimizer::schedule::{Schedule, ScheduleConfig};
use learner::trainable::{Actor, Trainable};
use learner::update_plan::{CriticPlan, OldLogprobs, UpdatePlan};
use policy::{
    CHAT_TEMPLATE, Decoder, HeadOptions, ModelConfig, Placement, Policy, Recompute, RewardModel, SPECIAL_TOKENS,
    ScalarHead, train_tokenizer, write_folder,
};
use rollout::{Completion, EngineOptions, GenerationStats, RolloutRequest, SamplingParams};

use super::{Events, ModelCommand, ModelEvent, ModelState, ModelWorker, Plans};

/// Folder of a model whose weights follow from `seed`, large enough that what is sampled depends on them.
fn model(seed: u64) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let config = ModelConfig::from_json(&serde_json::json!({
        "model_type": "qwen2", "hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 2, "vocab_size": 272,
        "num_attention_heads": 2, "num_key_value_heads": 1, "max_position_embeddings": 256, "initializer_range": 0.3,
    }))
    .unwrap();
    let tokenizer = train_tokenizer(["one two three"].into_iter(), 261).unwrap();
    let decoder = Decoder::random(&config, seed, Placement::CPU);
    write_folder(folder.path(), &decoder, &tokenizer, CHAT_TEMPLATE, SPECIAL_TOKENS[2]).unwrap();
    folder
}

/// Where a learner's critic is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Critic {
    None,
    OwnWeights,
    SharedTrunk,
}

/// State with a policy that learns at a rate of 0.01, two updates a step.
fn learning(folder: &Path, placement: Placement, critic: Critic) -> ModelState {
    let schedule =
        || Schedule::new(ScheduleConfig { lr: 0.01, warmup_updates: 0, ..ScheduleConfig::default() }, 100).unwrap();
    let policy = Policy::load(folder, placement).unwrap();
    let hidden_size = policy.decoder.config().hidden_size;
    let value_head = (critic == Critic::SharedTrunk).then(|| ScalarHead::zeros(hidden_size, placement.device));
    let actor = Actor { policy, value_head };
    let mut learner = Learner::of(Trainable::new(actor, &AdamWConfig::default(), schedule()).unwrap());
    if critic == Critic::OwnWeights {
        let model = RewardModel::from_policy_folder(folder, placement).unwrap();
        learner.critic = Some(Trainable::new(model, &AdamWConfig::default(), schedule()).unwrap());
    }
    let critic_plan = CriticPlan {
        gae: Default::default(),
        lambda: 1.0,
        value_loss: Default::default(),
        updates_per_step: 2,
        pretrain_steps: 0,
        coefficient: 0.5,
    };
    let update = UpdatePlan {
        updates_per_step: 2,
        micro_batch_tokens: 64,
        head: HeadOptions { temperature: 1.0, chunk: 1024 },
        recompute: Recompute::Nothing,
        old_logprobs: OldLogprobs::Recompute,
        loss: Default::default(),
        critic: (critic != Critic::None).then_some(critic_plan),
    };
    let plans = Plans { update: Some(update), ..Plans::default() };
    ModelState::of_learner(learner, &EngineOptions::default(), plans).unwrap()
}

/// A worker with this state.
async fn start(load: impl FnOnce() -> ModelState + Send + 'static) -> ModelWorker {
    ModelWorker::start(move || Ok((load(), ()))).await.unwrap().0
}

/// A worker that samples from a folder's policy.
async fn sampler(folder: &Path) -> ModelWorker {
    let folder = folder.to_owned();
    start(move || ModelState::load_policy(&folder, Placement::CPU, &EngineOptions::default()).unwrap()).await
}

/// Requests of two samples of a draw, each for exactly `num_tokens` tokens.
fn requests(draw: u64, num_tokens: usize) -> Vec<RolloutRequest> {
    let params = SamplingParams { max_new_tokens: num_tokens, seed: 5, ignore_eos: true, ..SamplingParams::default() };
    let params = Arc::new(params);
    let prompt_ids: Vec<u32> = (0..7).map(|place| ((draw * 13 + place * 5) % 250) as u32).collect();
    let request = |sample| RolloutRequest {
        draw,
        sample,
        label: None,
        prompt_ids: prompt_ids.clone(),
        thinking_open: false,
        params: params.clone(),
    };
    (0..2).map(request).collect()
}

/// A worker's answers to requests.
struct Sampled<'a> {
    worker: &'a ModelWorker,
    answers: super::command::Answers,
    events: Events,
}

impl<'a> Sampled<'a> {
    fn new(worker: &'a ModelWorker) -> Self {
        let (answers, events) = tokio::sync::mpsc::unbounded_channel();
        Self { worker, answers, events }
    }

    fn send(&self, command: ModelCommand) {
        self.worker.send(command, &self.answers).unwrap();
    }

    /// The next answer.
    async fn event(&mut self) -> anyhow::Result<ModelEvent> {
        self.events.recv().await.unwrap()
    }

    /// The next `number` completions, in the order of draws and samples.
    async fn completions(&mut self, number: usize) -> Vec<Completion> {
        let mut completions = Vec::with_capacity(number);
        while completions.len() < number {
            match self.event().await.unwrap() {
                ModelEvent::Completed(completion) => completions.push(completion),
                other => panic!("{other:?}"),
            }
        }
        completions.sort_by_key(|completion| (completion.draw, completion.sample));
        completions
    }

    /// Waits, and says whether nothing came meanwhile.
    async fn is_silent(&mut self) -> bool {
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        self.events.try_recv().is_err()
    }
}

/// The completions of a draw of forty tokens, behind whose fourth step the engine stands still for what is done
/// `between`.
async fn halted(worker: &ModelWorker, between: impl AsyncFnOnce()) -> Vec<Completion> {
    let mut sampled = Sampled::new(worker);
    let all = [requests(0, 4), requests(1, 40)].concat();
    // Without a lag it stands still until it knows what replaces draw 0.
    sampled.send(ModelCommand::Submit { requests: all, lag: Some(0), turn_lag: 0 });
    sampled.completions(2).await;
    between().await;
    sampled.send(ModelCommand::Replace { draw: 0, requests: Vec::new() });
    let completions = sampled.completions(2).await;
    sampled.send(ModelCommand::Replace { draw: 1, requests: Vec::new() });
    completions
}

async fn order(worker: &ModelWorker, command: ModelCommand) {
    let answer = worker.ask(command).await.unwrap();
    assert!(matches!(answer, ModelEvent::Done), "{answer:?}");
}

async fn stats(worker: &ModelWorker) -> GenerationStats {
    match worker.ask(ModelCommand::TakeStats).await.unwrap() {
        ModelEvent::Stats(stats) => stats,
        other => panic!("{other:?}"),
    }
}
