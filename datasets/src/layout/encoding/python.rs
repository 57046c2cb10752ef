//! A reader of Python's literals: what `ast.literal_eval` reads, as far as JSON has a value for it.
//!
//! Texts with every escape and prefix, numbers of any length, tuples, lists, sets, dictionaries, True, False and None.
//! Tuples and sets become lists, and keys that are no texts become their text. Anything else is refused with its place:
//! a name, a call, an operator, bytes beyond ASCII, a text with holes (`f''`), a complex number.

use std::str::FromStr;

use serde_json::{Map, Number, Value};

use super::python_text;

/// Deepest nesting that is read.
const MOST_DEPTH: usize = 64;
/// Longest text that is read, in bytes.
const MOST_BYTES: usize = 1 << 28;

/// The value of a literal; the error names the byte at which it is none.
pub(crate) fn read(text: &str) -> Result<Value, String> {
    if text.len() > MOST_BYTES {
        return Err(format!("the Python literal has {} bytes; {MOST_BYTES} are the most", text.len()));
    }
    let mut reader = LiteralReader { text, at: 0 };
    reader.skip_blanks();
    let value = reader.value(0)?;
    reader.skip_blanks();
    if reader.at < text.len() {
        return Err(reader.unexpected());
    }
    Ok(value)
}

struct LiteralReader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> LiteralReader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn take(&mut self, mark: u8) -> bool {
        let found = self.peek() == Some(mark);
        self.at += usize::from(found);
        found
    }

    fn skip_blanks(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r' | b'\x0c')) {
            self.at += 1;
        }
    }

    fn unexpected(&self) -> String {
        match self.rest().chars().next() {
            None => "the Python literal is cut off".to_owned(),
            Some(found) => format!("no Python literal: unexpected {found:?} at byte {}", self.at),
        }
    }

    fn value(&mut self, depth: usize) -> Result<Value, String> {
        if depth > MOST_DEPTH {
            return Err(format!("the Python literal nests deeper than {MOST_DEPTH} at byte {}", self.at));
        }
        match self.peek() {
            Some(b'[') => Ok(Value::Array(self.items(b']', depth)?.0)),
            Some(b'(') => self.tuple(depth),
            Some(b'{') => self.braces(depth),
            Some(b'0'..=b'9' | b'.' | b'+' | b'-') => self.number(),
            Some(_) if python_text::starts(self.rest()) => self.texts(),
            Some(first) if first.is_ascii_alphabetic() => self.word(),
            _ => Err(self.unexpected()),
        }
    }

    /// Items up to the closing mark, and true where a comma stands behind the last.
    fn items(&mut self, close: u8, depth: usize) -> Result<(Vec<Value>, bool), String> {
        self.at += 1;
        let (mut items, mut has_comma) = (Vec::new(), false);
        loop {
            self.skip_blanks();
            if self.take(close) {
                return Ok((items, has_comma));
            }
            if !items.is_empty() && !has_comma {
                return Err(self.unexpected());
            }
            items.push(self.value(depth + 1)?);
            self.skip_blanks();
            has_comma = self.take(b',');
        }
    }

    /// A tuple; a value in brackets without a comma is the value itself.
    fn tuple(&mut self, depth: usize) -> Result<Value, String> {
        let (mut items, has_comma) = self.items(b')', depth)?;
        if items.len() == 1 && !has_comma { Ok(items.remove(0)) } else { Ok(Value::Array(items)) }
    }

    /// A dictionary or a set.
    fn braces(&mut self, depth: usize) -> Result<Value, String> {
        let start = self.at;
        self.at += 1;
        self.skip_blanks();
        if self.take(b'}') {
            return Ok(Value::Object(Map::new()));
        }
        let first = self.value(depth + 1)?;
        self.skip_blanks();
        if self.peek() != Some(b':') {
            self.at = start;
            return Ok(Value::Array(self.items(b'}', depth)?.0));
        }
        let (mut entries, mut key) = (Map::new(), first);
        loop {
            self.skip_blanks();
            if !self.take(b':') {
                return Err(self.unexpected());
            }
            self.skip_blanks();
            let value = self.value(depth + 1)?;
            entries.insert(key_text(key, self.at)?, value);
            self.skip_blanks();
            let has_comma = self.take(b',');
            self.skip_blanks();
            if self.take(b'}') {
                return Ok(Value::Object(entries));
            }
            if !has_comma {
                return Err(self.unexpected());
            }
            key = self.value(depth + 1)?;
        }
    }

    /// Texts side by side, which Python joins.
    fn texts(&mut self) -> Result<Value, String> {
        let mut joined = String::new();
        while python_text::starts(self.rest()) {
            let (text, length) = python_text::read(self.rest())
                .map_err(|problem| format!("{problem}, in the text at byte {}", self.at))?;
            joined.push_str(&text);
            self.at += length;
            self.skip_blanks();
        }
        Ok(Value::String(joined))
    }

    fn word(&mut self) -> Result<Value, String> {
        let rest = self.rest();
        let length = rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(rest.len());
        let word = &rest[..length];
        let value = match word {
            "None" => Value::Null,
            "True" => true.into(),
            "False" => false.into(),
            "set" if rest.starts_with("set()") => {
                self.at += "set()".len();
                return Ok(Value::Array(Vec::new()));
            }
            _ => return Err(format!("no Python literal: the name {word:?} at byte {}", self.at)),
        };
        self.at += length;
        Ok(value)
    }

    fn number(&mut self) -> Result<Value, String> {
        let start = self.at;
        let mut sign = "";
        if let Some(mark @ (b'+' | b'-')) = self.peek() {
            self.at += 1;
            sign = if mark == b'-' { "-" } else { "" };
            self.skip_blanks();
        }
        let rest = self.rest();
        let mut length = 0;
        for (at, letter) in rest.char_indices() {
            let is_exponents_sign = matches!(letter, '+' | '-')
                && matches!(rest.as_bytes()[..at].last(), Some(b'e' | b'E'))
                && !rest.starts_with("0x")
                && !rest.starts_with("0X");
            if !(letter.is_ascii_alphanumeric() || matches!(letter, '.' | '_') || is_exponents_sign) {
                break;
            }
            length = at + letter.len_utf8();
        }
        let wrong = || format!("no Python number at byte {start}");
        let number = plain_number(&rest[..length]).ok_or_else(wrong)?;
        self.at += length;
        let number = Number::from_str(&format!("{sign}{number}")).map_err(|_| wrong())?;
        Ok(Value::Number(number))
    }
}

