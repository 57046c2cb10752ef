//! Formulas between delimiters, and the rule `last_formula`. A dollar sign is a delimiter where a formula stands behind it
//! and a currency where prose does.

use std::borrow::Cow;
use std::ops::Range;

use super::plain_text::percent_after;
use super::{Outcome, connective};

/// Why there is no answer in a text that ends inside a formula.
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

/// Words in a row, none of them in a text command, that make prose of what stands between two dollar signs.
const PROSE_WORDS: usize = 3;

/// A formula: the whole of it with its delimiters, and what is between them, as byte ranges.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Formula {
    whole: Range<usize>,
    content: Range<usize>,
}

/// The formulas of a text, in order.
#[derive(Debug, Default)]
pub(super) struct Formulas {
    found: Vec<Formula>,
    /// Where the last delimiter opens that nothing closes.
    open: Option<usize>,
}

impl Formulas {
    /// Whether the text ends inside a formula.
    pub(super) fn is_cut(&self) -> bool {
        self.open.is_some_and(|open| open >= self.end())
    }

    /// Where the last formula ends; 0 where there is none.
    pub(super) fn end(&self) -> usize {
        self.found.last().map_or(0, |formula| formula.whole.end)
    }

    /// Whether there is neither a formula nor the beginning of one.
    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty() && self.open.is_none()
    }
}

/// The last formula that holds something, or the list that it forms with formulas of its kind before it.
pub(super) fn find(text: &str) -> Outcome<'_> {
    let formulas = scan(text);
    if formulas.is_cut() {
        return Err(CUT);
    }
    let content = |formula: &Formula| text[formula.content.clone()].trim();
    let Some(last) = formulas.found.iter().rposition(|formula| !content(formula).is_empty()) else {
        return Ok(None);
    };
    let kind = Kind::of(content(&formulas.found[last]));
    let mut first = last;
    while first > 0 && kind != Kind::Other {
        let before = &formulas.found[first - 1];
        let gap = &text[before.whole.end..formulas.found[first].whole.start];
        if gap.is_empty() || Kind::of(content(before)) != kind || !connective::joins(gap) {
            break;
        }
        first -= 1;
    }
    let answer = list(text, &formulas.found[first..=last]);
    Ok(Some(answer))
}

/// The formula that the text begins with, or the list of those that follow each other with nothing but connectives between
/// them, and where it ends.
pub(super) fn leading(text: &str) -> Result<Option<(Cow<'_, str>, usize)>, &'static str> {
    let formulas = scan(text);
    let Some(first) = formulas.found.first().filter(|formula| formula.whole.start == 0) else {
        return if formulas.open == Some(0) { Err(CUT) } else { Ok(None) };
    };
    let mut end = first.whole.end;
    let joined = formulas.found[1..].iter().take_while(|formula| {
        let gap = &text[end..formula.whole.start];
        let joins = !gap.is_empty() && connective::joins(gap);
        end = if joins { formula.whole.end } else { end };
        joins
    });
    let count = 1 + joined.count();
    Ok(Some((list(text, &formulas.found[..count]), end)))
}

fn list<'a>(text: &'a str, formulas: &[Formula]) -> Cow<'a, str> {
    let members: Vec<&str> = formulas.iter().map(|formula| last_row(text[formula.content.clone()].trim())).collect();
    let end = formulas.last().map_or(0, |formula| formula.whole.end);
    let percent = percent_after(&text[end..]) && !members.iter().any(|member| member.contains('%'));
    match (members.as_slice(), percent) {
        ([only], false) => (*only).into(),
        (members, false) => members.join(", ").into(),
        (members, true) => format!("{}\\%", members.join(", ")).into(),
    }
}

/// The last line of a derivation in rows, without the signs that align it. A matrix is no derivation.
fn last_row(content: &str) -> &str {
    let content = content.trim_end_matches(['.', ',', ';', ' ', '\n']);
    if content.contains("\\begin") && !content.starts_with("\\begin{align") {
        return content;
    }
    let body = match content.strip_prefix("\\begin{align") {
        Some(rest) => {
            let start = rest.find('}').map_or(0, |close| close + 1);
            let end = rest.rfind("\\end{align").unwrap_or(rest.len());
            rest.get(start..end).unwrap_or(rest).trim()
        }
        None => content,
    };
    if body.contains("\\begin") {
        return content;
    }
    let rows = body.trim_end_matches('\\').rsplit("\\\\").map(str::trim);
    let Some(row) = rows.into_iter().find(|row| !row.is_empty()) else {
        return content;
    };
    let row = row.trim_end_matches(['.', ',', ' ']);
    // In a derivation the last row goes on from the one before: `&= 5`.
    match row.rsplit_once("&=").or_else(|| row.rsplit_once("& =")) {
        Some((_, value)) => value.trim(),
        None if body.len() != content.len() => row.trim_start_matches(['&', ' ']),
        None => content,
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
            // Of an escape both characters are skipped.
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
        // An opening that was left alone, with a whole formula behind it.
        let (at_open, start) = match close.reopened(content) {
            Some(again) => (start + again, start + again + open),
            None => (at, start),
        };
        at = end + close.as_str().len();
        formulas.found.push(Formula { whole: at_open..at, content: start..end });
    }
    formulas
}

