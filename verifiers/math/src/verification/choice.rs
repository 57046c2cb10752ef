//! Choices with their texts: `(C) 5`, `C. 5`, `C: blue`, `Option E`, `5 (C)`.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::Regex;

use super::judgement::Judgement;
use crate::sides::Sides;
use crate::{Stage, text};

/// Longest answer that is looked at, in bytes.
const LONGEST: usize = 300;

/// A letter before its text, or alone behind the word "option".
static BEFORE: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(?:(?i:option|choice|answer)\s*[:.]?\s*)?(?:\(([A-J])\)[:.]?|\[([A-J])\]|([A-J])[).:])(?:\s+(.*))?$")
        .expect("the pattern is constant")
});

static WORD: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(?i:option|choice|answer|letter)\s*[:.]?\s*\(?([A-Ja-j])\)?(?:[,:.)]?\s+(.*))?$")
        .expect("the pattern is constant")
});

/// A letter in brackets behind its text.
static BEHIND: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(.*\S)[,:]?\s+\((?i:(?:option|choice)\s+)?([A-J])\)$").expect("the pattern is constant")
});

/// A choice: its letter, and the text that it stands for where it is written.
struct Choice<'a> {
    letter: char,
    text: &'a str,
}

impl<'a> Choice<'a> {
    fn read(answer: &'a str) -> Option<Self> {
        let answer = answer.trim().trim_end_matches(['.', ' ']);
        let letter = |text: &str| text.chars().next().map(|letter| letter.to_ascii_uppercase());
        if let Some(found) = BEFORE.captures(answer) {
            let name = (1..=3).find_map(|group| found.get(group))?;
            let text = found.get(4).map_or("", |text| text.as_str()).trim();
            return Some(Self { letter: letter(name.as_str())?, text });
        }
        if let Some(found) = WORD.captures(answer) {
            let text = found.get(2).map_or("", |text| text.as_str()).trim();
            return Some(Self { letter: letter(found.get(1)?.as_str())?, text });
        }
        let found = BEHIND.captures(answer)?;
        Some(Self { letter: letter(found.get(2)?.as_str())?, text: found.get(1)?.as_str() })
    }
}

/// The completion's answer without the letter of a choice and its sign; none where the letter is the answer.
pub(super) fn without_letter<'a>(answers: Sides<&'a str>) -> Option<Cow<'a, str>> {
    if !may_be_choice(answers.completion) {
        return Some(answers.completion.into());
    }
    let plain = answers.map(plain);
    let Some(choice) = Choice::read(&plain.completion) else { return Some(answers.completion.into()) };
    let gold_is_choice = text::letter(&text::canonical(answers.gold)).is_some() || Choice::read(&plain.gold).is_some();
    (!gold_is_choice).then(|| choice.text.to_owned().into())
}

/// Judges answers of which one at least is a choice with its text; none where they are compared as they are. `compare`
/// judges two answers without their letters.
pub(super) fn judge(answers: Sides<&str>, compare: impl Fn(Sides<&str>) -> Judgement) -> Option<Judgement> {
    if !answers.map(may_be_choice).join(|gold, completion| gold || completion) {
        return None;
    }
    let plain = answers.map(plain);
    let plain = plain.as_ref().map(|text| &**text);
    let letters = plain.map(|answer| text::letter(&text::canonical(answer)).map(|letter| letter.to_ascii_uppercase()));
    let choices = plain.map(Choice::read);
    let decided = |is_equal| Some(Judgement::decided(is_equal, Stage::Text));
    match (choices.gold, choices.completion) {
        (Some(gold), Some(completion)) if gold.letter != completion.letter => decided(false),
        (Some(gold), Some(completion)) if gold.text.is_empty() || completion.text.is_empty() => decided(true),
        (Some(gold), Some(completion)) => Some(compare(Sides { gold: gold.text, completion: completion.text })),
        (Some(gold), None) => match letters.completion {
            Some(letter) => decided(gold.letter == letter),
            None if gold.text.is_empty() => None,
            None => Some(compare(Sides { gold: gold.text, completion: answers.completion })),
        },
        (None, Some(completion)) => match letters.gold {
            Some(letter) => decided(completion.letter == letter),
            None if completion.text.is_empty() => None,
            None => Some(compare(Sides { gold: answers.gold, completion: completion.text })),
        },
        (None, None) => None,
    }
}

/// True where the sign of a choice stands in the answer: few answers come further.
fn may_be_choice(answer: &str) -> bool {
    answer.len() <= LONGEST
        && (answer.contains("ption")
            || answer.as_bytes().windows(2).any(|pair| {
                matches!(pair, [b'A'..=b'J', b')' | b']' | b'.' | b':' | b'}'] | [b' ' | b'(' | b'{', b'A'..=b'J'])
            }))
}

/// The answer without the commands around words, and without emphasis.
fn plain(answer: &str) -> Cow<'_, str> {
    if !answer.contains(['\\', '*', '$', '~']) {
        return answer.into();
    }
    let mut out = String::with_capacity(answer.len());
    let mut rest = answer;
    // True for each open brace that a command around words opened.
    let mut open: Vec<bool> = Vec::new();
    while let Some(c) = rest.chars().next() {
        let wrapper = text::FONTS
            .iter()
            .find_map(|font| rest.strip_prefix('\\')?.strip_prefix(font)?.trim_start().strip_prefix('{'));
        let space =
            ["\\ ", "\\,", "\\;", "\\:", "\\quad", "\\qquad", "~"].iter().find(|space| rest.starts_with(**space));
        if let Some(after) = wrapper {
            open.push(true);
            rest = after;
            continue;
        }
        if let Some(space) = space {
            out.push(' ');
            rest = &rest[space.len()..];
            continue;
        }
        rest = &rest[c.len_utf8()..];
        match c {
            '*' | '$' => continue,
            '{' => open.push(false),
            '}' if open.pop() == Some(true) => continue,
            _ => {}
        }
        out.push(c);
    }
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_has_a_letter_and_a_text() {
        for (answer, letter, text) in [
            ("(C) 5", 'C', "5"),
            ("C. 5", 'C', "5"),
            ("C: blue", 'C', "blue"),
            ("C) 5", 'C', "5"),
            ("Option E", 'E', ""),
            ("option (B)", 'B', ""),
            ("Option B: 12", 'B', "12"),
            ("5 (C)", 'C', "5"),
            (r"\textbf{(C)}\ 5", 'C', "5"),
            (r"\text{(D) blue}", 'D', "blue"),
            (r"**B.** $\frac{1}{2}$", 'B', r"\frac{1}{2}"),
        ] {
            let plain = plain(answer);
            let choice = Choice::read(&plain).unwrap_or_else(|| panic!("{answer}"));
            assert_eq!((choice.letter, choice.text), (letter, text), "{answer}");
        }
        for answer in ["A(3)", "AB", "(A+B)", "x", "5", "A:B", "C", "f(A)", "(K) 5"] {
            assert!(Choice::read(&plain(answer)).is_none(), "{answer}");
        }
    }
}
