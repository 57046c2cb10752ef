//! The rule `statement`: a sentence that names the answer, in English or Chinese, and GSM8K's `#### 5`. The last one
//! counts.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::Regex;

use super::finding::Finding;
use super::{choice, denial, formula, last_formula, plain_text, sentence};

/// Words with which a statement may begin; the text behind them decides whether it is one.
static MARKER: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(concat!(
        r"[Aa]nswers?|Ans|(?:[Cc]orrect|[Rr]ight|[Bb]est) (?:option|choice)|ANSWERS?|",
        "答案|故选|应选|因此选|所以选|故選|應選|####",
    ))
    .expect("the pattern is constant")
});

/// Statements that are looked at, from the last one on.
const MOST_STATEMENTS: usize = 4;

/// Most bytes between "answer" and "is".
const LONGEST_SUBJECT: usize = 80;

/// Words between "is" and the answer that say nothing.
const FILLERS: [&str; 29] = [
    "therefore",
    "thus",
    "then",
    "simply",
    "just",
    "exactly",
    "approximately",
    "about",
    "equal to",
    "given by",
    "indeed",
    "hence",
    "now",
    "also",
    "that",
    "as follows",
    "clearly",
    "actually",
    "option",
    "choice",
    "Option",
    "Choice",
    "OPTION",
    "约为",
    "大约",
    "约",
    "选项",
    "是",
    "选",
];

/// Words behind "is" in a sentence that talks about an answer and gives none.
const NO_ANSWERS: [&str; 20] = [
    "not",
    "never",
    "neither",
    "no longer",
    "anything but",
    "different from",
    "correct",
    "wrong",
    "right",
    "incorrect",
    "clear",
    "in the",
    "of the form",
    "unique",
    "obvious",
    "obviously",
    "found",
    "obtained",
    "a number",
    "known",
];

/// The last statement's answer. One that is cut inside a formula ends the search.
pub(super) fn find(text: &str) -> Finding<'_> {
    find_with(text, read)
}

/// The last statement that is a value or a choice and nothing else, and goes on with nothing.
pub(super) fn find_explicit(text: &str) -> Finding<'_> {
    find_with(text, read_explicit)
}

fn find_with<'a>(text: &'a str, read: impl Fn(&'a str) -> Finding<'a>) -> Finding<'a> {
    let mut markers = [0; MOST_STATEMENTS];
    let mut count = 0;
    for marker in MARKER.find_iter(text) {
        markers[count % MOST_STATEMENTS] = marker.start();
        count += 1;
    }
    for back in 0..count.min(MOST_STATEMENTS) {
        let start = markers[(count - 1 - back) % MOST_STATEMENTS];
        if !denial::is_denied_before(&text[..start])
            && let Some(after) = after_marker(text, start)
            && let Some(answer) = read(after)?
        {
            return Ok(Some(answer));
        }
    }
    Ok(None)
}

/// The text behind the words that announce the answer.
fn after_marker(text: &str, start: usize) -> Option<&str> {
    let marker = MARKER.find_at(text, start)?;
    let rest = &text[marker.end()..];
    let is_chinese = !marker.as_str().is_ascii();
    if marker.as_str() == "####" {
        return after_hashes(rest);
    }
    if marker.as_str().ends_with(['选', '選']) {
        return Some(rest);
    }
    if is_chinese {
        let rest = rest.trim_start();
        let verbs = ["应该是", "应为", "就是", "是", "为", "為", "等于", "选", "：", ":"];
        return verbs.iter().find_map(|verb| rest.strip_prefix(verb));
    }
    if rest.starts_with(|c: char| c.is_alphanumeric()) {
        return None;
    }
    after_subject(text, start, rest)
}

