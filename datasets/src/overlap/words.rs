//! A text's words, for comparison: what is left when blanks, case, punctuation and Unicode forms are put aside.
//!
//! The text is brought into NFKC. A word is a run of letters and digits in lower case; a letter of a script that writes
//! no blanks (Chinese, Japanese) is a word of its own, as is a sign that makes another formula (`+ - / ^ = < > %`), but
//! not the hyphen of a compound. `$`, braces, backslashes and the rest of punctuation are no words.

use std::borrow::Cow;
use std::ops::Range;

use twox_hash::XxHash3_128;
use unicode_normalization::{UnicodeNormalization, is_nfkc};

/// An odd multiplier for the hash of runs (the fractional part of the golden ratio).
const BASE: u64 = 0x9e37_79b9_7f4a_7c15;

/// Signs that make another formula: + / ^ = < > % and plus-minus, times, divided, unequal, at most, at least, root.
const SIGNS: &str = "+/^=<>%\u{b1}\u{d7}\u{f7}\u{2260}\u{2264}\u{2265}\u{221a}";

/// Hash of a whole text's words.
pub(super) type TextKey = u128;

/// A text with its words.
pub(super) struct Words {
    /// The text in NFKC.
    text: String,
    /// The bytes of each word.
    places: Vec<Range<u32>>,
    /// A hash of each word.
    hashes: Vec<u64>,
    /// Hash of the first n words, for each n.
    prefixes: Vec<u64>,
}

impl Words {
    pub(super) fn of(text: &str) -> Self {
        let text: Cow<'_, str> = if is_nfkc(text) { Cow::Borrowed(text) } else { Cow::Owned(text.nfkc().collect()) };
        let places = places(&text);
        let hash = |place: &Range<u32>| {
            let word = &text[place.start as usize..place.end as usize];
            let hash = match word.bytes().any(|byte| byte.is_ascii_uppercase() || !byte.is_ascii()) {
                true => XxHash3_128::oneshot(plain(word).as_bytes()),
                false => XxHash3_128::oneshot(word.as_bytes()),
            };
            hash as u64
        };
        let hashes: Vec<u64> = places.iter().map(hash).collect();
        let mut prefixes = vec![0_u64];
        for hash in &hashes {
            let last = prefixes[prefixes.len() - 1];
            prefixes.push(last.wrapping_mul(BASE).wrapping_add(*hash));
        }
        Self { text: text.into_owned(), places, hashes, prefixes }
    }

    pub(super) fn len(&self) -> usize {
        self.hashes.len()
    }

    pub(super) fn key(&self) -> TextKey {
        let bytes: Vec<u8> = self.hashes.iter().flat_map(|hash| hash.to_le_bytes()).collect();
        XxHash3_128::oneshot(&bytes)
    }

    /// The hashes of words in a row.
    pub(super) fn run(&self, start: usize, length: usize) -> Option<&[u64]> {
        self.hashes.get(start..start + length)
    }

    /// Hashes of all runs of a length, each with its first word's number.
    pub(super) fn runs(&self, length: usize) -> impl Iterator<Item = (u64, usize)> + '_ {
        let shift = BASE.wrapping_pow(length as u32);
        let starts = 0..(self.len() + 1).saturating_sub(length);
        starts.map(move |start| {
            let run = self.prefixes[start + length].wrapping_sub(self.prefixes[start].wrapping_mul(shift));
            // The low bits of a product of odd numbers are poor; the length keeps runs of two lengths apart.
            (mix(run ^ length as u64), start)
        })
    }

    /// The text of words in a row, as it stands.
    pub(super) fn stretch(&self, words: Range<usize>) -> &str {
        match (self.places.get(words.start), words.end.checked_sub(1).and_then(|last| self.places.get(last))) {
            (Some(first), Some(last)) => &self.text[first.start as usize..last.end as usize],
            _ => "",
        }
    }
}

/// SplitMix64's finish.
fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// A word as it is compared.
fn plain(word: &str) -> String {
    match word {
        "\u{2010}" | "\u{2011}" | "\u{2012}" | "\u{2013}" | "\u{2212}" => "-".to_owned(),
        // Lower case may come apart again (the dotted capital I).
        _ => word.to_lowercase().nfkc().collect(),
    }
}

fn places(text: &str) -> Vec<Range<u32>> {
    let characters: Vec<(usize, char)> = text.char_indices().collect();
    let is_letter = |index: usize| characters.get(index).is_some_and(|(_, character)| character.is_alphabetic());
    // `well-known`, but neither `x-1` nor `x-y`: a formula means the same with blanks.
    let is_hyphen = |index: usize| index >= 2 && (1..=2).all(|step| is_letter(index - step) && is_letter(index + step));
    let mut places: Vec<Range<u32>> = Vec::new();
    let mut is_open = false;
    for (index, &(start, character)) in characters.iter().enumerate() {
        let (start, end) = (start as u32, (start + character.len_utf8()) as u32);
        if character.is_alphanumeric() && !is_ideograph(character) {
            match places.last_mut().filter(|_| is_open) {
                Some(word) => word.end = end,
                None => places.push(start..end),
            }
            is_open = true;
        } else {
            let is_sign = SIGNS.contains(character) || (is_dash(character) && !is_hyphen(index));
            if is_ideograph(character) || is_sign {
                places.push(start..end);
            }
            is_open = false;
        }
    }
    places
}

fn is_dash(character: char) -> bool {
    matches!(character, '-' | '\u{2010}'..='\u{2013}' | '\u{2212}')
}

/// Letters of scripts without blanks between words.
fn is_ideograph(character: char) -> bool {
    matches!(
        character,
        '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{20000}'..='\u{3ffff}'
    )
}