/// What closes a formula.
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

    /// Where `content` opens once more what this closes.
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

/// The delimiter that opens at `at`: its length, and what closes it.
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

/// Remembers which closing delimiters do not come any more, so that no search is made twice.
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

/// Whether a dollar sign that nothing closes stands at a number: `$5`, `5 $`.
fn is_currency(text: &str, at: usize) -> bool {
    let after = text[at + 1..].trim_start_matches(['-', '.']);
    let is_digit = |c: char| c.is_ascii_digit();
    after.starts_with(is_digit) || text[..at].trim_end().ends_with(is_digit)
}

/// Whether two dollar signs both stand before numbers: `$5 or $6`.
fn is_price(content: &str, after: &str) -> bool {
    let is_digit = |c: char| c.is_ascii_digit();
    content.starts_with(is_digit) && after.starts_with(is_digit)
}

/// Whether words follow each other as they do in a sentence. Those in braces are the formula's own.
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

/// What a formula looks like from outside: formulas of one kind form a list.
#[derive(Debug, PartialEq, Eq)]
enum Kind<'a> {
    /// A number, a fraction, a root.
    Value,
    /// A value with the name that it is given.
    Named(&'a str),
    /// A point, an interval.
    Bracket,
    /// A set.
    Set,
    /// Anything else, which forms no list.
    Other,
}

impl<'a> Kind<'a> {
    fn of(content: &'a str) -> Self {
        if let Some((name, _)) = content.split_once('=') {
            let name = name.trim();
            let is_name = name.len() <= 8 && name.starts_with(char::is_alphabetic) && !name.contains(' ');
            return if is_name { Self::Named(name) } else { Self::Other };
        }
        let bare = content.trim_start_matches(['+', '-', '−', ' ']).trim_start_matches("\\left").trim_start();
        let is_value = bare.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '.' | '√' | 'π'))
            || ["\\frac", "\\dfrac", "\\tfrac", "\\sqrt", "\\pi", "\\pm"].iter().any(|start| bare.starts_with(start));
        if is_value {
            Self::Value
        } else if bare.starts_with(['(', '[']) {
            Self::Bracket
        } else if bare.starts_with("\\{") {
            Self::Set
        } else {
            Self::Other
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn finds(text: &str, answer: &str) {
        assert_eq!(find(text), Ok(Some(Cow::Borrowed(answer))), "{text}");
    }

    #[test]
    fn the_last_formula_counts() {
        finds("Let $x = 3$, then \\(y = 4\\).", "y = 4");
        finds("$$ \n 9 \n $$", "9");
        finds("\\[ x^2 \\]", "x^2");
        finds("we get $ \\frac{1}{2} \\$ = \\frac{10}{9} $", "\\frac{1}{2} \\$ = \\frac{10}{9}");
        finds("is $28$ percent", "28\\%");
        finds("$5$ and $ $", "5");
        finds("\\( open, then \\( 3 \\)", "3");
    }

    #[test]
    fn formulas_of_one_kind_form_a_list() {
        finds("The roots are $1$ and $-2$.", "1, -2");
        finds("$x=1$ or $x=2$", "x=1, x=2");
        finds("$(11,7)$ or $(7,11)$", "(11,7), (7,11)");
        finds("$\\sum_{k=0}^n k$ and $42$", "42");
        finds("$a=1$ and $b=2$", "b=2");
        finds("$1$ so $2$", "2");
    }

    #[test]
    fn dollars_may_be_money() {
        finds("She pays $7.78 for her fudge and so on, $x=2$", "x=2");
        assert_eq!(find("It costs $5 or $6 a piece."), Ok(None));
        finds("$n \\text{ is an odd number }$", "n \\text{ is an odd number }");
        assert_eq!(find("It costs $5."), Ok(None));
        assert_eq!(find("0.3333$"), Ok(None));
    }

    #[test]
    fn a_derivation_ends_in_its_last_row() {
        finds(r"\begin{align*} x &= 1 + 1 \\ &= 28\%. \end{align*}", r"28\%");
        finds(r"\[\begin{aligned} x &= 1 \\ &= 2 \end{aligned}\]", "2");
        finds(r"$\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}$", r"\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}");
    }

    #[test]
    fn a_formula_that_is_cut_is_no_answer() {
        for text in [r"$1$ and \(2", r"\[ x = ", r"$x = 1", r"\begin{align} x &= 3"] {
            assert_eq!(find(text), Err(CUT), "{text}");
        }
    }

    #[test]
    fn soup_takes_one_pass() {
        for soup in ["$ ", "$$ $", "\\( ", "\\[", "\\", "\\begin{align}", "$a b\n\n"] {
            let _ = find(&soup.repeat(50_000));
        }
    }
}
