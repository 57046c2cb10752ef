//! `[algorithm]` and `[critic]`: GRPO compares the completions of a prompt, PPO asks a critic.

use std::path::PathBuf;

use learner::gae::GaeConfig;
use learner::optimizer::adamw::AdamWConfig;
use learner::optimizer::schedule::ScheduleConfig;
use learner::update_plan::{CriticPlan, OldLogprobs};
use learner::value_loss::ValueLossConfig;
use serde::{Deserialize, Serialize};

/// `[algorithm]`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct AlgorithmSection {
    /// What a completion's tokens are credited by.
    pub name: Algorithm,
    /// Logprobs of the old policy, by which the ratio divides.
    pub old_logprobs: OldLogprobs,
}

/// What a completion's tokens are credited by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Algorithm {
    /// The other completions of its prompt: no critic (arXiv 2402.03300).
    #[default]
    Grpo,
    /// A critic's values of its tokens, by generalised advantage estimation (arXiv 1707.06347, 1506.02438).
    Ppo,
}

/// Model that a critic starts from; its scalar head starts at 0 where that model has none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum CriticStart {
    /// `model.path`: the policy as the run began.
    #[default]
    Policy,
    /// `reward_model.path`, its head too.
    RewardModel,
    /// `critic.path`: a language model or a reward model.
    Folder,
}

/// `[critic]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct CriticSection {
    /// Model that the critic starts from.
    pub start: CriticStart,
    /// Folder of that model, where `start` is `folder`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<PathBuf>,
    /// True where the critic is a second head on the policy's trunk: one optimizer and one update for both.
    pub shared_trunk: bool,
    /// Factor of the value loss beside the policy's, on a shared trunk.
    pub coefficient: f64,
    /// Lambda of the returns that the critic learns, apart from the policy's in `advantage.gae`. 1 takes the rewards as
    /// they came (VAPO, arXiv 2504.05118).
    pub lambda: f64,
    /// Distance to which the value loss clips a value around the one before the step; 0 does not clip.
    pub value_clip: f64,
    /// Number of the critic's updates in each step. 12 in Open-Reasoner-Zero (arXiv 2503.24290).
    pub updates_per_step: usize,
    /// Number of first steps in which the critic learns and the policy stands still. 50 in VAPO.
    pub pretrain_steps: u64,
    /// AdamW of a critic with weights of its own.
    pub optimizer: AdamWConfig,
    /// Learning rate of a critic with weights of its own, over its updates.
    pub schedule: ScheduleConfig,
}

impl Default for CriticSection {
    fn default() -> Self {
        Self {
            start: CriticStart::Policy,
            path: None,
            shared_trunk: false,
            coefficient: 0.5,
            lambda: 1.0,
            value_clip: 0.2,
            updates_per_step: 1,
            pretrain_steps: 0,
            optimizer: AdamWConfig::default(),
            schedule: ScheduleConfig { lr: 5e-6, ..ScheduleConfig::default() },
        }
    }
}

impl CriticSection {
    /// Checks what the types cannot say; `has_reward_model` says whether the run has one to start from.
    ///
    /// # Errors
    /// The reason, which begins with the key.
    pub(super) fn validate(&self, policy_updates_per_step: usize, has_reward_model: bool) -> Result<(), String> {
        let refuse = |message: String| Err(message);
        match (self.start, &self.path) {
            (CriticStart::Folder, None) => return refuse("critic.path: name the folder to start from".into()),
            (CriticStart::Policy | CriticStart::RewardModel, Some(_)) => {
                return refuse("critic.path: is read with critic.start = \"folder\" alone; leave it out".into());
            }
            (CriticStart::RewardModel, None) if !has_reward_model => {
                return refuse("critic.start: this run has no reward model; take \"policy\" or \"folder\"".into());
            }
            _ => {}
        }
        if !(0.0..=1.0).contains(&self.lambda) {
            return refuse(format!("critic.lambda: is {}; set it between 0 and 1", self.lambda));
        }
        for (name, value) in [("coefficient", self.coefficient), ("value_clip", self.value_clip)] {
            if !(value.is_finite() && value >= 0.0) {
                return refuse(format!("critic.{name}: is {value}; set it to 0 or more"));
            }
        }
        if self.updates_per_step == 0 {
            return refuse("critic.updates_per_step: must be at least 1".into());
        }
        if self.shared_trunk {
            if self.start != CriticStart::Policy {
                return refuse("critic.start: on a shared trunk the critic starts from the policy".into());
            }
            if self.pretrain_steps > 0 {
                return refuse(
                    "critic.pretrain_steps: on a shared trunk the policy cannot stand still; set 0 or \
                     critic.shared_trunk = false"
                        .into(),
                );
            }
            if self.updates_per_step != policy_updates_per_step {
                return refuse(format!(
                    "critic.updates_per_step: on a shared trunk it is that of update.updates_per_step, \
                     {policy_updates_per_step}"
                ));
            }
        }
        Ok(())
    }

    /// What an update is told.
    pub(crate) fn plan(&self, gae: GaeConfig) -> CriticPlan {
        CriticPlan {
            gae,
            lambda: self.lambda,
            value_loss: ValueLossConfig { clip: (self.value_clip > 0.0).then_some(self.value_clip) },
            updates_per_step: self.updates_per_step,
            pretrain_steps: self.pretrain_steps,
            coefficient: self.coefficient,
        }
    }
}
