//! `trainer --stage 1|2`: a run of reinforcement learning.
use anyhow::Result;
use learner::advantages::AdvantageConfig;
use learner::loss::PolicyLossConfig;
use learner::optimizer::adamw::AdamWConfig;
use learner::optimizer::schedule::{Schedule, ScheduleConfig};
use learner::rollout_correction::RolloutCorrection;
use learner::update_plan::{OldLogprobs, UpdatePlan};
use policy::{HeadOptions, Numerics, Placement, Recompute};
use rollout::{CacheAfterUpdate, EngineOptions, RepetitionStop, SamplingParams, ThinkingBudget};
use serde::{Deserialize, Serialize};
use tch::{Device, Kind};
use verifiers::{Reading, RewardConfig, VerifiersConfig};

use super::critic::{Algorithm, AlgorithmSection, CriticSection};
use super::data::DataSection;
use super::parallel::ParallelSection;
use super::prompt::PromptSection;
use super::sandbox::SandboxSection;
use super::sections::{self, CheckpointSection, EvalSection, ModelSection, RunSection};
use super::tools::ToolsSection;
use crate::failure::Usage;
use crate::plan::{Calendar, Refill};

/// What an error about exact numerics begins with.
const EXACT: &str = "rollout.numerics: \"exact\" is for float32 on the CPU of one process, and";
/// What else can be done about it.
const FAST: &str = "leave rollout.numerics at \"fast\"";

/// The whole configuration of a stage.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ReinforceRun {
    /// Folder, seed and device.
    pub run: RunSection,
    /// Model that the policy starts from; the frozen reference is the same model.
    pub model: ModelSection,
    /// Text around a task's words.
    pub prompt: PromptSection,
    /// Training tasks.
    pub data: DataSection,
    /// Sampling of completions.
    pub rollout: RolloutSection,
    /// Choice of the groups that are learned from.
    pub dynamic_sampling: DynamicSampling,
    /// GRPO or PPO.
    pub algorithm: AlgorithmSection,
    /// Critic, for `algorithm.name = "ppo"` alone; where absent it has its defaults.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub critic: Option<CriticSection>,
    /// From rewards to advantages.
    pub advantage: AdvantageConfig,
    /// From advantages to the loss.
    pub loss: PolicyLossConfig,
    /// From verdicts to rewards.
    pub reward: RewardConfig,
    /// General reward model: needed in stage 2, refused in stage 1.
    pub reward_model: ModelSection,
    /// Computation of the update.
    pub update: UpdateSection,
    /// AdamW.
    pub optimizer: AdamWConfig,
    /// Learning rate over the updates.
    pub schedule: ScheduleConfig,
    /// Held-out tasks.
    pub eval: EvalSection,
    /// Times of checkpoints.
    pub checkpoint: CheckpointSection,
    /// Sharing of the work among ranks.
    pub parallel: ParallelSection,
    /// Settings of the verifiers.
    pub verifiers: VerifiersConfig,
    /// Code execution service.
    pub sandbox: SandboxSection,
}

/// `[rollout]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RolloutSection {
    /// Number of groups in each step's batch.
    pub prompts_per_step: usize,
    /// Number of completions of each prompt, at least 2; at least 1 in PPO.
    pub samples_per_prompt: usize,
    /// Sampling temperature, above 0; the policy's logits are divided by it in training too.
    pub temperature: f64,
    /// Largest number of candidates, and any equal to the last; 0 for all. Any filter needs `kept_sets`.
    pub top_k: usize,
    /// Probability mass of the nucleus; 1 keeps everything.
    pub top_p: f64,
    /// Least probability of a candidate, as a share of the likeliest one's; 0 keeps everything.
    pub min_p: f64,
    /// True where each token's candidates after the filters are recorded, and every logprob of training is over them
    /// alone. Needs `top_k`, which bounds them: a token with more, of equal ones, leaves its group out.
    pub kept_sets: bool,
    /// Longest completion, in tokens.
    pub max_new_tokens: usize,
    /// End of a completion whose last tokens are a pattern of at most `pattern_tokens` tokens, `count` times in a row;
    /// where absent it runs to its limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stop_repetition: Option<RepetitionStop>,
    /// Steps that end as soon as they have their groups; where absent, each ends what it begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partial: Option<PartialSection>,
    /// Most tokens that a completion may think, and the text that ends the thinking there; where absent it may think to
    /// its limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thinking: Option<ThinkingBudget>,
    /// Tools that completions may call.
    pub tools: ToolsSection,
    /// Rounding of what is sampled and what is trained.
    pub numerics: Numerics,
    /// Batching and memory of the engine.
    pub engine: EngineOptions,
}

