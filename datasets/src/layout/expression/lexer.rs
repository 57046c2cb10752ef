//! The tokens of an expression.

/// A token with the place, in bytes, at which it begins.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Token {
    pub(super) at: usize,
    pub(super) kind: TokenKind,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum TokenKind {
    /// A name, also a word such as `and`.
    Name(String),
    /// A name in backticks, which is never a word.
    Quoted(String),
    /// A text in quotes.
    Text(String),
    /// The inside of `f'…'`, holes and all.
    Template(String),
    /// A number as it is written.
    Number(String),
    /// A mark: one or two characters.
    Mark(&'static str),
}

/// Longer marks stand before their beginnings.
const MARKS: [&str; 21] =
    ["==", "!=", "<=", ">=", "=", "<", ">", "|", "(", ")", "[", "]", "{", "}", ",", ":", ".", "?", "$", "-", "+"];

/// The tokens of a text; the error says where it has none.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        let rest = &text[at..];
        let (kind, length) = match first {
            _ if first.is_whitespace() => {
                at += first.len_utf8();
                continue;
            }
            'f' if rest[1..].starts_with(['\'', '"']) => {
                let (inside, length) = quoted(&rest[1..]).ok_or_else(|| unclosed(at))?;
                (TokenKind::Template(inside), length + 1)
            }
            '\'' | '"' => {
                let (inside, length) = quoted(rest).ok_or_else(|| unclosed(at))?;
                (TokenKind::Text(inside), length)
            }
            '`' => {
                let end = rest[1..].find('`').ok_or_else(|| unclosed(at))?;
                (TokenKind::Quoted(rest[1..=end].to_owned()), end + 2)
            }
            _ if first.is_alphabetic() || first == '_' => {
                let end = rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(rest.len());
                (TokenKind::Name(rest[..end].to_owned()), end)
            }
            _ if first.is_ascii_digit() => {
                let end = number_length(rest);
                (TokenKind::Number(rest[..end].to_owned()), end)
            }
            _ => {
                let mark = MARKS.into_iter().find(|mark| rest.starts_with(mark));
                let mark = mark.ok_or_else(|| format!("unexpected {first:?} at character {at}"))?;
                (TokenKind::Mark(mark), mark.len())
            }
        };
        tokens.push(Token { at, kind });
        at += length;
    }
    Ok(tokens)
}

fn unclosed(at: usize) -> String {
    format!("the quote at character {at} is not closed")
}

/// The length of a number: digits, with a fraction and an exponent.
fn number_length(text: &str) -> usize {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let mut length = digits(text);
    let fraction = text[length..].strip_prefix('.').map_or(0, digits);
    if fraction > 0 {
        length += 1 + fraction;
    }
    if let Some(exponent) = text[length..].strip_prefix(['e', 'E']) {
        let sign = usize::from(exponent.starts_with(['+', '-']));
        let count = digits(&exponent[sign..]);
        if count > 0 {
            length += 1 + sign + count;
        }
    }
    length
}

/// The inside of the quotes at the beginning of a text, and their length with the quotes.
fn quoted(text: &str) -> Option<(String, usize)> {
    let quote = text.chars().next()?;
    let mut inside = String::new();
    let mut letters = text.char_indices().skip(1);
    while let Some((at, letter)) = letters.next() {
        match letter {
            _ if letter == quote => return Some((inside, at + quote.len_utf8())),
            '\\' => match letters.next()?.1 {
                'n' => inside.push('\n'),
                't' => inside.push('\t'),
                marked @ ('\\' | '\'' | '"') => inside.push(marked),
                // A backslash that escapes nothing is one: keys are full of LaTeX.
                other => inside.extend(['\\', other]),
            },
            other => inside.push(other),
        }
    }
    None
}
