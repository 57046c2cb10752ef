//! The rules `closing_choice` and `leading_choice`: the letter of a choice, alone on the last line, named by the last
//! sentence, or at the beginning, as in "B. Because …" or "(C) since …".

use std::sync::LazyLock;

use regex::Regex;

use super::finding::Finding;
use super::sentence;

/// Longest line that may name a choice, in bytes.
const LONGEST_LINE: usize = 400;

/// A letter that a sentence ends with, named as a choice: "I would say C", "the answer is (C)", "option C".
static NAMED: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(concat!(
        r"(?:^|[^\w])(?i:say|choose|chose|pick|picked|select|selected|go with|going with|answer|option|choice|is|be|",
        r"it's|it’s|was|guess|answered|therefore|thus|hence|so)(?i:\s+with)?",
        r"(?i:\s+(?:option|choice|answer|letter))?\s*[:,]?\s*",
        r#"[\s("“*$\[]*(?:\\text(?:bf)?\{)?[("“*$\[]*([A-J])[)"”*$\]}]*$"#,
    ))
    .expect("the pattern is constant")
});

/// A letter that is said to be the answer: "C is the correct answer", "Option C is correct".
static SUBJECT: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(concat!(
        r"(?:^|[^\w])(?:(?i:option|choice|answer)\s+)?[(*]*([A-J])[)*]*\s+is\s+",
        r"(?i:(?:clearly |therefore |thus )?(?:the |my )?(?:final |only )?(?:correct|right|best|answer|true)\b)[^.]*$",
    ))
    .expect("the pattern is constant")
});

/// The letter `A` to `J` that the text begins with, where a sign ends it.
pub(super) fn find(text: &str) -> Finding<'_> {
    let start = text.trim_start_matches([' ', '\n', '*', '(', '#']);
    let is_choice = matches!(start.as_bytes(), [b'A'..=b'J', b'.' | b')' | b':' | b'*', b' ' | b'\n' | b'*', ..]);
    Ok(is_choice.then(|| start[..1].into()))
}

/// The choice that the last line is, with its text, or that its last sentence names.
pub(super) fn find_closing(text: &str) -> Finding<'_> {
    let mut lines = text.lines().rev().filter(|line| !line.trim().is_empty());
    let Some(line) = lines.next().filter(|line| line.len() <= LONGEST_LINE) else { return Ok(None) };
    if !line.bytes().any(|byte| matches!(byte, b'A'..=b'J')) {
        return Ok(None);
    }
    let bare = sentence::bare(line.trim_start_matches(['#', '>', ' ']));
    // Of the last sentence, what stands before "not D" and "because".
    let last = sentence::sentence(&bare[bare.rfind(". ").map_or(0, |at| at + 2)..]);
    // A list of the choices names none.
    let is_listed = lines.next().is_some_and(|before| begins_with_choice(before.trim_start_matches([' ', '*', '-'])));
    if !is_listed && (is_letter(bare) || begins_with_choice(bare) && is_short(bare)) {
        return Ok(Some(bare.into()));
    }
    if is_letter(last) && last.len() < bare.len() && bare.starts_with(last) {
        return Ok(Some(last.into()));
    }
    Ok(named(last).map(Into::into))
}

/// The letter that the last sentence of a text names as a choice.
pub(super) fn named(text: &str) -> Option<&str> {
    let start = text.rfind(". ").map_or(0, |at| at + 2);
    let last = &text[start..];
    let last = last.trim_end_matches(['.', '!', '。', ' ']);
    let found = NAMED.captures(last).or_else(|| SUBJECT.captures(last))?.get(1)?;
    let is_denied = super::denial::is_denied(&last[..found.start()], &last[found.end()..]);
    (!is_denied).then_some(found.as_str())
}

/// True for one letter `A` to `J`, in brackets or not.
pub(super) fn is_letter(text: &str) -> bool {
    let inner = text.trim_matches(['(', ')', '[', ']', '*', '.', '$', ' ']);
    matches!(inner.as_bytes(), [b'A'..=b'J'])
}

/// True for `(C) …`, `C) …`, `C. …`, `C: …`.
fn begins_with_choice(text: &str) -> bool {
    let start = text.trim_start_matches('*');
    match start.as_bytes() {
        [b'(', b'A'..=b'J', b')', rest @ ..] => matches!(rest, [b' ' | b'*', ..]),
        [b'A'..=b'J', b'.' | b')' | b':', rest @ ..] => matches!(rest, [b' ' | b'*', ..]),
        _ => false,
    }
}

/// True where a few words follow the letter, and no reason.
fn is_short(text: &str) -> bool {
    let mut words = text.split_whitespace().skip(1);
    let is_reason = words.clone().next().is_some_and(|word| {
        ["because", "since", "as", "it", "this", "that"].iter().any(|reason| reason.eq_ignore_ascii_case(word))
    });
    !is_reason && words.by_ref().count() <= 5
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_at_the_start() {
        assert_eq!(find("A. Because B is not valid"), Ok(Some("A".into())));
        assert_eq!(find("**(C)** since"), Ok(Some("C".into())));
        for text in ["A man", "Because", "a. lower", "", "K. no"] {
            assert_eq!(find(text), Ok(None), "{text}");
        }
    }

    #[test]
    fn a_letter_at_the_end() {
        for (text, choice) in [
            ("All 4 readings say so.\n\nC", "C"),
            ("All 4 say so.\n\n**(C)**", "(C)"),
            ("So it must be this one:\nC. a worn bearing", "C. a worn bearing"),
            ("So:\n(D) 12", "(D) 12"),
            ("Having weighed 3 of them, I would say C.", "C"),
            ("There are 3. I choose option B", "B"),
            ("Option E", "E"),
            ("With 2 left, C is the correct answer.", "C"),
            ("It has to be D!", "D"),
            ("B, not C", "B"),
            ("I would say B rather than C.", "B"),
            ("Therefore, C", "C"),
        ] {
            assert_eq!(find_closing(text), Ok(Some(choice.into())), "{text}");
        }
    }

    #[test]
    fn letters_that_are_no_choice() {
        for text in [
            "It lies on the line through A and B.",
            "A. 1\nB. 2\nC. 3",
            "It is not C.",
            "C is wrong.",
            "A man is here",
            "B. Because it is",
            "25 degrees C",
        ] {
            assert_eq!(find_closing(text), Ok(None), "{text}");
        }
    }
}
