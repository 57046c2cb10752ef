//! `change_case`: an answer in capitals, without capitals, or with a number of words in capitals.

use super::arguments::{Arguments, Unjudged};
use super::check::Check;
use super::language::detect;

pub(super) fn check_of(kind: &str) -> Option<Check> {
    Some(match kind {
        "capital_word_frequency" => capital_word_frequency,
        "english_capital" => english_capital,
        "english_lowercase" => english_lowercase,
        _ => return None,
    })
}

/// Counts the words of which every letter that has a case is a capital; `A-1` and `U.S.` are one word each.
fn capital_word_frequency(answer: &str, arguments: &Arguments) -> Result<bool, Unjudged> {
    let relation = arguments.relation("capital_relation")?;
    let count = answer
        .split(|c: char| !(c.is_alphanumeric() || matches!(c, '-' | '.' | '\'' | '_')))
        .filter(|word| is_uppercase(word))
        .count();
    Ok(relation.holds(count, arguments.count("capital_frequency")?))
}

fn english_capital(answer: &str, _: &Arguments) -> Result<bool, Unjudged> {
    Ok(is_uppercase(answer) && may_be_english(answer))
}

fn english_lowercase(answer: &str, _: &Arguments) -> Result<bool, Unjudged> {
    let is_lowercase = answer.chars().any(char::is_lowercase) && !answer.chars().any(char::is_uppercase);
    Ok(is_lowercase && may_be_english(answer))
}

fn is_uppercase(text: &str) -> bool {
    text.chars().any(char::is_uppercase) && !text.chars().any(char::is_lowercase)
}

/// True unless another language is detected. Texts too short to tell pass, as in the published checker.
fn may_be_english(answer: &str) -> bool {
    detect(answer).is_none_or(|language| language == "en")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn follows(kind: &str, kwargs: Value, answer: &str) -> bool {
        check_of(kind).unwrap()(answer, &Arguments::new(&kwargs)).unwrap()
    }

    #[test]
    fn words_in_capitals_are_counted() {
        let kwargs = json!({"capital_relation": "at least", "capital_frequency": 3});
        assert!(follows("capital_word_frequency", kwargs.clone(), "I SAW a TOP-10 list"));
        assert!(!follows("capital_word_frequency", kwargs, "I saw NASA 2024"));
    }

    #[test]
    fn one_letter_of_the_other_case_fails() {
        assert!(follows("english_capital", json!({}), "THIS IS THE ANSWER, NO. 1!"));
        assert!(!follows("english_capital", json!({}), "THIS IS THE ANSWEr"));
        assert!(follows("english_lowercase", json!({}), "this is the answer, no. 1!"));
        assert!(!follows("english_lowercase", json!({}), "this is the Answer"));
        assert!(!follows("english_lowercase", json!({}), "1234"));
    }

    #[test]
    fn it_must_be_english() {
        assert!(!follows("english_lowercase", json!({}), "das ist die antwort und sie ist nicht lang"));
    }
}
