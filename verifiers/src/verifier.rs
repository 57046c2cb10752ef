//! The trait that every verifier implements.

use std::future::Future;
use std::pin::Pin;

use datasets::Task;

use crate::{Verdict, VerifierError};

/// A verdict that is being reached. Boxed, so that verifiers of every kind fit in one registry.
pub type VerdictFuture<'a> = Pin<Box<dyn Future<Output = Result<Verdict, VerifierError>> + Send + 'a>>;

/// Judges completions of the tasks that name it.
pub trait Verifier: Send + Sync {
    /// The name by which tasks ask for it, in their field `verifier`.
    fn name(&self) -> &str;

    /// True for a verifier that computes without waiting for a service or a process. Judge with it on threads for CPU
    /// work, and with the others on an async runtime.
    fn only_computes(&self) -> bool {
        false
    }

    /// Judges one completion (text, thinking included) of `task`.
    ///
    /// # Errors
    /// The verifier cannot decide, because the ground truth is unusable or a service is away. A completion that is
    /// merely bad is no error: its verdict has score 0.
    fn verify<'a>(&'a self, task: &'a Task, completion: &'a str) -> VerdictFuture<'a>;
}
