//! Formulas between delimiters. A dollar sign is a delimiter where a formula stands behind it and a currency where
//! prose does.

use std::ops::Range;

/// Reason that a text which ends inside a formula has no answer.
pub(super) const CUT: &str = "the last formula is never closed";

/// Environments that are formulas.
const ENVIRONMENTS: [&str; 12] = [
    "equation",
    "equation*",
    "align",
    "align*",
    "gather",
    "gather*",
    "multline",
    "multline*",
    "eqnarray",
    "eqnarray*",
    "displaymath",
    "math",
];

/// Words in a row, none of them in a text command, from which text between two dollar signs is prose.
const PROSE_WORDS: usize = 3;

/// A formula, as byte ranges: the whole of it with its delimiters, and the content between them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Formula {
    pub(super) whole: Range<usize>,
    pub(super) content: Range<usize>,
}

/// The formulas of a text, in order.
#[derive(Debug, Default)]
pub(super) struct Formulas {
    pub(super) found: Vec<Formula>,
    /// Place of the last delimiter that nothing closes.
    pub(super) open: Option<usize>,
}

impl Formulas {
    /// True where the text ends inside a formula.
    pub(super) fn is_cut(&self) -> bool {
        self.open.is_some_and(|open| open >= self.end())
    }

    /// The byte at which the last formula ends; 0 where there is none.
    pub(super) fn end(&self) -> usize {
        self.found.last().map_or(0, |formula| formula.whole.end)
    }

    /// True where there is neither a formula nor the beginning of one.
    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty() && self.open.is_none()
    }
}

/// Every formula of `text`, and the last delimiter that is never closed. One pass.
pub(super) fn scan(text: &str) -> Formulas {
    let mut formulas = Formulas::default();
    let mut closers = Closers::default();
    let mut at = 0;
    while let Some(found) = text[at..].find(['$', '\\']) {
        at += found;
        let Some((open, close)) = delimiter(text, at) else {
            // Both characters of an escape are skipped.
            let skipped = text[at..].chars().take(2).map(char::len_utf8).sum::<usize>();
            at += if text[at..].starts_with('\\') { skipped } else { 1 };
            continue;
        };
        let start = at + open;
        let Some(end) = closers.find(text, start, &close) else {
            if close != Close::Dollar || !is_currency(text, at) {
                formulas.open = Some(at);
            }
            at = start;
            continue;
        };
        let content = &text[start..end];
        let is_dollar = matches!(close, Close::Dollar | Close::Dollars);
        let is_money = close == Close::Dollar && (is_prose(content) || is_price(content, &text[end + 1..]));
        if is_money || is_dollar && content.contains("\n\n") {
            at = start;
            continue;
        }
        // The opening delimiter stands alone, and a whole formula begins behind it.
        let (at_open, start) = match close.reopened(content) {
            Some(again) => (start + again, start + again + open),
            None => (at, start),
        };
        at = end + close.as_str().len();
        formulas.found.push(Formula { whole: at_open..at, content: start..end });
    }
    formulas
}

/// Delimiter that closes a formula.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Close {
    Dollar,
    Dollars,
    Round,
    Square,
    Environment(usize),
}

impl Close {
    fn as_str(self) -> &'static str {
        match self {
            Self::Dollar => "$",
            Self::Dollars => "$$",
            Self::Round => "\\)",
            Self::Square => "\\]",
            Self::Environment(index) => ENDS[index],
        }
    }

    /// The place in `content` at which a formula of the same delimiters opens again.
    fn reopened(self, content: &str) -> Option<usize> {
        match self {
            Self::Round => content.rfind("\\("),
            _ => None,
        }
    }
}

/// The ends of [`ENVIRONMENTS`], in their order.
const ENDS: [&str; 12] = [
    "\\end{equation}",
    "\\end{equation*}",
    "\\end{align}",
    "\\end{align*}",
    "\\end{gather}",
    "\\end{gather*}",
    "\\end{multline}",
    "\\end{multline*}",
    "\\end{eqnarray}",
    "\\end{eqnarray*}",
    "\\end{displaymath}",
    "\\end{math}",
];

/// The delimiter that opens at `at`: its length in bytes, and the delimiter that closes it.
fn delimiter(text: &str, at: usize) -> Option<(usize, Close)> {
    let rest = &text[at..];
    if rest.starts_with("$$") {
        return Some((2, Close::Dollars));
    }
    if rest.starts_with('$') {
        return Some((1, Close::Dollar));
    }
    if rest.starts_with("\\(") {
        return Some((2, Close::Round));
    }
    if rest.starts_with("\\[") {
        return Some((2, Close::Square));
    }
    let name = rest.strip_prefix("\\begin{")?;
    let name = &name[..name.find('}')?];
    let index = ENVIRONMENTS.iter().position(|environment| *environment == name)?;
    Some(("\\begin{}".len() + name.len(), Close::Environment(index)))
}

/// Closing delimiters that do not come any more, remembered so that no search for them is made twice.
#[derive(Default)]
struct Closers {
    gone: Vec<Close>,
}

impl Closers {
    fn find(&mut self, text: &str, start: usize, close: &Close) -> Option<usize> {
        if self.gone.contains(close) {
            return None;
        }
        let rest = &text[start..];
        let found = match close {
            Close::Dollar => rest.match_indices('$').map(|(at, _)| at).find(|at| !rest[..*at].ends_with('\\')),
            _ => rest.find(close.as_str()),
        };
        if found.is_none() {
            self.gone.push(*close);
        }
        found.map(|at| start + at)
    }
}

/// True where a dollar sign that nothing closes stands at a number: `$5`, `5 $`.
fn is_currency(text: &str, at: usize) -> bool {
    let after = text[at + 1..].trim_start_matches(['-', '.']);
    let is_digit = |c: char| c.is_ascii_digit();
    after.starts_with(is_digit) || text[..at].trim_end().ends_with(is_digit)
}

/// True where two dollar signs both stand before numbers: `$5 or $6`.
fn is_price(content: &str, after: &str) -> bool {
    let is_digit = |c: char| c.is_ascii_digit();
    content.starts_with(is_digit) && after.starts_with(is_digit)
}

/// True where [`PROSE_WORDS`] words follow each other as in a sentence; words in braces are the formula's own.
fn is_prose(content: &str) -> bool {
    let mut words = 0;
    let mut depth = 0_i64;
    for word in content.split_ascii_whitespace() {
        let letters = word.trim_end_matches(['.', ',', ';', ':', '?']);
        let is_word = depth == 0 && letters.chars().count() > 1 && letters.chars().all(char::is_alphabetic);
        depth += word.matches('{').count() as i64 - word.matches('}').count() as i64;
        words = if is_word { words + 1 } else { 0 };
        if words >= PROSE_WORDS {
            return true;
        }
    }
    false
}
