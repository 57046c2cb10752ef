//! Decimals as text, compared exactly however they are written.

use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::Zero;

/// Most digits, with the exponent written out, of a decimal that is compared as a number.
const MOST_DIGITS: i64 = 5000;

/// A decimal such as `-1.50e3`: its digits without zeros at either end, and the power of ten of the last digit.
/// Decimals with equal fields are the same number.
#[derive(Debug, PartialEq)]
pub(super) struct Decimal {
    is_negative: bool,
    digits: String,
    power: i64,
}

impl Decimal {
    /// Parses a decimal; `None` where the text is none.
    pub(super) fn read(text: &str) -> Option<Self> {
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
pub(super) fn number(text: &str) -> Option<BigRational> {
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
