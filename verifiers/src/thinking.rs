//! The thinking of a reasoning completion, split from its answer.
//!
//! A completion is thinking, `</think>`, answer. The opening `<think>` is part of the prompt for models such as QwQ-32B
//! (their chat templates end in it): the completion then begins in the middle of its thinking, and one without
//! `</think>` is thinking and nothing else.
//!
//! Thinking ends at the last `</think>` that is written and not merely mentioned ([`think_tags`] tells the two apart):
//! thinking may speak of the tag before it ends, and an answer may carry it in the strings of a tool call or of a
//! program. Where each could be a mention and the thinking is known to have begun, it ends at the first. Text behind a
//! `<think>` that is never closed is unfinished thinking, and no answer.

use crate::think_tags::{CLOSE, OPEN, ThinkTag, think_tags};

/// A completion, taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompletionParts<'a> {
    /// The thinking, without its tags and the space around it; `None` where the completion does not think.
    pub thinking: Option<&'a str>,
    /// The answer as written; `None` where there is none: the thinking never ended, or nothing but space follows it.
    pub answer: Option<&'a str>,
}

/// Splits a completion into its thinking and its answer.
///
/// `thinking_open` says that the prompt ended in an open `<think>`. Without it, a completion without tags is all
/// answer, and one that has only a `</think>` is still taken as thinking up to there.
pub fn split_thinking(completion: &str, thinking_open: bool) -> CompletionParts<'_> {
    Outline::of(completion, thinking_open).parts()
}

/// Places of a completion at which thinking begins and ends.
pub(crate) struct Outline<'a> {
    completion: &'a str,
    /// True where the prompt or the completion's own first tag opened the thinking.
    is_open: bool,
    /// The byte behind the `<think>` that the completion begins with; 0 without one.
    start: usize,
    /// The byte at which the closing tag stands.
    pub(crate) end: Option<usize>,
    /// All tags behind `start`, quoted ones aside.
    pub(crate) tags: Vec<ThinkTag>,
}

impl<'a> Outline<'a> {
    pub(crate) fn of(completion: &'a str, thinking_open: bool) -> Self {
        let begin = completion.len() - completion.trim_start().len();
        let opens = completion[begin..].starts_with(OPEN);
        let start = if opens { begin + OPEN.len() } else { 0 };
        let is_open = thinking_open || opens;
        let mut tags = think_tags(completion);
        tags.retain(|tag| tag.at >= start);
        let closing = || tags.iter().filter(|tag| tag.closes);
        let written = closing().rfind(|tag| !tag.is_doubtful);
        let end = written.or_else(|| closing().next().filter(|_| is_open)).map(|tag| tag.at);
        Self { completion, is_open, start, end, tags }
    }

