//! What the model's thread owns, and what each command does with it.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use learner::learner::Learner;
use learner::objective::preference::{self, PreferencePlan};
use learner::objective::supervised::{self, SupervisedPlan};
use learner::token_split::split_by_tokens;
use learner::trainable::{Actor, Model, Trainable, UpdateCounts};
use learner::update::update;
use learner::update_plan::UpdatePlan;
use policy::{Placement, Policy, RewardModel, read_tensors, write_tensors};
use record::manifest::INNER;
use rollout::{Engine, EngineOptions};
use serde::{Deserialize, Serialize};
use tch::{Device, Tensor};

use super::command::{Answers, ModelCommand, ModelEvent, SavedComponent};
use super::engine_loop::EngineLoop;

/// Folder of a critic with weights of its own.
const CRITIC: &str = "trainer/critic";
/// Counts of all components.
const COUNTS: &str = "trainer/counts.json";

/// Most tokens that a reward model scores at a time where a run does not say.
const SCORE_TOKENS: usize = 8192;

/// How the commands that learn do it; each where a run needs it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plans {
    /// `Update`.
    pub update: Option<UpdatePlan>,
    /// `LearnTraces`.
    pub supervised: Option<SupervisedPlan>,
    /// `LearnPairs`.
    pub preference: Option<PreferencePlan>,
}

/// State of the model's thread.
pub(crate) struct ModelState {
    /// Policy with its critic and reference; absent where a reward model is trained.
    learner: Option<Learner>,
    /// Reward model, frozen in stage 2.
    scorer: Option<Trainable<RewardModel>>,
    /// Most tokens that the reward model scores at a time.
    score_tokens: usize,
    plans: Plans,
    sampling: Option<EngineLoop>,
}

/// Counts of a checkpoint.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Counts {
    policy_version: u64,
    policy: Option<UpdateCounts>,
    critic: Option<UpdateCounts>,
    reward_model: Option<UpdateCounts>,
}

impl ModelState {
    /// A policy that is sampled from, and learns where `learner` and `plans` say how.
    ///
    /// # Errors
    /// The engine's options cannot be used.
    pub(crate) fn of_learner(learner: Learner, engine: &EngineOptions, plans: Plans) -> Result<Self> {
        let policy = &learner.policy.model.policy;
        let decoder = &policy.decoder;
        let engine = Engine::new(decoder.config(), decoder.placement(), engine, policy.texts.clone())?;
        let sampling = Some(EngineLoop::new(engine));
        Ok(Self { learner: Some(learner), scorer: None, score_tokens: SCORE_TOKENS, plans, sampling })
    }

    /// A policy that is only sampled from.
    ///
    /// # Errors
    /// The folder does not load, or the engine's options cannot be used.
    pub(crate) fn load_policy(folder: &Path, placement: Placement, engine: &EngineOptions) -> Result<Self> {
        let actor = Actor { policy: Policy::load(folder, placement)?, value_head: None };
        Self::of_learner(Learner::of(Trainable::frozen(actor)), engine, Plans::default())
    }

    /// A reward model that learns.
    pub(crate) fn of_reward_model(scorer: Trainable<RewardModel>, plans: Plans) -> Self {
        Self { learner: None, scorer: Some(scorer), score_tokens: SCORE_TOKENS, plans, sampling: None }
    }

    /// The same with a frozen reward model beside the policy, which scores at most `tokens` at a time.
    pub(crate) fn with_scorer(mut self, model: RewardModel, tokens: usize) -> Self {
        self.scorer = Some(Trainable::frozen(model));
        self.score_tokens = tokens;
        self
    }

    /// True where the engine can go on by itself.
    pub(super) fn is_sampling(&self) -> bool {
        self.sampling.as_ref().is_some_and(EngineLoop::can_decode)
    }

    /// One step of the engine.
    pub(super) fn decode(&mut self) {
        if let (Some(sampling), Some(learner)) = (&mut self.sampling, &self.learner) {
            sampling.decode(&learner.policy.model.policy.decoder, learner.policy_version);
        }
    }

