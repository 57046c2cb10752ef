//! Values as Python's `str` and `repr` write them: what Jinja prints where a template shows a value.

use minijinja::Value;
use minijinja::value::ValueKind;

/// `str(value)`. An undefined value is the empty text, as Jinja has it.
pub(super) fn text(value: &Value) -> String {
    match value.kind() {
        ValueKind::Undefined => String::new(),
        ValueKind::String => value.as_str().map_or_else(|| value.to_string(), str::to_owned),
        _ => repr(value),
    }
}

/// `repr(value)`.
fn repr(value: &Value) -> String {
    match value.kind() {
        ValueKind::Undefined => "Undefined".to_owned(),
        ValueKind::None => "None".to_owned(),
        ValueKind::Bool => if value.is_true() { "True" } else { "False" }.to_owned(),
        ValueKind::Number => number(value),
        ValueKind::String => quoted(value.as_str().unwrap_or_default()),
        ValueKind::Seq | ValueKind::Iterable => {
            let items: Vec<String> = value.try_iter().into_iter().flatten().map(|item| repr(&item)).collect();
            format!("[{}]", items.join(", "))
        }
        ValueKind::Map => {
            let pairs = entries(value).map(|(key, item)| format!("{}: {}", repr(&key), repr(&item)));
            format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
        }
        _ => value.to_string(),
    }
}

/// Keys of a map in their order, with their values.
pub(super) fn entries(map: &Value) -> impl Iterator<Item = (Value, Value)> + '_ {
    let keys = map.try_iter().into_iter().flatten();
    keys.map(|key| {
        let item = map.get_item(&key).unwrap_or_default();
        (key, item)
    })
}

/// A number: an integer's digits, or a float as Python writes it.
pub(super) fn number(value: &Value) -> String {
    match f64::try_from(value.clone()) {
        Ok(float) if !value.is_integer() => float_text(float),
        _ => value.to_string(),
    }
}

/// The shortest decimal that reads back as the float; with an exponent below 1e-4 and from 1e16 on.
pub(super) fn float_text(value: f64) -> String {
    if value.is_nan() {
        return "nan".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "inf" } else { "-inf" }.to_owned();
    }
    let scientific = format!("{value:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..16).contains(&exponent) {
        let plain = format!("{value}");
        return if plain.contains('.') { plain } else { format!("{plain}.0") };
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

/// A text in quotes: single ones, or double ones where the text holds only single ones.
fn quoted(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut written = String::from(quote);
    for c in text.chars() {
        match c {
            '\n' => written.push_str("\\n"),
            '\r' => written.push_str("\\r"),
            '\t' => written.push_str("\\t"),
            '\\' => written.push_str("\\\\"),
            c if c == quote => written.extend(['\\', c]),
            c if is_printable(c) => written.push(c),
            c if (c as u32) < 0x100 => written.push_str(&format!("\\x{:02x}", c as u32)),
            c if (c as u32) < 0x1_0000 => written.push_str(&format!("\\u{:04x}", c as u32)),
            c => written.push_str(&format!("\\U{:08x}", c as u32)),
        }
    }
    written.push(quote);
    written
}

/// Python's `str.isprintable`. Rust's `escape_debug` spells out the same characters, after a letter where a combining
/// mark is printable.
fn is_printable(c: char) -> bool {
    !format!("a{c}").escape_debug().to_string().contains("\\u{")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_pythons() {
        let cases = [
            (1.0, "1.0"),
            (-0.0, "-0.0"),
            (1e-5, "1e-05"),
            (1e-4, "0.0001"),
            (1e15, "1000000000000000.0"),
            (1e16, "1e+16"),
            (1.5e300, "1.5e+300"),
            (-2.5e-8, "-2.5e-08"),
            (1.234_567_890_123_456_8e17, "1.2345678901234568e+17"),
            (f64::INFINITY, "inf"),
        ];
        for (value, expected) in cases {
            assert_eq!(float_text(value), expected);
        }
    }

    #[test]
    fn values_are_shown_as_python_shows_them() {
        let pairs: Value = [("k", Value::from("it's")), ("n", Value::from(()))].into_iter().collect();
        let list = Value::from(vec![pairs, Value::from(true), Value::from("a\n\"'\u{301}é\u{a0}\u{2028}\u{7}")]);
        assert_eq!(text(&list), "[{'k': \"it's\", 'n': None}, True, 'a\\n\"\\'\u{301}é\\xa0\\u2028\\x07']");
        assert_eq!(text(&Value::from("plain 'text'")), "plain 'text'");
        assert_eq!(text(&Value::UNDEFINED), "");
    }
}
