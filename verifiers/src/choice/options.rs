//! The options of a question: their letters, and their texts where the task has them. It must not know where a
//! completion names one.

use serde::Deserialize;
use serde_json::Value;

/// The options, and which of them is right.
#[derive(Debug, Clone)]
pub(super) struct Options {
    letters: Vec<String>,
    /// The options' texts as they are compared; empty where the task has none.
    texts: Vec<String>,
    /// Place of the right one.
    pub(super) right: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChoiceFields {
    answer: String,
    letters: Vec<String>,
    texts: Option<Vec<String>>,
}

impl Options {
    /// Reads a ground truth.
    ///
    /// # Errors
    /// The field and what it must be.
    pub(super) fn read(ground_truth: &Value) -> Result<Self, String> {
        let ChoiceFields { answer, letters, texts } =
            ChoiceFields::deserialize(ground_truth).map_err(|error| error.to_string())?;
        if letters.is_empty() {
            return Err("`letters` must name the options".to_owned());
        }
        if let Some(bad) = letters.iter().find(|letter| {
            letter.is_empty() || letter.len() > 3 || !letter.bytes().all(|byte| byte.is_ascii_alphanumeric())
        }) {
            return Err(format!("`letters` has `{bad}`; an option's letter is as in `A` or `1`"));
        }
        let is_again =
            |(at, letter): (usize, &String)| letters[..at].iter().any(|one| one.eq_ignore_ascii_case(letter));
        if let Some((_, letter)) = letters.iter().enumerate().find(|found| is_again(*found)) {
            return Err(format!("`letters` has `{letter}` twice"));
        }
        let Some(right) = letters.iter().position(|letter| *letter == answer) else {
            return Err(format!("`answer` is `{answer}`, which is none of the letters {}", letters.join(", ")));
        };
        let texts = texts.unwrap_or_default();
        if !texts.is_empty() && texts.len() != letters.len() {
            return Err(format!("`texts` has {} texts for {} letters", texts.len(), letters.len()));
        }
        Ok(Self { letters, texts: texts.iter().map(|text| plain(text)).collect(), right })
    }

    /// The letter of the option at a place.
    pub(super) fn letter(&self, index: usize) -> &str {
        &self.letters[index]
    }

    /// The option whose letter `text` is, in capitals unless `any_case`.
    pub(super) fn lettered(&self, text: &str, any_case: bool) -> Option<usize> {
        let is_it =
            |letter: &String| if any_case { letter.eq_ignore_ascii_case(text) } else { letter.as_str() == text };
        self.letters.iter().position(is_it)
    }

    /// The letter that `text` begins with, where no letter or digit goes on behind it, and what follows.
    pub(super) fn leading<'t>(&self, text: &'t str, any_case: bool) -> Option<(usize, &'t str)> {
        let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
        let (word, rest) = text.split_at(end);
        let goes_on = rest.starts_with(['\'', '\u{2019}'])
            || rest.strip_prefix(['.', ',', '-']).is_some_and(|rest| rest.starts_with(|c: char| c.is_alphanumeric()));
        if goes_on {
            return None;
        }
        Some((self.lettered(word, any_case)?, rest))
    }

    /// The option whose whole text `text` is; `None` too where two have it.
    pub(super) fn with_text(&self, text: &str) -> Option<usize> {
        let text = plain(text);
        if text.is_empty() {
            return None;
        }
        let mut found = self.texts.iter().enumerate().filter(|(_, option)| **option == text).map(|(index, _)| index);
        found.next().filter(|_| found.next().is_none())
    }
}

/// A text as it is compared: without decoration, case, and more than one blank in a row.
fn plain(text: &str) -> String {
    let text = undecorated(text).trim_end_matches('.');
    text.split_whitespace().map(str::to_lowercase).collect::<Vec<_>>().join(" ")
}

/// Marks around a text that are no part of it, opening and closing; the longest first.
const MARKS: [(&str, &str); 13] = [
    ("\\textbf{", "}"),
    ("\\mathbf{", "}"),
    ("\\mathrm{", "}"),
    ("\\text{", "}"),
    ("\\boxed{", "}"),
    ("\\(", "\\)"),
    ("\\[", "\\]"),
    ("$", "$"),
    ("**", "**"),
    ("\"", "\""),
    ("`", "`"),
    ("*", "*"),
    ("{", "}"),
];

/// The text without marks and blanks around it, and without a full stop outside of such marks.
pub(super) fn undecorated(text: &str) -> &str {
    let mut text = text.trim();
    loop {
        let whole = text;
        for (open, close) in MARKS {
            let stripped = text.strip_prefix(open);
            let bare = |inner: &'_ str| inner.strip_suffix(close).map(str::len);
            if let Some(inner) = stripped
                && let Some(length) = bare(inner).or_else(|| inner.strip_suffix('.').and_then(bare))
            {
                text = inner[..length].trim();
            }
        }
        if text.len() == whole.len() {
            return text;
        }
    }
}

/// What a text begins with once opening marks and blanks are off: `**(C)**` from `C` on, and true where a bracket or
/// a mark stood before.
pub(super) fn behind_marks(text: &str) -> (&str, bool) {
    const OPENING: [&str; 12] =
        ["\\textbf{", "\\mathbf{", "\\mathrm{", "\\text{", "\\boxed{", "\\(", "\\[", "$", "*", "\"", "`", "("];
    let (mut text, mut is_marked) = (text.trim_start(), false);
    while let Some(rest) = OPENING.iter().find_map(|mark| text.strip_prefix(mark)) {
        (text, is_marked) = (rest.trim_start(), true);
    }
    (text, is_marked)
}
