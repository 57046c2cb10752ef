//! `detectable_format`: bullets, highlights, sections, titles, JSON, and answers out of a fixed list.

use std::sync::LazyLock;

use regex::Regex;
use serde::de::IgnoredAny;

use super::arguments::{Arguments, Unjudged};
use super::check::Check;

/// The sentences of which a constrained response holds one.
const CONSTRAINED_RESPONSES: [&str; 3] = ["My answer is yes.", "My answer is no.", "My answer is maybe."];

static SINGLE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\*[^\n*]*\*").expect("the pattern is constant"));
static DOUBLE: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\*\*[^\n*]*\*\*").expect("the pattern is constant"));

pub(super) fn check_of(kind: &str) -> Option<Check> {
    Some(match kind {
        "number_bullet_lists" => number_bullet_lists,
        "constrained_response" => constrained_response,
        "number_highlighted_sections" => number_highlighted_sections,
        "multiple_sections" => multiple_sections,
        "json_format" => json_format,
        "title" => title,
        _ => return None,
    })
}

/// Exactly `num_bullets` lines begin with `-`, or with `*` and a character other than `*`.
fn number_bullet_lists(answer: &str, arguments: &Arguments) -> Result<bool, Unjudged> {
    let count = answer
        .lines()
        .map(str::trim_start)
        .filter(|line| match line.strip_prefix('*') {
            Some(rest) => !rest.is_empty() && !rest.starts_with('*'),
            None => line.starts_with('-'),
        })
        .count();
    Ok(count == arguments.count("num_bullets")?)
}

fn constrained_response(answer: &str, _: &Arguments) -> Result<bool, Unjudged> {
    Ok(CONSTRAINED_RESPONSES.iter().any(|response| answer.contains(response)))
}

/// At least `num_highlights` highlights, `*single*` or `**double**`.
fn number_highlighted_sections(answer: &str, arguments: &Arguments) -> Result<bool, Unjudged> {
    let count = [&SINGLE, &DOUBLE]
        .into_iter()
        .flat_map(|pattern| pattern.find_iter(answer))
        .filter(|found| !found.as_str().trim_matches('*').trim().is_empty())
        .count();
    Ok(count >= arguments.count("num_highlights")?)
}

/// At least `num_sections` section marks: the word `section_spliter` (IFEval's spelling) and a number.
fn multiple_sections(answer: &str, arguments: &Arguments) -> Result<bool, Unjudged> {
    let word = arguments.text("section_spliter")?;
    let mark = Regex::new(&format!(r"{}\s?\d+", regex::escape(word)))
        .map_err(|_| Unjudged::Argument("`section_spliter` is too long".to_owned()))?;
    Ok(mark.find_iter(answer).count() >= arguments.count("num_sections")?)
}

/// The whole answer is JSON, in a fenced block or without.
fn json_format(answer: &str, _: &Arguments) -> Result<bool, Unjudged> {
    let mut body = answer.trim();
    if let Some(fenced) = body.strip_prefix("```") {
        body = fenced.strip_suffix("```").unwrap_or(fenced);
        let language = body.get(..4).filter(|language| language.eq_ignore_ascii_case("json"));
        body = &body[language.map_or(0, str::len)..];
    }
    Ok(serde_json::from_str::<IgnoredAny>(body).is_ok())
}

/// Some line holds `<<a title>>`.
fn title(answer: &str, _: &Arguments) -> Result<bool, Unjudged> {
    Ok(answer.lines().any(|line| {
        let title = line.split_once("<<").and_then(|(_, rest)| rest.rsplit_once(">>"));
        title.is_some_and(|(title, _)| !title.trim_matches(['<', '>']).trim().is_empty())
    }))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn follows(kind: &str, kwargs: Value, answer: &str) -> bool {
        check_of(kind).unwrap()(answer, &Arguments::new(&kwargs)).unwrap()
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
