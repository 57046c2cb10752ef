//! Written numbers: separators of thousands, decimals, powers of ten, mixed numbers, other bases.

use crate::arithmetic::{Rational, Residues};
use crate::expression::Literal;
use crate::unreadable::Unreadable;

/// A number at the start of a text.
pub(crate) struct Read {
    /// Bytes that the number takes.
    pub(crate) len: usize,
    /// None where a fraction divides by zero or the value is too large.
    pub(crate) value: Option<Literal>,
}

/// Largest power of ten that is told from larger ones.
const MAX_POWER: i32 = 400;

/// Reads the number that `text` begins with.
pub(crate) fn read(text: &[u8], may_be_mixed: bool, max_digits: usize) -> Result<Read, Unreadable> {
    let (mut digits, mut at) = whole_part(text);
    if digits.len() > max_digits {
        return Err(Unreadable::Budget("a number has too many digits"));
    }
    let mut places = 0;
    let mut is_decimal = false;
    let is_fraction = text.get(at) == Some(&b'.') && text.get(at + 1).is_some_and(u8::is_ascii_digit);
    if is_fraction {
        is_decimal = true;
        at += 1;
        let start = at;
        at += run(&text[at..]);
        places = at - start;
        if digits.len() + places > max_digits {
            return Err(Unreadable::Budget("a number has too many digits"));
        }
        digits.extend_from_slice(&text[start..at]);
    } else if text.get(at) == Some(&b'.') && !digits.is_empty() && text.get(at + 1) != Some(&b'.') {
        at += 1; // a point that ends the number or the sentence
    }
    if let Some((repeating, len)) = repeating(&text[at..]) {
        return Ok(Read { len: at + len, value: Literal::repeating(&digits, places, repeating) });
    }
    let (exponent, len) = exponent(&text[at..]);
    at += len;
    if may_be_mixed
        && !is_decimal
        && len == 0
        && let Some((num, den, len)) = fraction(&text[at..])
    {
        let value = Literal::from_digits(&digits, 0, 0).exact.and_then(|whole| whole.add(Rational::new(num, den)?));
        return Ok(Read { len: at + len, value: value.map(|value| Literal::rational(value.num, value.den)) });
    }
    let mut literal = Literal::from_digits(&digits, places, exponent);
    if is_decimal {
        let significant = digits.iter().skip_while(|digit| **digit == b'0').count();
        literal.decimal = Some((places as i32 - exponent, significant as u32));
    }
    Ok(Read { len: at, value: Some(literal) })
}

/// Digits before the point, and the bytes they take with separators of thousands.
fn whole_part(text: &[u8]) -> (Vec<u8>, usize) {
    let mut at = run(text);
    let mut digits = text[..at].to_vec();
    if at == 0 || at > 3 {
        return (digits, at);
    }
    const SEPARATORS: [&[u8]; 7] = [b",", b"{,}", b",\\!", b"\\,", b"\\ ", b" ", "\u{202f}".as_bytes()];
    for separator in SEPARATORS {
        let mut end = at;
        let mut more = Vec::new();
        while text[end..].starts_with(separator) && run(&text[end + separator.len()..]) == 3 {
            end += separator.len();
            more.extend_from_slice(&text[end..end + 3]);
            end += 3;
        }
        // A space before a fraction, as in 1 000/3, separates no thousands.
        let is_fraction = separator == b" " && text[end..].trim_ascii_start().starts_with(b"/");
        if !more.is_empty() && !is_fraction {
            digits.extend(more);
            at = end;
            break;
        }
    }
    (digits, at)
}

