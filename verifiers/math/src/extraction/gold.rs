//! The final answer of a gold text: the content of its boxes, the text behind GSM8K's `####`, else all of it.

use std::borrow::Cow;

use super::boxed;

/// The answer that a gold text states. Without boxes or `####` the text is one whole answer, delimiters and all; a box
/// that is never closed ends with the text.
pub fn extract_gold(gold: &str) -> Cow<'_, str> {
    if let Some(answer) = boxed::find_lenient(gold) {
        return answer;
    }
    match gold.rsplit_once("\n#### ") {
        Some((_, answer)) => answer.trim().into(),
        None => gold.trim().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gold_is_one_answer_or_what_it_marks() {
        for (gold, answer) in [
            ("5", "5"),
            (" $21,16$ or $11$ ", "$21,16$ or $11$"),
            (r"so $n = \boxed{1,-2}.$", "1,-2"),
            (r"\(\boxed{1}\) and \(\boxed{-2}\).", "1, -2"),
            ("She has 3 + 4 = 7 apples.\n#### 7", "7"),
            (r"\boxed{p = 1", "p = 1"),
        ] {
            assert_eq!(extract_gold(gold), answer, "{gold}");
        }
    }
}
