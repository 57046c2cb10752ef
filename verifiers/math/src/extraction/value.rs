//! Values in plain text, told from expressions by their signs: a number, a fraction, scientific notation, a point, a
//! term with a root or π in it. An expression leaves an operation between numbers to do. This file must not know where
//! the text stands.

use super::plain_token::{PlainToken, token};

/// Signs and names that make a sum or product a value: no operation on them can be done.
const IRRATIONAL: [&str; 7] = ["√", "π", "sqrt", "pi", "∞", "inf", "±"];

/// The text behind the last sign of a relation.
pub(super) fn last_side(text: &str) -> &str {
    text.rsplit(['=', '<', '>', '≤', '≥', '≠', '≈']).next().unwrap_or(text).trim()
}

/// True where no operation between numbers is left to do.
pub(super) fn is_value(text: &str) -> bool {
    if IRRATIONAL.iter().any(|sign| text.contains(sign)) {
        return true;
    }
    let (mut is_after_operand, mut num_bars) = (false, 0);
    let mut at = 0;
    while at < text.len() {
        let (kind, end) = token(text, at);
        let sign = &text[at..end];
        match kind {
            PlainToken::Operator | PlainToken::Symbol if is_operation(sign) => {
                let is_scale = !matches!(sign, "+" | "-" | "−" | "–") && is_power_of_ten(&text[end..]);
                if is_after_operand && !is_scale && !is_imaginary(&text[end..]) {
                    return false;
                }
                is_after_operand = false;
            }
            PlainToken::Operator if sign == "/" => {
                num_bars += 1;
                if num_bars > 1 {
                    return false;
                }
            }
            PlainToken::Operator if sign == "^" => is_after_operand = false,
            PlainToken::Number | PlainToken::Symbol | PlainToken::Close | PlainToken::Operator => {
                is_after_operand = true;
            }
            PlainToken::Open | PlainToken::Separator => (is_after_operand, num_bars) = (false, 0),
            PlainToken::Space | PlainToken::Word | PlainToken::Break => {}
        }
        at = end;
    }
    true
}

fn is_operation(sign: &str) -> bool {
    matches!(sign, "+" | "-" | "−" | "–" | "*" | "×" | "·" | "÷" | "\\cdot" | "\\times" | "\\div" | "\\ast")
}

fn is_power_of_ten(rest: &str) -> bool {
    let rest = rest.trim_start();
    rest.strip_prefix("10")
        .is_some_and(|power| power.starts_with(['^', '⁰', '¹', '²', '³', '⁴', '⁵', '⁶', '⁷', '⁸', '⁹']))
}

/// True for the imaginary part of a complex number.
fn is_imaginary(rest: &str) -> bool {
    let rest = rest.trim_start().trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    rest.strip_prefix('i').is_some_and(|after| !after.starts_with(char::is_alphanumeric))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_and_expressions() {
        for text in
            ["7", "-7", "$1,234.50", "4 4/9", "3/4", "1.2 × 10^5", "(-6, 10)", "2√3 + 1", "3 + 4i", "50%", "4:30"]
        {
            assert!(is_value(text), "{text}");
        }
        for text in ["96 + 7", "10-3", "4 * 5", "12/4/3", r"6 \cdot 7", "x^2 - 9", "(5+3)", "2 + 3 + 4i"] {
            assert!(!is_value(text), "{text}");
        }
        assert_eq!(last_side("x + y = 5"), "5");
        assert_eq!(last_side("7"), "7");
    }
}
