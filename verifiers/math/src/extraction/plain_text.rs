//! Plain mathematics in prose: the words, numbers and signs of a line that form a formula without delimiters. This file
//! must not know what the formula means.

use std::borrow::Cow;
use std::ops::Range;

use super::plain_token::{PlainToken, letters, token};
use super::{beside, denial, value};

/// The byte range of the last formula of a line that holds a number and stands by itself: outside of brackets that hold
/// prose, no list marker, no label.
pub(super) fn last_formula(line: &str) -> Option<Range<usize>> {
    let found: Vec<Range<usize>> = runs(line).into_iter().filter_map(|range| trim(line, range)).collect();
    with_list(line, &found)
}

/// The byte range of the last formula of a line that is a value, or an equation that ends in one, and is not denied.
/// Values that are denied are added to `denied`.
pub(super) fn last_value<'a>(line: &'a str, denied: &mut Vec<&'a str>) -> Option<Range<usize>> {
    let mut found: Vec<Range<usize>> = runs(line).into_iter().filter_map(|range| trim(line, range)).collect();
    found.retain(|range| value::is_value(value::last_side(&line[range.clone()])));
    let is_denied = |range: &Range<usize>| denial::is_denied(&line[..range.start], &line[range.end..]);
    denied.extend(found.iter().filter(|range| is_denied(range)).map(|range| &line[range.clone()]));
    found.retain(|range| !denied.contains(&&line[range.clone()]));
    with_list(line, &found)
}

/// The byte ranges of a line's formulas that hold a number, working and all.
pub(super) fn formulas(line: &str) -> Vec<Range<usize>> {
    runs(line).into_iter().map(|range| without_signs(line, range)).filter(|range| !range.is_empty()).collect()
}

/// Stretches of formula tokens with a number in them, outside of brackets that hold prose.
fn runs(line: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut run: Option<Run> = None;
    let mut depth = 0_usize;
    let mut at = 0;
    while at < line.len() {
        let (token, end) = token(line, at);
        let is_run_token = match token {
            PlainToken::Number | PlainToken::Symbol | PlainToken::Operator => true,
            PlainToken::Open => true,
            PlainToken::Close => depth > 0,
            PlainToken::Separator => depth > 0 && run.is_some(),
            PlainToken::Space => run.is_some(),
            PlainToken::Word | PlainToken::Break => false,
        };
        if is_run_token {
            if token != PlainToken::Close {
                run.get_or_insert_with(|| Run::new(at, depth));
            }
            if let Some(run) = &mut run {
                run.push(token, at..end, depth);
            }
        } else if let Some(run) = run.take() {
            found.extend(run.finish(depth));
        }
        match token {
            PlainToken::Open => depth += 1,
            PlainToken::Close => depth = depth.saturating_sub(1),
            _ => {}
        }
        at = end;
    }
    found.extend(run.and_then(|run| run.finish(depth)));
    found
}

/// The last of the formulas, with the ones before it that "and" or "or" joins to it.
fn with_list(line: &str, found: &[Range<usize>]) -> Option<Range<usize>> {
    let (last, before) = found.split_last()?;
    let mut start = last.start;
    for formula in before.iter().rev() {
        let gap = line[formula.end..start].trim();
        let joins = matches!(gap, "and" | "or" | ", and" | ", or" | "和" | "或");
        let is_listed = gap == "," && start < last.start;
        if !joins && !is_listed {
            break;
        }
        start = formula.start;
    }
    Some(start..last.end)
}

/// A stretch of formula tokens.
struct Run {
    start: usize,
    end: usize,
    depth: usize,
    has_number: bool,
    after_space: bool,
    /// End of the run and `has_number` before the bracket that is open in it, where a space stood before the bracket.
    before_bracket: Option<(usize, bool)>,
}

impl Run {
    fn new(start: usize, depth: usize) -> Self {
        Self { start, end: start, depth, has_number: false, after_space: true, before_bracket: None }
    }

    fn push(&mut self, token: PlainToken, range: Range<usize>, depth: usize) {
        if token == PlainToken::Open && depth == self.depth {
            self.before_bracket = self.after_space.then_some((self.end, self.has_number));
        }
        self.after_space = token == PlainToken::Space;
        self.has_number |= token == PlainToken::Number;
        if !self.after_space {
            self.end = range.end;
        }
    }

    /// The range of the run, where it holds a number and no bracket is cut.
    fn finish(self, depth: usize) -> Option<Range<usize>> {
        let (end, has_number) = if depth == self.depth { (self.end, self.has_number) } else { self.before_bracket? };
        (self.depth == 0 && has_number).then_some(self.start..end)
    }
}

/// The formula without the operators at its ends.
fn without_signs(line: &str, range: Range<usize>) -> Range<usize> {
    let Range { mut start, mut end } = range;
    loop {
        let text = &line[start..end];
        let trimmed = text.trim_start_matches([' ', '=', '*', '/', '<', '>', '^', '_', '·', '×', '÷', '≈', '%', ',']);
        let trimmed_end =
            trimmed.trim_end_matches([' ', '=', '*', '/', '<', '>', '^', '_', '·', '×', '÷', '≈', '+', '-', ',', '−']);
        start = end - trimmed.len();
        end = start + trimmed_end.len();
        let signed = ['-', '+', '−', '–'].iter().find_map(|sign| trimmed_end.strip_prefix(*sign));
        match signed {
            // A sign between a word and a space is a dash, as in "the total - 5".
            Some(rest) if rest.starts_with(' ') && line[..start].trim_end().ends_with(char::is_alphanumeric) => {
                start = end - rest.len();
            }
            _ if trimmed_end.len() == text.len() => break,
            _ => {}
        }
    }
    start..end
}

