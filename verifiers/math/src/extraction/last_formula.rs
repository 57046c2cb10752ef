//! The rule `last_formula`: the last formula between delimiters that is not denied, or the list that it forms with
//! formulas of its kind.

use std::borrow::Cow;

use super::connective;
use super::finding::Finding;
use super::formula::{CUT, Formula, scan};
use super::{denial, number, plain_text};

/// The last formula that is not empty, or the list that it forms with formulas of its kind before it.
pub(super) fn find(text: &str) -> Finding<'_> {
    let formulas = scan(text);
    if formulas.is_cut() {
        return Err(CUT);
    }
    let content = |formula: &Formula| text[formula.content.clone()].trim();
    // A value that the text behind the formulas denies is none of theirs either.
    let mut denied = Vec::new();
    number::last_value(&text[formulas.end()..], &mut denied);
    let last = formulas.found.iter().rposition(|formula| {
        if content(formula).is_empty() {
            return false;
        }
        if denial::is_denied(&text[..formula.whole.start], &text[formula.whole.end..]) {
            denied.push(content(formula));
        }
        !denied.contains(&content(formula))
    });
    let Some(last) = last else { return Ok(None) };
    let kind = FormulaKind::of(content(&formulas.found[last]));
    let mut first = last;
    while first > 0 && kind != FormulaKind::Other {
        let before = &formulas.found[first - 1];
        let gap = &text[before.whole.end..formulas.found[first].whole.start];
        if gap.is_empty() || FormulaKind::of(content(before)) != kind || !connective::joins(gap) {
            break;
        }
        first -= 1;
    }
    let answer = list(text, &formulas.found[first..=last]);
    Ok(Some(answer))
}

/// The formula that the text begins with, or the list that it forms with formulas behind it where nothing but
/// connectives stands between them; and the byte at which the last one ends.
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
    let joined = if let [only] = members[..] { only.into() } else { members.join(", ").into() };
    plain_text::with_scale(joined, &text[end..])
}

/// The last row of a derivation, without the signs that align it. A matrix is no derivation.
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
    // In a derivation the last row continues the row before it: `&= 5`.
    match row.rsplit_once("&=").or_else(|| row.rsplit_once("& =")) {
        Some((_, value)) => value.trim(),
        None if body.len() != content.len() => row.trim_start_matches(['&', ' ']),
        None => content,
    }
}

/// The kind of a formula, by how it is written: formulas of one kind form a list.
#[derive(Debug, PartialEq, Eq)]
enum FormulaKind<'a> {
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

impl<'a> FormulaKind<'a> {
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
        finds("It is $17$, not $18$.", "17");
        finds("$17$ rather than $18$", "17");
        finds("$5$ and $ $", "5");
        finds("\\( open, then \\( 3 \\)", "3");
    }

    #[test]
    fn a_formula_that_is_denied_is_no_answer() {
        for text in
            ["The answer is not $17$.", "$23$ would be wrong.", "Is it $5$? It is not 5.", "$5$? It cannot be $5$."]
        {
            assert_eq!(find(text), Ok(None), "{text}");
        }
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
