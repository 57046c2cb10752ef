//! What a model's thread owns on each rank, and what the rank's part of each command does with it.

use std::ops::Range;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use learner::learner::Learner;
use learner::objective::preference::{self, PreferencePlan};
use learner::objective::supervised::{self, SupervisedPlan};
use learner::ranks::{Ranks, as_many_on};
use learner::token_split::split_by_tokens;
use learner::trainable::{Actor, Trainable};
use learner::update::update;
use learner::update_plan::UpdatePlan;
use policy::dist::cuda::{Gpu, GpuMemory};
use policy::{Decoder, Gathering, HeadOptions, LanguageHead, Packed, Placement, Policy, RewardModel, outputs};
use rollout::{Engine, EngineOptions};

use super::command::{Continuation, ModelCommand, ModelEvent};
use super::order::{Answer, Order};
use super::rank_engine::{DecodeOrder, Decoded, RankEngine};
use super::seat::{Among, Seat};
use super::sharing::Sharing;
use crate::failure::Usage;
use crate::ranks::Team;

const NO_POLICY: &str = "there is no policy here";
const NO_REWARD_MODEL: &str = "there is no reward model here";

/// Most tokens that a reward model scores at a time where a run does not say.
const SCORE_TOKENS: usize = 8192;

/// Number of tokens whose logits are in memory at a time where logprobs are asked.
const LOGPROB_CHUNK: i64 = 1024;

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
    pub(super) learner: Option<Learner>,
    /// Reward model, frozen in stage 2.
    pub(super) scorer: Option<Trainable<RewardModel>>,
    /// Most tokens that the reward model scores at a time.
    score_tokens: usize,
    plans: Plans,
    engine: Option<RankEngine>,
    /// Most sequences that the engine runs at once.
    max_sequences: usize,
    /// What is sampled from, where the weights that are trained are cut over ranks.
    sampled: Option<SampledWeights>,
    /// This rank among those that share the work.
    pub(super) seat: Seat,
    /// The ranks that share the scoring and the learning of a reward model.
    scoring: Option<Ranks>,
}

/// All weights of the policy on this rank, to sample from.
#[derive(Debug)]
struct SampledWeights {
    decoder: Decoder,
    /// Version of the policy that they are; none before they were copied.
    version: Option<u64>,
    /// What copying them cost since it was last asked.
    seconds: f64,
    bytes: u64,
}

impl ModelState {
    /// A policy that is sampled from, and learns where `learner` and `plans` say how.
    ///
    /// # Errors
    /// The engine's options cannot be used.
    pub(crate) fn of_learner(learner: Learner, engine: &EngineOptions, plans: Plans) -> Result<Self> {
        let policy = &learner.policy.model.policy;
        let decoder = &policy.decoder;
        let max_sequences = engine.max_sequences;
        let engine = RankEngine::new(Engine::new(decoder.config(), decoder.placement(), engine, policy.texts.clone())?);
        let is_cut = decoder.store().spread().shards > 1;
        let blank = || SampledWeights { decoder: decoder.blank(), version: None, seconds: 0.0, bytes: 0 };
        let (engine, sampled) = (Some(engine), is_cut.then(blank));
        Ok(Self { learner: Some(learner), engine, max_sequences, sampled, ..Self::of_plans(plans) })
    }

    fn of_plans(plans: Plans) -> Self {
        Self {
            learner: None,
            scorer: None,
            score_tokens: SCORE_TOKENS,
            plans,
            engine: None,
            max_sequences: 0,
            sampled: None,
            seat: Seat::alone(),
            scoring: None,
        }
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
        Self { scorer: Some(scorer), ..Self::of_plans(plans) }
    }

    /// The same with a frozen reward model beside the policy, which scores at most `tokens` at a time.
    pub(crate) fn with_scorer(mut self, model: RewardModel, tokens: usize) -> Self {
        self.scorer = Some(Trainable::frozen(model));
        self.score_tokens = tokens;
        self
    }

    /// The same on a rank of a team, whose models are cut over its ranks.
    ///
    /// # Errors
    /// A rank is gone, or the ranks cannot share the model's heads.
    pub(crate) fn on(mut self, team: Option<&Team>) -> Result<Self> {
        let Some(team) = team else { return Ok(self) };
        self.seat = Seat::new(team.rank(), team.shape());
        self.engine = self.engine.map(|engine| engine.beside(team.environment().local_world_size));
        if let Some(learner) = &mut self.learner {
            let ranks = team.learning()?;
            ranks.fits(&learner.policy.model.policy.decoder).map_err(|error| Usage::error(error.to_string()))?;
            learner.ranks = Some(ranks);
        }
        self.scoring = self.scorer.as_ref().map(|_| team.scoring()).transpose()?;
        Ok(self)
    }

