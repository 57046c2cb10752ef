//! What the model's thread is told, and what it answers.

use std::path::PathBuf;

use anyhow::Result;
use learner::objective::preference::{PairIds, PreferenceOutcome};
use learner::objective::supervised::{LearnedSequence, SupervisedOutcome};
use learner::trajectory::TrajectoryGroup;
use learner::update_outcome::UpdateOutcome;
use policy::dist::Traffic;
use policy::dist::cuda::GpuMemory;
use rollout::{Completion, EndedTurn, GenerationStats, NextTurn, RolloutRequest, Unfinished};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender};

/// Answers to commands, in the order in which they were made.
pub(crate) type Events = UnboundedReceiver<Result<ModelEvent>>;

/// Where the answers to a command go.
pub(crate) type Answers = UnboundedSender<Result<ModelEvent>>;

/// An order to the model's thread. Commands are executed in their order, between two steps of the engine.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) enum ModelCommand {
    /// Completes these requests, beside those under way. Answered by a `Completed` or `Refused` for each. With a `lag`,
    /// the engine goes on for at most so many steps once a draw's last request has ended, and then waits for the draw's
    /// `Replace`. A `TurnEnded` comes for each turn that is not a request's last, whose `AnswerTurn` the engine waits
    /// for `turn_lag` steps later.
    Submit { requests: Vec<RolloutRequest>, lag: Option<u64>, turn_lag: u64 },
    /// Goes on with these requests, which were withdrawn before or never begun, in this order. Answered as `Submit`.
    GoOn { unfinished: Vec<Unfinished>, lag: Option<u64>, turn_lag: u64 },
    /// Takes back every request that is under way, once the engine stands still for a draw that has ended and has not
    /// been replaced, a step that no clock decides, and every turn that ended before is answered. Answered by
    /// `Withdrawn`.
    Withdraw { draw: u64 },
    /// Completes these requests in the place of a draw that has ended, from the step on at which its lag is over; they
    /// are held to the same lag. None where the place stays empty. Answered as `Submit`.
    Replace { draw: u64, requests: Vec<RolloutRequest> },
    /// Says what follows a request's turn. Not answered by itself.
    AnswerTurn { draw: u64, sample: u64, next: NextTurn },
    /// Drops every request of a draw. Answered by `Done`.
    Abort { draw: u64 },
    /// Stops sampling until `Resume`; requests stay as they are. Answered by `Done`.
    Pause,
    /// Goes on sampling. Answered by `Done`.
    Resume,
    /// Counts and times of the sampling since the last such command. Answered by `Stats`.
    TakeStats,
    /// Bytes and times of the exchanges between ranks, and most memory, since the last such command. Answered by
    /// `Traffic`.
    TakeTraffic,
    /// Scores these sequences with the reward model. Answered by `Scored`.
    Score { sequences: Vec<Vec<u32>> },
    /// Logprobs of continuations under the policy, at temperature 1. Answered by `Logprobs`.
    Logprobs { continuations: Vec<Continuation> },
    /// Updates the policy, and its critic, on groups of trajectories; `step` counts from 0. Answered by `Updated`.
    Update { step: u64, groups: Vec<TrajectoryGroup> },
    /// One update of the policy on traces. Answered by `LearnedTraces`.
    LearnTraces { step: u64, sequences: Vec<LearnedSequence> },
    /// One update of the reward model on pairs. Answered by `LearnedPairs`.
    LearnPairs { step: u64, pairs: Vec<PairIds> },
    /// Asks how often the reward model prefers the chosen answer. Answered by `Compared`.
    ComparePairs { pairs: Vec<PairIds> },
    /// Writes every component of what is trained into a folder that is there. Answered by `Saved`.
    Save { folder: PathBuf },
    /// Replaces weights, optimizers and counts by those that `Save` wrote. Answered by `Done`.
    Load { folder: PathBuf },
    /// Replaces the policy's weights by those of a Hugging Face folder, and says which version they are; requests under
    /// way go on with them. Answered by `Done`.
    Swap { folder: PathBuf, policy_version: u64 },
}

impl ModelCommand {
    /// Word for what is done meanwhile.
    pub(super) fn phase(&self) -> &'static str {
        match self {
            Self::Submit { .. } | Self::GoOn { .. } | Self::Withdraw { .. } | Self::Replace { .. } => "sampling",
            Self::AnswerTurn { .. } | Self::Abort { .. } | Self::Pause | Self::Resume => "sampling",
            Self::TakeStats | Self::TakeTraffic => "counting",
            Self::Score { .. } | Self::Logprobs { .. } => "scoring",
            Self::Update { .. } | Self::LearnTraces { .. } | Self::LearnPairs { .. } => "update",
            Self::ComparePairs { .. } => "evaluation",
            Self::Save { .. } => "saving",
            Self::Load { .. } | Self::Swap { .. } => "loading",
        }
    }

    /// Step of the run, from 1, where the command has one.
    pub(super) fn step(&self) -> Option<u64> {
        match self {
            Self::Update { step, .. } | Self::LearnTraces { step, .. } | Self::LearnPairs { step, .. } => {
                Some(step + 1)
            }
            _ => None,
        }
    }
}

/// Tokens whose logprobs are asked, behind those that come before them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Continuation {
    /// Prompt, at least one token, and continuation.
    pub ids: Vec<u32>,
    /// Number of tokens of the prompt.
    pub num_prompt: usize,
}

/// An answer of the model's thread.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum ModelEvent {
    /// A request is complete.
    Completed(Completion),
    /// A turn of a request ended.
    TurnEnded(EndedTurn),
    /// A request could not be completed; the others go on.
    Refused { draw: u64, sample: u64, reason: String },
    /// The requests that were under way, in the order in which they were submitted.
    Withdrawn(Vec<Unfinished>),
    /// Counts and times of sampling.
    Stats(GenerationStats),
    /// Bytes and times of each rank, in their order.
    Traffic(Vec<RankTraffic>),
    /// One score a sequence.
    Scored(Vec<f32>),
    /// Of each continuation the logprobs of its tokens.
    Logprobs(Vec<Vec<f32>>),
    /// What an update did.
    Updated(Box<UpdateOutcome>),
    /// What an update on traces did.
    LearnedTraces(SupervisedOutcome),
    /// What an update on pairs did.
    LearnedPairs(PreferenceOutcome),
    /// Share of the pairs whose chosen answer scores higher.
    Compared { accuracy: f64 },
    /// The files that were written, by component, relative to the folder.
    Saved(Vec<SavedComponent>),
    /// The command is executed, and there is nothing more to say.
    Done,
}

/// What the exchanges with other ranks cost a rank, and the memory of its GPU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct RankTraffic {
    /// Bytes and waiting of all exchanges.
    pub all: Traffic,
    /// Seconds that gathers of weights took.
    pub gather_seconds: f64,
    /// Seconds of them that were waited for.
    pub gather_seconds_waited: f64,
    /// Seconds in which weights were moved from where they are trained to where they are sampled from.
    pub reshard_seconds: f64,
    /// Bytes of these weights.
    pub reshard_bytes: u64,
    /// Memory of the rank's GPU with its peaks since the last such command; none on a CPU.
    pub gpu: Option<GpuMemory>,
}

/// A component of a checkpoint and its files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SavedComponent {
    /// Name such as `policy`, `optimizer`, `critic`.
    pub name: String,
    /// Folder that the component is read from, within the checkpoint, with `/` between its parts.
    pub folder: String,
    /// Paths of its files within the checkpoint.
    pub files: Vec<String>,
}
