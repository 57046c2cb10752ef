//! Room for a case's output, which grows with what is expected: a right answer may be longer than any limit that is set
//! for all.

use sandbox_api::Limits;
use serde_json::Value;

/// Part of the room for what is expected, so that a wrong answer that is longer is told as one.
const TIMES: u64 = 2;
/// Bytes of room beside it, for what a program prints on standard error.
const BESIDE: u64 = 64 << 10;
/// Most bytes that a program is given because of what is expected.
const MOST: u64 = 64 << 20;
/// Bytes around an array or an object that crosses from the program: `{"t": "tuple", "v": []}`.
const AROUND: u64 = 32;

/// The limits of a case of which so many bytes are expected.
pub(super) fn with_room(limits: &Limits, expected_bytes: u64) -> Limits {
    let room = expected_bytes.saturating_mul(TIMES).saturating_add(BESIDE).min(MOST);
    // Small outputs need no more than the limit that everything has.
    let room = if expected_bytes > limits.output_bytes / TIMES { room } else { 0 };
    Limits { output_bytes: limits.output_bytes.max(room), ..limits.clone() }
}

/// Most bytes that a returned value takes which equals the expected one, as it crosses from the program: ASCII text, as
/// Python's `json.dumps` writes it.
pub(super) fn returned_bytes(expected: &Value) -> u64 {
    let text = |text: &str| {
        let bytes = |c: char| if matches!(c, ' '..='~') { 2 } else { 6 * c.len_utf16() as u64 };
        text.chars().map(bytes).sum::<u64>() + 4
    };
    match expected {
        Value::Null | Value::Bool(_) => 8,
        Value::Number(number) => number.to_string().len() as u64 + 4,
        Value::String(expected) => text(expected),
        Value::Array(items) => AROUND + items.iter().map(returned_bytes).sum::<u64>(),
        Value::Object(fields) => {
            AROUND + fields.iter().map(|(key, value)| text(key) + returned_bytes(value) + 4).sum::<u64>()
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn room_grows_with_what_is_expected_up_to_a_ceiling() {
        let limits = Limits::default();
        let room = |expected| with_room(&limits, expected).output_bytes;
        assert_eq!((room(0), room(limits.output_bytes / 2)), (limits.output_bytes, limits.output_bytes));
        assert_eq!(room(3 << 20), (6 << 20) + BESIDE);
        assert_eq!(room(1 << 40), MOST);
        let small = Limits { output_bytes: 100, ..limits.clone() };
        assert_eq!(with_room(&small, 10).output_bytes, 100);
        assert_eq!(with_room(&small, 90).output_bytes, 180 + BESIDE);
        let large = Limits { output_bytes: MOST * 2, ..limits };
        assert_eq!(with_room(&large, 1 << 40).output_bytes, MOST * 2);
    }

    #[test]
    fn a_returned_value_is_measured_as_it_crosses() {
        for (expected, crosses) in [
            (json!([[1, 2], []]), r#"{"t": "tuple", "v": [{"t": "tuple", "v": [1, 2]}, {"t": "tuple", "v": []}]}"#),
            (json!({"a\n": "\u{e9}"}), r#"{"t": "dict", "v": [["a\n", "\u00e9"]]}"#),
            (json!("\u{1f600}\"\\"), r#""\ud83d\ude00\"\\""#),
            (json!([true, null, -1.5e-7]), "[true, null, -1.5e-07]"),
        ] {
            let (most, least) = (returned_bytes(&expected), crosses.len() as u64);
            assert!(most >= least && most <= 3 * least + AROUND, "{expected}: {most}, {least}");
        }
    }
}
