//! The ways in which a verifier can fail to reach a verdict.

use datasets::Task;
use sandbox_api::ClientError;

use crate::{ScoreRange, VerdictKind};

/// The maths verifier's own word for a final answer of a task's that cannot be read.
pub(crate) const GOLD_UNPARSED: &str = "gold_unparsed";

/// Why a verifier reached no verdict: what that is worth, the configuration says by its [kind](VerifierError::kind).
#[derive(Debug, thiserror::Error)]
pub enum VerifierError {
    /// A task names a verifier that is not registered.
    #[error(
        "no verifier is called `{name}`{hint}; known: {known}. Correct the task's `verifier` field or register one"
    )]
    UnknownVerifier {
        /// The name in the task's `verifier` field.
        name: String,
        /// The near name in words; empty where none is near.
        hint: String,
        /// All registered names, comma separated.
        known: String,
    },
    /// The ground truth is not what the verifier needs.
    #[error("task `{task}`: verifier `{verifier}` cannot use the ground truth: {problem}")]
    GroundTruth {
        /// The task's id.
        task: String,
        /// The verifier's name.
        verifier: String,
        /// The fault, with the name of the field.
        problem: String,
    },
    /// The maths verifier cannot read the task's own final answer; `[reward.math] gold_unparsed` sets its worth.
    #[error("task `{task}`: the final answer cannot be judged by: {problem}")]
    GoldUnparsed {
        /// The task's id.
        task: String,
        /// The verifier's reason.
        problem: String,
    },
    /// The task asks for something that the verifier does not know how to judge.
    #[error("task `{task}`: verifier `{verifier}` does not support {what}")]
    Unsupported {
        /// The task's id.
        task: String,
        /// The verifier's name.
        verifier: String,
        /// The instruction type or language that is not supported.
        what: String,
    },
    /// The code execution server gave no verdict.
    #[error("task `{task}`: the code execution server gave no verdict: {cause}")]
    Sandbox {
        /// The task's id.
        task: String,
        /// The client's error.
        cause: ClientError,
    },
    /// A verifier failed, timed out, used too much, or needs what is away.
    #[error("verifier `{name}` {}: {problem}", words(*kind))]
    NoVerdict {
        /// The verifier's name.
        name: String,
        /// `TimedOut`, `Crashed`, `Unavailable` or `OverBudget`.
        kind: VerdictKind,
        /// The failure, with the last words of what failed.
        problem: String,
    },
    /// A verifier returned a score outside its range, or one that is not a number.
    #[error(
        "verifier `{name}` returned the score {score} for task `{task}`; its scores lie between {} and {}",
        range.low, range.high
    )]
    ScoreOutOfRange {
        /// The verifier's name.
        name: String,
        /// The task's id.
        task: String,
        /// The score as returned.
        score: f32,
        /// The scores that it may give.
        range: ScoreRange,
    },
    /// A setting that no verifier can work with.
    #[error("config {key}: {problem}")]
    Config {
        /// The key, as in `verifiers.code.max_code_bytes`.
        key: String,
        /// The fault, and what to write instead.
        problem: String,
    },
}

fn words(kind: VerdictKind) -> &'static str {
    match kind {
        VerdictKind::TimedOut => "gave no verdict in time",
        VerdictKind::Unavailable => "needs what is away",
        VerdictKind::OverBudget => "used more than it may",
        _ => "gave no verdict",
    }
}

impl VerifierError {
    /// The kind of failure, by which it is counted.
    pub fn kind(&self) -> VerdictKind {
        match self {
            Self::UnknownVerifier { .. }
            | Self::GroundTruth { .. }
            | Self::GoldUnparsed { .. }
            | Self::Unsupported { .. }
            | Self::Config { .. } => VerdictKind::TaskUnusable,
            Self::Sandbox { cause: ClientError::Refused { .. }, .. } => VerdictKind::TaskUnusable,
            Self::Sandbox { .. } => VerdictKind::Unavailable,
            Self::NoVerdict { kind, .. } => *kind,
            Self::ScoreOutOfRange { .. } => VerdictKind::Crashed,
        }
    }

    /// The verifier called `name` failed, or answered with what is no verdict.
    pub fn crashed(name: &str, problem: impl Into<String>) -> Self {
        Self::NoVerdict { name: name.to_owned(), kind: VerdictKind::Crashed, problem: problem.into() }
    }

    /// The verifier called `name` did not answer in time.
    pub fn timed_out(name: &str, problem: impl Into<String>) -> Self {
        Self::NoVerdict { name: name.to_owned(), kind: VerdictKind::TimedOut, problem: problem.into() }
    }

    /// What the verifier called `name` needs is away.
    pub fn unavailable(name: &str, problem: impl Into<String>) -> Self {
        Self::NoVerdict { name: name.to_owned(), kind: VerdictKind::Unavailable, problem: problem.into() }
    }

    /// The verifier called `name` used up its memory or its instructions.
    pub fn over_budget(name: &str, problem: impl Into<String>) -> Self {
        Self::NoVerdict { name: name.to_owned(), kind: VerdictKind::OverBudget, problem: problem.into() }
    }

    /// A [`VerifierError::GroundTruth`] of `task`.
    pub fn ground_truth(task: &Task, verifier: &str, problem: impl Into<String>) -> Self {
        Self::GroundTruth { task: task.id.clone(), verifier: verifier.to_owned(), problem: problem.into() }
    }
}