    /// How commands are shared among ranks.
    pub(super) fn sharing(&self) -> Result<Sharing<'_>> {
        let of_policy = self.learner.as_ref().map(|learner| learner.policy.model.policy.decoder.config());
        let config = of_policy.or_else(|| self.scorer.as_ref().map(|scorer| scorer.model.decoder.config()));
        let updates_per_step = self.plans.update.as_ref().map_or(1, |plan| plan.updates_per_step);
        let config = config.context("there is no model here")?;
        Ok(Sharing { num_parts: self.seat.count(Among::Data), updates_per_step, config })
    }

    /// Most sequences that the engine runs at once; 0 where nothing is sampled.
    pub(super) fn max_sequences(&self) -> usize {
        self.max_sequences
    }

    /// Does what it is told.
    ///
    /// # Errors
    /// It cannot; where ranks do it together, it may be another's fault.
    pub(super) fn obey(&mut self, order: Order) -> Result<Answer> {
        match order {
            Order::Decode(order) => self.decode(order).map(Answer::Decoded),
            Order::Withdraw => Ok(Answer::Withdrawn(self.engine.as_mut().context(NO_POLICY)?.withdraw())),
            Order::Command(command) => Ok(Answer::Event(Box::new(self.part(command)?))),
            Order::Rest | Order::End => Ok(Answer::Nothing),
        }
    }

    /// Some steps of the engine, under the weights as they are now.
    fn decode(&mut self, order: DecodeOrder) -> Result<Decoded> {
        let engine = self.engine.as_mut().context(NO_POLICY)?;
        let learner = self.learner.as_ref().context(NO_POLICY)?;
        let (trained, version) = (&learner.policy.model.policy.decoder, learner.policy_version);
        let decoder = match &mut self.sampled {
            None => trained,
            Some(sampled) => {
                if sampled.version != Some(version) {
                    let started = Instant::now();
                    sampled.bytes += sampled.decoder.copy_weights(trained)?;
                    sampled.seconds += started.elapsed().as_secs_f64();
                    sampled.version = Some(version);
                }
                &sampled.decoder
            }
        };
        engine.decode(order, decoder, version)
    }

    /// This rank's part of a command.
    fn part(&mut self, command: ModelCommand) -> Result<ModelEvent> {
        match command {
            ModelCommand::TakeStats => Ok(ModelEvent::Stats(self.engine.as_mut().context(NO_POLICY)?.take_stats())),
            ModelCommand::Score { sequences } => self.score(&sequences).map(ModelEvent::Scored),
            ModelCommand::Logprobs { continuations } => self.logprobs(&continuations).map(ModelEvent::Logprobs),
            ModelCommand::Update { step, groups } => self.update(step, groups),
            ModelCommand::LearnTraces { step, sequences } => self.learn_traces(step, &sequences),
            ModelCommand::LearnPairs { step, pairs } => self.learn_pairs(step, &pairs),
            ModelCommand::ComparePairs { pairs } => self.compare_pairs(&pairs),
            ModelCommand::Save { folder } => self.save(&folder).map(ModelEvent::Saved),
            ModelCommand::Load { folder } => self.load(&folder).map(|()| ModelEvent::Done),
            ModelCommand::Swap { folder, policy_version } => {
                self.swap(&folder, policy_version).map(|()| ModelEvent::Done)
            }
            other => bail!("no rank has a part of its own in {other:?}"),
        }
    }

    /// Memory of the models' GPU with its peaks since the last call; none on a CPU, or where CUDA does not say.
    pub(super) fn take_gpu_memory(&self) -> Option<GpuMemory> {
        let of_learner = self.learner.as_ref().map(|learner| &learner.policy.model.policy.decoder);
        let decoder = of_learner.or(self.scorer.as_ref().map(|scorer| &scorer.model.decoder))?;
        let gpu = Gpu::of(decoder.placement().device)?;
        let memory = gpu.memory().ok()?;
        gpu.reset_peaks().ok()?;
        Some(memory)
    }

    /// What moving weights cost since the last call: seconds and bytes.
    pub(super) fn take_resharding(&mut self) -> (f64, u64) {
        let take =
            |sampled: &mut SampledWeights| (std::mem::take(&mut sampled.seconds), std::mem::take(&mut sampled.bytes));
        self.sampled.as_mut().map_or((0.0, 0), take)
    }

    /// What gathering the weights of all models cost since the last call.
    pub(super) fn take_gathering(&self) -> Gathering {
        let of_learner = self.learner.iter().flat_map(|learner| {
            let critic = learner.critic.as_ref().map(|critic| &critic.model.decoder);
            [Some(&learner.policy.model.policy.decoder), learner.reference.as_ref(), critic]
        });
        let of_scorer = self.scorer.iter().map(|scorer| Some(&scorer.model.decoder));
        let mut all = Gathering::default();
        for decoder in of_learner.chain(of_scorer).flatten() {
            all += decoder.store().take_gathering();
        }
        all
    }

    /// Gives the cache's memory back where nothing is sampled: an update needs it, and what is sampled next must not
    /// depend on what it holds of what was sampled before.
    fn release_cache(&mut self) {
        if let Some(engine) = &mut self.engine {
            engine.release_cache();
        }
    }

    fn learner(&mut self) -> Result<&mut Learner> {
        self.learner.as_mut().context(NO_POLICY)
    }

    fn score(&self, sequences: &[Vec<u32>]) -> Result<Vec<f32>> {
        let tokens = self.score_tokens;
        let model = &self.scorer.as_ref().context(NO_REWARD_MODEL)?.model;
        let mut scores = Vec::with_capacity(sequences.len());
        for piece in as_many_on(self.scoring.as_ref(), split_by_tokens(sequences, tokens, Vec::len))? {
            if piece.is_empty() {
                let _ = model.score(&[&[0]])?; // beside ranks that have more
                continue;
            }
            let piece: Vec<&[u32]> = piece.iter().map(Vec::as_slice).collect();
            scores.extend(Vec::<f32>::try_from(model.score(&piece)?).context("the reward model's scores")?);
        }
        model.decoder.store().verify()?;
        Ok(scores)
    }

    /// Logprobs of the continuations' tokens under the policy, as the model itself gives them (temperature 1), float32.
    fn logprobs(&mut self, continuations: &[Continuation]) -> Result<Vec<Vec<f32>>> {
        ensure!(self.seat.num_ranks() == 1, "logprobs of continuations are computed in one process alone");
        self.release_cache();
        let decoder = &self.learner.as_ref().context(NO_POLICY)?.policy.model.policy.decoder;
        let head = LanguageHead::new(decoder, HeadOptions { temperature: 1.0, chunk: LOGPROB_CHUNK });
        let mut logprobs = Vec::with_capacity(continuations.len());
        for piece in split_by_tokens(continuations, SCORE_TOKENS, |continuation| continuation.ids.len()) {
            for Continuation { ids, num_prompt } in piece {
                let (tokens, prompt) = (ids.len(), *num_prompt);
                ensure!(
                    (1..tokens).contains(&prompt),
                    "a continuation of {tokens} tokens behind {prompt} has no target"
                );
            }
            let ranges: Vec<Range<usize>> = piece.iter().map(|one| one.num_prompt..one.ids.len()).collect();
            let sequences: Vec<_> = piece
                .iter()
                .zip(&ranges)
                .map(|(one, range)| (one.ids.as_slice(), std::slice::from_ref(range)))
                .collect();
            let packed = Packed::new(&sequences, decoder.device());
            let all = Vec::<f32>::try_from(outputs(decoder, &head, &packed).logprobs().contiguous())?;
            let mut rest = all.as_slice();
            for range in ranges {
                let (own, others) = rest.split_at(range.len());
                logprobs.push(own.to_vec());
                rest = others;
            }
        }
        decoder.store().verify()?;
        Ok(logprobs)
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
        let sequences: Vec<_> = sequences.iter().collect();
        let outcome = supervised::learn(&mut learner.policy, &sequences, plan, step, learner.ranks.as_ref())?;
        learner.policy_version += u64::from(outcome.step.applied);
        Ok(ModelEvent::LearnedTraces(outcome))
    }

    fn learn_pairs(&mut self, step: u64, pairs: &[preference::PairIds]) -> Result<ModelEvent> {
        let plan = self.plans.preference.clone().context("this run learns no preferences")?;
        let scorer = self.scorer.as_mut().context(NO_REWARD_MODEL)?;
        let pairs: Vec<_> = pairs.iter().collect();
        let outcome = preference::learn(scorer, &pairs, &plan, step, self.scoring.as_ref())?;
        Ok(ModelEvent::LearnedPairs(outcome))
    }

    fn compare_pairs(&mut self, pairs: &[preference::PairIds]) -> Result<ModelEvent> {
        let tokens = self.plans.preference.as_ref().map_or(self.score_tokens, |plan| plan.micro_batch_tokens);
        let model = &self.scorer.as_ref().context(NO_REWARD_MODEL)?.model;
        Ok(ModelEvent::Compared { accuracy: preference::accuracy(model, pairs, tokens, self.scoring.as_ref())? })
    }

    fn swap(&mut self, folder: &Path, policy_version: u64) -> Result<()> {
        let learner = self.learner()?;
        ensure!(
            policy_version > learner.policy_version,
            "version {policy_version} is not newer than the policy here, {}",
            learner.policy_version
        );
        learner.policy.model.policy.decoder.load_weights(folder)?;
        learner.policy_version = policy_version;
        self.resample();
        Ok(())
    }

    /// Has the weights that are sampled from copied anew, whatever their version.
    pub(super) fn resample(&mut self) {
        if let Some(sampled) = &mut self.sampled {
            sampled.version = None;
        }
    }
}
