//! Compares what a program printed or returned with the expected value. Knows nothing of how the program ran.
//!
//! Printed text is compared as LiveCodeBench does: both texts are stripped and must have the same number of lines, and
//! each line is stripped; a line is right if it is equal, or if its elements are equal as decimals. Returned values are
//! compared with the expected JSON as Python's `==` does, so a tuple inside a list is no list; a tuple returned by
//! itself has become a list before (`call_once` in `candidate.py`).

use std::collections::BTreeSet;

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::Zero;
use sandbox_api::shorten;
use serde_json::Value;

/// Most digits, with the exponent written out, of a decimal that is compared as a number.
const MOST_DIGITS: i64 = 5000;
const SHOWN: usize = 80;
/// Most nested levels of a value that a checker is given.
const MOST_NESTED: usize = 100;
/// Key by which `serde_json` marks its numbers of any size: an object with this key would be taken for a number.
const NUMBER_KEY: &str = "$serde_json::private::Number";

/// Compares printed text with the expected text; `Err` says in a few words what is wrong.
pub(crate) fn printed(printed: &str, expected: &str) -> Result<(), String> {
    let got: Vec<&str> = printed.trim().split('\n').map(str::trim).collect();
    let want: Vec<&str> = expected.trim().split('\n').map(str::trim).collect();
    if got.len() != want.len() {
        let (got_lines, want_lines) = (got.len(), want.len());
        return Err(format!(
            "printed {got_lines} lines, expected {want_lines}: got {:?}, expected {:?}",
            shorten(printed.trim(), SHOWN),
            shorten(expected.trim(), SHOWN)
        ));
    }
    for (index, (got, want)) in got.iter().zip(&want).enumerate() {
        if got != want && !same_decimals(got, want) {
            let line = index + 1;
            return Err(format!("line {line}: got {:?}, expected {:?}", shorten(got, SHOWN), shorten(want, SHOWN)));
        }
    }
    Ok(())
}

fn same_decimals(got: &str, want: &str) -> bool {
    let mut got = got.split_whitespace().map(Decimal::read);
    let mut want = want.split_whitespace().map(Decimal::read);
    loop {
        match (got.next(), want.next()) {
            (None, None) => return true,
            (Some(Some(got)), Some(Some(want))) if got == want => {}
            _ => return false,
        }
    }
}

/// A decimal such as `-1.50e3`: its digits without zeros at either end, and the power of ten of the last digit.
/// Decimals with equal fields are the same number.
#[derive(Debug, PartialEq)]
struct Decimal {
    is_negative: bool,
    digits: String,
    power: i64,
}

impl Decimal {
    /// Parses a decimal; `None` where the text is none.
    fn read(text: &str) -> Option<Self> {
        let (mantissa, exponent) = match text.find(['e', 'E']) {
            Some(at) => (&text[..at], text[at + 1..].parse::<i64>().ok()?),
            None => (text, 0),
        };
        let (is_negative, unsigned) = match mantissa.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, mantissa.strip_prefix('+').unwrap_or(mantissa)),
        };
        let (whole, fraction) = unsigned.split_once('.').unwrap_or((unsigned, ""));
        let all = format!("{whole}{fraction}");
        if all.is_empty() || !all.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let digits = all.trim_end_matches('0');
        let num_zeros = (all.len() - digits.len()) as i64;
        let digits = digits.trim_start_matches('0').to_owned();
        if digits.is_empty() {
            return Some(Self { is_negative: false, digits, power: 0 });
        }
        let power = exponent.checked_sub(fraction.len() as i64)?.checked_add(num_zeros)?;
        Some(Self { is_negative, digits, power })
    }
}

/// Exact value of a decimal; `None` where the text is none or has more than [`MOST_DIGITS`] digits.
fn number(text: &str) -> Option<BigRational> {
    let Decimal { is_negative, digits, power } = Decimal::read(text)?;
    if digits.is_empty() {
        return Some(BigRational::zero());
    }
    if (digits.len() as i64).checked_add(power.checked_abs()?)? > MOST_DIGITS {
        return None;
    }
    let magnitude: BigInt = digits.parse().ok()?;
    let value = if is_negative { -magnitude } else { magnitude };
    let scale = BigInt::from(10).pow(u32::try_from(power.abs()).ok()?);
    Some(if power < 0 { BigRational::new(value, scale) } else { BigRational::from(value * scale) })
}

