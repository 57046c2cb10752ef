//! The final answer of a gold text: the content of its boxes, the text behind GSM8K's `####`, what a sentence names; of
//! a text that is no sentence all of it.

use std::borrow::Cow;

use super::plain_token::{PlainToken, token};
use super::{boxed, choice, formula, number, statement};

/// Fewest words from which any gold is a sentence.
const SENTENCE_WORDS: usize = 8;

/// Verbs of the sentences in which answers are stated.
const VERBS: [&str; 40] = [
    "is", "are", "was", "were", "equals", "get", "gets", "got", "give", "gives", "gave", "have", "has", "had", "find",
    "finds", "found", "obtain", "obtains", "make", "makes", "come", "comes", "become", "becomes", "meet", "meets",
    "need", "needs", "take", "takes", "cost", "costs", "yields", "follows", "conclude", "sold", "earns", "must", "be",
];

/// Words that make a number a bound, which is no answer by itself.
const BOUNDS: [&str; 10] = ["more", "less", "least", "most", "fewer", "over", "under", "above", "below", "between"];

/// The answer that a gold text states. Without boxes or `####` a text of a few words is one whole answer, delimiters
/// and all; a box that is never closed ends with the text.
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
    if words(gold).any(|word| BOUNDS.contains(&word)) {
        return None;
    }
    let formulas = formula::scan(gold);
    match formulas.found.as_slice() {
        [only] if !gold[..only.whole.start].contains(is_digit) && !gold[only.whole.end..].contains(is_digit) => {
            Some(gold[only.content.clone()].trim().into())
        }
        [] if formulas.is_empty() => {
            let Some(value) = number::last_value(gold, &mut Vec::new()) else {
                return if gold.contains(is_digit) { None } else { choice::named(gold).map(Into::into) };
            };
            let is_only = gold.matches(is_digit).count() == value.matches(is_digit).count();
            // The end of an equation, and of the sentence.
            let is_worked_out = gold
                .trim_end_matches('.')
                .strip_suffix(value)
                .is_some_and(|before| before.trim_end().ends_with('=') && !gold.contains('\n'));
            (is_only || is_worked_out).then(|| value.into())
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
    let has_verb = words(gold).any(|word| VERBS.contains(&word));
    let states = gold.contains(is_digit) || gold.contains('$') || choice::named(gold).is_some();
    let is_marked = ["nswer", "Ans:", "答案"].iter().any(|marker| gold.contains(marker));
    has_verb && states || is_marked && !gold.starts_with('\\') || words(gold).count() >= SENTENCE_WORDS
}

/// Words outside of formulas and commands. Names such as `AB`, and scripts without spaces, are none.
fn words(gold: &str) -> impl Iterator<Item = &str> {
    let mut at = 0;
    std::iter::from_fn(move || {
        while at < gold.len() {
            let (kind, end) = token(gold, at);
            let word = &gold[at..end];
            at = end;
            if kind == PlainToken::Word && word.contains(|c: char| c.is_ascii_lowercase()) {
                return Some(word);
            }
        }
        None
    })
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
            ("all real numbers except 3", "all real numbers except 3"),
            ("x is even", "x is even"),
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
            ("It is 240.", "240"),
            ("So x equals 240", "240"),
            ("Ans: 240", "240"),
            ("We get 3 * 80 = 240", "240"),
            ("It is option B.", "B"),
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
            "There are at least 7 of them",
            "Because the function is odd its integral over it vanishes",
        ] {
            assert!(extract_gold(gold).is_err(), "{gold}");
        }
    }
}