    /// Executes a command and answers it.
    pub(super) fn execute(&mut self, command: ModelCommand, answers: &Answers) {
        let answer = match command {
            ModelCommand::Submit { requests, lag } => match self.sampling() {
                Ok(sampling) => {
                    sampling.release_cache();
                    return sampling.submit(requests, lag, answers);
                }
                Err(error) => Err(error),
            },
            ModelCommand::Replace { draw, requests } => match self.sampling() {
                Ok(sampling) => return sampling.replace(draw, requests, answers),
                Err(error) => Err(error),
            },
            ModelCommand::Abort { draw } => self.sampling().map(|sampling| sampling.abort(draw)),
            ModelCommand::Pause => self.sampling().map(|sampling| sampling.pause(true)),
            ModelCommand::Resume => self.sampling().map(|sampling| sampling.pause(false)),
            ModelCommand::TakeStats => self.sampling().map(|sampling| ModelEvent::Stats(sampling.take_stats())),
            ModelCommand::Score { sequences } => self.score(&sequences).map(ModelEvent::Scored),
            ModelCommand::Update { step, groups } => self.update(step, groups),
            ModelCommand::LearnTraces { step, sequences } => self.learn_traces(step, &sequences),
            ModelCommand::LearnPairs { step, pairs } => self.learn_pairs(step, &pairs),
            ModelCommand::ComparePairs { pairs } => self.compare_pairs(&pairs),
            ModelCommand::Save { folder } => self.save(&folder).map(ModelEvent::Saved),
            ModelCommand::Load { folder } => self.load(&folder).map(|()| ModelEvent::Done),
            ModelCommand::Swap { folder, policy_version } => {
                self.swap(&folder, policy_version).map(|()| ModelEvent::Done)
            }
        };
        // The receiver is gone once the user interrupted.
        let _ = answers.send(answer);
    }

    fn sampling(&mut self) -> Result<&mut EngineLoop> {
        self.sampling.as_mut().context("there is no policy here to sample from")
    }

    /// Gives the cache's memory back where nothing is sampled: an update needs it, and what is sampled next must not
    /// depend on how large it was for what was sampled before.
    fn release_cache(&mut self) {
        if let Some(sampling) = &mut self.sampling {
            sampling.release_cache();
        }
    }

    fn learner(&mut self) -> Result<&mut Learner> {
        self.learner.as_mut().context("there is no policy here")
    }

    fn scorer(&mut self) -> Result<&mut Trainable<RewardModel>> {
        self.scorer.as_mut().context("there is no reward model here")
    }

    fn score(&mut self, sequences: &[Vec<u32>]) -> Result<Vec<f32>> {
        let tokens = self.score_tokens;
        let model = &self.scorer()?.model;
        let mut scores = Vec::with_capacity(sequences.len());
        for piece in split_by_tokens(sequences, tokens, Vec::len) {
            let piece: Vec<&[u32]> = piece.iter().map(Vec::as_slice).collect();
            scores.extend(Vec::<f32>::try_from(model.score(&piece)?).context("the reward model's scores")?);
        }
        Ok(scores)
    }

    fn update(&mut self, step: u64, groups: Vec<learner::trajectory::TrajectoryGroup>) -> Result<ModelEvent> {
        let plan = self.plans.update.clone().context("this run updates no policy on rollouts")?;
        self.release_cache();
        Ok(ModelEvent::Updated(Box::new(update(self.learner()?, groups, &plan, step)?)))
    }

    fn learn_traces(&mut self, step: u64, sequences: &[supervised::LearnedSequence]) -> Result<ModelEvent> {
        let plan = self.plans.supervised.context("this run learns no traces")?;
        self.release_cache();
        let learner = self.learner()?;
        let outcome = supervised::learn(&mut learner.policy, &sequences.iter().collect::<Vec<_>>(), plan, step)?;
        learner.policy_version += u64::from(outcome.step.applied);
        Ok(ModelEvent::LearnedTraces(outcome))
    }

    fn learn_pairs(&mut self, step: u64, pairs: &[preference::PairIds]) -> Result<ModelEvent> {
        let plan = self.plans.preference.clone().context("this run learns no preferences")?;
        let outcome = preference::learn(self.scorer()?, &pairs.iter().collect::<Vec<_>>(), &plan, step)?;
        Ok(ModelEvent::LearnedPairs(outcome))
    }

    fn compare_pairs(&mut self, pairs: &[preference::PairIds]) -> Result<ModelEvent> {
        let tokens = self.plans.preference.as_ref().map_or(self.score_tokens, |plan| plan.micro_batch_tokens);
        Ok(ModelEvent::Compared { accuracy: preference::accuracy(&self.scorer()?.model, pairs, tokens)? })
    }

    /// Writes the policy as the folder itself and all else into [`INNER`].
    fn save(&mut self, folder: &Path) -> Result<Vec<SavedComponent>> {
        let inner = folder.join(INNER);
        std::fs::create_dir_all(&inner).with_context(|| inner.display().to_string())?;
        let mut counts = Counts::default();
        let mut saved = Vec::new();
        if let Some(learner) = &self.learner {
            let actor = &learner.policy.model;
            actor.policy.save(folder)?;
            saved.push(component(folder, "policy", "")?);
            saved.push(write_optimizer(folder, "optimizer", &learner.policy)?);
            if let Some(head) = &actor.value_head {
                let parameter = head.parameter();
                saved.push(write_inner(folder, "value_head", &[(parameter.name, parameter.tensor)])?);
            }
            if let Some(critic) = &learner.critic {
                critic.model.save(&folder.join(CRITIC))?;
                saved.push(component(folder, "critic", CRITIC)?);
                saved.push(write_optimizer(folder, "critic_optimizer", critic)?);
                counts.critic = Some(critic.counts);
            }
            counts.policy = Some(learner.policy.counts);
            counts.policy_version = learner.policy_version;
        } else if let Some(scorer) = &self.scorer {
            scorer.model.save(folder)?;
            saved.push(component(folder, "reward_model", "")?);
            saved.push(write_optimizer(folder, "optimizer", scorer)?);
            counts.reward_model = Some(scorer.counts);
        }
        let path = folder.join(COUNTS);
        std::fs::write(&path, serde_json::to_vec_pretty(&counts)?).with_context(|| path.display().to_string())?;
        saved.push(SavedComponent { name: "counts".into(), folder: INNER.into(), files: vec![COUNTS.into()] });
        Ok(saved)
    }

