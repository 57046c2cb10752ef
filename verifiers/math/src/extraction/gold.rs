//! The final answer of a gold text: the content of its boxes, the text behind GSM8K's `####`, what a sentence names; of
//! a text that is no sentence all of it.

use std::borrow::Cow;

use super::plain_token::{PlainToken, token};
use super::{boxed, choice, formula, number, statement};

/// Fewest words from which a gold with a number or formula in it is a sentence.
const SENTENCE_WORDS: usize = 4;

/// Fewest words from which any gold is a sentence.
const MOST_ANSWER_WORDS: usize = 8;

/// The answer that a gold text states. Without boxes or `####` a text of a few words is one whole answer, delimiters and
/// all; a box that is never closed ends with the text.
///
/// # Errors
/// The text is a sentence, or several lines, and does not say which of its values is the answer.
pub fn extract_gold(gold: &str) -> Result<Cow<'_, str>, &'static str> {
    if let Some(answer) = boxed::find_lenient(gold) {
        return Ok(answer);
    }
    if let Some((_, answer)) = gold.rsplit_once("\n#### ") {
        return Ok(answer.trim().into());
    }
    let gold = gold.trim();
    if !is_prose(gold) {
        return Ok(gold.into());
    }
    stated(gold).ok_or("is a text that does not say which of its values is the answer")
}

/// The answer that a sentence names, or its only value.
fn stated(gold: &str) -> Option<Cow<'_, str>> {
    if let Some(answer) = statement::find_explicit(gold).ok()? {
        return Some(answer);
    }
    let formulas = formula::scan(gold);
    match formulas.found.as_slice() {
        [only] if !gold[..only.whole.start].contains(is_digit) && !gold[only.whole.end..].contains(is_digit) => {
            Some(gold[only.content.clone()].trim().into())
        }
        [] if formulas.is_empty() => {
            let value = number::last_value(gold, &mut Vec::new());
            match value {
                Some(value) => {
                    (gold.matches(is_digit).count() == value.matches(is_digit).count()).then(|| value.into())
                }
                None if !gold.contains(is_digit) => choice::named(gold).map(Into::into),
                None => None,
            }
        }
        _ => None,
    }
}

/// True for a sentence, and for several lines that are no formula.
fn is_prose(gold: &str) -> bool {
    // Most golds are a formula or a number.
    if !gold.contains([' ', '\n', ':']) {
        return false;
    }
    let is_formula = gold.contains("\\begin") || gold.contains("\\\\");
    if gold.contains('\n') && !is_formula && gold.lines().filter(|line| !line.trim().is_empty()).count() > 1 {
        return true;
    }
    let words = num_words(gold);
    let says_more = gold.contains(is_digit) || gold.contains('$') || gold.ends_with('.');
    words >= MOST_ANSWER_WORDS
        || words >= SENTENCE_WORDS && says_more
        || words > 0 && (gold.contains("nswer") || gold.contains("答案"))
}

/// Words outside of formulas and commands.
fn num_words(gold: &str) -> usize {
    let mut words = 0;
    let mut at = 0;
    while at < gold.len() {
        let (kind, end) = token(gold, at);
        // Names such as `AB`, and words of scripts without spaces, do not tell a sentence.
        let word = &gold[at..end];
        words += usize::from(kind == PlainToken::Word && word.contains(|c: char| c.is_ascii_lowercase()));
        at = end;
    }
    words
}

fn is_digit(c: char) -> bool {
    c.is_ascii_digit()
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
            ("no real solutions", "no real solutions"),
            ("June 20", "June 20"),
            ("5 hours and 3 minutes", "5 hours and 3 minutes"),
            (r"x = 2 \text{ or } x = -3", r"x = 2 \text{ or } x = -3"),
            ("\\begin{pmatrix} 1 \\\\\n 2 \\end{pmatrix}", "\\begin{pmatrix} 1 \\\\\n 2 \\end{pmatrix}"),
        ] {
            assert_eq!(extract_gold(gold), Ok(answer.into()), "{gold}");
        }
    }

    #[test]
    fn a_sentence_is_read_as_a_completion_is() {
        for (gold, answer) in [
            ("Both meet after 240 km.\nSo the answer is: 240.", "240"),
            ("4*60 = 240.\nAnswer: 240", "240"),
            ("The answer is 7", "7"),
            ("Altogether there are 12 of them left.", "12"),
            ("We find that the area is $\\frac{1}{2}$.", "\\frac{1}{2}"),
            ("After all of that the answer is C", "C"),
        ] {
            assert_eq!(extract_gold(gold), Ok(answer.into()), "{gold}");
        }
    }

    #[test]
    fn a_sentence_that_names_no_answer_has_none() {
        for gold in [
            "First add 150, then add 90, to get 240",
            "There are 3 cats and 4 dogs in it",
            "x grows\ny falls",
            "Because the function is odd its integral over it vanishes",
        ] {
            assert!(extract_gold(gold).is_err(), "{gold}");
        }
    }
}
