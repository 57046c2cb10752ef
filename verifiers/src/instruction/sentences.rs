//! Sentences of English text by rule: a full stop, question mark or exclamation mark ends a sentence where white space
//! follows, unless the stop belongs to an abbreviation, an initial or the number of a list's item.
//!
//! The rules follow what the Punkt tokenizer (Kiss and Strunk, 2006) that the published checker loads learned from
//! English text; they know more abbreviations, and marks of other scripts.

use std::sync::LazyLock;

use regex::Regex;

/// Abbreviations that stand before a name and never end a sentence, lower case.
const BEFORE_NAMES: [&str; 24] = [
    "mr", "mrs", "ms", "messrs", "dr", "prof", "st", "gen", "col", "sgt", "capt", "lt", "maj", "rev", "hon", "sen",
    "gov", "e.g", "i.e", "cf", "vs", "viz", "ca", "approx",
];
/// Abbreviations that stand before a number; elsewhere they are words that may end a sentence.
const BEFORE_NUMBERS: [&str; 9] = ["no", "nos", "vol", "fig", "figs", "ch", "sec", "p", "pp"];
/// Abbreviations that end a sentence where a word follows that begins one.
const ANYWHERE: [&str; 30] = [
    "jr", "sr", "etc", "inc", "ltd", "co", "corp", "bros", "dept", "univ", "ave", "blvd", "rd", "ft", "mt", "jan",
    "feb", "apr", "aug", "sep", "sept", "oct", "nov", "dec", "tues", "wed", "thurs", "fri", "ph.d", "reps",
];
/// Words that begin a sentence when they stand, with a capital, behind an abbreviation.
const STARTERS: [&str; 34] = [
    "a", "after", "all", "also", "although", "an", "and", "as", "at", "but", "each", "he", "here", "how", "however",
    "i", "if", "in", "it", "my", "on", "our", "she", "so", "some", "that", "the", "there", "these", "they", "this",
    "we", "when", "you",
];
/// Letters with full stops between, as in `u.s` and `p.m`; the last stop is not part of it.
static ACRONYM: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^(?:\p{L}\.)+\p{L}$").expect("the pattern is constant"));

/// The number of sentences; a text without an end mark is one, a text without letters and digits none.
pub(super) fn count_sentences(text: &str) -> usize {
    let mut count = 0;
    // True once a letter or digit has followed the last end.
    let mut is_open = false;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        is_open |= c.is_alphanumeric();
        if !is_end_mark(c) || !is_open {
            continue;
        }
        let mut stop = Stop { before: &text[..at], mark: c, is_repeated: false, is_quoted: false, after: "" };
        let mut end = at + c.len_utf8();
        while let Some((next, mark)) = chars.peek().copied() {
            match mark {
                '.' | '…' => stop.is_repeated = true,
                '!' | '?' | '！' | '？' => stop.mark = mark,
                '"' | '\'' | '”' | '’' | '“' | '»' => stop.is_quoted = true,
                ')' | ']' | '*' | '_' => {}
                _ => break,
            }
            end = next + mark.len_utf8();
            chars.next();
        }
        stop.after = &text[end..];
        if stop.ends_sentence() {
            count += 1;
            is_open = false;
        }
    }
    count + usize::from(is_open)
}

fn is_end_mark(c: char) -> bool {
    matches!(c, '.' | '!' | '?' | '…') || is_wide_mark(c)
}

/// Marks of scripts that put no space behind them, or have no other use for them.
fn is_wide_mark(c: char) -> bool {
    matches!(c, '。' | '！' | '？' | '।' | '॥' | '؟' | '۔')
}

/// An end mark, with what stands around it.
struct Stop<'a> {
    before: &'a str,
    mark: char,
    /// More full stops follow: an ellipsis.
    is_repeated: bool,
    /// A quotation mark follows.
    is_quoted: bool,
    /// The text behind the mark, and behind the brackets, quotation marks and emphasis that it closes.
    after: &'a str,
}

