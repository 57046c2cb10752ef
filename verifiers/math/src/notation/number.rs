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

/// What may belong to a number where it stands.
pub(crate) struct Notation {
    /// True where a fraction behind the number may make it a mixed one.
    pub(crate) may_be_mixed: bool,
    /// True where a comma between digits may separate thousands.
    pub(crate) has_groups: bool,
    pub(crate) max_digits: usize,
}

impl Notation {
    /// Reads the number that `text` begins with.
    pub(crate) fn read(&self, text: &[u8]) -> Result<Read, Unreadable> {
        let (mut digits, mut at) = self.whole_part(text);
        let too_long = Unreadable::Budget("a number has too many digits");
        if digits.len() > self.max_digits {
            return Err(too_long);
        }
        let mut places = 0;
        let mut is_decimal = false;
        if let Some(len) = self.decimal_sign(&text[at..], digits.is_empty()) {
            is_decimal = true;
            at += len;
            let start = at;
            at += run(&text[at..]);
            places = at - start;
            if digits.len() + places > self.max_digits {
                return Err(too_long);
            }
            digits.extend_from_slice(&text[start..at]);
            // Thin spaces may group decimals too: 3.141\,592.
            while let Some(len) = separator(&text[at..], Grouping::Thin)
                && (places.is_multiple_of(3))
                && run(&text[at + len..]) == 3
                && places + 3 <= self.max_digits
            {
                digits.extend_from_slice(&text[at + len..at + len + 3]);
                places += 3;
                at += len + 3;
            }
        } else if text.get(at) == Some(&b'.') && !digits.is_empty() && !text[at..].starts_with(b"..") {
            at += 1; // a point that ends the number or the sentence
        }
        if let Some((repeating, len)) = repeating(&text[at..], is_decimal || text[..at].ends_with(b".")) {
            return Ok(Read { len: at + len, value: Literal::repeating(&digits, places, &repeating) });
        }
        if is_decimal && let Some(len) = ellipsis(&text[at..]) {
            let value = match period(&digits[digits.len() - places..]) {
                Some(period) => {
                    let (fixed, repeated) = digits.split_at(digits.len() - period);
                    Literal::repeating(fixed, places - period, repeated)
                }
                None => Some(Literal::decimal(&digits, places, 0)),
            };
            return Ok(Read { len: at + len, value });
        }
        let (exponent, len) = exponent(&text[at..]);
        at += len;
        if self.may_be_mixed
            && !is_decimal
            && len == 0
            && let Some((num, den, len)) = fraction(&text[at..])
        {
            let value = Literal::from_digits(&digits, 0, 0).exact.and_then(|whole| whole.add(Rational::new(num, den)?));
            return Ok(Read { len: at + len, value: value.map(|value| Literal::rational(value.num, value.den)) });
        }
        let literal = match is_decimal {
            true => Literal::decimal(&digits, places, exponent),
            false => Literal::from_digits(&digits, places, exponent),
        };
        Ok(Read { len: at, value: Some(literal) })
    }

    /// The bytes of the decimal sign that a text begins with, where decimals follow: a point, a comma in braces, or a
    /// comma before a period in brackets.
    fn decimal_sign(&self, text: &[u8], is_first: bool) -> Option<usize> {
        let begins_period = |text: &[u8]| {
            let digits = text.strip_prefix(b"(").map_or(0, run);
            digits > 0 && text.get(digits + 1) == Some(&b')')
        };
        if text.starts_with(b".") && text.get(1).is_some_and(u8::is_ascii_digit) {
            return Some(1);
        }
        if is_first {
            return None;
        }
        match text {
            [b'{', b',', b'}', rest @ ..] if rest.first().is_some_and(u8::is_ascii_digit) || begins_period(rest) => {
                Some(3)
            }
            [b',', rest @ ..] if self.has_groups && begins_period(rest) => Some(1),
            _ => None,
        }
    }

    /// Digits before the point, and the bytes they take with separators of thousands. A group of thousands begins with
    /// another digit than 0; a comma alone separates the members of an interval or a pair.
    fn whole_part(&self, text: &[u8]) -> (Vec<u8>, usize) {
        let at = run(text);
        let digits = text[..at].to_vec();
        if at == 0 || at > 3 || text[0] == b'0' {
            return (digits, at);
        }
        for kind in [Grouping::Comma, Grouping::Thin, Grouping::Space, Grouping::Point] {
            if kind == Grouping::Comma && !self.has_groups {
                continue;
            }
            let (mut end, mut all, mut num_groups) = (at, digits.clone(), 0);
            while let Some(len) = separator(&text[end..], kind)
                && run(&text[end + len..]) == 3
            {
                end += len;
                all.extend_from_slice(&text[end..end + 3]);
                end += 3;
                num_groups += 1;
            }
            // A space before a fraction, as in 1 000/3, separates no thousands; one point is a decimal point.
            let is_fraction = kind == Grouping::Space && text[end..].trim_ascii_start().starts_with(b"/");
            if num_groups > usize::from(kind == Grouping::Point) && !is_fraction {
                return (all, end);
            }
        }
        (digits, at)
    }
}