fn run(text: &[u8]) -> usize {
    text.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

/// The exponent of ten behind a number, `e-5`, and the bytes that it takes.
fn exponent(text: &[u8]) -> (i32, usize) {
    if !matches!(text.first(), Some(b'e' | b'E')) {
        return (0, 0);
    }
    let signed = usize::from(matches!(text.get(1), Some(b'+' | b'-')));
    let len = run(&text[1 + signed..]);
    if len == 0 || len > 4 {
        return (0, 0);
    }
    let Some(value) = std::str::from_utf8(&text[1..1 + signed + len]).ok().and_then(|t| t.parse::<i32>().ok()) else {
        return (0, 0);
    };
    (value.clamp(-MAX_POWER, MAX_POWER), 1 + signed + len)
}

/// The repeating digits behind a decimal, `\overline{3}`, and the bytes that they take.
fn repeating(text: &[u8]) -> Option<(&[u8], usize)> {
    let rest = text.strip_prefix(b"\\overline{")?;
    let len = run(rest);
    (len > 0 && len < 16 && rest.get(len) == Some(&b'}')).then(|| (&rest[..len], b"\\overline{".len() + len + 1))
}

/// Numerator and denominator of a mixed number's fraction, ` 3/5`, `\frac{3}{5}` or `\frac35`, and the bytes it takes.
fn fraction(text: &[u8]) -> Option<(i128, i128, usize)> {
    let spaces = text.iter().take_while(|byte| matches!(byte, b' ' | b'~')).count();
    let rest = &text[spaces..];
    let integer = |digits: &[u8]| std::str::from_utf8(digits).ok()?.parse::<i128>().ok();
    if let Some(command) = [b"\\frac".as_slice(), b"\\dfrac", b"\\tfrac"].iter().find(|name| rest.starts_with(name)) {
        let mut at = command.len();
        let mut parts = [0; 2];
        for part in &mut parts {
            if rest.get(at) == Some(&b'{') {
                let len = run(&rest[at + 1..]);
                if len == 0 || len > 18 || rest.get(at + 1 + len) != Some(&b'}') {
                    return None;
                }
                *part = integer(&rest[at + 1..at + 1 + len])?;
                at += len + 2;
            } else {
                *part = i128::from(rest.get(at).filter(|digit| digit.is_ascii_digit())? - b'0');
                at += 1;
            }
        }
        return Some((parts[0], parts[1], spaces + at));
    }
    if spaces == 0 {
        return None;
    }
    let first = run(rest);
    let over = &rest[first..];
    let second = run(over.strip_prefix(b"/")?);
    if first == 0 || second == 0 || first > 18 || second > 18 {
        return None;
    }
    Some((integer(&rest[..first])?, integer(&over[1..=second])?, spaces + first + 1 + second))
}

impl Literal {
    /// An integer.
    pub(crate) fn integer(value: i128) -> Self {
        Self::rational(value, 1)
    }

    /// A quotient in lowest terms, without an exact value where the divisor is 0.
    pub(crate) fn rational(num: i128, den: i128) -> Self {
        let approximate = num as f64 / den as f64;
        Self { exact: Rational::new(num, den), long: None, approximate, decimal: None, digits: None }
    }

    /// Digits with the point `places` from the right, times a power of ten.
    fn from_digits(digits: &[u8], places: usize, exponent: i32) -> Self {
        let shift = exponent - places as i32;
        let small = digits.len() <= 18 && shift.abs() <= 18;
        let approximate = std::str::from_utf8(digits)
            .ok()
            .and_then(|text| format!("{text}e{shift}").parse::<f64>().ok())
            .unwrap_or(f64::NAN);
        if small {
            let value = digits.iter().fold(0i128, |value, digit| value * 10 + i128::from(digit - b'0'));
            let power = 10i128.pow(shift.unsigned_abs());
            let mut literal = if shift < 0 { Self::rational(value, power) } else { Self::rational(value * power, 1) };
            literal.approximate = approximate;
            literal.digits = (places == 0 && exponent == 0).then_some(value);
            return literal;
        }
        let mut residues = Residues::ZERO;
        for chunk in digits.chunks(18) {
            let value = chunk.iter().fold(0i128, |value, digit| value * 10 + i128::from(digit - b'0'));
            residues =
                residues.mul(Residues::of_integer(10i128.pow(chunk.len() as u32))).add(Residues::of_integer(value));
        }
        let power = Residues::of_integer(10).pow(i128::from(shift));
        Self { exact: None, long: power.map(|p| residues.mul(p)), approximate, decimal: None, digits: None }
    }

    /// The value of digits with the point `places` from the right, and repeating ones behind them: `0.1\overline{6}`.
    fn repeating(digits: &[u8], places: usize, repeating: &[u8]) -> Option<Self> {
        let value = |digits: &[u8]| digits.iter().fold(0i128, |value, digit| value * 10 + i128::from(digit - b'0'));
        if digits.len() > 15 {
            return None;
        }
        let scale = 10i128.pow(places as u32);
        let nines = 10i128.pow(repeating.len() as u32) - 1;
        Some(Self::rational(value(digits) * nines + value(repeating), scale * nines))
    }

    /// The digits read in another base; the number itself where a digit does not belong to the base.
    pub(crate) fn in_base(self, base: u32) -> Self {
        let Some(digits) = self.digits else { return self };
        let (mut rest, mut place, mut value) = (digits, 1i128, 0i128);
        while rest > 0 {
            let digit = rest % 10;
            if digit >= i128::from(base) {
                return self;
            }
            value += digit * place;
            rest /= 10;
            place = place.saturating_mul(i128::from(base));
        }
        Self::integer(value)
    }
}
