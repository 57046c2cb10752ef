//! `detectable_format`: bullets, highlights, sections, titles, JSON, and answers out of a fixed list.

use regex::Regex;
use serde::de::IgnoredAny;

use super::arguments::{Arguments, Unjudged};
use super::check::Check;
use super::emphasis::{count_highlights, has_bullet};

/// The sentences of which a constrained response holds one.
const CONSTRAINED_RESPONSES: [&str; 3] = ["My answer is yes.", "My answer is no.", "My answer is maybe."];

pub(super) fn check_of(kind: &str, arguments: &Arguments) -> Option<Result<Check, Unjudged>> {
    Some(match kind {
        "number_bullet_lists" => number_bullet_lists(arguments),
        "constrained_response" => Ok(Box::new(constrained_response)),
        "number_highlighted_sections" => number_highlighted_sections(arguments),
        "multiple_sections" => multiple_sections(arguments),
        "json_format" => Ok(Box::new(json_format)),
        "title" => Ok(Box::new(title)),
        _ => return None,
    })
}

/// Exactly `num_bullets` lines have a bullet.
fn number_bullet_lists(arguments: &Arguments) -> Result<Check, Unjudged> {
    let wanted = arguments.count("num_bullets")?;
    Ok(Box::new(move |answer| answer.lines().filter(|line| has_bullet(line)).count() == wanted))
}

fn constrained_response(answer: &str) -> bool {
    CONSTRAINED_RESPONSES.iter().any(|response| answer.contains(response))
}

/// At least `num_highlights` highlights, `*single*` or `**double**`.
fn number_highlighted_sections(arguments: &Arguments) -> Result<Check, Unjudged> {
    let wanted = arguments.count("num_highlights")?;
    Ok(Box::new(move |answer| answer.lines().map(count_highlights).sum::<usize>() >= wanted))
}

/// At least `num_sections` section marks: the word `section_spliter` (IFEval's spelling) and a number.
fn multiple_sections(arguments: &Arguments) -> Result<Check, Unjudged> {
    let word = arguments.text("section_spliter")?;
    let wanted = arguments.count("num_sections")?;
    let mark = Regex::new(&format!(r"{}\s?\d+", regex::escape(word)))
        .map_err(|_| Unjudged::Argument("`section_spliter` is too long".to_owned()))?;
    Ok(Box::new(move |answer| mark.find_iter(answer).count() >= wanted))
}

/// The whole answer is JSON, in a fenced block or without.
fn json_format(answer: &str) -> bool {
    let mut body = answer.trim();
    if let Some(fenced) = body.strip_prefix("```") {
        body = fenced.strip_suffix("```").unwrap_or(fenced);
        let language = body.get(..4).filter(|language| language.eq_ignore_ascii_case("json"));
        body = &body[language.map_or(0, str::len)..];
    }
    serde_json::from_str::<IgnoredAny>(body).is_ok()
}

/// Some line holds `<<a title>>`.
fn title(answer: &str) -> bool {
    answer.lines().any(|line| {
        let title = line.split_once("<<").and_then(|(_, rest)| rest.rsplit_once(">>"));
        title.is_some_and(|(title, _)| !title.trim_matches(['<', '>']).trim().is_empty())
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn follows(kind: &str, kwargs: Value, answer: &str) -> bool {
        check_of(kind, &Arguments::new(&kwargs)).unwrap().unwrap()(answer)
    }

    #[test]
    fn bullets_are_counted_exactly() {
        let kwargs = json!({"num_bullets": 2});
        assert!(follows("number_bullet_lists", kwargs.clone(), "List:\n* a\n  - b\n**bold** line"));
        assert!(!follows("number_bullet_lists", kwargs, "* a\n* b\n* c"));
    }

    #[test]
    fn highlights_are_counted() {
        let kwargs = json!({"num_highlights": 2});
        assert!(follows("number_highlighted_sections", kwargs.clone(), "*one* and *two*"));
        assert!(!follows("number_highlighted_sections", kwargs, "*one* and * *"));
    }

    #[test]
    fn sections_are_marked_by_word_and_number() {
        let kwargs = json!({"section_spliter": "SECTION", "num_sections": 2});
        assert!(follows("multiple_sections", kwargs.clone(), "SECTION 1\na\nSECTION 2\nb"));
        assert!(!follows("multiple_sections", kwargs, "Section 1\na\nSECTION 2\nb"));
    }

    #[test]
    fn json_stands_alone() {
        for good in ["{\"a\": [1, 2]}", "```json\n{}\n```", "```\n[]\n```", "```JSON\n1\n```"] {
            assert!(follows("json_format", json!({}), good), "{good}");
        }
        for bad in ["Here: {}", "{'a': 1}", "```json\n{\n```"] {
            assert!(!follows("json_format", json!({}), bad), "{bad}");
        }
        assert!(!follows("json_format", json!({}), &"[".repeat(1_000_000)));
    }

    #[test]
    fn a_title_has_double_angle_brackets() {
        assert!(follows("title", json!({}), "<<Poem of Joy>>\ntext"));
        for bad in ["<Poem>", "<<>>", "<< \n >>", ">>a<<"] {
            assert!(!follows("title", json!({}), bad), "{bad}");
        }
    }

    #[test]
    fn a_constrained_response_is_one_of_three() {
        assert!(follows("constrained_response", json!({}), "My answer is maybe."));
        assert!(!follows("constrained_response", json!({}), "My answer is perhaps."));
    }
}
