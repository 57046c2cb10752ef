//! Compares returned values with the expected JSON as Python's `==` does, but for what JSON cannot say.
//!
//! JSON knows no tuples, so lists and tuples are equal at every depth, named tuples too. It knows no keys but text, so
//! a key that is a number, a boolean or `None` equals the text that `json.dumps` makes of it. Members of an enumeration
//! have come here as their values (`call_once` in `candidate.py`), and so have numpy's numbers and arrays. 1, 1.0 and
//! `True` are equal, `NaN` and the infinities equal nothing. A set, bytes and any other type equal no JSON: tests for
//! those are asserts, or bring a checker.

use std::collections::BTreeMap;

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::Zero;
use sandbox_api::shorten;
use serde_json::Value;

use super::SHOWN;
use super::decimal::number;

/// Most nested levels of a value that a checker is given.
const MOST_NESTED: usize = 100;
/// Key by which `serde_json` marks its numbers of any size: an object with this key would be taken for a number.
const NUMBER_KEY: &str = "$serde_json::private::Number";

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

/// A dictionary's values by the text that JSON makes of their keys; `None` where JSON has no such key, or two are one.
fn fields(pairs: &[Value]) -> Option<BTreeMap<String, &Value>> {
    let mut fields = BTreeMap::new();
    for pair in pairs {
        let [key, value] = pair.as_array()?.as_slice() else { return None };
        let key = match key {
            Value::String(text) => text.clone(),
            Value::Null | Value::Bool(_) | Value::Number(_) => key.to_string(),
            _ => return None,
        };
        if fields.insert(key, value).is_some() {
            return None;
        }
    }
    Some(fields)
}

fn equal(got: &Value, expected: &Value) -> bool {
    match (tagged(got), expected) {
        (Some(("dict", Value::Array(pairs))), Value::Object(expected)) => fields(pairs).is_some_and(|got| {
            let is_expected =
                |(key, value): (&String, &&Value)| expected.get(key).is_some_and(|expected| equal(value, expected));
            got.len() == expected.len() && got.iter().all(is_expected)
        }),
        (Some(("tuple", Value::Array(got))), Value::Array(expected)) => all_equal(got, expected),
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
            (Value::Array(got), Value::Array(expected)) => all_equal(got, expected),
            _ => got == expected || as_number(got).is_some_and(|value| as_number(expected) == Some(value)),
        },
    }
}

fn all_equal(got: &[Value], expected: &[Value]) -> bool {
    got.len() == expected.len() && got.iter().zip(expected).all(|(got, expected)| equal(got, expected))
}

/// Converts a returned value to the JSON that a checker is given, tuples to arrays and keys to text; `None` where JSON
/// has no type for it, or it is nested too deep to be parsed again.
pub(crate) fn plain(got: &Value) -> Option<Value> {
    plain_within(got, MOST_NESTED)
}

fn plain_within(got: &Value, depth: usize) -> Option<Value> {
    let depth = depth.checked_sub(1)?;
    match (tagged(got), got) {
        (Some(("dict", Value::Array(pairs))), _) => {
            let pair = |(key, value)| (key != NUMBER_KEY).then_some((key, plain_within(value, depth)?));
            Some(Value::Object(fields(pairs)?.into_iter().map(pair).collect::<Option<_>>()?))
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
        (Some(("float", Value::String(text))), _) => text.clone(),
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
    fn numbers_and_texts_compare_as_in_python() {
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

    fn of(tag: &str, data: Value) -> Value {
        json!({"t": tag, "v": data})
    }

    #[test]
    fn lists_and_tuples_are_equal_at_every_depth() {
        let pair = |left: i64, right: i64| of("tuple", json!([left, right]));
        assert!(returned(&json!([pair(1, 2), pair(2, 3)]), &json!([[1, 2], [2, 3]])).is_ok());
        assert!(returned(&of("tuple", json!([pair(1, 2), [2, 3]])), &json!([[1, 2], [2, 3]])).is_ok());
        assert!(returned(&of("dict", json!([["a", [pair(1, 2)]]])), &json!({"a": [[1, 2]]})).is_ok());
        assert!(returned(&json!([pair(2, 1)]), &json!([[1, 2]])).is_err());
        assert!(returned(&json!([pair(1, 2)]), &json!([[1, 2, 3]])).is_err());
        assert!(returned(&pair(1, 2), &json!({"0": 1, "1": 2})).is_err());
        assert!(returned(&of("tuple", json!([])), &json!([])).is_ok());
        assert!(returned(&of("tuple", json!([])), &json!(null)).is_err());
        assert_eq!(plain(&of("dict", json!([[1, pair(1, 2)]]))), Some(json!({"1": [1, 2]})));
    }

    #[test]
    fn keys_are_the_text_that_json_makes_of_them() {
        let dict = |pairs: Value| of("dict", pairs);
        assert!(returned(&dict(json!([[1, "a"], [2.5, "b"]])), &json!({"1": "a", "2.5": "b"})).is_ok());
        assert!(returned(&dict(json!([[true, 1], [null, 2]])), &json!({"true": 1, "null": 2})).is_ok());
        assert!(returned(&dict(json!([[1, "a"]])), &json!({"2": "a"})).is_err());
        assert!(returned(&dict(json!([[1, "a"], ["1", "a"]])), &json!({"1": "a"})).is_err());
        assert!(returned(&dict(json!([[1, "a"], ["1", "a"]])), &json!({"1": "a", "2": "a"})).is_err());
        assert!(returned(&dict(json!([[of("tuple", json!([1, 2])), 3]])), &json!({"(1, 2)": 3})).is_err());
        assert!(returned(&dict(json!([])), &json!({})).is_ok() && returned(&dict(json!([])), &json!([])).is_err());
    }

    #[test]
    fn what_is_no_number_equals_none() {
        for text in ["nan", "inf", "-inf"] {
            for expected in [json!(0), json!(1.5), json!(null), json!("nan"), json!(false), json!([])] {
                assert!(returned(&of("float", json!(text)), &expected).is_err(), "{text} {expected}");
            }
            assert!(returned(&json!([1, of("float", json!(text))]), &json!([1, 2])).is_err());
        }
        let huge: Value = serde_json::from_str("1e999").unwrap();
        assert!(returned(&of("float", json!("inf")), &huge).is_err());
        assert_eq!(returned(&of("float", json!("nan")), &json!(1)).unwrap_err(), "returned nan, expected 1");
    }

    #[test]
    fn what_json_has_no_type_for_equals_what_python_says() {
        assert!(returned(&of("set", json!([1])), &json!([1])).is_err());
        assert!(returned(&of("decimal", json!("1.50")), &json!(1.5)).is_ok());
        assert!(returned(&of("fraction", json!([3, 2])), &json!(1.5)).is_ok());
        assert!(returned(&of("fraction", json!([3, 0])), &json!(1.5)).is_err());
        assert!(returned(&of("range", json!([0, 3, 1])), &json!([0, 1, 2])).is_err());
        assert!(returned(&of("deque", json!([[1], null])), &json!([1])).is_err());
        assert!(returned(&of("dict", json!([["a", 1], ["a", 1]])), &json!({"a": 1, "b": 1})).is_err());
        let error = returned(&of("object", json!("E")), &json!({"t": "object", "v": "E"})).unwrap_err();
        assert!(error.contains("an object of type E"), "{error}");
    }
}
