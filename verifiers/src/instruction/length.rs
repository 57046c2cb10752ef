//! `length_constraints`: the number of sentences, paragraphs and words.

use std::sync::LazyLock;

use regex::Regex;

use super::arguments::{Arguments, Unjudged};
use super::check::Check;
use super::sentences::count_sentences;

static WORD: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"\w+").expect("the pattern is constant"));

pub(super) fn check_of(kind: &str) -> Option<Check> {
    Some(match kind {
        "number_sentences" => number_sentences,
        "number_paragraphs" => number_paragraphs,
        "number_words" => number_words,
        "nth_paragraph_first_word" => nth_paragraph_first_word,
        _ => return None,
    })
}

fn number_sentences(answer: &str, arguments: &Arguments) -> Result<bool, Unjudged> {
    let relation = arguments.relation("relation")?;
    Ok(relation.holds(count_sentences(answer), arguments.count("num_sentences")?))
}

/// A word is a run of letters, digits and underscores: `it's` is two words, as in the published checker.
fn number_words(answer: &str, arguments: &Arguments) -> Result<bool, Unjudged> {
    let relation = arguments.relation("relation")?;
    Ok(relation.holds(WORD.find_iter(answer).count(), arguments.count("num_words")?))
}

/// `***` divides paragraphs; only the first and the last may be empty, and are not counted then.
fn number_paragraphs(answer: &str, arguments: &Arguments) -> Result<bool, Unjudged> {
    let wanted = arguments.count("num_paragraphs")?;
    let paragraphs: Vec<&str> = answer.split("***").collect();
    let last = paragraphs.len() - 1;
    let mut count = 0;
    for (at, paragraph) in paragraphs.iter().enumerate() {
        if !paragraph.trim().is_empty() {
            count += 1;
        } else if at != 0 && at != last {
            return Ok(false);
        }
    }
    Ok(count == wanted)
}

/// Blank lines divide paragraphs; the n-th begins with the given word.
fn nth_paragraph_first_word(answer: &str, arguments: &Arguments) -> Result<bool, Unjudged> {
    let wanted = arguments.count("num_paragraphs")?;
    let nth = arguments.count("nth_paragraph")?;
    let first_word = arguments.text("first_word")?.to_lowercase();
    if nth == 0 {
        return Err(Unjudged::Argument("`nth_paragraph` counts from 1".to_owned()));
    }
    let paragraphs: Vec<&str> = answer.split("\n\n").collect();
    let count = paragraphs.iter().filter(|paragraph| !paragraph.trim().is_empty()).count();
    if count != wanted || nth > count {
        return Ok(false);
    }
    let Some(word) = paragraphs[nth - 1].split_whitespace().next() else {
        return Ok(false);
    };
    let word: String = word
        .trim_start_matches('\'')
        .trim_start_matches('"')
        .chars()
        .take_while(|c| !matches!(c, '.' | ',' | '?' | '!' | '\'' | '"'))
        .collect();
    Ok(word.to_lowercase() == first_word)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn follows(kind: &str, kwargs: Value, answer: &str) -> bool {
        check_of(kind).unwrap()(answer, &Arguments::new(&kwargs)).unwrap()
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
