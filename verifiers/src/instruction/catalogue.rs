//! The instruction types by name, each with its check.

use serde_json::Value;

use super::arguments::{Arguments, Unjudged};
use super::check::Check;
use super::{case, combination, content, format, keywords, language, length, punctuation, start_end};

/// All instruction types by family, in the order of the paper.
pub const INSTRUCTION_IDS: [&str; 25] = [
    "keywords:existence",
    "keywords:frequency",
    "keywords:forbidden_words",
    "keywords:letter_frequency",
    "language:response_language",
    "length_constraints:number_sentences",
    "length_constraints:number_paragraphs",
    "length_constraints:number_words",
    "length_constraints:nth_paragraph_first_word",
    "detectable_content:number_placeholders",
    "detectable_content:postscript",
    "detectable_format:number_bullet_lists",
    "detectable_format:constrained_response",
    "detectable_format:number_highlighted_sections",
    "detectable_format:multiple_sections",
    "detectable_format:json_format",
    "detectable_format:title",
    "combination:two_responses",
    "combination:repeat_prompt",
    "startend:end_checker",
    "startend:quotation",
    "change_case:capital_word_frequency",
    "change_case:english_capital",
    "change_case:english_lowercase",
    "punctuation:no_comma",
];

/// The check of an instruction: its type, as in `keywords:existence`, and its arguments.
pub(super) fn check_of(id: &str, kwargs: &Value) -> Result<Check, Unjudged> {
    let arguments = Arguments::new(kwargs);
    let (family, kind) = id.split_once(':').unwrap_or((id, ""));
    let check = match family {
        "keywords" => keywords::check_of(kind, &arguments),
        "language" => language::check_of(kind, &arguments),
        "length_constraints" => length::check_of(kind, &arguments),
        "detectable_content" => content::check_of(kind, &arguments),
        "detectable_format" => format::check_of(kind, &arguments),
        "combination" => combination::check_of(kind, &arguments),
        "startend" => start_end::check_of(kind, &arguments),
        "change_case" => case::check_of(kind, &arguments),
        "punctuation" => punctuation::check_of(kind),
        _ => None,
    };
    let check = check.ok_or_else(|| Unjudged::Unsupported(format!("the instruction type `{id}`")))??;
    arguments.finish()?;
    Ok(check)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_has_its_check() {
        for id in INSTRUCTION_IDS {
            let check = check_of(id, &Value::Null);
            assert!(!matches!(check, Err(Unjudged::Unsupported(_))), "{id}");
        }
        for id in ["keywords:rhyme", "keywords", "", "change_case:english_capital "] {
            assert!(matches!(check_of(id, &Value::Null), Err(Unjudged::Unsupported(_))), "{id}");
        }
    }
}
