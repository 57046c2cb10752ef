//! `length_constraints`: the number of sentences, paragraphs and words.

use std::sync::LazyLock;

use regex::Regex;

use super::arguments::{Arguments, Unjudged};
use super::check::Check;
use super::paragraphs::{begins_with_word, paragraphs};
use super::sentences::count_sentences;

static WORD: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\w+").expect("the pattern is constant"));

pub(super) fn check_of(kind: &str, arguments: &Arguments) -> Option<Result<Check, Unjudged>> {
    Some(match kind {
        "number_sentences" => number_sentences(arguments),
        "number_paragraphs" => number_paragraphs(arguments),
        "number_words" => number_words(arguments),
        "nth_paragraph_first_word" => nth_paragraph_first_word(arguments),
        _ => return None,
    })
}

fn number_sentences(arguments: &Arguments) -> Result<Check, Unjudged> {
    let relation = arguments.relation("relation")?;
    let threshold = arguments.count("num_sentences")?;
    Ok(Box::new(move |answer| relation.holds(count_sentences(answer), threshold)))
}

/// A word is a run of letters, digits and underscores: `it's` is two words, as in the published checker.
fn number_words(arguments: &Arguments) -> Result<Check, Unjudged> {
    let relation = arguments.relation("relation")?;
    let threshold = arguments.count("num_words")?;
    Ok(Box::new(move |answer| relation.holds(WORD.find_iter(answer).count(), threshold)))
}

/// `***` divides paragraphs; only the first and the last may be empty, and are not counted then.
fn number_paragraphs(arguments: &Arguments) -> Result<Check, Unjudged> {
    let wanted = arguments.count("num_paragraphs")?;
    Ok(Box::new(move |answer| {
        let paragraphs: Vec<bool> = answer.split("***").map(|paragraph| !paragraph.trim().is_empty()).collect();
        let last = paragraphs.len() - 1;
        let has_gap = paragraphs.iter().enumerate().any(|(at, has_text)| !has_text && at != 0 && at != last);
        !has_gap && paragraphs.iter().filter(|has_text| **has_text).count() == wanted
    }))
}

/// Blank lines divide paragraphs; the n-th of those with text begins with the given word.
fn nth_paragraph_first_word(arguments: &Arguments) -> Result<Check, Unjudged> {
    let wanted = arguments.count("num_paragraphs")?;
    let nth = arguments.count("nth_paragraph")?;
    let first_word = arguments.text("first_word")?.to_owned();
    if nth == 0 || nth > wanted {
        let problem = format!("`nth_paragraph` must lie between 1 and `num_paragraphs`, {wanted}, not {nth}");
        return Err(Unjudged::Argument(problem));
    }
    Ok(Box::new(move |answer| {
        let paragraphs = paragraphs(answer);
        paragraphs.len() == wanted && begins_with_word(&paragraphs[nth - 1], &first_word)
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
    fn words_are_counted() {
        let kwargs = json!({"relation": "less than", "num_words": 4});
        assert!(follows("number_words", kwargs.clone(), "one, two - three!"));
        assert!(!follows("number_words", kwargs, "it's one two"));
    }

    #[test]
    fn sentences_are_counted() {
        let kwargs = json!({"relation": "at least", "num_sentences": 2});
        assert!(follows("number_sentences", kwargs.clone(), "Dr. No came. He left."));
        assert!(!follows("number_sentences", kwargs, "Dr. No came"));
    }

    #[test]
    fn paragraphs_stand_between_dividers() {
        let kwargs = json!({"num_paragraphs": 2});
        for good in ["a\n***\nb", "***\na\n***\nb\n***"] {
            assert!(follows("number_paragraphs", kwargs.clone(), good), "{good}");
        }
        for bad in ["a\n\nb", "a***b***c", "a\n***\n***\nb"] {
            assert!(!follows("number_paragraphs", kwargs.clone(), bad), "{bad}");
        }
    }

    #[test]
    fn the_nth_paragraph_begins_with_the_word() {
        let kwargs = json!({"num_paragraphs": 2, "nth_paragraph": 2, "first_word": "Weekend"});
        assert!(follows("nth_paragraph_first_word", kwargs.clone(), "a\n\n\"weekend, yes"));
        assert!(!follows("nth_paragraph_first_word", kwargs.clone(), "weekend\n\na"));
        assert!(!follows("nth_paragraph_first_word", kwargs, "a\n\nweekend\n\nb"));
    }
}
