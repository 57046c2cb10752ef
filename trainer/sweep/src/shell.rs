//! Words of a POSIX shell.

/// A text as one word, which the shell takes as it is.
pub fn quoted(text: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-+=,@%".contains(letter);
    if !text.is_empty() && text.chars().all(is_plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_one_word() {
        assert_eq!(quoted("runs/a-1.toml"), "runs/a-1.toml");
        assert_eq!((quoted("").as_str(), quoted("~/my run").as_str()), ("''", "'~/my run'"));
        assert_eq!(quoted("it's"), "'it'\\''s'");
    }
}
