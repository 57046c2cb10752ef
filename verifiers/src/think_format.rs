//! `think_format`: judges the shape of a completion, thinking and then an answer, whatever the two say.

use crate::thinking::{CLOSE, OPEN};
use crate::{Judged, Verdict, VerdictFuture, Verifier};

/// `think_format`: exactly one `</think>`, at most one `<think>` and only at the start, and an answer after them.
pub struct ThinkFormat;

impl ThinkFormat {
    /// Judges the shape of `completion`; needs no task.
    pub fn judge(completion: &str) -> Verdict {
        let completion = completion.trim();
        let body = completion.strip_prefix(OPEN).unwrap_or(completion);
        if body.contains(OPEN) {
            return Verdict::fail("a second or late <think>");
        }
        match body.matches(CLOSE).count() {
            0 => return Verdict::fail("no </think>"),
            1 => {}
            count => return Verdict::fail(format!("{count} times </think>")),
        }
        if body.ends_with(CLOSE) {
            return Verdict::fail("no answer after </think>");
        }
        Verdict::pass("thinking, then an answer")
    }
}

impl Verifier for ThinkFormat {
    fn name(&self) -> &str {
        "think_format"
    }

    fn only_computes(&self) -> bool {
        true
    }

    fn verify<'a>(&'a self, judged: &'a Judged) -> VerdictFuture<'a> {
        Box::pin(async move { Ok(Self::judge(&judged.completion)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_wants_one_closing_tag_and_an_answer() {
        for good in ["<think>a</think>b", "a</think>b", "\n<think>\na\n</think>\n\nb\n"] {
            assert!(ThinkFormat::judge(good).passed(), "{good}");
        }
        for bad in [
            "b",
            "",
            "<think>a",
            "a</think>",
            "a</think> \n",
            "a</think>b</think>c",
            "<think><think>a</think>b",
            "a<think>b</think>c",
        ] {
            assert!(!ThinkFormat::judge(bad).passed(), "{bad}");
        }
    }
}
