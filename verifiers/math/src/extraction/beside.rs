//! Words behind a number in prose: those that belong to its value (units, scales, powers), and those with which the
//! sentence goes on. What the words mean is the vocabulary's business.

use super::plain_token::letters;
use crate::vocabulary::{self, Word};

/// Words behind a value with which the sentence turns to something else.
const TURNS: [&str; 29] = [
    "in", "on", "by", "from", "after", "before", "as", "until", "during", "because", "since", "while", "who", "were",
    "was", "will", "would", "here", "now", "again", "too", "also", "per", "i", "you", "she", "once", "indeed",
    "though",
];

/// Meaning of what follows a number and its own words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// The sentence turns to something else, or ends.
    Turn,
    /// The value goes on: "or more", "times 3".
    More,
    /// A word that may change the value.
    Unknown,
}

/// The number of bytes behind a number that belong to its value: ` percent`, ` million dollars`, ` square metres`.
pub(super) fn quantity(after: &str) -> usize {
    let mut end = 0;
    let mut at = 0;
    while let Some((word, len)) = word(&after[at..]) {
        let text = after[at..at + len].trim_start();
        at += len;
        match word {
            // A pound is a weight and a currency; "per cent" is one word.
            Some(Word::Unit(_)) if text.eq_ignore_ascii_case("pound") || text.eq_ignore_ascii_case("pounds") => break,
            Some(Word::Unit(_) | Word::Power(_) | Word::Scale(_) | Word::Part(_) | Word::Percent | Word::Degree) => {
                end = at
            }
            Some(Word::UnitPower(_) | Word::Per) => {}
            None if vocabulary::unit(text).is_some() && text.len() > 1 && text != "in" => end = at,
            None if ["radian", "radians"].contains(&text) => end = at,
            _ => break,
        }
    }
    end
}

/// The number of bytes of the words of scale that a text begins with: `million`, `hundred thousand`, `squared`.
pub(super) fn scale(text: &str) -> usize {
    let mut end = 0;
    loop {
        let rest = &text[end..];
        let start = rest.len() - rest.trim_start_matches(' ').len();
        let len = letters(&rest[start..]);
        match vocabulary::find(&rest[start..start + len]) {
            Some(Word::Scale(_) | Word::Power(_)) => end += start + len,
            _ => return end,
        }
    }
}

/// Meaning of the words behind a value and its quantity.
pub(super) fn next(after: &str) -> Next {
    let Some((word, len)) = word(after) else { return Next::Turn };
    let text = after[..len].trim_start();
    match word {
        Some(
            Word::More | Word::Less | Word::Plus | Word::Minus | Word::Times | Word::DividedBy | Word::At | Word::Or,
        ) => Next::More,
        Some(_) => Next::Turn,
        None if TURNS.iter().any(|turn| turn.eq_ignore_ascii_case(text)) => Next::Turn,
        None => Next::Unknown,
    }
}

/// The word behind the spaces that a text begins with, and the bytes of both; none where no word follows.
fn word(text: &str) -> Option<(Option<Word>, usize)> {
    let start = text.len() - text.trim_start_matches(' ').len();
    let rest = &text[start..];
    if rest.starts_with(|c: char| c as u32 >= 0x2E80) {
        return vocabulary::ideographs(rest).map(|(word, len)| (Some(word), start + len));
    }
    let len = letters(rest);
    (len > 0 && start > 0).then(|| (vocabulary::find(&rest[..len]), start + len))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_belong_to_a_number() {
        for (after, taken) in [
            (" million dollars in all", " million dollars"),
            (" percent.", " percent"),
            (" square metres", " square metres"),
            (" miles per hour", " miles per hour"),
            (" squared", " squared"),
            (" dozen eggs", " dozen"),
            (" km away", " km"),
            ("万元", "万元"),
            (" apples", ""),
            (" in all", ""),
            (" a day", ""),
            (" pounds", ""),
            ("", ""),
        ] {
            assert_eq!(&after[..quantity(after)], taken, "{after}");
        }
    }

    #[test]
    fn words_that_follow_a_value() {
        for (after, expected) in [
            (" in all", Next::Turn),
            (" apples", Next::Turn),
            (".", Next::Turn),
            (" or more", Next::More),
            (" blorps", Next::Unknown),
            (" doubled", Next::Unknown),
        ] {
            assert_eq!(next(after), expected, "{after}");
        }
    }
}
