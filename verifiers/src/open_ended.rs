//! `preference`: tasks without a rule, whose completions only a reward model can rank. The one thing to check is that
//! there is an answer.

use crate::{Judged, Verdict, VerdictFuture, Verifier};

/// `preference`: passes every completion whose answer, thinking removed, is not empty.
pub struct OpenEnded;

impl Verifier for OpenEnded {
    fn name(&self) -> &str {
        "preference"
    }

    fn only_computes(&self) -> bool {
        true
    }

    fn verify<'a>(&'a self, judged: &'a Judged) -> VerdictFuture<'a> {
        Box::pin(async move {
            Ok(if judged.answer().trim().is_empty() {
                Verdict::no_answer("the answer is empty")
            } else {
                Verdict::pass("there is an answer; no rule judges it")
            })
        })
    }
}
