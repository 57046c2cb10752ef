//! The trait that every verifier implements, and the ways in which one can break.

use std::future::Future;
use std::pin::Pin;

use datasets::Task;

use crate::Verdict;

/// A verdict on its way. Boxed, so that verifiers of every kind live in one registry.
pub type VerdictFuture<'a> = Pin<Box<dyn Future<Output = Result<Verdict, VerifierError>> + Send + 'a>>;

/// Judges completions of the tasks that name it.
pub trait Verifier: Send + Sync {
    /// The name that a task's `verifier` field carries.
    fn name(&self) -> &str;

    /// Whether judging only computes. Such verdicts are made on a pool for CPU work; the others wait for a service or a
    /// process, and are made where waiting costs nothing.
    fn only_computes(&self) -> bool {
        false
    }

    /// Judges one completion (text, thinking included) of `task`.
    ///
    /// # Errors
    /// Where the verifier cannot tell: the ground truth is unusable or a service is away. A completion that is merely bad is
    /// a verdict with score 0.
    fn verify<'a>(&'a self, task: &'a Task, completion: &'a str) -> VerdictFuture<'a>;
}

/// The verifier broke. The group is dropped and counted, never scored.
#[derive(Debug, thiserror::Error)]
pub enum VerifierError {
    /// A task names a verifier that is not registered.
    #[error("no verifier is called `{name}`; known: {known}. Correct the task's `verifier` field or register one")]
    UnknownVerifier {
        /// The name asked for.
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
        /// What is wrong, with the field.
        problem: String,
    },
    /// The maths verifier cannot read the final answer that the task gives. What that is worth, the reward section says.
    #[error("task `{task}`: the final answer cannot be judged by: {problem}")]
    GoldUnparsed {
        /// The task's id.
        task: String,
        /// Why not.
        problem: String,
    },
    /// The task asks for something that the verifier does not know how to judge.
    #[error("task `{task}`: verifier `{verifier}` does not support {what}")]
    Unsupported {
        /// The task's id.
        task: String,
        /// The verifier's name.
        verifier: String,
        /// What it does not support.
        what: String,
    },
    /// The code execution server gave no verdict.
    #[error("task `{task}`: the code execution server gave no verdict")]
    Sandbox {
        /// The task's id.
        task: String,
        /// What the client reports.
        #[source]
        source: sandbox_api::ClientError,
    },
    /// An external verifier command gave no verdict.
    #[error("verifier command `{name}` gave no verdict: {problem}")]
    Command {
        /// The verifier's name.
        name: String,
        /// What happened.
        problem: String,
    },
    /// A verifier returned a score outside 0 to 1.
    #[error("verifier `{name}` returned the score {score} for task `{task}`; scores lie between 0 and 1")]
    ScoreOutOfRange {
        /// The verifier's name.
        name: String,
        /// The task's id.
        task: String,
        /// The score.
        score: f32,
    },
    /// A setting that no verifier can work with.
    #[error("config {key}: {problem}")]
    Config {
        /// The key, as in `verifiers.code.max_code_bytes`.
        key: String,
        /// What is wrong and what to do.
        problem: String,
    },
}

impl VerifierError {
    /// The ground truth of `task` is unusable.
    pub fn ground_truth(task: &Task, verifier: &str, problem: impl Into<String>) -> Self {
        Self::GroundTruth { task: task.id.clone(), verifier: verifier.to_owned(), problem: problem.into() }
    }
}
