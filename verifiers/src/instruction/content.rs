//! `detectable_content`: placeholders and a postscript.

use std::sync::LazyLock;

use regex::Regex;

use super::arguments::{Arguments, Unjudged};
use super::check::Check;

static PLACEHOLDER: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\[[^\]\n]*\]").expect("the pattern is constant"));
static PS: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"p\.\s?s\.").expect("the pattern is constant"));
static PPS: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"p\.\s?p\.\s?s").expect("the pattern is constant"));

pub(super) fn check_of(kind: &str, arguments: &Arguments) -> Option<Result<Check, Unjudged>> {
    Some(match kind {
        "number_placeholders" => number_placeholders(arguments),
        "postscript" => postscript(arguments),
        _ => return None,
    })
}

/// At least `num_placeholders` pairs of square brackets, each within one line.
fn number_placeholders(arguments: &Arguments) -> Result<Check, Unjudged> {
    let wanted = arguments.count("num_placeholders")?;
    Ok(Box::new(move |answer| PLACEHOLDER.find_iter(answer).count() >= wanted))
}

/// The marker occurs, in any case; `P.S.` and `P.P.S` may have a space after each full stop.
fn postscript(arguments: &Arguments) -> Result<Check, Unjudged> {
    let marker = arguments.text("postscript_marker")?.to_lowercase();
    Ok(Box::new(move |answer| {
        let answer = answer.to_lowercase();
        match marker.as_str() {
            "p.s." => PS.is_match(&answer),
            "p.p.s" => PPS.is_match(&answer),
            other => answer.contains(other),
        }
    }))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn follows(kind: &str, kwargs: Value, answer: &str) -> bool {
        check_of(kind, &Arguments::new(&kwargs)).unwrap().unwrap()(answer)
    }

    #[test]
    fn placeholders_are_square_brackets() {
        let kwargs = json!({"num_placeholders": 2});
        assert!(follows("number_placeholders", kwargs.clone(), "[name], [address], more"));
        assert!(!follows("number_placeholders", kwargs, "[name], (address), [open"));
    }

    #[test]
    fn postscripts_come_in_both_kinds() {
        assert!(follows("postscript", json!({"postscript_marker": "P.S."}), "bye\np. s. more"));
        assert!(!follows("postscript", json!({"postscript_marker": "P.P.S"}), "bye\nP.S. more"));
        assert!(follows("postscript", json!({"postscript_marker": "P.P.S"}), "bye\nP.P.S more"));
        assert!(follows("postscript", json!({"postscript_marker": "N.B."}), "n.b. this"));
    }
}