/// `[rollout.partial]`: what is unfinished when a step has its groups goes on in the next, by the new weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PartialSection {
    /// Number of prompts under way at a time, more than `rollout.prompts_per_step`.
    pub prompts_in_flight: usize,
}

impl Default for RolloutSection {
    fn default() -> Self {
        Self {
            prompts_per_step: 16,
            samples_per_prompt: 8,
            temperature: 1.0,
            top_k: 0,
            top_p: 1.0,
            min_p: 0.0,
            kept_sets: false,
            max_new_tokens: 1024,
            stop_repetition: None,
            partial: None,
            thinking: None,
            tools: ToolsSection::default(),
            numerics: Numerics::default(),
            engine: EngineOptions::default(),
        }
    }
}

impl RolloutSection {
    /// How a completion is sampled; the seed is the caller's.
    pub(crate) fn params(&self, seed: u64) -> SamplingParams {
        SamplingParams {
            temperature: self.temperature,
            top_k: self.top_k,
            top_p: self.top_p,
            min_p: self.min_p,
            kept_ids: self.kept_sets,
            max_new_tokens: self.max_new_tokens,
            stop_repetition: self.stop_repetition,
            thinking: self.thinking.clone(),
            seed,
            ..SamplingParams::default()
        }
    }

    /// Checks how completions are sampled.
    fn validate_sampling(&self) -> Result<()> {
        let refuse = |message: &str| Err(Usage::error(message));
        if !self.kept_sets && (self.top_k > 0 || self.top_p < 1.0 || self.min_p > 0.0) {
            return refuse(
                "rollout.kept_sets: top_k, top_p and min_p leave tokens out, and training would compare logprobs over \
                 others than were drawn from; set it to true",
            );
        }
        if self.kept_sets && self.top_k == 0 {
            return refuse("rollout.top_k: bounds the sets that rollout.kept_sets records; set it, to 64 for instance");
        }
        self.params(0).validate().map_err(|error| Usage::error(format!("rollout.{error}")))
    }
}

/// `[dynamic_sampling]`: a group whose rewards are all equal teaches nothing and is refilled (DAPO, arXiv 2503.14476).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct DynamicSampling {
    /// True where flat groups are left out and refilled.
    pub enabled: bool,
    /// Most draws of a step, as a multiple of `rollout.prompts_per_step`; the update then takes the groups that there
    /// are.
    pub max_rounds: usize,
    /// Number of decode steps between the end of a group that is refilled and the start of the next, in which its
    /// verdicts must come: the engine waits for later ones. Fixed, so that a run can be repeated bit for bit.
    pub lag: u64,
}

impl Default for DynamicSampling {
    fn default() -> Self {
        Self { enabled: true, max_rounds: 4, lag: 8 }
    }
}

/// `[update]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct UpdateSection {
    /// Number of steps of the run.
    pub steps: u64,
    /// Number of optimizer updates in each step, into which the batch is split: from 1 to `rollout.prompts_per_step`.
    pub updates_per_step: usize,
    /// Most tokens, prompts too, that go through the model at a time; gradients are summed over such pieces.
    pub micro_batch_tokens: usize,
    /// Number of tokens whose logits are in memory at a time.
    pub head_chunk: i64,
    /// Part of the forward pass that the backward pass computes again.
    pub recompute: Recompute,
}

impl Default for UpdateSection {
    fn default() -> Self {
        Self {
            steps: 100,
            updates_per_step: 1,
            micro_batch_tokens: 8192,
            head_chunk: 1024,
            recompute: Recompute::Nothing,
        }
    }
}

