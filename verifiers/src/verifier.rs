//! The trait that every verifier implements.

use std::future::Future;
use std::pin::Pin;

use datasets::Task;
use serde_json::Value;

use crate::{Judged, ScoreRange, Verdict, VerifierError};

/// A verdict that is being reached. Boxed, so that verifiers of every kind fit in one registry.
pub type VerdictFuture<'a> = Pin<Box<dyn Future<Output = Result<Verdict, VerifierError>> + Send + 'a>>;

/// Verdicts on the completions of a group that are being reached, in the group's order.
pub type GroupFuture<'a> = Pin<Box<dyn Future<Output = Vec<Result<Verdict, VerifierError>>> + Send + 'a>>;

/// A verifier that is being made ready.
pub type ReadyFuture<'a> = Pin<Box<dyn Future<Output = Result<(), VerifierError>> + Send + 'a>>;

/// Judges completions of the tasks that name it.
pub trait Verifier: Send + Sync {
    /// The name by which tasks ask for it, in their field `verifier`.
    fn name(&self) -> &str;

    /// The scores that it may give. One outside of them, or one that is not a number, is no verdict but `crashed`.
    fn range(&self) -> ScoreRange {
        ScoreRange::default()
    }

    /// True for a verifier that computes without waiting for a service or a process: it judges on threads for CPU work,
    /// and the others on an async runtime. Where this is true and `verify` waits all the same, there is no verdict.
    fn only_computes(&self) -> bool {
        false
    }

    /// True for a verifier that compares the completions of a prompt: it judges all at once, when the last is done.
    fn compares(&self) -> bool {
        false
    }

    /// Loads what the verifier needs, before the first task is judged.
    ///
    /// # Errors
    /// The verifier cannot work: its file does not load, its service refuses it.
    fn prepare(&self) -> ReadyFuture<'_> {
        Box::pin(async { Ok(()) })
    }

    /// Checks a task's ground truth before anything is sampled for it.
    ///
    /// # Errors
    /// The ground truth is not what the verifier needs.
    fn check(&self, _task: &Task, _ground_truth: &Value) -> Result<(), VerifierError> {
        Ok(())
    }

    /// True where two answers, as [`Verdict::answer`] has them, are the same answer to the task: majority votes count
    /// them as one. Text without the space around it, unless the verifier knows better.
    fn same_answer(&self, _task: &Task, a: &str, b: &str) -> bool {
        a.trim() == b.trim()
    }

    /// Judges one completion.
    ///
    /// # Errors
    /// The verifier cannot decide, because the ground truth is unusable or a service is away. A completion that is
    /// merely bad is no error: its verdict has the lowest score.
    fn verify<'a>(&'a self, judged: &'a Judged) -> VerdictFuture<'a>;

    /// Judges all completions of a prompt; the verdicts come in their order.
    fn verify_group<'a>(&'a self, group: &'a [Judged]) -> GroupFuture<'a> {
        Box::pin(async move {
            let mut verdicts = Vec::with_capacity(group.len());
            for judged in group {
                verdicts.push(self.verify(judged).await);
            }
            verdicts
        })
    }
}
