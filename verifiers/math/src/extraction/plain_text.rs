//! Plain mathematics in prose: which words, numbers and signs of a line form a formula that nobody put between delimiters.
//! It must not know what the formula means.

use std::ops::Range;

/// Names that are part of a formula although they are words.
const NAMES: [&str; 24] = [
    "sin", "cos", "tan", "cot", "sec", "csc", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh", "log", "ln", "exp",
    "sqrt", "cbrt", "pi", "theta", "inf", "infinity", "mod", "gcd", "lcm",
];

/// Words behind a number that change its value.
const SCALES: [&str; 20] = [
    "percent",
    "per cent",
    "percentage",
    "pct",
    "hundred",
    "thousand",
    "million",
    "billion",
    "trillion",
    "dozen",
    "half",
    "万",
    "亿",
    "千",
    "百",
    "degrees",
    "degree",
    "pi",
    "π",
    "radians",
];

/// Commands whose argument is words.
const TEXT_COMMANDS: [&str; 6] = ["text", "textrm", "textbf", "mathrm", "mbox", "operatorname"];

/// What stands at one place of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token {
    /// White space.
    Space,
    /// Digits with their separators, and a unit that is glued to them.
    Number,
    /// A variable, a constant, a function, a LaTeX command, a currency sign.
    Symbol,
    /// An operator or relation.
    Operator,
    /// An opening bracket.
    Open,
    /// A closing bracket.
    Close,
    /// A comma or semicolon.
    Separator,
    /// A word of prose.
    Word,
    /// Anything that no formula goes across: a full stop, a colon.
    Break,
}

/// The token at `at`, which must be a character boundary before the end, and where it ends.
pub(super) fn token(line: &str, at: usize) -> (Token, usize) {
    let rest = &line[at..];
    let Some(c) = rest.chars().next() else {
        return (Token::Break, at);
    };
    let one = at + c.len_utf8();
    let next = line[one..].chars().next();
    let before = line[..at].chars().next_back();
    let is_digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
    match c {
        _ if c.is_whitespace() => (Token::Space, one),
        '0'..='9' => number(line, at),
        '.' if is_digit(next) && !is_digit(before) => number(line, at),
        '\\' => command(line, at),
        '(' | '[' | '{' | '（' | '【' => (Token::Open, one),
        ')' | ']' | '}' | '）' | '】' => (Token::Close, one),
        ',' | ';' | '、' | '，' | '；' => (Token::Separator, one),
        '*' if next == Some('*') || before == Some('*') => (Token::Break, one),
        '–' if is_digit(before) => (Token::Break, one),
        '+' | '-' | '−' | '–' | '*' | '/' | '^' | '_' | '=' | '<' | '>' | '≤' | '≥' | '≠' | '≈' | '±' | '×' | '·'
        | '÷' | '%' | '％' | '°' | '√' | '∞' | '∪' | '∩' | '∈' | '|' | '∠' | '′' | '²' | '³' => {
            (Token::Operator, one)
        }
        ':' if is_digit(before) && is_digit(next) => (Token::Operator, one),
        '!' if line[one..].trim_start().starts_with(['+', '-', '*', '/', '=', ')', '^', '!']) => (Token::Operator, one),
        '$' if is_digit(next) || next == Some('.') => (Token::Symbol, one),
        '€' | '£' | '¥' | '￥' | '₹' => (Token::Symbol, one),
        _ if c.is_alphabetic() => word(line, at),
        _ => (Token::Break, one),
    }
}

