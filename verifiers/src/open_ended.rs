//! `preference`: tasks without a rule, whose completions only a reward model can rank. The one thing to check is that
//! there is an answer.

use datasets::Task;

use crate::{Verdict, VerdictFuture, Verifier, split_thinking};

/// `preference`: passes every completion whose answer, thinking removed, is not empty.
pub struct OpenEnded;

impl Verifier for OpenEnded {
    fn name(&self) -> &str {
        "preference"
    }

    fn verify<'a>(&'a self, _task: &'a Task, completion: &'a str) -> VerdictFuture<'a> {
        Box::pin(async move {
            let answer = split_thinking(completion, false).answer.unwrap_or_default();
            Ok(if answer.trim().is_empty() {
                Verdict::fail("the answer is empty")
            } else {
                Verdict::pass("there is an answer; no rule judges it")
            })
        })
    }
}
