//! The tokens of plain text: words, numbers, signs and brackets of a line, with LaTeX commands among them.

/// Names that are part of a formula although they are words.
const NAMES: [&str; 24] = [
    "sin", "cos", "tan", "cot", "sec", "csc", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh", "log", "ln", "exp",
    "sqrt", "cbrt", "pi", "theta", "inf", "infinity", "mod", "gcd", "lcm",
];

/// Commands whose argument is words.
const TEXT_COMMANDS: [&str; 6] = ["text", "textrm", "textbf", "mathrm", "mbox", "operatorname"];

/// A token of a line of prose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PlainToken {
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
    /// A sign that ends a formula: a full stop, a colon.
    Break,
}

/// The token at `at`, which must be a character boundary before the end, and where it ends.
pub(super) fn token(line: &str, at: usize) -> (PlainToken, usize) {
    let rest = &line[at..];
    let Some(c) = rest.chars().next() else {
        return (PlainToken::Break, at);
    };
    let one = at + c.len_utf8();
    let next = line[one..].chars().next();
    let before = line[..at].chars().next_back();
    let is_digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
    match c {
        _ if c.is_whitespace() => (PlainToken::Space, one),
        '0'..='9' => number(line, at),
        '.' if is_digit(next) && !is_digit(before) => number(line, at),
        '\\' => command(line, at),
        '(' | '[' | '{' | '（' | '【' => (PlainToken::Open, one),
        ')' | ']' | '}' | '）' | '】' => (PlainToken::Close, one),
        ',' | ';' | '、' | '，' | '；' => (PlainToken::Separator, one),
        '*' if next == Some('*') || before == Some('*') => (PlainToken::Break, one),
        '–' if is_digit(before) => (PlainToken::Break, one),
        '+' | '-' | '−' | '–' | '*' | '/' | '^' | '_' | '=' | '<' | '>' | '≤' | '≥' | '≠' | '≈' | '±' | '×' | '·'
        | '÷' | '%' | '％' | '°' | '√' | '∞' | '∪' | '∩' | '∈' | '|' | '∠' | '′' | '²' | '³' => {
            (PlainToken::Operator, one)
        }
        ':' if is_digit(before) && is_digit(next) => (PlainToken::Operator, one),
        '!' if line[one..].trim_start().starts_with(['+', '-', '*', '/', '=', ')', '^', '!']) => {
            (PlainToken::Operator, one)
        }
        '$' if is_digit(next) || next == Some('.') => (PlainToken::Symbol, one),
        '€' | '£' | '¥' | '￥' | '₹' => (PlainToken::Symbol, one),
        _ if c.is_alphabetic() => word(line, at),
        _ => (PlainToken::Break, one),
    }
}

/// A number with its separators; with the word that is glued to it, as in `5cm`, `3rd` or `5-digit`.
fn number(line: &str, at: usize) -> (PlainToken, usize) {
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
        return (PlainToken::Word, end + 1 + letters(&line[end + 1..]));
    }
    match &line[end..end + glued] {
        "st" | "nd" | "rd" | "th" => (PlainToken::Word, end + glued),
        word if word.is_ascii() && (2..=4).contains(&word.len()) && !NAMES.contains(&word) => {
            (PlainToken::Number, end + glued)
        }
        _ => (PlainToken::Number, end),
    }
}

/// The number of bytes of the letters that `text` begins with; letters of scripts without spaces do not count.
pub(super) fn letters(text: &str) -> usize {
    let is_letter = |c: char| c.is_alphabetic() && (c as u32) < 0x2E80;
    text.find(|c| !is_letter(c)).unwrap_or(text.len())
}

fn word(line: &str, at: usize) -> (PlainToken, usize) {
    let rest = &line[at..];
    let length = letters(rest);
    if length == 0 {
        return (PlainToken::Word, at + rest.chars().next().map_or(0, char::len_utf8));
    }
    let word = &rest[..length];
    let end = at + length;
    let after = &line[end..];
    if word.chars().nth(1).is_none() {
        let is_article =
            matches!(word, "a" | "A" | "I") && after.strip_prefix(' ').is_some_and(|next| letters(next) > 1);
        return (if is_article { PlainToken::Word } else { PlainToken::Symbol }, end);
    }
    if NAMES.contains(&word) {
        return (PlainToken::Symbol, end);
    }
    if after.starts_with(['\'', '’']) {
        let quote = after.chars().next().map_or(0, char::len_utf8);
        return (PlainToken::Word, end + quote + letters(&after[quote..]));
    }
    // Digits belong to the word in `COVID-19` and `step2`.
    let hyphen = usize::from(after.starts_with('-'));
    let tail = after[hyphen..].find(|c: char| !c.is_ascii_digit()).unwrap_or(after.len() - hyphen);
    (PlainToken::Word, if tail > 0 { end + hyphen + tail } else { end })
}

fn command(line: &str, at: usize) -> (PlainToken, usize) {
    let after = &line[at + 1..];
    let length = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
    if length == 0 {
        let Some(symbol) = after.chars().next() else {
            return (PlainToken::Break, line.len());
        };
        let end = at + 1 + symbol.len_utf8();
        return match symbol {
            '{' => (PlainToken::Open, end),
            '}' => (PlainToken::Close, end),
            ',' | ';' | '!' | ' ' => (PlainToken::Space, end),
            '%' => (PlainToken::Operator, end),
            '$' => (PlainToken::Symbol, end),
            _ => (PlainToken::Break, end),
        };
    }
    let end = at + 1 + length;
    if TEXT_COMMANDS.contains(&&after[..length])
        && line[end..].starts_with('{')
        && let Some(close) = line[end..].find('}')
    {
        return (PlainToken::Symbol, end + close + 1);
    }
    (PlainToken::Symbol, end)
}
