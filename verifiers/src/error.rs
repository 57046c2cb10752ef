//! The ways in which a verifier can fail to reach a verdict.

use datasets::Task;

/// Why a verifier reached no verdict. The group is then dropped and counted, never scored.
#[derive(Debug, thiserror::Error)]
pub enum VerifierError {
    /// A task names a verifier that is not registered.
    #[error("no verifier is called `{name}`; known: {known}. Correct the task's `verifier` field or register one")]
    UnknownVerifier {
        /// The name in the task's `verifier` field.
        name: String,
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
    #[error("task `{task}`: the code execution server gave no verdict")]
    Sandbox {
        /// The task's id.
        task: String,
        /// The client's error.
        #[source]
        source: sandbox_api::ClientError,
    },
    /// An external verifier command gave no verdict.
    #[error("verifier command `{name}` gave no verdict: {problem}")]
    Command {
        /// The verifier's name.
        name: String,
        /// The failure of the process, or the fault of its answer.
        problem: String,
    },
    /// A verifier returned a score outside 0 to 1, or one that is not a number.
    #[error("verifier `{name}` returned the score {score} for task `{task}`; scores lie between 0 and 1")]
    ScoreOutOfRange {
        /// The verifier's name.
        name: String,
        /// The task's id.
        task: String,
        /// The score as returned.
        score: f32,
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

impl VerifierError {
    /// A [`VerifierError::GroundTruth`] of `task`.
    pub fn ground_truth(task: &Task, verifier: &str, problem: impl Into<String>) -> Self {
        Self::GroundTruth { task: task.id.clone(), verifier: verifier.to_owned(), problem: problem.into() }
    }
}
