//! Words of English text, for counting those in capitals.

use super::marks::plain;

/// Endings that English writes behind an apostrophe.
const CLITICS: [&str; 6] = ["s", "m", "d", "ll", "re", "ve"];

/// The number of words in capitals. `A-1`, `U.S.` and `AND/OR` are one word each; of `I'm` and `NASA's`, as in the
/// published checker, the part before the apostrophe counts.
pub(super) fn count_capital_words(text: &str) -> usize {
    plain(text)
        .split(|c: char| !(c.is_alphanumeric() || matches!(c, '-' | '.' | '\'' | '_' | '/')))
        .filter(|word| is_capital(word.trim_matches(['\'', '.', '-'])))
        .count()
}

fn is_capital(word: &str) -> bool {
    let stem = word.split_once('\'').filter(|(_, end)| CLITICS.contains(end)).map_or(word, |(stem, _)| stem);
    is_uppercase(stem)
}

/// True where some letter is a capital and none is small.
pub(super) fn is_uppercase(text: &str) -> bool {
    text.chars().any(char::is_uppercase) && !text.chars().any(char::is_lowercase)
}

/// True where some letter is small and none is a capital.
pub(super) fn is_lowercase(text: &str) -> bool {
    text.chars().any(char::is_lowercase) && !text.chars().any(char::is_uppercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_in_capitals_are_counted() {
        for (text, count) in [
            ("I SAW a TOP-10 list", 3),
            ("I saw NASA 2024", 2),
            ("I'm here, I’ll stay; it's NASA's", 3),
            ("DON'T. IT’S **BOLD**, \"SO\" 'TOO' AND/OR", 6),
            ("U.S. and e.g. A.", 2),
            ("2024 - 3.5", 0),
            ("McDonald iPhone", 0),
        ] {
            assert_eq!(count_capital_words(text), count, "{text}");
        }
    }
}
