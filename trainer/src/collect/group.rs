//! The nouns of sampling: rollout, group, batch, the settings of sampling and its cost.

use std::sync::Arc;

use datasets::Task;
use rollout::{FinishReason, SamplingParams, Sequence, TokenSource};
use serde::{Deserialize, Serialize};
use verifiers::{Judgement, Reward};

use crate::config::PromptSection;
use crate::tools::{CallRecord, ToolBox};

/// What the policy made of a prompt, with its verdict and reward.
#[derive(Debug)]
pub(crate) struct Rollout {
    /// Number among the group's rollouts, masked ones too.
    pub sample: u64,
    /// One sequence of tokens, or several where the chat template rewrites what went before. All have the rollout's
    /// advantage.
    pub sequences: Vec<Sequence>,
    /// The text that was judged: of several turns the last.
    pub text: String,
    /// Calls of tools, in their order.
    pub calls: Vec<CallRecord>,
    pub finish_reason: FinishReason,
    /// Verdicts of the task's verifiers.
    pub judgement: Judgement,
    /// Reward; `None` where the reward section leaves the completion or its group out.
    pub reward: Option<Reward>,
}

impl Rollout {
    /// True where the length limit ended the completion.
    pub(crate) fn truncated(&self) -> bool {
        self.finish_reason == FinishReason::Length
    }

    /// Number of tokens that the policy sampled.
    pub(crate) fn num_sampled(&self) -> usize {
        self.num_tokens_of(TokenSource::Sampled)
    }

    /// Number of tokens of this source.
    pub(crate) fn num_tokens_of(&self, source: TokenSource) -> usize {
        self.sequences.iter().map(|sequence| sequence.num_tokens_of(source)).sum()
    }
}

/// The rollouts of one draw.
#[derive(Debug)]
pub(crate) struct Group {
    /// Place in the walk over the data, or of a held-out task in its dataset.
    pub draw: u64,
    pub task: Arc<Task>,
    /// Rollouts in the order of their sample index.
    pub rollouts: Vec<Rollout>,
    /// Rollouts that the reward section leaves out: they are recorded, and no part of the group otherwise.
    pub masked: Vec<Rollout>,
    /// Requests that could not be completed, in the order of their samples: the others have no rewards then.
    pub refusals: Vec<Refusal>,
}

/// A request that has no completion, through a fault of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Refusal {
    /// Number among the draw's requests.
    pub sample: u64,
    pub reason: String,
}

impl Group {
    /// Rewards of the rollouts; `None` where one has none, a request was refused or no rollout is left: that group is
    /// dropped, never scored 0.
    pub(crate) fn rewards(&self) -> Option<Vec<f32>> {
        if self.rollouts.is_empty() || self.is_refused() {
            return None;
        }
        self.rollouts.iter().map(|rollout| rollout.reward.as_ref().map(|reward| reward.total)).collect()
    }

    /// True where a request could not be completed.
    pub(crate) fn is_refused(&self) -> bool {
        !self.refusals.is_empty()
    }

    /// All rollouts, masked ones too.
    pub(crate) fn sampled(&self) -> impl Iterator<Item = &Rollout> {
        self.rollouts.iter().chain(&self.masked)
    }
}

/// Settings of the sampling of groups.
#[derive(Clone, Debug)]
pub(crate) struct Sampling {
    /// Temperature, filters, length, and the seed under which draws are numbered.
    pub params: Arc<SamplingParams>,
    /// Number of completions of each prompt.
    pub samples_per_prompt: usize,
    /// Text around a task's words.
    pub prompt: PromptSection,
    /// Tools that completions may call, where there are any.
    pub tools: Option<Arc<ToolBox>>,
    /// Decode steps between the end of a turn and the next.
    pub turn_lag: u64,
}

/// Groups of one step, in the order of their draws: those to learn from, and those that were left out.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub kept: Vec<Group>,
    pub left_out: Vec<Group>,
    pub cost: SamplingCost,
}

/// Time and tokens of sampling.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SamplingCost {
    /// Seconds in which the model generated.
    pub rollout_seconds: f64,
    /// Seconds in which groups were waited for after the last completion was done.
    pub verify_seconds: f64,
    /// Seconds in which the reward model scored, also while others generated.
    pub reward_model_seconds: f64,
    /// Number of completion tokens.
    pub num_tokens: usize,
    /// Mean number of sequences that decoded together.
    pub rows_in_flight: f64,
}
