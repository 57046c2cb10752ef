//! The words that may stand beside a value, and what they mean: a table by kinds, a file for each. A word that stands
//! in no table has no meaning here, and an answer that holds one cannot be read: it may deny the value, or change it.

mod counted;
mod descriptions;
mod ideographs;
mod quantities;
mod units;
mod word;

use std::collections::HashMap;
use std::sync::LazyLock;

pub(crate) use self::word::Word;
use crate::unit::Unit;

/// Longest word in the table, in bytes.
const MAX_LEN: usize = 24;

static WORDS: LazyLock<HashMap<String, Word>> = LazyLock::new(|| {
    let mut words = HashMap::new();
    let lists = [counted::LISTS, descriptions::LISTS, ideographs::LISTS];
    for (word, meaning) in lists.into_iter().flatten().flat_map(|(list, meaning)| {
        list.split_ascii_whitespace().map(|word| (word.to_owned(), *meaning)).collect::<Vec<_>>()
    }) {
        words.insert(word, meaning);
    }
    words.extend(quantities::words());
    words.extend(units::names().map(|(name, unit)| (name, Word::Unit(unit))));
    words
});

static SYMBOLS: LazyLock<HashMap<String, Unit>> = LazyLock::new(|| units::symbols().collect());

/// Looks a word up, in either case, in the singular or the plural.
pub(crate) fn find(word: &str) -> Option<Word> {
    if word.len() > MAX_LEN {
        return None;
    }
    let mut buffer = [0; MAX_LEN];
    let lower = &mut buffer[..word.len()];
    lower.copy_from_slice(word.as_bytes());
    lower.make_ascii_lowercase();
    let lower = std::str::from_utf8(lower).ok()?;
    if let Some(found) = WORDS.get(lower) {
        return Some(*found);
    }
    // A plural is formed of what can be counted, and of units.
    let is_plural =
        |found: &&Word| matches!(found, Word::Noun | Word::Unit(_) | Word::Scale(_) | Word::Part(_) | Word::Label);
    [("s", ""), ("es", ""), ("ies", "y"), ("ves", "f"), ("ves", "fe")]
        .into_iter()
        .filter_map(|(ending, singular)| {
            let stem = lower.strip_suffix(ending).filter(|stem| stem.len() > 1)?;
            if singular.is_empty() { WORDS.get(stem) } else { WORDS.get(&format!("{stem}{singular}")) }
        })
        .find(is_plural)
        .copied()
}

/// Looks up the symbol of a unit, `cm`; in either case where no other unit has it.
pub(crate) fn unit(symbol: &str) -> Option<Unit> {
    if symbol.len() > 6 {
        return None;
    }
    let found = SYMBOLS.get(symbol).copied();
    // One letter in the other case is another unit, or none.
    if found.is_some() || symbol.len() == 1 {
        return found;
    }
    SYMBOLS.get(&symbol.to_ascii_lowercase()).copied()
}

/// The longest word of a script without spaces that a text begins with, and its length in bytes.
pub(crate) fn ideographs(text: &str) -> Option<(Word, usize)> {
    let ends: Vec<usize> = text.char_indices().skip(1).map(|(at, _)| at).chain([text.len()]).take(5).collect();
    ends.into_iter().rev().filter(|end| *end <= MAX_LEN).find_map(|end| Some((*WORDS.get(&text[..end])?, end)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_in_either_case_and_number() {
        assert_eq!(find("Apples"), Some(Word::Noun));
        assert_eq!(find("boxes"), Some(Word::Noun));
        assert_eq!(find("cookies"), Some(Word::Noun));
        assert_eq!(find("loaves"), Some(Word::Noun));
        assert_eq!(find("MILLION"), Some(Word::Scale(1_000_000)));
        assert_eq!(find("twelve"), Some(Word::Cardinal(12)));
        assert!(matches!(find("kilometres"), Some(Word::Unit(_))));
        assert_eq!(unit("KM"), unit("km"));
        assert_ne!(unit("mW"), unit("MW"));
    }

    #[test]
    fn words_that_deny_or_hedge_or_are_nonsense_are_in_no_table() {
        for word in [
            "not",
            "no",
            "never",
            "none",
            "without",
            "except",
            "neither",
            "nor",
            "wrong",
            "false",
            "incorrect",
            "maybe",
            "perhaps",
            "possibly",
            "probably",
            "likely",
            "guess",
            "roughly",
            "about",
            "around",
            "almost",
            "nearly",
            "blorp",
            "zzyzx",
            "under",
            "below",
            "above",
            "doubled",
            "halved",
            "twice",
            "thrice",
            "negated",
            "inverse",
        ] {
            assert_eq!(find(word), None, "{word}");
        }
    }

    #[test]
    fn the_longest_ideographs_are_taken() {
        assert!(matches!(ideographs("平方厘米。"), Some((Word::Unit(_), 12))));
        assert_eq!(ideographs("万人"), Some((Word::Scale(10_000), 3)));
        assert_eq!(ideographs("龘"), None);
    }
}
