//! Python's string literals: quotes, prefixes and escapes.
//!
//! <https://docs.python.org/3/reference/lexical_analysis.html#string-and-bytes-literals>

/// True where a string literal begins, with any prefix.
pub(super) fn starts(text: &str) -> bool {
    opening(text).is_some()
}

/// The prefix and the quotes that open a literal.
fn opening(text: &str) -> Option<(&str, &'static str)> {
    let length = text.bytes().take(3).take_while(u8::is_ascii_alphabetic).count();
    let (prefix, rest) = text.split_at(length);
    let is_prefix = ["", "r", "u", "b", "f", "t", "br", "rb", "fr", "rf", "tr", "rt"]
        .contains(&prefix.to_ascii_lowercase().as_str());
    let quotes = ["'''", "\"\"\"", "'", "\""].into_iter().find(|quotes| rest.starts_with(quotes))?;
    is_prefix.then_some((prefix, quotes))
}

/// The text of the literal at the beginning of `text`, and the literal's length in bytes.
pub(super) fn read(text: &str) -> Result<(String, usize), String> {
    let (prefix, quotes) = opening(text).ok_or("no text")?;
    let prefix_lower = prefix.to_ascii_lowercase();
    if prefix_lower.contains(['f', 't']) {
        return Err(format!("a text with holes ({prefix}{quotes}) is no literal"));
    }
    let (is_raw, is_bytes) = (prefix_lower.contains('r'), prefix_lower.contains('b'));
    let start = prefix.len() + quotes.len();
    let mut scanner = Scanner { text, at: start };
    let mut read = String::new();
    loop {
        if scanner.rest().starts_with(quotes) {
            return Ok((read, scanner.at + quotes.len()));
        }
        match scanner.next().ok_or("a quote is not closed")? {
            '\n' if quotes.len() == 1 => return Err("a line ends before its quote is closed".to_owned()),
            letter if is_bytes && !letter.is_ascii() => return Err("bytes are no ASCII".to_owned()),
            '\\' if is_raw => {
                read.push('\\');
                read.extend(scanner.next());
            }
            '\\' => escape(&mut scanner, is_bytes, &mut read)?,
            letter => read.push(letter),
        }
    }
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn next(&mut self) -> Option<char> {
        let letter = self.rest().chars().next()?;
        self.at += letter.len_utf8();
        Some(letter)
    }

    /// The character of exactly so many hexadecimal digits.
    fn hexadecimal(&mut self, count: usize) -> Result<char, String> {
        let digits = self.rest().get(..count).filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let code = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        self.at += count;
        code.and_then(char::from_u32)
            .ok_or_else(|| format!("an escape needs {count} hexadecimal digits of a character"))
    }
}

fn escape(scanner: &mut Scanner<'_>, is_bytes: bool, read: &mut String) -> Result<(), String> {
    let letter = scanner.next().ok_or("a quote is not closed")?;
    let decoded = match letter {
        '\n' => return Ok(()),
        '\\' | '\'' | '"' => letter,
        'a' => '\u{7}',
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\u{b}',
        '0'..='7' => {
            let length = 1 + scanner.rest().bytes().take(2).take_while(|byte| matches!(byte, b'0'..=b'7')).count();
            let digits = &scanner.text[scanner.at - 1..scanner.at - 1 + length];
            scanner.at += length - 1;
            let code = u32::from_str_radix(digits, 8).ok();
            code.and_then(char::from_u32).ok_or("an escape is no character")?
        }
        'x' => scanner.hexadecimal(2)?,
        'u' if !is_bytes => scanner.hexadecimal(4)?,
        'U' if !is_bytes => scanner.hexadecimal(8)?,
        'N' if !is_bytes => return Err("characters by name (\\N) are not read".to_owned()),
        // Python keeps the backslash of an escape that it does not know.
        other => {
            read.push('\\');
            other
        }
    };
    if is_bytes && !decoded.is_ascii() {
        return Err("bytes are no ASCII".to_owned());
    }
    read.push(decoded);
    Ok(())
}