impl Stop<'_> {
    fn ends_sentence(&self) -> bool {
        if is_wide_mark(self.mark) {
            return true;
        }
        if !self.after.is_empty() && !self.after.starts_with(char::is_whitespace) {
            return false;
        }
        let next_word = self.after.split_whitespace().map(bare).find(|word| !word.is_empty()).unwrap_or_default();
        let Some(next) = next_word.chars().next() else {
            return true;
        };
        if next.is_lowercase() && (self.is_quoted || self.is_repeated || self.mark == '…') {
            return false;
        }
        self.mark != '.' || self.is_repeated || !self.is_abbreviation(next_word)
    }

    /// True where the full stop belongs to the word before it.
    fn is_abbreviation(&self, next_word: &str) -> bool {
        let token = self.before.rsplit(char::is_whitespace).next().unwrap_or_default();
        let word = bare(token).to_lowercase();
        let starts_line = self.before[..self.before.len() - token.len()].trim_end_matches([' ', '\t']);
        let is_first = starts_line.is_empty() || starts_line.ends_with('\n');
        if is_first && !word.is_empty() && word.chars().all(|c| c.is_ascii_digit()) {
            return true;
        }
        if BEFORE_NUMBERS.contains(&word.as_str()) && next_word.starts_with(|c: char| c.is_ascii_digit()) {
            return true;
        }
        if BEFORE_NAMES.contains(&word.as_str()) {
            return true;
        }
        let is_initial = word.chars().count() == 1 && word.chars().all(char::is_alphabetic) && word != "i";
        let is_short = is_initial || ANYWHERE.contains(&word.as_str()) || ACRONYM.is_match(&word);
        let has_starter =
            next_word.starts_with(char::is_uppercase) && STARTERS.contains(&next_word.to_lowercase().as_str());
        is_short && !has_starter
    }
}

/// A word without the marks around it.
fn bare(word: &str) -> &str {
    word.trim_matches(|c: char| !c.is_alphanumeric())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sentences_end_where_a_reader_ends_them() {
        for (text, count) in [
            ("", 0),
            ("...", 0),
            ("---", 0),
            ("One", 1),
            ("One. Two.", 2),
            ("one. two. three", 3),
            ("One! Two? Three", 3),
            ("yes! no! maybe?", 3),
            ("He said \"go.\" She went.", 2),
            ("“Why not?” he asked. Nobody knew.", 2),
            ("Mr. Smith met J. Doe at 3.5 km. Fine.", 2),
            ("See www.example.com for more. Thanks.", 2),
            ("e.g. this one", 1),
            ("We used tools, e.g. a hammer. It broke.", 2),
            ("He came at 5 p.m. and left. Later, at 6 p.m. He returned.", 3),
            ("The U.S. economy grew. The U.S. President spoke in the U.S. He left.", 3),
            ("Salt, pepper, etc. are here. Bring salt, etc. The rest is there.", 3),
            ("1. First thing.\n2. Second thing.", 2),
            ("**1. First.** Then.\n  10. Tenth.", 3),
            ("It was 1999. Then it ended.", 2),
            ("Wait... what?", 1),
            ("Well... No.", 2),
            ("Wait… what? Well… No.", 3),
            ("Wirklich?! Ja.", 2),
            ("**Bold.** *So.* (Yes.) [No.]", 4),
            ("See no. 5 and vol. 2. He said no. Then he went.", 3),
            ("One.\nTwo.\n\nThree.\n---", 3),
            ("是。不是。", 2),
            ("यह घर है। वह घर है।", 2),
        ] {
            assert_eq!(count_sentences(text), count, "{text}");
        }
    }

    proptest! {
        #[test]
        fn never_panics_and_never_counts_more_than_marks(text in r"([.!?…]|[a-zA-Z0-9]| |\n|\PC){0,60}") {
            let marks = text.chars().filter(|c| !c.is_alphanumeric()).count();
            prop_assert!(count_sentences(&text) <= marks + 1);
        }
    }
}
