//! `change_case`: an answer in capitals, without capitals, or with a number of words in capitals.

use super::arguments::{Arguments, Unjudged};
use super::check::Check;
use super::language::may_be_english;
use super::words::{count_capital_words, is_lowercase, is_uppercase};

pub(super) fn check_of(kind: &str, arguments: &Arguments) -> Option<Result<Check, Unjudged>> {
    Some(match kind {
        "capital_word_frequency" => capital_word_frequency(arguments),
        "english_capital" => Ok(Box::new(|answer| is_uppercase(answer) && may_be_english(answer))),
        "english_lowercase" => Ok(Box::new(|answer| is_lowercase(answer) && may_be_english(answer))),
        _ => return None,
    })
}

fn capital_word_frequency(arguments: &Arguments) -> Result<Check, Unjudged> {
    let relation = arguments.relation("capital_relation")?;
    let threshold = arguments.count("capital_frequency")?;
    Ok(Box::new(move |answer| relation.holds(count_capital_words(answer), threshold)))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn follows(kind: &str, kwargs: Value, answer: &str) -> bool {
        check_of(kind, &Arguments::new(&kwargs)).unwrap().unwrap()(answer)
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
        assert!(!follows("english_capital", json!({}), "DAS IST DIE ANTWORT UND SIE IST NICHT LANG"));
    }
}