/// The text behind "answer" and a colon, a verb, or the line break of a heading.
fn after_subject<'a>(text: &'a str, start: usize, rest: &'a str) -> Option<&'a str> {
    let trimmed = rest.trim_start_matches(['*', '_', ' ', '#']);
    if let Some(after) = [":", "：", "="].iter().find_map(|sign| trimmed.strip_prefix(sign)) {
        return Some(after);
    }
    if trimmed.starts_with(['$', '\\']) {
        return Some(trimmed);
    }
    if trimmed.starts_with('\n') {
        let line = text[..start].rsplit('\n').next().unwrap_or_default();
        let is_heading = line
            .trim_matches(['#', '*', '_', ' '])
            .split(' ')
            .all(|word| matches!(word, "" | "The" | "the" | "Final" | "final" | "FINAL" | "My"));
        return is_heading.then_some(trimmed);
    }
    let mut subject = 0;
    for word in rest.split_inclusive([' ', ':', '\n']) {
        subject += word.len();
        match word.trim_end_matches([' ', ':', '\n']) {
            "not" | "cannot" | "never" | "neither" | "nor" => return None,
            denier if denier.ends_with("n't") || denier.ends_with("n’t") => return None,
            "is" | "are" | "be" | "was" | "equals" => return Some(&rest[subject..]),
            _ if subject > LONGEST_SUBJECT || word.ends_with('\n') || word.ends_with(". ") || word.ends_with("? ") => {
                return None;
            }
            _ if word.ends_with(':') => return Some(&rest[subject..]),
            _ => {}
        }
    }
    None
}

/// GSM8K ends its solutions with `#### 5`; other lines with four hashes are headings.
fn after_hashes(rest: &str) -> Option<&str> {
    let line = rest.split('\n').next().unwrap_or_default().trim();
    let begins = line.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '-' | '$' | '\\' | '.' | '('));
    (begins && !line.contains(char::is_whitespace)).then_some(line)
}

/// Reads the answer that `text` begins with.
fn read(text: &str) -> Result<Option<Cow<'_, str>>, &'static str> {
    let mut text = skip_fillers(text);
    // "not 18 but 17"
    if starts_with_word(text, "not")
        && let Some(at) = first_line(text).find(" but ")
    {
        text = skip_fillers(&text[at + " but ".len()..]);
    }
    if text.is_empty() || NO_ANSWERS.iter().any(|word| starts_with_word(text, word)) {
        return Ok(None);
    }
    // A sentence may name its subject first: "The smallest N is 34".
    for _ in 0..3 {
        if let Some(answer) = read_value(text)? {
            return Ok(Some(answer));
        }
        let whole = sentence::sentence(text);
        let Some((at, verb)) =
            [" is ", " are ", " = ", "为", "是"].iter().filter_map(|verb| Some((whole.rfind(verb)?, verb))).max()
        else {
            break;
        };
        text = skip_fillers(&text[text.find(whole).unwrap_or(0) + at + verb.len()..]);
    }
    read_prose(text)
}

/// Reads a value or a choice with which a sentence ends.
fn read_explicit(text: &str) -> Finding<'_> {
    let text = skip_fillers(text);
    if let Some((answer, end)) = last_formula::leading(text)? {
        let rest = first_line(&text[end..]).trim_start_matches(['*', '_', '"', '”']);
        let ends = rest.trim().is_empty() || rest.starts_with(['.', '!', '。', '%']);
        return Ok(Some(answer).filter(|answer| ends && !answer.trim().is_empty()));
    }
    let sentence = sentence::sentence(text);
    let is_value = sentence::begins_as_value(sentence) && sentence::leading_value(sentence).len() == sentence.len();
    let has_digit = sentence.contains(|c: char| c.is_ascii_digit());
    Ok(if is_value && (has_digit || sentence.contains('\\') || choice::is_letter(sentence)) {
        Some(sentence.into())
    } else {
        choice::named(sentence).map(Into::into)
    })
}

fn first_line(text: &str) -> &str {
    text.split('\n').next().unwrap_or_default()
}

/// A formula, or a value in plain text, that the text begins with.
fn read_value(text: &str) -> Result<Option<Cow<'_, str>>, &'static str> {
    if let Some((answer, end)) = last_formula::leading(text)? {
        let rest = sentence::sentence(&text[end..]);
        // The sentence goes on with more of the answer: a part of it would be wrong, so all of it is taken.
        if sentence::is_explanation(&text[end..]) {
            return Ok((!answer.trim().is_empty()).then_some(answer));
        }
        if rest.contains(|c: char| c.is_ascii_digit() || c == '$') || rest.contains("\\(") {
            return Ok(Some(sentence::bare(&text[..end + text[end..].find(rest).unwrap_or(0) + rest.len()]).into()));
        }
        return Ok((!answer.trim().is_empty()).then_some(answer));
    }
    let sentence = sentence::sentence(text);
    Ok(sentence::begins_as_value(sentence).then(|| sentence::leading_value(sentence).into()))
}