/// A number with its separators; with the word that is glued to it, as in `5cm`, `3rd` or `5-digit`.
fn number(line: &str, at: usize) -> (Token, usize) {
    let bytes = line.as_bytes();
    let mut end = at;
    while end < bytes.len() {
        let digit_follows = bytes.get(end + 1).is_some_and(u8::is_ascii_digit);
        match bytes[end] {
            b'0'..=b'9' => end += 1,
            b'.' | b',' if digit_follows => end += 1,
            b'{' if bytes[end..].starts_with(b"{,}") => end += 3,
            _ => break,
        }
    }
    let glued = letters(&line[end..]);
    if bytes.get(end) == Some(&b'-') && letters(&line[end + 1..]) > 1 {
        return (Token::Word, end + 1 + letters(&line[end + 1..]));
    }
    match &line[end..end + glued] {
        "st" | "nd" | "rd" | "th" => (Token::Word, end + glued),
        word if word.is_ascii() && (2..=4).contains(&word.len()) && !NAMES.contains(&word) => {
            (Token::Number, end + glued)
        }
        _ => (Token::Number, end),
    }
}

/// How many bytes of letters `text` begins with. Letters of scripts without spaces count one at a time.
fn letters(text: &str) -> usize {
    let is_letter = |c: char| c.is_alphabetic() && (c as u32) < 0x2E80;
    text.find(|c| !is_letter(c)).unwrap_or(text.len())
}

fn word(line: &str, at: usize) -> (Token, usize) {
    let rest = &line[at..];
    let length = letters(rest);
    if length == 0 {
        return (Token::Word, at + rest.chars().next().map_or(0, char::len_utf8));
    }
    let word = &rest[..length];
    let end = at + length;
    let after = &line[end..];
    if word.chars().nth(1).is_none() {
        let is_article =
            matches!(word, "a" | "A" | "I") && after.strip_prefix(' ').is_some_and(|next| letters(next) > 1);
        return (if is_article { Token::Word } else { Token::Symbol }, end);
    }
    if NAMES.contains(&word) {
        return (Token::Symbol, end);
    }
    if after.starts_with(['\'', '’']) {
        let quote = after.chars().next().map_or(0, char::len_utf8);
        return (Token::Word, end + quote + letters(&after[quote..]));
    }
    // `COVID-19` and `step2` are words with their digits.
    let hyphen = usize::from(after.starts_with('-'));
    let tail = after[hyphen..].find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len() - hyphen);
    (Token::Word, if tail > 0 { end + hyphen + tail } else { end })
}

fn command(line: &str, at: usize) -> (Token, usize) {
    let after = &line[at + 1..];
    let length = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
    if length == 0 {
        let Some(symbol) = after.chars().next() else {
            return (Token::Break, line.len());
        };
        let end = at + 1 + symbol.len_utf8();
        return match symbol {
            '{' => (Token::Open, end),
            '}' => (Token::Close, end),
            ',' | ';' | '!' | ' ' => (Token::Space, end),
            '%' => (Token::Operator, end),
            '$' => (Token::Symbol, end),
            _ => (Token::Break, end),
        };
    }
    let end = at + 1 + length;
    if TEXT_COMMANDS.contains(&&after[..length])
        && line[end..].starts_with('{')
        && let Some(close) = line[end..].find('}')
    {
        return (Token::Symbol, end + close + 1);
    }
    (Token::Symbol, end)
}

/// The last formula of a line that holds a number and stands by itself: outside of brackets that hold prose, no list marker,
/// no label. Its byte range in the line.
pub(super) fn last_formula(line: &str) -> Option<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut run: Option<Run> = None;
    let mut depth = 0_usize;
    let mut at = 0;
    while at < line.len() {
        let (token, end) = token(line, at);
        let is_run_token = match token {
            Token::Number | Token::Symbol | Token::Operator => true,
            Token::Open => true,
            Token::Close => depth > 0,
            Token::Separator => depth > 0 && run.is_some(),
            Token::Space => run.is_some(),
            Token::Word | Token::Break => false,
        };
        if is_run_token {
            if token != Token::Close {
                run.get_or_insert_with(|| Run::new(at, depth));
            }
            if let Some(run) = &mut run {
                run.push(token, at..end, depth);
            }
        } else if let Some(run) = run.take() {
            found.extend(run.finish(depth).and_then(|range| trim(line, range)));
        }
        match token {
            Token::Open => depth += 1,
            Token::Close => depth = depth.saturating_sub(1),
            _ => {}
        }
        at = end;
    }
    found.extend(run.and_then(|run| run.finish(depth)).and_then(|range| trim(line, range)));
    with_list(line, &found)
}

