//! `combination`: two responses, and the request repeated before the answer.

use super::arguments::{Arguments, Unjudged};
use super::check::Check;
use super::marks::plain;

pub(super) fn check_of(kind: &str, arguments: &Arguments) -> Option<Result<Check, Unjudged>> {
    Some(match kind {
        "two_responses" => Ok(Box::new(two_responses)),
        "repeat_prompt" => repeat_prompt(arguments),
        _ => return None,
    })
}

/// Two different responses divided by six asterisks; only the first and the last part may be empty.
fn two_responses(answer: &str) -> bool {
    let parts: Vec<&str> = answer.split("******").map(str::trim).collect();
    let last = parts.len() - 1;
    let has_gap = parts.iter().enumerate().any(|(at, part)| part.is_empty() && at != 0 && at != last);
    let responses: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    !has_gap && matches!(responses[..], [first, second] if first != second)
}

/// The answer begins with the request, word for word, in any case.
fn repeat_prompt(arguments: &Arguments) -> Result<Check, Unjudged> {
    let normal = |text: &str| plain(text.trim()).to_lowercase();
    let prompt = normal(arguments.text("prompt_to_repeat")?);
    Ok(Box::new(move |answer| normal(answer).starts_with(&prompt)))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn follows(kind: &str, kwargs: Value, answer: &str) -> bool {
        check_of(kind, &Arguments::new(&kwargs)).unwrap().unwrap()(answer)
    }

    #[test]
    fn two_responses_differ() {
        for good in ["one\n******\ntwo", "******one******two******"] {
            assert!(follows("two_responses", json!({}), good), "{good}");
        }
        for bad in ["one", "one******one", "one******two******three", "one******\n******two"] {
            assert!(!follows("two_responses", json!({}), bad), "{bad}");
        }
    }

    #[test]
    fn the_request_comes_first() {
        let kwargs = json!({"prompt_to_repeat": "Write a poem. "});
        assert!(follows("repeat_prompt", kwargs.clone(), "\nwrite a poem. Roses are red"));
        assert!(!follows("repeat_prompt", kwargs, "Sure! Write a poem."));
    }
}
