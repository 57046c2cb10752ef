//! Renaming: a letter of the completion that may stand for another letter of the gold.

use crate::expression::Expression;
use crate::name::{Renaming, name_hash};
use crate::sides::Sides;

/// The renaming of the one name of the completion that may stand for a name which only the gold has: both letters stand
/// for any integer, or they are one letter in upper and in lower case.
pub(super) fn renamed_parameter(answers: Sides<&Expression>) -> Option<Renaming> {
    const PARAMETERS: [&str; 5] = ["k", "n", "m", "l", "t"];
    let Sides { gold, completion } = answers.map(|answer| answer.names(answer.root));
    let is_parameter = |name: u64| PARAMETERS.iter().any(|letter| name_hash(letter) == name);
    let is_other_case = |a: u64, b: u64| {
        (b'a'..=b'z').any(|letter| {
            let name = |letter: u8| name_hash(char::from(letter).encode_utf8(&mut [0; 4]));
            let (lower, upper) = (name(letter), name(letter.to_ascii_uppercase()));
            (a, b) == (lower, upper) || (a, b) == (upper, lower)
        })
    };
    let only_gold = gold.iter().filter(|name| completion.binary_search(name).is_err());
    let only_completion = || completion.iter().filter(|name| gold.binary_search(name).is_err());
    let mut pairs = only_gold
        .flat_map(|to| only_completion().map(move |from| Renaming { from: *from, to: *to }))
        .filter(|Renaming { from, to }| (is_parameter(*from) && is_parameter(*to)) || is_other_case(*from, *to));
    pairs.next().filter(|_| pairs.next().is_none())
}