/// Compares a returned value with the expected one; `Err` says in a few words what is wrong.
///
/// `got` is the value as data: plain JSON where JSON has the type, `{"t": type, "v": data}` where it has not.
pub(crate) fn returned(got: &Value, expected: &Value) -> Result<(), String> {
    if equal(got, expected) {
        return Ok(());
    }
    Err(format!("returned {}, expected {}", shorten(&shown(got), SHOWN), shorten(&expected.to_string(), SHOWN)))
}

/// Tag and data of a value that JSON has no type for.
fn tagged(got: &Value) -> Option<(&str, &Value)> {
    let fields = got.as_object()?;
    Some((fields.get("t")?.as_str()?, fields.get("v")?))
}

fn equal(got: &Value, expected: &Value) -> bool {
    match (tagged(got), expected) {
        (Some(("dict", Value::Array(pairs))), Value::Object(fields)) => {
            let mut seen = BTreeSet::new();
            let is_expected = |pair: &Value| match pair.as_array().map(Vec::as_slice) {
                Some([Value::String(key), value]) => {
                    seen.insert(key.clone()) && fields.get(key).is_some_and(|wanted| equal(value, wanted))
                }
                _ => false,
            };
            pairs.len() == fields.len() && pairs.iter().all(is_expected)
        }
        (Some(("decimal", Value::String(text))), _) => {
            as_number(expected).is_some_and(|value| number(text) == Some(value))
        }
        (Some(("fraction", Value::Array(parts))), _) => match &parts[..] {
            [Value::Number(above), Value::Number(below)] => {
                let parts = (number(&above.to_string()), number(&below.to_string()));
                let (Some(above), Some(below)) = parts else { return false };
                !below.is_zero() && as_number(expected) == Some(above / below)
            }
            _ => false,
        },
        (Some(_), _) => false,
        (None, expected) => match (got, expected) {
            (Value::Array(got), Value::Array(expected)) => {
                got.len() == expected.len() && got.iter().zip(expected).all(|(got, expected)| equal(got, expected))
            }
            _ => got == expected || as_number(got).is_some_and(|value| as_number(expected) == Some(value)),
        },
    }
}

/// Converts a returned value to the JSON that a checker is given, tuples to arrays; `None` where JSON has no type for
/// it, or it is nested too deep to be parsed again.
pub(crate) fn plain(got: &Value) -> Option<Value> {
    plain_within(got, MOST_NESTED)
}

fn plain_within(got: &Value, depth: usize) -> Option<Value> {
    let depth = depth.checked_sub(1)?;
    match (tagged(got), got) {
        (Some(("dict", Value::Array(pairs))), _) => {
            let pair = |pair: &Value| match pair.as_array().map(Vec::as_slice) {
                Some([Value::String(key), value]) if key != NUMBER_KEY => {
                    Some((key.clone(), plain_within(value, depth)?))
                }
                _ => None,
            };
            Some(Value::Object(pairs.iter().map(pair).collect::<Option<_>>()?))
        }
        (Some(("tuple", Value::Array(items))), _) | (None, Value::Array(items)) => {
            items.iter().map(|item| plain_within(item, depth)).collect::<Option<Vec<_>>>().map(Value::Array)
        }
        (Some(_), _) | (None, Value::Object(_)) => None,
        (None, scalar) => Some(scalar.clone()),
    }
}

/// Value of a number or a boolean, so that 1, 1.0 and true are equal as in Python: an integer exactly, any other number
/// as a 64-bit float.
fn as_number(value: &Value) -> Option<BigRational> {
    match value {
        Value::Bool(value) => Some(BigRational::from(BigInt::from(u8::from(*value)))),
        Value::Number(value) => {
            let text = value.to_string();
            if text.contains(['.', 'e', 'E']) {
                BigRational::from_float(text.parse::<f64>().ok()?)
            } else {
                number(&text)
            }
        }
        _ => None,
    }
}