/// Reads words: they are the answer where they hold no number, else the last formula or number among them is.
fn read_prose(text: &str) -> Result<Option<Cow<'_, str>>, &'static str> {
    let sentence = sentence::sentence(text);
    if sentence.is_empty() {
        return Ok(None);
    }
    if !formula::scan(sentence).is_empty() {
        return last_formula::find(sentence);
    }
    if let Some(choice) = choice::named(sentence) {
        return Ok(Some(choice.into()));
    }
    if sentence.contains(|c: char| c.is_ascii_digit()) {
        return Ok(plain_text::last_formula(sentence).map(|range| sentence[range].into()));
    }
    Ok(Some(sentence.into()))
}

fn skip_fillers(text: &str) -> &str {
    let mut rest = text;
    loop {
        let next = rest.trim_start_matches([' ', '\n', '\r', '\t', ':', '：', '*', '_', '"', '“', '`', ',', '>', '#']);
        let next = FILLERS
            .iter()
            .find_map(|filler| {
                let ends = starts_with_word(next, filler) || !filler.is_ascii() && next.starts_with(filler);
                ends.then(|| &next[filler.len()..])
            })
            .unwrap_or(next);
        if next.len() == rest.len() {
            return rest;
        }
        rest = next;
    }
}

fn starts_with_word(text: &str, word: &str) -> bool {
    text.strip_prefix(word).is_some_and(|after| !after.starts_with(|c: char| c.is_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_names_the_answer() {
        for (text, answer) in [
            ("The answer is 42.", "42"),
            ("So the final answer is: **42**.", "42"),
            ("Answer: 4 4/9", "4 4/9"),
            ("The answer to the first question is $x = 5$, I hope.", "x = 5"),
            ("**Final Answer**\n\n$$\\frac{1}{2}$$\n", "\\frac{1}{2}"),
            ("### Answer\n73", "73"),
            ("Final Answer: The final answer is $28 \\%$. I hope it is correct.", "28 \\%"),
            ("Final Answer: The largest $n$ is 34.", "34"),
            ("Final Answer: Jane started growing Sphere 3 hours ago. I hope it is correct.", "3 hours"),
            ("The answer is $1$ and $2$.", "1, 2"),
            ("The answers are 3, 5 and 7.", "3, 5 and 7"),
            ("The answer is therefore Monday.", "Monday"),
            ("The answer is A.", "A"),
            ("The answer is $7.78.", "$7.78"),
            ("The answer is \\((-6, 10)\\).", "(-6, 10)"),
            ("The answer is 12 apples in the big basket.", "12"),
            ("It is 5.\n#### 1,234", "1,234"),
            ("答案是 $\\frac{1}{2}$。", "\\frac{1}{2}"),
            ("所以答案为：12，因为", "12"),
            ("答案：-3", "-3"),
            ("故选 B。", "B"),
            ("The final answer is\n$12$", "12"),
            ("Answer $ \\frac{1}{2} \\$ = 5 $", "\\frac{1}{2} \\$ = 5"),
            ("Our answer must be x = 5", "x = 5"),
            ("The answer is not 18 but 17.", "17"),
            ("The answer is 17 rather than 18.", "17"),
            ("The answer is 17, not 18.", "17"),
            ("Answer: I would say C", "C"),
            ("Answer: Option E", "E"),
            ("The answer is (C) 5.", "(C) 5"),
        ] {
            assert_eq!(find(text), Ok(Some(Cow::Borrowed(answer))), "{text}");
        }
    }

    #[test]
    fn the_last_statement_counts() {
        assert_eq!(find("The answer is 1. No: the answer is 2."), Ok(Some("2".into())));
        assert_eq!(find("The answer is 1. I hope the answer is correct."), Ok(Some("1".into())));
    }

    #[test]
    fn talk_about_answers_is_no_answer() {
        for text in [
            "The answer is not 5",
            "The answer cannot be 5",
            "The answer isn't 5",
            "I don't think the answer is 5",
            "The answer is neither 5 nor 6",
            "I will answer",
            "answering is 5",
            "#### Step 1",
            "the answer",
            "答案",
            "",
        ] {
            assert_eq!(find(text), Ok(None), "{text}");
        }
    }

    #[test]
    fn a_statement_that_is_cut_is_no_answer() {
        assert_eq!(find(r"The answer is \(\frac{3}{4"), Err(formula::CUT));
    }

    #[test]
    fn no_part_is_taken_of_an_answer_that_goes_on() {
        let found = find("The answer is $4$ hours and $30$ minutes.");
        assert_eq!(found, Ok(Some("$4$ hours and $30$ minutes".into())));
    }
}