/// A number as JSON writes it, `None` where Python has no such number or JSON no such value.
fn plain_number(digits: &str) -> Option<String> {
    if digits.starts_with('_') || digits.ends_with('_') || digits.contains("__") {
        return None;
    }
    let lower = digits.to_ascii_lowercase().replace('_', "");
    for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] {
        if let Some(digits) = lower.strip_prefix(prefix) {
            return u128::from_str_radix(digits, radix)
                .ok()
                .filter(|_| !digits.starts_with('+'))
                .map(|n| n.to_string());
        }
    }
    let (mantissa, exponent) = match lower.split_once('e') {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (lower.as_str(), None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_digits(whole) || !fraction.is_none_or(is_digits) || whole.len() + fraction.map_or(0, str::len) == 0 {
        return None;
    }
    let is_integer = fraction.is_none() && exponent.is_none();
    let without_zeros = whole.trim_start_matches('0');
    if is_integer && whole.len() > 1 && whole.starts_with('0') && !without_zeros.is_empty() {
        return None;
    }
    let mut number = if without_zeros.is_empty() { "0" } else { without_zeros }.to_owned();
    if let Some(fraction) = fraction {
        number.push('.');
        number.push_str(if fraction.is_empty() { "0" } else { fraction });
    }
    if let Some(exponent) = exponent {
        let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        if digits.is_empty() || !is_digits(digits) {
            return None;
        }
        number.push('e');
        number.push_str(exponent);
    }
    Some(number)
}

fn key_text(key: Value, at: usize) -> Result<String, String> {
    match key {
        Value::String(text) => Ok(text),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(true) => Ok("True".to_owned()),
        Value::Bool(false) => Ok("False".to_owned()),
        Value::Null => Ok("None".to_owned()),
        Value::Array(_) | Value::Object(_) => Err(format!("a key before byte {at} is no text or number")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::read;

    #[test]
    fn literals_become_their_json() {
        for (literal, value) in [
            ("['27']", json!(["27"])),
            (
                "[{'instruction_id': ['a:b'], 'kwargs': [None, {'n': 3}]}]",
                json!([{"instruction_id": ["a:b"], "kwargs": [null, {"n": 3}]}]),
            ),
            ("(1, 2,)", json!([1, 2])),
            ("(1)", json!(1)),
            ("(1,)", json!([1])),
            ("()", json!([])),
            ("{1, 2}", json!([1, 2])),
            ("set()", json!([])),
            ("{}", json!({})),
            ("{1: 'a', None: True, 'b' : False,}", json!({"1": "a", "None": true, "b": false})),
            (" 'it''s' \"q\" ", json!("itsq")),
            (
                r"'\x41\u00e9\U0001F980\101\n\'\
b'",
                json!("A\u{e9}\u{1F980}A\n'b"),
            ),
            (r"r'\d+'", json!(r"\d+")),
            ("'''a\n'b''' u'c' b'd'", json!("a\n'bcd")),
            ("1_000", json!(1000)),
            ("-0x1F", json!(-31)),
            ("0b11", json!(3)),
            ("1e3", serde_json::from_str("1e3").unwrap()),
            (".5", json!(0.5)),
            ("5.", serde_json::from_str("5.0").unwrap()),
            ("- 3", json!(-3)),
            ("00", json!(0)),
        ] {
            assert_eq!(read(literal), Ok(value), "{literal}");
        }
        let long = "9".repeat(9131);
        assert_eq!(read(&long).unwrap().to_string(), long);
    }

    #[test]
    fn anything_else_is_refused_with_its_place() {
        for (text, problem) in [
            ("__import__('os')", "'_' at byte 0"),
            ("os.system('x')", "name \"os\" at byte 0"),
            ("[1, open]", "name \"open\" at byte 4"),
            ("1 + 2", "'+' at byte 2"),
            ("1+2j", "'+' at byte 1"),
            ("f'{x}'", "f"),
            ("[1 2]", "byte 3"),
            ("[1,,2]", "',' at byte 3"),
            ("{'a': 1 'b': 2}", "byte 8"),
            ("{[1]: 2}", "key"),
            ("'abc", "byte 0"),
            ("[1", "cut off"),
            ("", "cut off"),
            ("012", "byte 0"),
            ("1__0", "byte 0"),
            ("nan", "nan"),
            (r"'\x4'", "byte 0"),
            (r"'\N{DASH}'", "byte 0"),
            (r"'\ud800'", "byte 0"),
            ("'a\nb'", "byte 0"),
            ("b'\u{e9}'", "byte 0"),
        ] {
            let found = read(text).unwrap_err();
            assert!(found.contains(problem), "{text}: {found}");
        }
        assert!(read(&"[".repeat(100_000)).unwrap_err().contains("deeper"));
    }

    fn literal() -> impl Strategy<Value = String> {
        prop::collection::vec(
            prop::sample::select(vec![
                "[", "]", "(", ")", "{", "}", ",", ":", "'", "\"", "'''", "\\", "None", "True", "1", "0x", "1e", ".",
                "-", "_", "r", "b", "\n", "\\x4", "\\N{", "é", " ",
            ]),
            0..24,
        )
        .prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in any::<String>(), parts in literal()) {
            let _ = read(&text);
            let _ = read(&parts);
        }

        #[test]
        fn quoted_texts_come_back(text in any::<String>()) {
            let escaped: String = text.chars().map(|letter| format!("\\U{:08x}", letter as u32)).collect();
            let quoted = format!("'{escaped}'");
            prop_assert_eq!(read(&quoted), Ok(Value::String(text)));
        }
    }
}