/// What separates thousands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Grouping {
    /// A comma by itself or between thin spaces, or any thin space.
    Comma,
    /// A thin space, or a comma that LaTeX was told not to space.
    Thin,
    /// A plain space.
    Space,
    Point,
}

/// The bytes of the separator that a text begins with.
fn separator(text: &[u8], kind: Grouping) -> Option<usize> {
    match kind {
        Grouping::Space => return text.starts_with(b" ").then_some(1),
        Grouping::Point => return text.starts_with(b".").then_some(1),
        Grouping::Comma | Grouping::Thin => {}
    }
    const THIN: [&[u8]; 15] = [
        b"\\!",
        b"\\,",
        b"\\;",
        b"\\:",
        b"\\ ",
        b"\\thinspace",
        b"\\negthinspace",
        b"~",
        b"{,}",
        b"{\\,}",
        b"{ }",
        "\u{a0}".as_bytes(),
        "\u{2009}".as_bytes(),
        "\u{202f}".as_bytes(),
        "\u{2006}".as_bytes(),
    ];
    let (mut at, mut has_comma) = (0, false);
    loop {
        let rest = &text[at..];
        if let Some(sign) = THIN.iter().find(|sign| rest.starts_with(sign)) {
            at += sign.len();
            if sign.ends_with(b"thinspace") && text.get(at) == Some(&b' ') {
                at += 1;
            }
        } else if rest.starts_with(b",") && !has_comma {
            // With a thin space beside it the comma is no member's end: `1\!,\!200`.
            let is_beside = at > 0 || rest[1..].starts_with(b"\\!");
            if kind == Grouping::Thin && !is_beside {
                break;
            }
            has_comma = true;
            at += 1;
            // A comma with a wide space behind it ends a member.
            if text.get(at) == Some(&b'\\') && !rest[1..].starts_with(b"\\!") {
                return None;
            }
        } else {
            break;
        }
    }
    (at > 0).then_some(at)
}

/// The bytes of an ellipsis that a text begins with.
fn ellipsis(text: &[u8]) -> Option<usize> {
    const SIGNS: [&[u8]; 7] = [b"\\ldots", b"\\dots", b"\\cdots", b"\\dotsc", b"\\dotsb", b"...", "…".as_bytes()];
    let sign = SIGNS.iter().find(|sign| text.starts_with(sign))?;
    let is_whole = !text.get(sign.len()).is_some_and(u8::is_ascii_alphabetic) || !sign.starts_with(b"\\");
    is_whole.then_some(sign.len())
}