impl ReinforceRun {
    /// Checks what the types cannot say. `stage` is 1 or 2.
    ///
    /// # Errors
    /// A usage error that names the key.
    pub(crate) fn validate(&self, stage: u8) -> Result<()> {
        let refuse = |message: &str| Err(Usage::error(message));
        self.model.path()?;
        if self.run.dir.as_os_str().is_empty() {
            return refuse("run.dir: name the run's folder, or pass --run-dir");
        }
        if self.data.source.is_empty() {
            return refuse("data: name at least one file of tasks, as [[data.source]] path = \"…\"");
        }
        self.data.validate()?;
        if stage == 2 && self.reward_model.path.as_os_str().is_empty() {
            return refuse(
                "reward_model.path: stage 2 needs a general reward model; train one with `trainer reward-model` and \
                 name its folder",
            );
        }
        if stage == 1 && !self.reward_model.path.as_os_str().is_empty() {
            return refuse(
                "reward_model.path: stage 1 rewards checked outcomes only; a reward model belongs to --stage 2",
            );
        }
        let compares = self.algorithm.name == Algorithm::Grpo;
        if self.rollout.prompts_per_step == 0 || self.rollout.samples_per_prompt < if compares { 2 } else { 1 } {
            return refuse("rollout: prompts_per_step must be at least 1 and samples_per_prompt at least 2 (1 in ppo)");
        }
        self.validate_algorithm()?;
        if !(self.rollout.temperature > 0.0 && self.rollout.temperature.is_finite()) {
            return refuse("rollout.temperature: must be above 0; a greedy group has nothing to compare");
        }
        if self.rollout.max_new_tokens == 0 || self.update.steps == 0 {
            return refuse("rollout.max_new_tokens and update.steps must be at least 1");
        }
        self.rollout.validate_sampling()?;
        self.validate_numerics()?;
        self.validate_partial()?;
        let is_embedded = self.sandbox.url.is_empty();
        self.rollout.tools.validate(is_embedded.then_some(&self.sandbox.server.max_limits))?;
        let updates = self.update.updates_per_step;
        if updates == 0 || updates > self.rollout.prompts_per_step {
            return refuse("update.updates_per_step: must lie between 1 and rollout.prompts_per_step");
        }
        if self.update.micro_batch_tokens == 0 || self.update.head_chunk < 1 {
            return refuse("update: micro_batch_tokens and head_chunk must be at least 1");
        }
        if self.dynamic_sampling.max_rounds == 0 {
            return refuse("dynamic_sampling.max_rounds: must be at least 1");
        }
        self.schedule()?;
        self.prompt.validate()?;
        self.eval.validate()?;
        self.parallel.validate()?;
        let section = |name: &str, error: String| Usage::error(format!("{name}: {error}"));
        self.advantage.validate().map_err(|error| Usage::error(error.to_string()))?;
        self.loss.validate().map_err(|error| Usage::error(error.to_string()))?;
        self.reward.validate().map_err(|error| Usage::error(error.to_string()))?;
        if stage == 1 && self.reward.term.iter().any(|term| term.reads == Reading::RewardModel) {
            return refuse("reward.term: one reads the reward model, which stage 1 has not; leave it to --stage 2");
        }
        self.verifiers.validate().map_err(|error| section("verifiers", error.to_string()))?;
        self.rollout.engine.validate().map_err(|error| section("rollout.engine", error.to_string()))
    }

    /// Checks that what is to be exact is where it can be, as far as the file says.
    fn validate_numerics(&self) -> Result<()> {
        if self.rollout.numerics == Numerics::Fast {
            return Ok(());
        }
        let refuse = |key: &str, remedy: &str| Err(Usage::error(format!("{EXACT} {key}; {remedy}, or {FAST}")));
        if self.run.kind()? != Kind::Float {
            return refuse(&format!("run.dtype is {}", self.run.dtype), "set run.dtype = \"float32\"");
        }
        for (axis, length) in [("context", self.parallel.context), ("tensor", self.parallel.tensor)] {
            if length != 1 {
                let remedy = format!("set parallel.{axis} = 1 and start one process");
                return refuse(&format!("parallel.{axis} is {length}"), &remedy);
            }
        }
        if self.rollout.kept_sets {
            return refuse("rollout.kept_sets has other sums", "set rollout.kept_sets = false and leave filters out");
        }
        if self.rollout.partial.is_some() {
            return refuse(
                "rollout.partial has tokens of several versions of the weights",
                "leave rollout.partial out",
            );
        }
        Ok(())
    }

    /// Checks the same of where the run is and with how many ranks.
    ///
    /// # Errors
    /// A usage error that says what to do.
    pub(crate) fn validate_place(&self, placement: Placement, num_ranks: usize) -> Result<()> {
        if self.rollout.numerics == Numerics::Exact && placement.device != Device::Cpu {
            let device = &self.run.device;
            let problem = format!("{EXACT} run.device \"{device}\" is a GPU; set run.device = \"cpu\", or {FAST}");
            return Err(Usage::error(problem));
        }
        if self.rollout.numerics == Numerics::Exact && num_ranks > 1 {
            let problem =
                format!("{EXACT} there are {num_ranks} ranks; start the trainer without a launcher, or {FAST}");
            return Err(Usage::error(problem));
        }
        Ok(())
    }

