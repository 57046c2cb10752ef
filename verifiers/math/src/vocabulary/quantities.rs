//! Number words: cardinals, scales and parts.

use super::word::Word;

const CARDINALS: [&str; 20] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];

const TENS: [&str; 8] = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];

/// Short scale, with the Indian words, and those of Chinese and Japanese.
const SCALES: [(&str, i128); 19] = [
    ("dozen", 12),
    ("hundred", 100),
    ("thousand", 1000),
    ("lakh", 100_000),
    ("million", 1_000_000),
    ("crore", 10_000_000),
    ("billion", 1_000_000_000),
    ("trillion", 1_000_000_000_000),
    ("quadrillion", 1_000_000_000_000_000),
    ("mln", 1_000_000),
    ("bln", 1_000_000_000),
    ("百", 100),
    ("千", 1000),
    ("万", 10_000),
    ("萬", 10_000),
    ("百万", 1_000_000),
    ("千万", 10_000_000),
    ("亿", 100_000_000),
    ("億", 100_000_000),
];

const PARTS: [(&str, i128); 11] = [
    ("half", 2),
    ("halves", 2),
    ("third", 3),
    ("quarter", 4),
    ("fourth", 4),
    ("fifth", 5),
    ("sixth", 6),
    ("seventh", 7),
    ("eighth", 8),
    ("ninth", 9),
    ("tenth", 10),
];

pub(super) fn words() -> impl Iterator<Item = (String, Word)> {
    let cardinals = CARDINALS.iter().zip(0..).map(|(word, value)| (*word, Word::Cardinal(value)));
    let tens = TENS.iter().zip(2..).map(|(word, ten)| (*word, Word::Cardinal(10 * ten)));
    let scales = SCALES.iter().map(|(word, scale)| (*word, Word::Scale(*scale)));
    let parts = PARTS.iter().map(|(word, parts)| (*word, Word::Part(*parts)));
    cardinals.chain(tens).chain(scales).chain(parts).map(|(word, meaning)| (word.to_owned(), meaning))
}
