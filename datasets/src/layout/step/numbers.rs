//! Steps on numbers.

use std::str::FromStr;

use serde_json::{Number, Value};

use super::arguments::Arguments;
use super::kind::ExpressionStep;
use crate::layout::fault::Fault;
use crate::layout::item::{Item, shown};

pub(super) const STEPS: &[ExpressionStep] = &[
    ExpressionStep::new("integer", (0, 2), integer),
    ExpressionStep::new("number", (0, 0), |item, _| number_of(item.into_json()?).map(Item::Json)),
    ExpressionStep::new("add", (1, 1), add),
    ExpressionStep::new("seconds", (0, 0), seconds),
];

/// The digits of a whole number, as keys write it: `025`, `27.0`, `336^\circ`, `$1{,}000$`.
fn whole_digits(text: &str) -> Option<String> {
    let mut plain = text.trim().trim_matches('$').trim();
    for degrees in ["^\\circ", "^{\\circ}", "\u{b0}", "\\degree"] {
        plain = plain.strip_suffix(degrees).unwrap_or(plain).trim_end();
    }
    let plain = plain.replace("{,}", "").replace(',', "");
    let (sign, digits) = match plain.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", plain.strip_prefix('+').unwrap_or(&plain)),
    };
    let digits = match digits.split_once('.') {
        Some((whole, fraction)) if fraction.bytes().all(|byte| byte == b'0') => whole,
        Some(_) => return None,
        None => digits,
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let digits = match digits.trim_start_matches('0') {
        "" => return Some("0".to_owned()),
        digits => digits,
    };
    Some(format!("{sign}{digits}"))
}

/// A whole number; the arguments are the least and the greatest that are allowed.
fn integer(item: Item, arguments: &Arguments<'_>) -> Result<Item, Fault> {
    let value = item.into_json()?;
    let text = match &value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let digits = text.as_deref().and_then(whole_digits);
    let number = digits.and_then(|digits| Number::from_str(&digits).ok());
    let number = number.ok_or_else(|| Fault::Value(format!("a whole number is expected, found {}", shown(&value))))?;
    if let (Some(least), Some(most)) = (arguments.value(0)?, arguments.value(1)?) {
        let is_within =
            |value: f64| least.as_f64().is_none_or(|l| value >= l) && most.as_f64().is_none_or(|m| value <= m);
        if !number.as_f64().is_some_and(is_within) {
            return Err(Fault::Value(format!("{number} is not between {least} and {most}")));
        }
    }
    Ok(Item::Json(Value::Number(number)))
}

/// A number, from a text too.
fn number_of(value: Value) -> Result<Value, Fault> {
    let text = match value {
        Value::Number(_) => return Ok(value),
        Value::String(ref text) => text.trim().replace(',', ""),
        _ => String::new(),
    };
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
    let number = number.and_then(|number| Number::from_str(&text).ok().or_else(|| Number::from_f64(number)));
    number.map(Value::Number).ok_or_else(|| Fault::Value(format!("a number is expected, found {}", shown(&value))))
}

fn add(item: Item, arguments: &Arguments<'_>) -> Result<Item, Fault> {
    let whole = |value: &Value| value.as_i64();
    let (left, right) = (number_of(item.into_json()?)?, arguments.value(0)?.unwrap_or_default());
    match (whole(&left), whole(&right)) {
        (Some(left_whole), Some(right_whole)) => {
            let sum = left_whole.checked_add(right_whole);
            Ok(Item::Json(sum.ok_or_else(|| Fault::Value(format!("{left} is too large to add {right} to")))?.into()))
        }
        _ => Err(Fault::Value(format!("whole numbers are added, found {left} and {right}"))),
    }
}

/// Seconds, of a number, of a text that begins with one, or of `{seconds, nanos}`.
fn seconds(item: Item, _: &Arguments<'_>) -> Result<Item, Fault> {
    let value = item.into_json()?;
    let seconds = match &value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.split_whitespace().next().and_then(|first| first.parse().ok()),
        Value::Object(parts) => {
            let part = |name: &str| parts.get(name).and_then(Value::as_f64);
            part("seconds").map(|seconds| seconds + part("nanos").unwrap_or(0.0) / 1e9)
        }
        _ => None,
    };
    let number = seconds.and_then(Number::from_f64);
    number
        .map(|number| Item::Json(Value::Number(number)))
        .ok_or_else(|| Fault::Value(format!("a time in seconds is expected, found {}", shown(&value))))
}

#[cfg(test)]
mod tests {
    use super::whole_digits;

    #[test]
    fn keys_that_are_whole_numbers_are_read_however_they_are_written() {
        for (key, digits) in [
            ("025", "25"),
            ("27.0", "27"),
            ("-1.0", "-1"),
            ("336^\\circ", "336"),
            ("$12\u{b0}$", "12"),
            ("1,450,000", "1450000"),
            ("000", "0"),
            ("-0", "0"),
        ] {
            assert_eq!(whole_digits(key).as_deref(), Some(digits), "{key}");
        }
        for key in ["", "1.5", "x", "1e3", "--1"] {
            assert_eq!(whole_digits(key), None, "{key}");
        }
    }
}