    /// Checks that the algorithm, its advantages and its critic fit together.
    fn validate_algorithm(&self) -> Result<()> {
        let refuse = |message: String| Err(Usage::error(message));
        match (self.algorithm.name, self.advantage.gae()) {
            (Algorithm::Grpo, Some(_)) => {
                return refuse("advantage.gae: needs a critic's values; set algorithm.name = \"ppo\"".into());
            }
            (Algorithm::Ppo, None) => {
                return refuse("advantage: ppo's are by token, from its critic; set [advantage.gae]".into());
            }
            _ => {}
        }
        if self.algorithm.name == Algorithm::Grpo && self.critic.is_some() {
            return refuse("critic: grpo has none; leave the section out or set algorithm.name = \"ppo\"".into());
        }
        if let Some(critic) = self.critic() {
            let has_reward_model = !self.reward_model.path.as_os_str().is_empty();
            critic.validate(self.update.updates_per_step, has_reward_model).map_err(Usage::error)?;
            if critic.pretrain_steps >= self.update.steps {
                return refuse(format!(
                    "critic.pretrain_steps: is {} of {} steps (update.steps); the policy would never learn",
                    critic.pretrain_steps, self.update.steps
                ));
            }
            self.critic_schedule(&critic)?;
        }
        Ok(())
    }

    /// Checks that steps can leave rollouts to the next.
    fn validate_partial(&self) -> Result<()> {
        let refuse = |message: &str| Err(Usage::error(message));
        let Some(PartialSection { prompts_in_flight }) = self.rollout.partial else { return Ok(()) };
        if prompts_in_flight <= self.rollout.prompts_per_step {
            return refuse(
                "rollout.partial.prompts_in_flight: must be above rollout.prompts_per_step, or nothing is unfinished \
                 when a step has its groups",
            );
        }
        if self.rollout.engine.cache_after_update == CacheAfterUpdate::Keep {
            return refuse(
                "rollout.engine.cache_after_update: rollouts that rollout.partial leaves to the next step are computed \
                 again; leave it at \"recompute\"",
            );
        }
        let is_corrected = self.loss.rollout_correction != RolloutCorrection::None;
        if self.algorithm.old_logprobs == OldLogprobs::Recompute && !is_corrected {
            return refuse(
                "rollout.partial: tokens of older policies must weigh what they are worth by their recorded logprobs; \
                 set algorithm.old_logprobs = \"rollout\" or a loss.rollout_correction",
            );
        }
        Ok(())
    }

    /// What is allowed and stands in no paper, or is easily meant otherwise.
    pub(crate) fn notes(&self) -> Vec<String> {
        let mut notes = self.loss.notes();
        if self.advantage.gae().is_some() && !self.loss.is_token_wise() {
            notes.push(
                "advantage.gae gives each token its own advantage, and this loss weighs a completion as a whole".into(),
            );
        }
        notes
    }

    /// The critic, where the algorithm has one.
    pub(crate) fn critic(&self) -> Option<CriticSection> {
        (self.algorithm.name == Algorithm::Ppo).then(|| self.critic.clone().unwrap_or_default())
    }

    /// What each update is told.
    pub(crate) fn update_plan(&self) -> UpdatePlan {
        UpdatePlan {
            updates_per_step: self.update.updates_per_step,
            micro_batch_tokens: self.update.micro_batch_tokens,
            head: HeadOptions { temperature: self.rollout.temperature, chunk: self.update.head_chunk },
            recompute: self.update.recompute,
            old_logprobs: self.algorithm.old_logprobs,
            loss: self.loss.clone(),
            critic: self.critic().zip(self.advantage.gae()).map(|(critic, gae)| critic.plan(*gae)),
        }
    }

    /// Choice of a step's groups.
    pub(crate) fn refill(&self) -> Refill {
        let wanted = self.rollout.prompts_per_step;
        let filter = &self.dynamic_sampling;
        Refill {
            wanted,
            replaces: filter.enabled,
            in_flight: self.rollout.partial.map(|partial| partial.prompts_in_flight),
            max_draws: wanted * filter.max_rounds,
            lag: filter.lag,
        }
    }

    /// Times of evaluations and checkpoints.
    pub(crate) fn calendar(&self) -> Calendar {
        self.eval.calendar(self.update.steps, &self.checkpoint)
    }

    /// The learning rate of each update of a critic with weights of its own.
    ///
    /// # Errors
    /// A usage error that names the section.
    pub(crate) fn critic_schedule(&self, critic: &CriticSection) -> Result<Schedule> {
        let num_updates = self.update.steps * critic.updates_per_step as u64;
        sections::schedule(&critic.optimizer, &critic.schedule, num_updates)
            .map_err(|error| Usage::error(format!("critic.{error}")))
    }

    /// The learning rate of each update of the policy.
    ///
    /// # Errors
    /// A usage error that names the section.
    pub(crate) fn schedule(&self) -> Result<Schedule> {
        let pretrain_steps = self.critic().map_or(0, |critic| critic.pretrain_steps);
        let steps = self.update.steps.saturating_sub(pretrain_steps);
        let num_updates = steps * self.update.updates_per_step as u64;
        sections::schedule(&self.optimizer, &self.schedule, num_updates)
    }
}