/// The formula without operators at its ends, without the working before its last equals sign where that is plain
/// arithmetic, and with the word behind it that belongs to its value.
fn trim(line: &str, range: Range<usize>) -> Option<Range<usize>> {
    let Range { mut start, mut end } = range;
    let is_first = line[..start].trim().is_empty();
    if is_first && line[start..].starts_with(['-', '+', '*']) && line[start + 1..].starts_with(' ') {
        start += 1; // a bullet
    }
    Range { start, end } = without_signs(line, start..end);
    let text = &line[start..end];
    if let Some(equals) = text.rfind('=')
        && !text[..equals].contains(|c: char| c.is_alphabetic() || matches!(c, '<' | '>' | '≠' | '('))
    {
        start += equals + 1;
        start += line[start..end].len() - line[start..end].trim_start().len();
    }
    if !line[start..end].contains(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let after = &line[end..];
    let is_marker =
        is_first && line[start..end].bytes().all(|b| b.is_ascii_digit()) && after.starts_with(['.', ')', '、']);
    let is_label = after.starts_with([':', '：']);
    if (is_marker || is_label) && !after[1..].trim_matches(['*', ' ', '：']).is_empty() {
        return None;
    }
    Some(start..end + beside::quantity(after))
}

/// A formula or a box with the percent sign or words of scale that stand behind it: `28\%`, `2.5 \text{ million}`.
pub(super) fn with_scale<'a>(value: Cow<'a, str>, after: &str) -> Cow<'a, str> {
    let rest = behind_delimiters(after);
    if is_percent(rest) {
        return if value.contains('%') { value } else { format!("{value}\\%").into() };
    }
    match &rest[..beside::scale(rest)] {
        "" => value,
        words => format!("{value} \\text{{ {words}}}").into(),
    }
}

/// The text behind the delimiters of a formula and the spaces around them.
fn behind_delimiters(after: &str) -> &str {
    let mut rest = after;
    loop {
        let next = rest.trim_start_matches([' ', '$', '*']);
        let next = next.strip_prefix("\\)").or(next.strip_prefix("\\]")).or(next.strip_prefix("\\ ")).unwrap_or(next);
        if next.len() == rest.len() {
            return rest;
        }
        rest = next;
    }
}

fn is_percent(rest: &str) -> bool {
    if rest.starts_with("\\%") || rest.starts_with(['%', '％']) {
        return true;
    }
    ["percent", "per cent", "pct"].iter().any(|word| rest.starts_with(word) && letters(rest) <= word.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_formula_of_a_line() {
        for (line, formula) in [
            ("So 3 + 4 = 7.", "7"),
            ("It costs $1,234.50.", "$1,234.50"),
            ("x = -3", "x = -3"),
            ("10-3", "10-3"),
            ("about 50%, I think", "50%"),
            ("a half: 1/2", "1/2"),
            ("it is 4 4/9.", "4 4/9"),
            (r"is \frac{3}{4}!", r"\frac{3}{4}"),
            ("7, 8, 9,", "9"),
            ("There are 4 objects and 4/9 remain.", "4/9"),
            ("Soucis : 2,74 $ a..", "2,74"),
            ("the point (-6, 10) is it", "(-6, 10)"),
            ("we get 5 (see step 3)", "5"),
            ("5 a day", "5"),
            ("- 73 apples", "73"),
            ("the total - 5", "5"),
            ("a 3-digit number, the 4th, is 17", "17"),
            ("Left: 437 + 2*234 = 905", "905"),
            ("the line is x + y = 5", "x + y = 5"),
            ("5! = 120!", "120"),
            ("it grows by 28 percent a year", "28 percent"),
            ("about 3 million people", "3 million"),
            ("at 4:30 sharp", "4:30"),
            ("30cm of rope", "30cm"),
            ("I think it's 42", "42"),
            ("The roots are 2, 3 and -5.", "2, 3 and -5"),
            ("x = 2 or x = -3", "x = 2 or x = -3"),
            ("3 + 4 = 7 and 5 + 6 = 11", "11"),
        ] {
            let found = last_formula(line).map(|range| &line[range]);
            assert_eq!(found, Some(formula), "{line}");
        }
    }

    #[test]
    fn what_does_not_stand_by_itself_is_not_taken() {
        for line in ["2. Add them", "no number", "Step 2: add", "COVID-19", "(1, and so on", "a 5-digit one", "the 3rd"]
        {
            assert_eq!(last_formula(line), None, "{line}");
        }
    }

    #[test]
    fn a_scale_behind_a_delimiter_counts() {
        for (after, scaled) in [
            ("$ %", "5\\%"),
            ("\\%", "5\\%"),
            (" percent.", "5\\%"),
            ("\\)%", "5\\%"),
            ("$ million dollars", "5 \\text{ million}"),
            (" squared", "5 \\text{ squared}"),
            (" percentile", "5"),
            ("", "5"),
            (" of 5%", "5"),
            (". Million", "5"),
            (" km", "5"),
        ] {
            assert_eq!(with_scale("5".into(), after), scaled, "{after}");
        }
    }
}
