//! `think_format`: judges the shape of a completion, thinking and then an answer, whatever the two say. Tags that are
//! only mentioned, in a string of a tool call or between quotation marks, are text.

use crate::thinking::Outline;
use crate::{Judged, Verdict, VerdictFuture, Verifier, split_thinking};

/// `think_format`: exactly one `</think>`, at most one `<think>` and only at the start, and an answer after them.
pub struct ThinkFormat;

impl ThinkFormat {
    /// Judges the shape of `completion`; needs no task. `thinking_open` says that the prompt ended in an open
    /// `<think>`.
    pub fn judge(completion: &str, thinking_open: bool) -> Verdict {
        let outline = Outline::of(completion, thinking_open);
        let written = |closes: bool| outline.tags.iter().filter(|tag| tag.closes == closes && !tag.is_doubtful).count();
        if written(false) > 0 {
            return Verdict::fail("a second or late <think>");
        }
        if outline.end.is_none() {
            return Verdict::fail("no </think>");
        }
        if written(true) > 1 {
            return Verdict::fail(format!("{} times </think>", written(true)));
        }
        if split_thinking(completion, thinking_open).answer.is_none() {
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
        Box::pin(async move { Ok(Self::judge(&judged.completion, judged.thinking_open)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_format_wants_one_closing_tag_and_an_answer() {
        for good in ["<think>a</think>b", "a</think>b", "\n<think>\na\n</think>\n\nb\n"] {
            assert!(ThinkFormat::judge(good, false).passed(), "{good}");
            assert!(ThinkFormat::judge(good, true).passed(), "{good}");
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
            "<think>a</think>b<think>c</think>d",
            "<think>a</think>b<think>c",
        ] {
            assert!(!ThinkFormat::judge(bad, false).passed(), "{bad}");
            assert!(!ThinkFormat::judge(bad, true).passed(), "{bad}");
        }
    }

    #[test]
    fn tags_that_are_mentioned_are_text() {
        for good in [
            "<think>a</think><tool_call>{\"text\": \"stop at </think> always\"}</tool_call>",
            "<think>I close with `</think>`.</think>b",
            "<think>a</think>The tag is \"<think>\".",
            "<think>a</think>```\nx = \"a </think> b\"\n```",
        ] {
            assert!(ThinkFormat::judge(good, false).passed(), "{good}");
        }
        assert!(!ThinkFormat::judge("<think>a `</think>` b", false).passed());
        assert!(!ThinkFormat::judge("a <tool_call>{\"text\": \"</think>\"}</tool_call>", true).passed());
    }
}