/// A returned value as Python would write it, roughly.
fn shown(got: &Value) -> String {
    match (tagged(got), got) {
        (Some(("dict", Value::Array(pairs))), _) => {
            let pair = |pair: &Value| match pair.as_array().map(Vec::as_slice) {
                Some([key, value]) => format!("{}: {}", shown(key), shown(value)),
                _ => String::new(),
            };
            format!("{{{}}}", pairs.iter().map(pair).collect::<Vec<_>>().join(", "))
        }
        (Some(("tuple", Value::Array(items))), _) => format!("({})", list(items)),
        (Some((kind, Value::Array(items))), _) => format!("{kind}({})", list(items)),
        (Some(("object", Value::String(name))), _) => format!("an object of type {name}"),
        (Some((kind, data)), _) => format!("{kind}({data})"),
        (None, Value::Array(items)) => format!("[{}]", list(items)),
        (None, plain) => plain.to_string(),
    }
}

fn list(items: &[Value]) -> String {
    items.iter().map(shown).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn printed_lines_are_stripped_exact_or_decimal() {
        assert!(printed("  a b \n c\n\n", "a b\nc").is_ok());
        assert!(printed("1.0 2e1", "1 20").is_ok());
        assert!(printed("0.1", "0.10000000000000000001").is_err());
        assert!(printed("a  b", "a b").is_err());
        assert!(printed("1\n2", "1").unwrap_err().contains("2 lines, expected 1"));
        assert!(printed("1 2", "1").is_err());
        assert!(printed("", "").is_ok());
        assert!(printed("nan", "1").is_err());
        assert!(printed("1e999999999", "1").is_err());
        assert!(printed("-0.0 0e-4990 00 100 1.50e1 +7.", "0 0 -0 1e2 15 7").is_ok());
        assert!(printed("-1", "1").is_err() && printed("10", "1").is_err() && printed(".", "0").is_err());
        assert!(printed("1e9223372036854775807", "10e9223372036854775807").is_err());
    }

    #[test]
    fn returned_values_compare_as_python_does() {
        let dict = json!({"t": "dict", "v": [["a", 2.0]]});
        assert!(returned(&json!([1, dict]), &json!([1.0, {"a": 2}])).is_ok());
        assert!(returned(&json!(true), &json!(1)).is_ok());
        assert!(returned(&json!("1"), &json!(1)).is_err());
        assert!(returned(&json!([1]), &json!([1, 2])).is_err());
        let big: Value = serde_json::from_str("123456789012345678901234567890").unwrap();
        let other: Value = serde_json::from_str("123456789012345678901234567891").unwrap();
        assert!(returned(&big, &big).is_ok());
        assert!(returned(&big, &other).is_err());
        let longer: Value = serde_json::from_str("0.1000000000000000055511151231257827").unwrap();
        assert!(returned(&json!(0.1), &longer).is_ok(), "both are the same float");
        assert!(returned(&json!(0.1), &json!(0.2)).is_err());
    }

    #[test]
    fn a_checker_is_given_what_can_be_read_again() {
        let dict = |key: &str| json!({"t": "dict", "v": [[key, 1]]});
        assert_eq!(plain(&dict("a")), Some(json!({"a": 1})));
        assert_eq!(plain(&dict(NUMBER_KEY)), None);
        let nested = |levels| (0..levels).fold(json!(1), |inner, _| json!([inner]));
        assert!(plain(&nested(MOST_NESTED - 1)).is_some() && plain(&nested(MOST_NESTED)).is_none());
    }

    #[test]
    fn what_json_has_no_type_for_equals_what_python_says() {
        let of = |tag: &str, data: Value| json!({"t": tag, "v": data});
        assert!(returned(&json!([of("tuple", json!([1, 2]))]), &json!([[1, 2]])).is_err());
        assert!(returned(&of("set", json!([1])), &json!([1])).is_err());
        assert!(returned(&of("decimal", json!("1.50")), &json!(1.5)).is_ok());
        assert!(returned(&of("fraction", json!([3, 2])), &json!(1.5)).is_ok());
        assert!(returned(&of("fraction", json!([3, 0])), &json!(1.5)).is_err());
        assert!(returned(&of("dict", json!([[1, 2]])), &json!({"1": 2})).is_err());
        assert!(returned(&of("dict", json!([["a", 1], ["a", 1]])), &json!({"a": 1, "b": 1})).is_err());
        let error = returned(&of("object", json!("E")), &json!({"t": "object", "v": "E"})).unwrap_err();
        assert!(error.contains("an object of type E"), "{error}");
    }
}