    /// Replaces weights, optimizers and counts by those of a checkpoint.
    ///
    /// # Errors
    /// The checkpoint lacks a component, or it is another model's.
    pub(crate) fn load(&mut self, folder: &Path) -> Result<()> {
        if let Some(learner) = &mut self.learner {
            learner.policy.model.policy.decoder.load_weights(folder)?;
        }
        self.load_beside_policy(folder)
    }

    /// The same for a policy whose weights are the checkpoint's already.
    ///
    /// # Errors
    /// As [`ModelState::load`].
    pub(crate) fn load_beside_policy(&mut self, folder: &Path) -> Result<()> {
        let path = folder.join(COUNTS);
        let bytes = std::fs::read(&path).with_context(|| path.display().to_string())?;
        let counts: Counts = serde_json::from_slice(&bytes).with_context(|| path.display().to_string())?;
        if let Some(learner) = &mut self.learner {
            if let Some(head) = &mut learner.policy.model.value_head {
                head.load(&inner_file(folder, "value_head"))?;
            }
            load_optimizer(folder, "optimizer", &mut learner.policy)?;
            learner.policy.counts = counts.policy.context("the checkpoint has no counts of a policy")?;
            learner.policy_version = counts.policy_version;
            if let Some(critic) = &mut learner.critic {
                critic.model.load_weights(&folder.join(CRITIC))?;
                load_optimizer(folder, "critic_optimizer", critic)?;
                critic.counts = counts.critic.context("the checkpoint has no counts of a critic")?;
            }
        } else if let Some(scorer) = &mut self.scorer {
            scorer.model.load_weights(folder)?;
            load_optimizer(folder, "optimizer", scorer)?;
            scorer.counts = counts.reward_model.context("the checkpoint has no counts of a reward model")?;
        }
        Ok(())
    }

    fn swap(&mut self, folder: &Path, policy_version: u64) -> Result<()> {
        let learner = self.learner()?;
        ensure!(
            policy_version >= learner.policy_version,
            "version {policy_version} is older than the policy here, {}",
            learner.policy_version
        );
        learner.policy.model.policy.decoder.load_weights(folder)?;
        learner.policy_version = policy_version;
        Ok(())
    }
}

/// The component whose files are all that lie in a folder within the checkpoint, folders inside apart.
fn component(checkpoint: &Path, name: &str, folder: &str) -> Result<SavedComponent> {
    let path = checkpoint.join(folder);
    let mut files = Vec::new();
    for entry in std::fs::read_dir(&path).with_context(|| path.display().to_string())? {
        let entry = entry.with_context(|| path.display().to_string())?;
        if entry.path().is_file() {
            let file = entry.file_name().to_string_lossy().into_owned();
            files.push(if folder.is_empty() { file } else { format!("{folder}/{file}") });
        }
    }
    files.sort();
    Ok(SavedComponent { name: name.into(), folder: folder.into(), files })
}

/// File of the component `name`, which has one.
fn inner_file(checkpoint: &Path, name: &str) -> PathBuf {
    checkpoint.join(INNER).join(format!("{name}.safetensors"))
}

fn write_inner(checkpoint: &Path, name: &str, tensors: &[(String, Tensor)]) -> Result<SavedComponent> {
    write_tensors(&inner_file(checkpoint, name), tensors)?;
    let files = vec![format!("{INNER}/{name}.safetensors")];
    Ok(SavedComponent { name: name.into(), folder: INNER.into(), files })
}

fn write_optimizer<M: Model>(checkpoint: &Path, name: &str, model: &Trainable<M>) -> Result<SavedComponent> {
    write_inner(checkpoint, name, &model.optimizer_state())
}

fn load_optimizer<M: Model>(checkpoint: &Path, name: &str, model: &mut Trainable<M>) -> Result<()> {
    let path = inner_file(checkpoint, name);
    let tensors = read_tensors(&path, Device::Cpu)?;
    model.load_optimizer_state(tensors).with_context(|| path.display().to_string())
}
