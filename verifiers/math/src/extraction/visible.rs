//! The part of a completion that counts: the text outside of `<think>…</think>`, up to the end of the turn. This file
//! must not know what an answer looks like.

/// Tokens that end a turn, as tokenizers write them where they are not removed.
const TURN_ENDS: [&str; 6] =
    ["<|im_end|>", "<|im_start|>", "<|endoftext|>", "<|eot_id|>", "<|end_of_text|>", "<｜end▁of▁sentence｜>"];

/// The stretches of text outside of the thinking that are not blank, in order.
///
/// A closing tag without an opening one ends thinking that the prompt had opened: all text before it was thought.
/// Nothing counts behind an opening tag that is never closed.
pub(super) fn visible(completion: &str) -> Vec<&str> {
    let text = turn(completion);
    let mut parts = Vec::with_capacity(1);
    let mut start = 0;
    let mut thinking = false;
    for (at, tag) in text.match_indices("think>") {
        let before = &text[..at];
        let end = at + tag.len();
        if before.ends_with("</") {
            if !thinking {
                parts.clear();
            }
            thinking = false;
            start = end;
        } else if before.ends_with('<') && !thinking {
            parts.push(&text[start..at - 1]);
            thinking = true;
        }
    }
    if !thinking {
        parts.push(&text[start..]);
    }
    parts.retain(|part| !part.trim().is_empty());
    parts
}

/// The text before the first token that ends a turn; one at the very start only opens it.
fn turn(completion: &str) -> &str {
    for (at, _) in completion.match_indices('<') {
        let is_end = TURN_ENDS.iter().any(|end| completion[at..].starts_with(end));
        if is_end && !completion[..at].trim().is_empty() {
            return &completion[..at];
        }
    }
    completion
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thinking_does_not_count() {
        for (completion, parts) in [
            ("a", vec!["a"]),
            ("<think>a</think>b", vec!["b"]),
            ("a</think>b", vec!["b"]),
            ("a</think>b</think>c", vec!["c"]),
            ("<think>a<think>b</think>c", vec!["c"]),
            ("a<think>b</think>c", vec!["a", "c"]),
            ("a<think>b", vec!["a"]),
            ("<think>a", vec![]),
            ("<think>a</think> \n", vec![]),
            ("", vec![]),
            ("I think> so", vec!["I think> so"]),
        ] {
            assert_eq!(visible(completion), parts, "{completion}");
        }
    }

    #[test]
    fn the_turn_ends_where_it_ends() {
        assert_eq!(visible("5<|im_end|>\n<|im_start|>user\n6"), ["5"]);
        assert_eq!(visible("<|im_start|>a<|endoftext|>b"), ["<|im_start|>a"]);
        assert_eq!(visible("1 < 2 <| 3"), ["1 < 2 <| 3"]);
    }
}
