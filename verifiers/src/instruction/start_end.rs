//! `startend`: the beginning and the end of an answer.

use super::arguments::{Arguments, Unjudged};
use super::check::Check;
use super::marks::{plain, plain_mark};

pub(super) fn check_of(kind: &str, arguments: &Arguments) -> Option<Result<Check, Unjudged>> {
    Some(match kind {
        "end_checker" => end_checker(arguments),
        "quotation" => Ok(Box::new(quotation)),
        _ => return None,
    })
}

/// The answer ends with the phrase, in any case; quotation marks may close it.
fn end_checker(arguments: &Arguments) -> Result<Check, Unjudged> {
    let phrase = plain(arguments.text("end_phrase")?).to_lowercase();
    Ok(Box::new(move |answer| {
        let answer = plain(answer.trim()).to_lowercase();
        let num_quotes = answer.len() - answer.trim_end_matches('"').len();
        (0..=num_quotes).any(|closing| answer[..answer.len() - closing].ends_with(&phrase))
    }))
}

/// The whole answer stands in double quotation marks, plain or typographic.
fn quotation(answer: &str) -> bool {
    let mut chars = answer.trim().chars().map(plain_mark);
    chars.next() == Some('"') && chars.next_back() == Some('"')
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn follows(kind: &str, kwargs: Value, answer: &str) -> bool {
        check_of(kind, &Arguments::new(&kwargs)).unwrap().unwrap()(answer)
    }

    #[test]
    fn the_phrase_comes_last() {
        let kwargs = json!({"end_phrase": "That's all, \"folks\""});
        for good in ["So. that's ALL, \"folks\"", "“That’s all, “folks””"] {
            assert!(follows("end_checker", kwargs.clone(), good), "{good}");
        }
        assert!(!follows("end_checker", kwargs, "That's all, \"folks\" No."));
    }

    #[test]
    fn quotation_marks_wrap_all() {
        for good in [" \"All of it.\" ", "“All of it.”", "„Alles.“"] {
            assert!(follows("quotation", json!({}), good), "{good}");
        }
        for bad in ["\"", "”", "\"one\" and two", "'one'", "‘one’"] {
            assert!(!follows("quotation", json!({}), bad), "{bad}");
        }
    }
}