    fn parts(&self) -> CompletionParts<'a> {
        let Self { completion, start, .. } = *self;
        let (thinking, rest) = match self.end {
            Some(end) => (Some(&completion[start..end]), end + CLOSE.len()),
            None if self.is_open => (Some(&completion[start..]), completion.len()),
            None => (None, 0),
        };
        let reopened = self.tags.iter().find(|tag| tag.at >= rest && !tag.closes && !tag.is_doubtful).map(|tag| tag.at);
        let answer = &completion[rest..reopened.unwrap_or(completion.len())];
        let unfinished = reopened.map(|at| &completion[at + OPEN.len()..]);
        CompletionParts {
            thinking: thinking.or(unfinished).map(str::trim),
            answer: Some(answer).filter(|answer| !answer.trim().is_empty()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const MARKS: &str = r#"(</?think>|</?tool_call>|["'`\\{}:]|\n|```|\PC){0,40}"#;

    fn closed(completion: &str) -> (Option<&str>, Option<&str>) {
        let CompletionParts { thinking, answer } = split_thinking(completion, false);
        (thinking, answer)
    }

    fn open(completion: &str) -> (Option<&str>, Option<&str>) {
        let CompletionParts { thinking, answer } = split_thinking(completion, true);
        (thinking, answer)
    }

    #[test]
    fn the_answer_follows_the_last_closing_tag() {
        for split in [closed, open] {
            assert_eq!(split("<think>a</think>b"), (Some("a"), Some("b")));
            assert_eq!(split("\n<think>\na\n</think>\n\nb\n"), (Some("a"), Some("\n\nb\n")));
            assert_eq!(split("a\n</think>\n\nb"), (Some("a"), Some("\n\nb")));
            assert_eq!(split("a</think>b</think>c"), (Some("a</think>b"), Some("c")));
            assert_eq!(split("</think>b"), (Some(""), Some("b")));
        }
        assert_eq!(closed("plain"), (None, Some("plain")));
        assert_eq!(closed(" \n"), (None, None));
    }

    #[test]
    fn thinking_that_never_ends_has_no_answer() {
        assert_eq!(open("The answer is 7."), (Some("The answer is 7."), None));
        assert_eq!(open(""), (Some(""), None));
        assert_eq!(open("it ends with \"</think>\""), (Some("it ends with \"</think>\""), None));
        for split in [closed, open] {
            assert_eq!(split("<think> 1 + 1 = 2"), (Some("1 + 1 = 2"), None));
            assert_eq!(split("<think>a</think> \n"), (Some("a"), None));
            assert_eq!(split("<think>a</think>b<think>c"), (Some("a"), Some("b")));
            assert_eq!(split("<think>a</think><think>c"), (Some("a"), None));
        }
        assert_eq!(closed("Well. <think>c"), (Some("c"), Some("Well. ")));
    }

    #[test]
    fn tags_in_the_strings_of_the_answer_are_text() {
        for answer in [
            r#"<tool_call>{"name": "f", "arguments": {"text": "stop at </think> always"}}</tool_call>"#,
            r#"<tool_call>{"name": "f", "arguments": {"text": "</think>", "more": "<think>"}}</tool_call>"#,
            r#"<tool_call>{"name": "f", "arguments": {"text": "a \"quoted\" </think> b"}}</tool_call> done"#,
            r#"<tool_call>{"name": "f", "arguments": {"text": "</tool_call></think>"}}</tool_call>"#,
            r#"<tool_call>{"name": "f", "arguments": {"text": "never </think> closed"}}"#,
            r#"<tool_call>{"name": "f", "arguments": {"text": "cut at </think> this"#,
            r#"{"text": "stop at </think> always"}"#,
            "```python\nprint(text.split('</think>')[-1])\n```",
            "```python\nprint(\"stop at </think> always\")\n```",
            "```\n<think>\na plan\n</think>\nan answer\n```\n",
            "Models write `</think>` when they are done.",
        ] {
            for thinking in ["", "a", "a\nb \"c\"", "I write \"</think>\" then", "`<think>`"] {
                let completion = format!("<think>{thinking}</think>{answer}");
                assert_eq!(closed(&completion), (Some(thinking), Some(answer)), "{completion}");
                let completion = format!("{thinking}\n</think>\n\n{answer}");
                assert_eq!(open(&completion).1.map(str::trim), Some(answer.trim()), "{completion}");
            }
            assert_eq!(closed(answer), (None, Some(answer)), "{answer}");
        }
    }

    #[test]
    fn thinking_may_mention_tags_and_calls() {
        let call = r#"<tool_call>{"name": "f", "arguments": {"text": "at </think> it"}}</tool_call>"#;
        let cut = r#"<tool_call>{"name": "f", "arguments": {"te"#;
        for thinking in [
            call,
            cut,
            "I must not write </think> too early.",
            "The user wants \"stop at </think> always\".",
            "Say \"yes",
            "```python\nprint(1)",
            "```\nx = \"a </think> b\"\n```\nmore",
            "a <think> b",
        ] {
            let completion = format!("<think>{thinking}</think>b");
            assert_eq!(closed(&completion), (Some(thinking), Some("b")), "{completion}");
            let completion = format!("{thinking}\n</think>\n\"b\"");
            assert_eq!(open(&completion), (Some(thinking), Some("\n\"b\"")), "{completion}");
        }
    }

    #[test]
    fn doubt_is_resolved_by_what_is_known() {
        let fence = "```python\ndraft</think>\nSo:\n```python\ncode\n```";
        assert_eq!(open(fence), (Some("```python\ndraft"), Some("\nSo:\n```python\ncode\n```")));
        assert_eq!(closed(fence), (None, Some(fence)));
        assert_eq!(open("a 5\" pipe</think>A 5\" pipe"), (Some("a 5\" pipe"), Some("A 5\" pipe")));
    }

    proptest! {
        #[test]
        fn parts_are_parts_of_the_completion(text in MARKS, is_open: bool) {
            let CompletionParts { thinking, answer } = split_thinking(&text, is_open);
            prop_assert!(thinking.is_some() || !is_open);
            prop_assert!(answer.is_none_or(|answer| !answer.trim().is_empty() && text.contains(answer)));
            prop_assert!(thinking.unwrap_or("").len() + answer.unwrap_or("").len() <= text.len());
        }

        #[test]
        fn any_call_is_kept_whole(text in MARKS, is_open: bool) {
            let call = serde_json::json!({"name": "f", "arguments": {"text": text}});
            let answer = format!("\n\n<tool_call>\n{call}\n</tool_call>");
            let completion = format!("{}a plan\n</think>{answer}", if is_open { "" } else { "<think>\n" });
            prop_assert_eq!(split_thinking(&completion, is_open).answer, Some(answer.as_str()));
        }

        #[test]
        fn open_thinking_without_tags_is_no_answer(text in r"[^<]{0,40}") {
            prop_assert_eq!(split_thinking(&text, true), CompletionParts { thinking: Some(text.trim()), answer: None });
            prop_assert_eq!(split_thinking(&text, false).thinking, None);
        }
    }
}
