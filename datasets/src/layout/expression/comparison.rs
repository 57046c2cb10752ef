//! Comparison of values, and patterns of texts.

use std::cmp::Ordering;

use serde_json::Value;

use super::node::Comparison;

/// True where the comparison holds. Null is equal to null alone, and neither less nor greater than anything.
pub(super) fn holds(comparison: Comparison, left: &Value, right: &Value) -> bool {
    let order = order(left, right);
    match comparison {
        Comparison::Equal => order == Some(Ordering::Equal),
        Comparison::Unequal => order != Some(Ordering::Equal),
        Comparison::Less => order == Some(Ordering::Less),
        Comparison::AtMost => order.is_some_and(Ordering::is_le),
        Comparison::Greater => order == Some(Ordering::Greater),
        Comparison::AtLeast => order.is_some_and(Ordering::is_ge),
    }
}

/// The order of two values. A number and a text compare as numbers where the text is one: a CSV file has texts alone.
fn order(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
        _ if left == right => Some(Ordering::Equal),
        (Value::Bool(left), Value::Bool(right)) => Some(left.cmp(right)),
        (Value::Number(_) | Value::String(_), Value::Number(_) | Value::String(_)) => {
            number(left)?.partial_cmp(&number(right)?)
        }
        _ => None,
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::String(text) => text.trim().parse().ok(),
        other => other.as_f64(),
    }
}

/// True where the text fits a pattern of `*` (any text) and `?` (any character).
pub(crate) fn fits(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t, mut star) = (0, 0, None);
    while t < text.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(letter) if *letter == '?' || *letter == text[t] => {
                p += 1;
                t += 1;
            }
            // What the last star stands for takes one character more.
            _ => match star {
                Some((at, behind)) => {
                    p = at + 1;
                    t = behind + 1;
                    star = Some((at, behind + 1));
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|letter| *letter == '*')
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn patterns_fit_whole_texts() {
        for (pattern, text, expected) in [
            ("aime*", "aime_2024", true),
            ("*####*", "a\n#### 5", true),
            ("a?c", "abc", true),
            ("a*b*c", "a-b-b-c", true),
            ("a", "ab", false),
            ("", "", true),
            ("*", "", true),
            ("train-math-*", "train-code-x", false),
        ] {
            assert_eq!(fits(pattern, text), expected, "{pattern} {text}");
        }
    }
}
