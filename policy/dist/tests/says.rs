//! What a log must say.

/// Asserts that `log` has each of `texts`.
pub(crate) fn assert_says(log: &str, texts: &[&str]) {
    for text in texts {
        assert!(log.contains(text), "`{text}` is missing in:\n{log}");
    }
}
