//! The thinking of a reasoning completion, split from its answer.
//!
//! A completion is thinking, `</think>`, answer. The opening `<think>` is usually part of the prompt (QwQ-32B's
//! template ends in it), so a completion may begin in the middle of its thinking.

/// Opens the thinking.
pub(crate) const OPEN: &str = "<think>";
/// Closes the thinking; the answer follows.
pub(crate) const CLOSE: &str = "</think>";

/// Splits a completion into its thinking (where there is any) and its answer.
///
/// The answer is the text after the last `</think>`. Without that tag the whole completion is the answer, unless it
/// opens with `<think>`: then it never came to an answer, and the answer is empty.
pub fn split_thinking(completion: &str) -> (Option<&str>, &str) {
    if let Some(position) = completion.rfind(CLOSE) {
        let thinking = completion[..position].trim_start();
        let thinking = thinking.strip_prefix(OPEN).unwrap_or(thinking);
        return (Some(thinking.trim()), &completion[position + CLOSE.len()..]);
    }
    match completion.trim_start().strip_prefix(OPEN) {
        Some(thinking) => (Some(thinking.trim()), ""),
        None => (None, completion),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_follows_the_last_closing_tag() {
        assert_eq!(split_thinking("<think>a</think>b"), (Some("a"), "b"));
        assert_eq!(split_thinking("a\n</think>\n\nb"), (Some("a"), "\n\nb"));
        assert_eq!(split_thinking("a</think>b</think>c"), (Some("a</think>b"), "c"));
        assert_eq!(split_thinking("plain"), (None, "plain"));
    }

    #[test]
    fn thinking_that_never_ends_has_no_answer() {
        assert_eq!(split_thinking("<think> 1 + 1 = 2"), (Some("1 + 1 = 2"), ""));
    }
}
