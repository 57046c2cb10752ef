//! The rule `whole`: a completion that is an answer and nothing else: one line without delimiters, which holds a value
//! with at most a unit behind it, or a few words.

use super::finding::Finding;
use super::plain_token::{PlainToken, token};
use super::{formula, sentence};

/// Longest completion that may be nothing but an answer, in bytes.
const LONGEST: usize = 2_000;

/// Most words of an answer in words.
const MOST_WORDS: usize = 4;

/// Most words of a unit.
const MOST_UNIT_WORDS: usize = 2;

/// The whole completion, without emphasis and full stops at its ends.
pub(super) fn find(text: &str) -> Finding<'_> {
    let answer = sentence::bare(text);
    if answer.is_empty() || answer.len() > LONGEST || answer.contains('\n') || !formula::scan(answer).is_empty() {
        return Ok(None);
    }
    // Sentences of scripts without spaces have no white space either.
    let is_ideograph = |c: char| c as u32 >= 0x2E80;
    let is_sentence = answer.contains(is_ideograph) && answer.contains(|c: char| c.is_ascii_digit());
    let is_word = !is_sentence && !answer.contains(char::is_whitespace);
    let is_answer = is_word || is_value(answer);
    Ok(is_answer.then(|| answer.into()))
}

fn is_value(text: &str) -> bool {
    if text.contains("not ") || text.contains("n't") {
        return false;
    }
    let mut words = 0;
    let (mut has_number, mut has_symbol) = (false, false);
    let mut at = 0;
    while at < text.len() {
        let (token, end) = token(text, at);
        match token {
            PlainToken::Word if matches!(&text[at..end], "and" | "or" | "和" | "或") => {}
            // Scripts without spaces have no words to count: their letters are a sentence, or a unit behind a number.
            PlainToken::Word if !has_number && text[at..end].chars().all(|c| c as u32 >= 0x2E80) => return false,
            // A verb makes a sentence.
            PlainToken::Word if matches!(&text[at..end], "is" | "are" | "was" | "were") => return false,
            PlainToken::Word => words += 1,
            PlainToken::Number => {
                // A word stands before the number: this is a sentence.
                if words > 0 {
                    return false;
                }
                has_number = true;
            }
            PlainToken::Break => return false,
            PlainToken::Space | PlainToken::Separator => {}
            _ => has_symbol = true,
        }
        at = end;
    }
    match (has_number, has_symbol) {
        (true, _) => words <= MOST_UNIT_WORDS,
        (false, true) => words == 0,
        (false, false) => words <= MOST_WORDS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_alone_is_taken_whole() {
        for text in [
            "42",
            "-4 0/0",
            "11 - 4/9",
            "28 pct",
            "5 or 6",
            "W(x)=1orW(x)=-1",
            "x = 2, y = 3",
            "Even",
            "-\\frac{10}{9}",
            "no solution",
        ] {
            assert_eq!(find(text), Ok(Some(text.into())), "{text}");
        }
        assert_eq!(find(" **42**. "), Ok(Some("42".into())));
    }

    #[test]
    fn prose_is_not() {
        for text in [
            "There are 4 objects and 4/9 remain.",
            "A. Because B is not valid",
            "11\n5/6",
            "Answer $9$",
            "So 3 + 4 = 7",
            "The correct option is (D)",
            "综上，选择 B",
            "答案不是29",
            "17, not 18",
            "17 it is",
        ] {
            assert_eq!(find(text), Ok(None), "{text}");
        }
    }
}