/// The last of the formulas, with those before it that "and" or "or" makes one list with it.
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
    /// What the run was before the bracket that is open in it, where a space stood before the bracket.
    before_bracket: Option<(usize, bool)>,
}

impl Run {
    fn new(start: usize, depth: usize) -> Self {
        Self { start, end: start, depth, has_number: false, after_space: true, before_bracket: None }
    }

    fn push(&mut self, token: Token, range: Range<usize>, depth: usize) {
        if token == Token::Open && depth == self.depth {
            self.before_bracket = self.after_space.then_some((self.end, self.has_number));
        }
        self.after_space = token == Token::Space;
        self.has_number |= token == Token::Number;
        if !self.after_space {
            self.end = range.end;
        }
    }

    /// Its range, where it holds a number and no bracket is cut.
    fn finish(self, depth: usize) -> Option<Range<usize>> {
        let (end, has_number) = if depth == self.depth { (self.end, self.has_number) } else { self.before_bracket? };
        (self.depth == 0 && has_number).then_some(self.start..end)
    }
}

/// The formula without operators that hang over its ends, without the working before its last equals sign where that is plain
/// arithmetic, and with the word behind it that belongs to its value.
fn trim(line: &str, range: Range<usize>) -> Option<Range<usize>> {
    let Range { mut start, mut end } = range;
    let is_first = line[..start].trim().is_empty();
    if is_first && line[start..].starts_with(['-', '+', '*']) && line[start + 1..].starts_with(' ') {
        start += 1; // a bullet
    }
    loop {
        let text = &line[start..end];
        let trimmed = text.trim_start_matches([' ', '=', '*', '/', '<', '>', '^', '_', '·', '×', '÷', '≈', '%', ',']);
        let trimmed_end =
            trimmed.trim_end_matches([' ', '=', '*', '/', '<', '>', '^', '_', '·', '×', '÷', '≈', '+', '-', ',', '−']);
        start = end - trimmed.len();
        end = start + trimmed_end.len();
        let signed = ['-', '+', '−', '–'].iter().find_map(|sign| trimmed_end.strip_prefix(*sign));
        match signed {
            // "the total - 5": a dash, unless the sign stands at the digit.
            Some(rest) if rest.starts_with(' ') && line[..start].trim_end().ends_with(char::is_alphanumeric) => {
                start = end - rest.len();
            }
            _ if trimmed_end.len() == text.len() => break,
            _ => {}
        }
    }
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
    Some(start..end + scale(after))
}

/// How many bytes behind a number belong to its value: ` percent`, ` million`.
fn scale(after: &str) -> usize {
    let trimmed = after.trim_start_matches(' ');
    let word = SCALES.iter().filter(|word| trimmed.starts_with(**word)).max_by_key(|word| word.len());
    match word {
        Some(word) if letters(trimmed) <= word.len() || !word.is_ascii() || word.contains(' ') => {
            after.len() - trimmed.len() + word.len()
        }
        _ => 0,
    }
}

/// Whether a percent sign or word follows, maths delimiters left aside.
pub(super) fn percent_after(after: &str) -> bool {
    let mut rest = after;
    loop {
        let next = rest.trim_start_matches([' ', '$', '*']);
        let next = next.strip_prefix("\\)").or(next.strip_prefix("\\]")).or(next.strip_prefix("\\ ")).unwrap_or(next);
        if next.len() == rest.len() {
            break;
        }
        rest = next;
    }
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
    fn a_percent_behind_a_delimiter_counts() {
        assert!(percent_after("$ %") && percent_after("\\%") && percent_after(" percent.") && percent_after("\\)%"));
        assert!(!percent_after(" percentile") && !percent_after("") && !percent_after(" of 5%"));
    }
}