/// The length of the digits that repeat at the end of decimals with an ellipsis: one digit three times, or more digits
/// twice.
fn period(decimals: &[u8]) -> Option<usize> {
    (1..=12.min(decimals.len() / 2)).find(|len| {
        let times = if *len == 1 { 3 } else { 2 };
        decimals.len() >= times * len
            && decimals[decimals.len() - times * len..]
                .chunks(*len)
                .all(|chunk| chunk == &decimals[decimals.len() - len..])
    })
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

/// The repeating digits behind a decimal, `\overline{3}`, `\dot{1}4\dot{2}` or `(3)`, and the bytes that they take;
/// `is_decimal` is true behind a decimal point.
fn repeating(text: &[u8], is_decimal: bool) -> Option<(Vec<u8>, usize)> {
    const MAX_PERIOD: usize = 15;
    let braced = |text: &[u8]| -> Option<(Vec<u8>, usize)> {
        let spaces = text.iter().take_while(|byte| **byte == b' ').count();
        let rest = &text[spaces..];
        if let Some(rest) = rest.strip_prefix(b"{") {
            let len = run(rest);
            return (len > 0 && rest.get(len) == Some(&b'}')).then(|| (rest[..len].to_vec(), spaces + len + 2));
        }
        rest.first().filter(|digit| digit.is_ascii_digit()).map(|digit| (vec![*digit], spaces + 1))
    };
    let named = |text: &[u8], names: &[&str]| -> Option<(Vec<u8>, usize)> {
        names.iter().find_map(|name| {
            let (digits, len) = braced(text.strip_prefix(name.as_bytes())?)?;
            Some((digits, name.len() + len))
        })
    };
    let found = named(text, &["\\overline", "\\bar", "\\overbar"]).or_else(|| {
        let (mut digits, mut len) = named(text, &["\\dot"])?;
        // Dots stand over each digit, or over the first and the last.
        let between = run(&text[len..]);
        if let Some((last, more)) = named(&text[len + between..], &["\\dot"]) {
            digits.extend_from_slice(&text[len..len + between]);
            digits.extend(last);
            len += between + more;
            while let Some((next, more)) = named(&text[len..], &["\\dot"]) {
                digits.extend(next);
                len += more;
            }
        }
        Some((digits, len))
    });
    let found = found.or_else(|| {
        let rest = text.strip_prefix(b"(").filter(|_| is_decimal)?;
        let len = run(rest);
        (len > 0 && rest.get(len) == Some(&b')')).then(|| (rest[..len].to_vec(), len + 2))
    });
    found.filter(|(digits, _)| digits.len() <= MAX_PERIOD)
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

    /// A decimal, which may stand for what it rounds.
    fn decimal(digits: &[u8], places: usize, exponent: i32) -> Self {
        let significant = digits.iter().skip_while(|digit| **digit == b'0').count();
        let decimal = Some((places as i32 - exponent, significant as u32));
        Self { decimal, ..Self::from_digits(digits, places, exponent) }
    }

    /// The number times a power of ten or another integer, as in 2.5 million; none where it is too large.
    pub(crate) fn scaled(self, scale: i128) -> Option<Self> {
        let exact = self.exact?.mul(Rational::integer(scale))?;
        let places =
            std::iter::successors(Some(scale), |scale| (scale % 10 == 0).then_some(scale / 10)).count() as i32 - 1;
        let is_power = 10_i128.checked_pow(places as u32) == Some(scale);
        let decimal = self.decimal.filter(|_| is_power).map(|(digits, significant)| (digits - places, significant));
        Some(Self { decimal, ..Self::rational(exact.num, exact.den) })
    }

    /// The value of digits, with letters beyond 9, in a base; none where a digit does not belong to it.
    pub(crate) fn in_base(text: &str, base: u32) -> Option<Self> {
        text.chars()
            .try_fold(0_i128, |value, digit| {
                let digit = digit.to_digit(36).filter(|digit| *digit < base)?;
                value.checked_mul(i128::from(base))?.checked_add(i128::from(digit))
            })
            .map(Self::integer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str, has_groups: bool) -> (Option<(i128, i128)>, usize) {
        let notation = Notation { may_be_mixed: true, has_groups, max_digits: 100 };
        let Ok(read) = notation.read(text.as_bytes()) else { panic!("{text} has too many digits") };
        (read.value.and_then(|value| value.exact).map(|value| (value.num, value.den)), read.len)
    }

    #[test]
    fn thousands_are_separated_in_many_ways() {
        for text in [
            "1,200",
            r"1\!,\!200",
            r"1,\!200",
            r"1\!,200",
            "1{,}200",
            r"1\,200",
            r"1\ 200",
            "1~200",
            "1 200",
            "1\u{a0}200",
            "1\u{2009}200",
            "1\u{202f}200",
            r"1{\,}200",
            r"1\;200",
        ] {
            assert_eq!(value(text, true), (Some((1200, 1)), text.len()), "{text}");
        }
        assert_eq!(value(r"12{,}345,678", true).0, Some((12_345_678, 1)));
        assert_eq!(value(r"1\,234{,}567.5", true).0, Some((2_469_135, 2)));
        assert_eq!(value("1.234.567", true).0, Some((1_234_567, 1)));
    }

    #[test]
    fn not_every_comma_separates_thousands() {
        assert_eq!(value("0,192", true), (Some((0, 1)), 1));
        assert_eq!(value("1,2000", true), (Some((1, 1)), 1));
        assert_eq!(value("1,20", true), (Some((1, 1)), 1));
        assert_eq!(value("1, 200", true), (Some((1, 1)), 1));
        assert_eq!(value(r"1,\,200", true), (Some((1, 1)), 1));
        assert_eq!(value("1,200", false), (Some((1, 1)), 1));
        assert_eq!(value("1{,}200", false).0, Some((1200, 1)));
        assert_eq!(value(r"1,\!200", false).0, Some((1200, 1)));
    }

    #[test]
    fn decimals_repeat() {
        for (text, num, den) in [
            (r"0.\overline{3}", 1, 3),
            (r"0.1\overline{6}", 1, 6),
            (r"0.\overline3", 1, 3),
            (r"0.\bar{3}", 1, 3),
            (r"0.\dot3", 1, 3),
            (r"0.\dot{1}\dot{2}", 4, 33),
            (r"0.\dot{1}4285\dot{7}", 1, 7),
            ("0.(3)", 1, 3),
            ("0.1(6)", 1, 6),
            (r"0.333\ldots", 1, 3),
            ("0.1666...", 1, 6),
            ("0.1212…", 4, 33),
            (r"0{,}5", 1, 2),
        ] {
            assert_eq!(value(text, true), (Some((num, den)), text.len()), "{text}");
        }
        assert_eq!(value("3.14159...", true).0, Some((314_159, 100_000)));
    }

    #[test]
    fn digits_belong_to_their_base() {
        assert_eq!(Literal::in_base("1011", 2).and_then(|value| value.exact), Some(Rational::integer(11)));
        assert_eq!(Literal::in_base("2F", 16).and_then(|value| value.exact), Some(Rational::integer(47)));
        assert!(Literal::in_base("9", 2).is_none());
    }
}
