//! The rule `leading_choice`: the letter that a completion begins with, as in "B. Because …" or "(C) since …".

use super::finding::Finding;

/// The letter `A` to `J` that the text begins with, where a sign ends it.
pub(super) fn find(text: &str) -> Finding<'_> {
    let start = text.trim_start_matches([' ', '\n', '*', '(', '#']);
    let is_choice = matches!(start.as_bytes(), [b'A'..=b'J', b'.' | b')' | b':' | b'*', b' ' | b'\n' | b'*', ..]);
    Ok(is_choice.then(|| start[..1].into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_letter_at_the_start() {
        assert_eq!(find("A. Because B is not valid"), Ok(Some("A".into())));
        assert_eq!(find("**(C)** since"), Ok(Some("C".into())));
        for text in ["A man", "Because", "a. lower", "", "K. no"] {
            assert_eq!(find(text), Ok(None), "{text}");
        }
    }
}
