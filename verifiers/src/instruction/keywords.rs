//! `keywords`: words that must occur, must not, or must a number of times. Case is ignored.

use regex::{Regex, RegexBuilder};

use super::arguments::{Arguments, Unjudged};
use super::check::Check;

pub(super) fn check_of(kind: &str) -> Option<Check> {
    Some(match kind {
        "existence" => existence,
        "frequency" => frequency,
        "forbidden_words" => forbidden_words,
        "letter_frequency" => letter_frequency,
        _ => return None,
    })
}

fn existence(answer: &str, arguments: &Arguments) -> Result<bool, Unjudged> {
    for keyword in arguments.texts("keywords")? {
        if !literal(keyword, false)?.is_match(answer) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn frequency(answer: &str, arguments: &Arguments) -> Result<bool, Unjudged> {
    let keyword = literal(arguments.text("keyword")?, false)?;
    let relation = arguments.relation("relation")?;
    Ok(relation.holds(keyword.find_iter(answer).count(), arguments.count("frequency")?))
}

fn forbidden_words(answer: &str, arguments: &Arguments) -> Result<bool, Unjudged> {
    for word in arguments.texts("forbidden_words")? {
        if literal(word, true)?.is_match(answer) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn letter_frequency(answer: &str, arguments: &Arguments) -> Result<bool, Unjudged> {
    let letter = arguments.text("letter")?.to_lowercase();
    let relation = arguments.relation("let_relation")?;
    let count = answer.to_lowercase().matches(&letter).count();
    Ok(relation.holds(count, arguments.count("let_frequency")?))
}

/// A pattern for the literal text in any case; with `is_whole_word` only where it is a word of its own.
fn literal(text: &str, is_whole_word: bool) -> Result<Regex, Unjudged> {
    let mut pattern = regex::escape(text.trim());
    if is_whole_word {
        // `\b` matches only beside a letter, digit or underscore: leave it out beside the `+` of `C++`.
        let is_word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        let start = if is_word(text.trim().chars().next()) { r"\b" } else { "" };
        let end = if is_word(text.trim().chars().next_back()) { r"\b" } else { "" };
        pattern = format!("{start}{pattern}{end}");
    }
    RegexBuilder::new(&pattern)
        .case_insensitive(true)
        .build()
        .map_err(|_| Unjudged::Argument(format!("the keyword of {} bytes is too long", text.len())))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn follows(kind: &str, kwargs: Value, answer: &str) -> bool {
        check_of(kind).unwrap()(answer, &Arguments::new(&kwargs)).unwrap()
    }

    #[test]
    fn keywords_exist_in_any_case_and_within_words() {
        let kwargs = json!({"keywords": ["story", "C++"]});
        assert!(follows("existence", kwargs.clone(), "A STORYteller of c++"));
        assert!(!follows("existence", kwargs, "a story of C"));
    }

    #[test]
    fn keywords_are_counted() {
        let kwargs = json!({"keyword": "war", "relation": "at least", "frequency": 2});
        assert!(follows("frequency", kwargs.clone(), "War and wars"));
        assert!(!follows("frequency", kwargs, "war and peace"));
    }

    #[test]
    fn forbidden_words_are_whole_words() {
        let kwargs = json!({"forbidden_words": ["rock"]});
        assert!(follows("forbidden_words", kwargs.clone(), "a rocket"));
        assert!(!follows("forbidden_words", kwargs, "Rock!"));
        assert!(!follows("forbidden_words", json!({"forbidden_words": ["c++"]}), "in C++ only"));
    }

    #[test]
    fn letters_are_counted_without_case() {
        let kwargs = json!({"letter": "a", "let_relation": "less than", "let_frequency": 3});
        assert!(follows("letter_frequency", kwargs.clone(), "Aha"));
        assert!(!follows("letter_frequency", kwargs, "Aha a"));
    }
}
