//! The part of a sentence that holds the value: where the sentence ends, and which of its words belong to the answer.
//! This file must not know how the sentence was found.

use super::beside::{self, Next};
use super::plain_token::{self, PlainToken, token};

/// Words with which the explanation of an answer begins, or what the answer is not.
const EXPLANATIONS: [&str; 7] =
    ["because ", "since ", "rather than ", "instead of ", "not ", "and not ", "as opposed to "];

/// Words behind a comma with which the explanation of an answer begins.
const CLAUSES: [&str; 22] = [
    "which",
    "because",
    "since",
    "so",
    "as",
    "where",
    "with",
    "that",
    "hence",
    "therefore",
    "but",
    "when",
    "if",
    "for",
    "meaning",
    "i.e",
    "not",
    "thus",
    "given",
    "making",
    "while",
    "after",
];

/// Chinese words with which an explanation begins.
const CHINESE_CLAUSES: [&str; 6] = ["因为", "所以", "其中", "因此", "即", "故"];

/// Words that join the members of a list.
const CONNECTIVES: [&str; 5] = ["and", "or", "和", "或", "与"];

/// The text up to the end of its sentence or of its first clause, without quotes, emphasis and full stops at its ends.
pub(super) fn sentence(text: &str) -> &str {
    let mut end = text.len();
    for (at, c) in text.char_indices() {
        let after = &text[at + c.len_utf8()..];
        let ends = match c {
            '\n' | '。' | '；' | '！' => true,
            '.' | '?' => {
                after.trim_start_matches(['*', '"', '\'', '”', ')', '_']).chars().next().is_none_or(char::is_whitespace)
            }
            ';' => after.starts_with(' '),
            ' ' => EXPLANATIONS.iter().any(|words| after.starts_with(words)) && !text[..at].trim().is_empty(),
            ',' => after.strip_prefix(' ').is_some_and(is_clause),
            '，' => CHINESE_CLAUSES.iter().any(|clause| after.starts_with(clause)),
            '<' => after.starts_with('|') || after.starts_with('/'),
            _ => false,
        };
        if ends {
            end = at;
            break;
        }
    }
    bare(&text[..end])
}

/// True for a text that begins by saying why a value is the answer, or what is not.
pub(super) fn is_explanation(rest: &str) -> bool {
    EXPLANATIONS.iter().any(|words| rest.trim_start().starts_with(words))
}

fn is_clause(after: &str) -> bool {
    let word = &after[..after.find(|c: char| !c.is_alphabetic() && c != '.').unwrap_or(after.len())];
    CLAUSES.contains(&word.trim_end_matches('.'))
}

/// The text without the quotes, emphasis and stops that stand around a value in prose.
pub(super) fn bare(text: &str) -> &str {
    let text = text.trim().trim_end_matches(['.', '。', ' ']);
    let text = text.trim_matches(['*', '_', '"', '“', '”', '`', '「', '」', ' ']);
    text.trim_end_matches(['.', '。', ',', ':', '，', '：', ' '])
}

/// True where the text begins as a value does: with a digit, a sign, a bracket, a command, a currency, a variable.
pub(super) fn begins_as_value(text: &str) -> bool {
    match text.chars().next() {
        Some(_) => matches!(
            token(text, 0).0,
            PlainToken::Number | PlainToken::Symbol | PlainToken::Open | PlainToken::Operator
        ),
        None => false,
    }
}

/// The value that a sentence begins with, with its unit, and with the word behind it where that is not known.
pub(super) fn leading_value(sentence: &str) -> &str {
    let mut at = 0;
    let mut end = 0;
    let mut depth = 0_usize;
    let mut before_bracket = 0;
    while at < sentence.len() {
        let (token, next) = token(sentence, at);
        let word = &sentence[at..next];
        match token {
            PlainToken::Word if CONNECTIVES.contains(&word) => {}
            PlainToken::Word | PlainToken::Break => break,
            PlainToken::Open => {
                if depth == 0 {
                    before_bracket = end;
                }
                depth += 1;
                end = next;
            }
            PlainToken::Close => {
                depth = depth.saturating_sub(1);
                end = next;
            }
            PlainToken::Separator | PlainToken::Space => {}
            // A dash, behind which the sentence goes on.
            PlainToken::Operator if is_dash(word, &sentence[next..]) => break,
            PlainToken::Number | PlainToken::Symbol | PlainToken::Operator => end = next,
        }
        at = next;
    }
    if at >= sentence.len() {
        return sentence;
    }
    let end = if depth > 0 { before_bracket } else { end };
    let rest = &sentence[end..];
    // The answer goes on behind its first unit, as in "2 hours and 30 minutes": a part of it would be wrong.
    if depth == 0 && rest.contains(|c: char| c.is_ascii_digit()) {
        return sentence;
    }
    let value = sentence[..end].trim();
    if value.is_empty() {
        return sentence;
    }
    if depth > 0 || rest.trim_start().starts_with([',', ';', '，', '-', '–', '−']) {
        return value;
    }
    let with_unit = end + beside::quantity(rest);
    match beside::next(&sentence[with_unit..]) {
        Next::More => sentence,
        // A word that is not known may change the value: it is handed over with the number.
        Next::Unknown if with_unit == end => {
            let word = rest.trim_start();
            let len = word.find(|c: char| !c.is_alphabetic()).unwrap_or(word.len());
            &sentence[..end + rest.len() - word.len() + len]
        }
        _ => sentence[..with_unit].trim(),
    }
}

fn is_dash(sign: &str, after: &str) -> bool {
    matches!(sign, "-" | "–" | "−") && after.starts_with(' ') && plain_token::letters(after.trim_start()) > 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_ends_at_its_stop_or_its_clause() {
        for (text, expected) in [
            ("4 4/9. Done", "4 4/9"),
            ("3.14", "3.14"),
            ("**73**\n\nmore", "73"),
            ("42, because it is.", "42"),
            ("5 because 2 + 3 = 5", "5"),
            ("3, 5, and 7.", "3, 5, and 7"),
            ("12，因为", "12"),
            ("12。", "12"),
            ("\"5\".", "5"),
            ("7</answer>", "7"),
            ("17 rather than 18", "17"),
            ("17, not 18", "17"),
            ("17 and not 18", "17"),
        ] {
            assert_eq!(sentence(text), expected, "{text}");
        }
    }

    #[test]
    fn a_value_keeps_its_unit_and_no_more() {
        for (text, expected) in [
            ("3 hours ago", "3 hours"),
            ("5 squared", "5 squared"),
            ("2.5 million in all", "2.5 million"),
            ("31 in all", "31"),
            ("31 - done", "31"),
            ("5 or more", "5 or more"),
            ("5 blorps of them", "5 blorps"),
            ("42", "42"),
            ("42 apples in the big basket", "42"),
            ("3, 5, and 7", "3, 5, and 7"),
            ("7, I think", "7"),
            ("12 (the sum of all of them)", "12"),
            ("(3, 5)", "(3, 5)"),
            ("2 hours and 30 minutes", "2 hours and 30 minutes"),
        ] {
            assert_eq!(leading_value(text), expected, "{text}");
        }
    }
}
