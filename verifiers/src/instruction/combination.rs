//! `combination`: two responses, and the request repeated before the answer.

use super::arguments::{Arguments, Unjudged};
use super::check::Check;

pub(super) fn check_of(kind: &str) -> Option<Check> {
    Some(match kind {
        "two_responses" => two_responses,
        "repeat_prompt" => repeat_prompt,
        _ => return None,
    })
}

/// Two different responses divided by six asterisks; only the first and the last part may be empty.
fn two_responses(answer: &str, _: &Arguments) -> Result<bool, Unjudged> {
    let parts: Vec<&str> = answer.split("******").map(str::trim).collect();
    let last = parts.len() - 1;
    let has_gap = parts.iter().enumerate().any(|(at, part)| part.is_empty() && at != 0 && at != last);
    let responses: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
    Ok(!has_gap && matches!(responses[..], [first, second] if first != second))
}

/// The answer begins with the request, word for word, in any case.
fn repeat_prompt(answer: &str, arguments: &Arguments) -> Result<bool, Unjudged> {
    let prompt = arguments.text("prompt_to_repeat")?.trim().to_lowercase();
    Ok(answer.trim().to_lowercase().starts_with(&prompt))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn follows(kind: &str, kwargs: Value, answer: &str) -> bool {
        check_of(kind).unwrap()(answer, &Arguments::new(&kwargs)).unwrap()
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
