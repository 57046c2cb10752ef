//! What can be measured of a completion without judging it, from 0 to 1. Pure functions of counts and text.

use std::collections::{HashMap, HashSet};

use crate::instruction::detect_language;

/// `tokens` as a share of `most`, at most 1.
pub(super) fn length(tokens: usize, most: usize) -> f32 {
    (tokens as f32 / most.max(1) as f32).min(1.0)
}

/// 1 up to `most - buffer` tokens, then linearly down to 0 at `most` (DAPO, arXiv 2503.14476, equation 13, plus 1).
pub(super) fn not_overlong(tokens: usize, most: usize, buffer: usize) -> f32 {
    if tokens >= most {
        return 0.0;
    }
    let over = tokens.saturating_sub(most - buffer);
    1.0 - over as f32 / buffer.max(1) as f32
}

/// Share of the text's word n-grams that are distinct; 1 for a text of fewer words.
pub(super) fn distinct_share(text: &str, n: usize) -> f32 {
    let words: Vec<String> = words(text);
    let ngrams = words.windows(n);
    let num_ngrams = ngrams.len();
    if num_ngrams == 0 {
        return 1.0;
    }
    ngrams.collect::<HashSet<_>>().len() as f32 / num_ngrams as f32
}

/// Share of the word n-grams of `text` that stand in none of `others`; 1 for a text of fewer words.
pub(super) fn own_share(text: &str, others: &[&str], n: usize) -> f32 {
    let others: Vec<Vec<String>> = others.iter().map(|other| words(other)).collect();
    let known: HashSet<&[String]> = others.iter().flat_map(|words| words.windows(n)).collect();
    let words = words(text);
    let ngrams = words.windows(n);
    let num_ngrams = ngrams.len();
    if num_ngrams == 0 {
        return 1.0;
    }
    ngrams.filter(|ngram| !known.contains(ngram)).count() as f32 / num_ngrams as f32
}

/// The words of a text, in lower case and without what is neither letter nor digit.
fn words(text: &str) -> Vec<String> {
    let split = text.split(|letter: char| !letter.is_alphanumeric());
    split.filter(|word| !word.is_empty()).map(str::to_lowercase).collect()
}

/// Words from which on the language of a sentence can be told.
const SENTENCE_WORDS: usize = 5;

/// Share of the letters of a text that are in its main language: the smaller one of the shares by sentence, among those
/// long enough to tell, and by script.
pub(super) fn main_language_share(text: &str) -> f32 {
    let mut letters: HashMap<&str, usize> = HashMap::new();
    for sentence in text.split(['.', '!', '?', '\n', '。', '！', '？']) {
        let is_long = sentence.split_whitespace().count() >= SENTENCE_WORDS;
        if let Some(language) = is_long.then(|| detect_language(sentence)).flatten() {
            *letters.entry(language).or_default() += sentence.chars().filter(|letter| letter.is_alphabetic()).count();
        }
    }
    let all: usize = letters.values().sum();
    let most = letters.values().max().copied().unwrap_or(0);
    let by_sentence = if all == 0 { 1.0 } else { most as f32 / all as f32 };
    main_script_share(text).min(by_sentence)
}

/// Share of the letters that are of the most frequent script; 1 for a text without letters.
fn main_script_share(text: &str) -> f32 {
    let mut counts: HashMap<LetterFamily, usize> = HashMap::new();
    for letter in text.chars().filter(|letter| letter.is_alphabetic()) {
        *counts.entry(family(letter)).or_default() += 1;
    }
    let all: usize = counts.values().sum();
    let most = counts.values().max().copied().unwrap_or(0);
    if all == 0 { 1.0 } else { most as f32 / all as f32 }
}

/// Families of letters that languages do not mix: Japanese writes its own and Chinese ones together, so they are one.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum LetterFamily {
    Latin,
    Greek,
    Cyrillic,
    Hebrew,
    Arabic,
    Indic(u32),
    Thai,
    Hangul,
    EastAsian,
    Other,
}

/// The family of a letter, by the blocks of Unicode. Greek letters are counted as Latin: they are mathematics' own.
fn family(letter: char) -> LetterFamily {
    match u32::from(letter) {
        0x41..=0x24F | 0x1E00..=0x1EFF | 0x1D400..=0x1D7FF | 0x2100..=0x214F | 0xFF21..=0xFF5A => LetterFamily::Latin,
        0x370..=0x3FF if letter.is_alphabetic() => LetterFamily::Latin,
        0x1F00..=0x1FFF => LetterFamily::Greek,
        0x400..=0x52F => LetterFamily::Cyrillic,
        0x590..=0x5FF => LetterFamily::Hebrew,
        0x600..=0x77F | 0xFB50..=0xFDFF | 0xFE70..=0xFEFF => LetterFamily::Arabic,
        code @ 0x900..=0xDFF => LetterFamily::Indic((code - 0x900) / 0x80),
        0xE00..=0xE7F => LetterFamily::Thai,
        0x1100..=0x11FF | 0xAC00..=0xD7AF => LetterFamily::Hangul,
        0x3040..=0x30FF | 0x3400..=0x4DBF | 0x4E00..=0x9FFF | 0xF900..=0xFAFF | 0x20000..=0x2FA1F => {
            LetterFamily::EastAsian
        }
        _ => LetterFamily::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_overlong_penalty_is_dapos() {
        // max length 20, cache 8: from TRL's get_soft_overlong_punishment.
        let expected = [(0, 0.0), (12, 0.0), (13, -0.125), (16, -0.5), (19, -0.875), (20, -1.0), (21, -1.0)];
        for (tokens, penalty) in expected {
            assert_eq!(not_overlong(tokens, 20, 8) - 1.0, penalty, "{tokens} tokens");
        }
        assert_eq!((not_overlong(19, 20, 0), not_overlong(20, 20, 0)), (1.0, 0.0));
        assert_eq!((length(5, 10), length(50, 10)), (0.5, 1.0));
    }

    #[test]
    fn what_repeats_is_seen() {
        assert_eq!(distinct_share("one two three four five", 2), 1.0);
        assert_eq!(distinct_share("so it is. So it is! so it is", 3), 3.0 / 7.0);
        assert_eq!(distinct_share("short", 4), 1.0);
    }

    #[test]
    fn what_is_copied_is_seen() {
        let prompt = ["What is the capital of France?"];
        assert_eq!(own_share("the capital of France", &prompt, 2), 0.0);
        assert_eq!(own_share("Paris, of course", &prompt, 2), 1.0);
        assert_eq!(own_share("the capital is Paris", &prompt, 2), 2.0 / 3.0);
    }

    #[test]
    fn one_script_throughout_or_two() {
        assert_eq!(main_script_share("Let α be 3."), 1.0);
        assert_eq!(main_script_share("東京はきれいです"), 1.0);
        assert_eq!(main_script_share("abcd 你好"), 4.0 / 6.0);
        assert_eq!(main_script_share("12 + 7 = 19"), 1.0);
    }

    #[test]
    fn one_language_throughout_or_two() {
        let english = "First we add the two numbers and write the sum down.";
        let french = "Ensuite nous divisons la somme par le nombre de termes.";
        assert_eq!(main_language_share(english), 1.0);
        assert!(main_language_share(&format!("{english} {french}")) < 0.6);
        assert_eq!(main_language_share("x = 3"), 1.0);
    }
}
