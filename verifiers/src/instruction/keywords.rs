//! `keywords`: words that must occur, must not, or must a number of times. Case is ignored, and so is the form of an
//! apostrophe or a quotation mark.

use regex::{Regex, RegexBuilder};

use super::arguments::{Arguments, Unjudged};
use super::check::Check;
use super::marks::plain;

pub(super) fn check_of(kind: &str, arguments: &Arguments) -> Option<Result<Check, Unjudged>> {
    Some(match kind {
        "existence" => existence(arguments),
        "frequency" => frequency(arguments),
        "forbidden_words" => forbidden_words(arguments),
        "letter_frequency" => letter_frequency(arguments),
        _ => return None,
    })
}

fn existence(arguments: &Arguments) -> Result<Check, Unjudged> {
    let keywords = literals(&arguments.texts("keywords")?, false)?;
    Ok(Box::new(move |answer| {
        let answer = plain(answer);
        keywords.iter().all(|keyword| keyword.is_match(&answer))
    }))
}

fn frequency(arguments: &Arguments) -> Result<Check, Unjudged> {
    let keyword = literal(arguments.text("keyword")?, false)?;
    let relation = arguments.relation("relation")?;
    let threshold = arguments.count("frequency")?;
    Ok(Box::new(move |answer| relation.holds(keyword.find_iter(&plain(answer)).count(), threshold)))
}

fn forbidden_words(arguments: &Arguments) -> Result<Check, Unjudged> {
    let words = literals(&arguments.texts("forbidden_words")?, true)?;
    Ok(Box::new(move |answer| {
        let answer = plain(answer);
        !words.iter().any(|word| word.is_match(&answer))
    }))
}

/// A letter, or any other character: the data ask for `#` and `!` too.
fn letter_frequency(arguments: &Arguments) -> Result<Check, Unjudged> {
    let letter = plain(arguments.text("letter")?).to_lowercase();
    let relation = arguments.relation("let_relation")?;
    let threshold = arguments.count("let_frequency")?;
    if letter.chars().count() != 1 {
        return Err(Unjudged::Argument(format!("`letter` must be one character, not `{letter}`")));
    }
    Ok(Box::new(move |answer| relation.holds(plain(answer).to_lowercase().matches(&letter).count(), threshold)))
}

fn literals(texts: &[&str], is_whole_word: bool) -> Result<Vec<Regex>, Unjudged> {
    texts.iter().map(|text| literal(text, is_whole_word)).collect()
}

/// A pattern for the literal text in any case; with `is_whole_word` only where it is a word of its own.
fn literal(text: &str, is_whole_word: bool) -> Result<Regex, Unjudged> {
    let text = plain(text);
    let mut pattern = regex::escape(&text);
    if is_whole_word {
        // `\b` matches only beside a letter, digit or underscore: leave it out beside the `+` of `C++`.
        let is_word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
        let start = if is_word(text.chars().next()) { r"\b" } else { "" };
        let end = if is_word(text.chars().next_back()) { r"\b" } else { "" };
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
        check_of(kind, &Arguments::new(&kwargs)).unwrap().unwrap()(answer)
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
    fn apostrophes_have_one_form() {
        for (word, answer) in [("can't", "I can’t come."), ("can’t", "I can't come."), ("o'clock", "at 5 oʼclock")]
        {
            assert!(follows("existence", json!({"keywords": [word]}), answer), "{word}");
            assert!(!follows("forbidden_words", json!({"forbidden_words": [word]}), answer), "{word}");
            let kwargs = json!({"keyword": word, "relation": "at least", "frequency": 1});
            assert!(follows("frequency", kwargs, answer), "{word}");
        }
        assert!(follows("forbidden_words", json!({"forbidden_words": ["can't"]}), "I cant, and recan’t."));
    }

    #[test]
    fn letters_are_counted_without_case() {
        let kwargs = json!({"letter": "a", "let_relation": "less than", "let_frequency": 3});
        assert!(follows("letter_frequency", kwargs.clone(), "Aha"));
        assert!(!follows("letter_frequency", kwargs, "Aha a"));
        let hashes = json!({"letter": "#", "let_relation": "at least", "let_frequency": 2});
        assert!(follows("letter_frequency", hashes.clone(), "#one #two"));
        assert!(!follows("letter_frequency", hashes, "#one two"));
    }
}
