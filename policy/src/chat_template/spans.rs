//! The spans of a rendered text that stand in `{% generation %}` blocks: marks around them while the template runs,
//! places once they are taken out.

use std::ops::Range;

const OPEN: &str = "\u{FDD0}generation\u{FDD1}";
const CLOSE: &str = "\u{FDD0}endgeneration\u{FDD1}";

/// The body of a block between its marks. Unicode keeps their characters from any text that is exchanged.
pub(super) fn mark(body: &str) -> String {
    format!("{OPEN}{body}{CLOSE}")
}

/// The text without marks, and the spans (in bytes) that stood between them. Of blocks within blocks the outer counts.
pub(super) fn take_out(marked: &str) -> (String, Vec<Range<usize>>) {
    let (mut text, mut spans) = (String::with_capacity(marked.len()), Vec::new());
    let (mut depth, mut start) = (0usize, 0);
    let mut rest = marked;
    while let Some(at) = rest.find('\u{FDD0}') {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(after) = rest.strip_prefix(OPEN) {
            if depth == 0 {
                start = text.len();
            }
            (depth, rest) = (depth + 1, after);
        } else if let Some(after) = rest.strip_prefix(CLOSE).filter(|_| depth > 0) {
            if depth == 1 {
                spans.push(start..text.len());
            }
            (depth, rest) = (depth - 1, after);
        } else {
            text.push('\u{FDD0}');
            rest = &rest['\u{FDD0}'.len_utf8()..];
        }
    }
    text.push_str(rest);
    (text, spans)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_leave_their_places() {
        let marked = format!("aé{}c\u{FDD0}{}", mark(&format!("b{}", mark("ü"))), mark(""));
        assert_eq!(take_out(&marked), ("aébüc\u{FDD0}".to_owned(), vec![3..6, 10..10]));
        assert_eq!(take_out("none"), ("none".to_owned(), vec![]));
    }
}
