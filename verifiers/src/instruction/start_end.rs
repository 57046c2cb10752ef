//! `startend`: the beginning and the end of an answer.

use super::arguments::{Arguments, Unjudged};
use super::check::Check;

pub(super) fn check_of(kind: &str) -> Option<Check> {
    Some(match kind {
        "end_checker" => end_checker,
        "quotation" => quotation,
        _ => return None,
    })
}

/// The answer ends with the phrase, in any case and without quotation marks around the answer.
fn end_checker(answer: &str, arguments: &Arguments) -> Result<bool, Unjudged> {
    let phrase = arguments.text("end_phrase")?.trim().to_lowercase();
    Ok(answer.trim().trim_matches('"').to_lowercase().ends_with(&phrase))
}

/// The whole answer stands in double quotation marks.
fn quotation(answer: &str, _: &Arguments) -> Result<bool, Unjudged> {
    let answer = answer.trim();
    Ok(answer.len() > 1 && answer.starts_with('"') && answer.ends_with('"'))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn follows(kind: &str, kwargs: Value, answer: &str) -> bool {
        check_of(kind).unwrap()(answer, &Arguments::new(&kwargs)).unwrap()
    }

    #[test]
    fn the_phrase_comes_last() {
        let kwargs = json!({"end_phrase": "Any other questions?"});
        assert!(follows("end_checker", kwargs.clone(), "So. any other Questions?\""));
        assert!(!follows("end_checker", kwargs, "Any other questions? No."));
    }

    #[test]
    fn quotation_marks_wrap_all() {
        assert!(follows("quotation", json!({}), " \"All of it.\" "));
        for bad in ["\"", "\"one\" and two", "“fancy”"] {
            assert!(!follows("quotation", json!({}), bad), "{bad}");
        }
    }
}
