//! Compares JSON numbers without losing digits.
//!
//! Two numbers are equal when they are the same decimal number, however they are written: `5`, `5.0` and `50e-1`. Tools
//! read fractions as doubles, and models write them with more digits than a double has; fractions are therefore also
//! equal when they are the same double. Whole numbers never are: beyond 2^53 neighbours share one.

use serde_json::Number;

/// Doubles hold every whole number up to 2^53, and from 2^52 on no fraction.
const LARGEST_FRACTION: f64 = 4_503_599_627_370_496.0;

/// True where both are the same number.
pub(super) fn equal_numbers(left: &Number, right: &Number) -> bool {
    let (left_text, right_text) = (left.to_string(), right.to_string());
    if left_text == right_text {
        return true;
    }
    let (Some(left_decimal), Some(right_decimal)) = (Decimal::read(&left_text), Decimal::read(&right_text)) else {
        return false;
    };
    if left_decimal == right_decimal {
        return true;
    }
    let is_plain = |double: &f64| double.is_normal() && double.abs() < LARGEST_FRACTION;
    left_decimal.is_fraction()
        && right_decimal.is_fraction()
        && left.as_f64().filter(is_plain).is_some_and(|double| right.as_f64() == Some(double))
}

/// True for a number that is written as an integer: digits alone, behind a sign or not.
pub(super) fn is_integer(number: &Number) -> bool {
    number.to_string().bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
}

/// `digits` times ten to the `exponent`, without zeros at either end of the digits; zero has no digit.
#[derive(Debug, PartialEq)]
struct Decimal {
    is_negative: bool,
    digits: String,
    exponent: i64,
}

impl Decimal {
    /// Reads a JSON number; `None` where its exponent is beyond 64 bits.
    fn read(text: &str) -> Option<Self> {
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (is_negative, mantissa) = mantissa.strip_prefix('-').map_or((false, mantissa), |digits| (true, digits));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all = format!("{whole}{fraction}");
        let kept = all.trim_end_matches('0');
        let digits = kept.trim_start_matches('0').to_owned();
        if digits.is_empty() {
            return Some(Self { is_negative: false, digits, exponent: 0 });
        }
        let moved = (all.len() - kept.len()) as i64 - fraction.len() as i64;
        Some(Self { is_negative, digits, exponent: exponent.parse::<i64>().ok()?.checked_add(moved)? })
    }

    fn is_fraction(&self) -> bool {
        self.exponent < 0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn equal(left: &str, right: &str) -> bool {
        let number = |text: &str| serde_json::from_str::<Number>(text).unwrap();
        assert_eq!(equal_numbers(&number(left), &number(right)), equal_numbers(&number(right), &number(left)));
        equal_numbers(&number(left), &number(right))
    }

    #[test]
    fn one_number_has_many_spellings() {
        for (left, right) in [
            ("5", "5.0"),
            ("1e3", "1000"),
            ("1E+3", "1000.00"),
            ("-120", "-1.2e2"),
            ("0", "-0.0"),
            ("0e5", "0"),
            ("0.1", "0.10"),
            ("0.1", "1e-1"),
            ("0.1", "0.1000000000000000055"),
            ("3.141592653589793", "3.141592653589793238"),
            ("1e400", "10e399"),
            ("9007199254740993", "9007199254740993.0"),
            ("12345678901234567890123", "12345678901234567890123"),
            ("1e99999999999999999999", "1e99999999999999999999"),
        ] {
            assert!(equal(left, right), "{left} and {right}");
        }
    }

    #[test]
    fn neighbours_differ() {
        for (left, right) in [
            ("5", "-5"),
            ("5", "50"),
            ("0.5", "0.05"),
            ("0.1", "0.100000001"),
            ("9007199254740992", "9007199254740993"),
            ("9007199254740993", "9007199254740992.0"),
            ("9007199254740993", "9.007199254740992e15"),
            ("9007199254740993.5", "9007199254740993.25"),
            ("12345678901234567890", "12345678901234567891"),
            ("1", "1.00000000000000000001"),
            ("1e400", "1e401"),
            ("1e-400", "2e-400"),
            ("1e99999999999999999999", "1e99999999999999999998"),
        ] {
            assert!(!equal(left, right), "{left} and {right}");
        }
    }

    proptest! {
        #[test]
        fn another_integer_never_passes(large in 1_i128 << 53..=i128::MAX - 1000, step in 1_i128..1000, minus: bool) {
            let sign = if minus { "-" } else { "" };
            let (left, right) = (format!("{sign}{large}"), format!("{sign}{}", large + step));
            prop_assert!(equal(&left, &left));
            let as_fraction = format!("{left}.0");
            prop_assert!(equal(&left, &as_fraction));
            for right in [right.clone(), format!("{right}.0"), format!("{right}0e-1")] {
                prop_assert!(!equal(&left, &right), "{} and {}", left, right);
            }
        }

        #[test]
        fn doubles_equal_themselves_in_every_notation(
            double in any::<f64>().prop_filter("JSON has no other", |double| double.is_finite())
        ) {
            let (plain, scientific) = (format!("{double:?}"), format!("{double:e}"));
            prop_assert!(equal(&plain, &scientific));
        }
    }
}
