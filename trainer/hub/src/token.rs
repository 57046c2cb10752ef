//! The token by which the hub knows who asks. It is never shown.

use std::fmt;

use ureq::http::HeaderValue;

/// A token. `Debug` shows stars, and there is no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(String);

impl Token {
    /// The token in a text; none in an empty one.
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        (!text.is_empty()).then(|| Self(text.to_owned()))
    }

    /// The value of the header `Authorization`; none where the token has letters that no header can.
    pub(crate) fn header(&self) -> Option<HeaderValue> {
        let mut value = HeaderValue::from_str(&format!("Bearer {}", self.0)).ok()?;
        value.set_sensitive(true);
        Some(value)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Token(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_not_shown() {
        let token = Token::new(" hf_secret\n").unwrap();
        assert_eq!(format!("{token:?}"), "Token(***)");
        assert!(!format!("{:?}", token.header()).contains("secret"));
        assert_eq!(token.header().unwrap().as_bytes(), b"Bearer hf_secret");
        assert_eq!(Token::new(" \n"), None);
        assert_eq!(Token::new("a\nb").unwrap().header(), None);
    }
}
