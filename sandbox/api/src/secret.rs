//! A bearer token: read from a file or made of the system's random numbers, compared in constant time, never printed.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::Deserialize;
use subtle::ConstantTimeEq;

use crate::BadToken;

/// The environment variable that holds the token if no file is named.
pub const TOKEN_VARIABLE: &str = "SANDBOX_TOKEN";

/// Random bytes of a token that is made here.
const RANDOM_BYTES: usize = 32;

/// A token that is shown only in the header that sends it. It cannot be serialised, so saved settings lack it.
#[derive(Clone, Deserialize)]
#[serde(try_from = "String")]
pub struct Secret(String);

impl Secret {
    /// A token from text, without the blanks around it.
    ///
    /// # Errors
    /// [`BadToken`] if nothing is left, or a character cannot stand in a header.
    pub fn new(text: &str) -> Result<Self, BadToken> {
        let text = text.trim();
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(BadToken("a token must be one or more visible ASCII characters without spaces".to_owned()));
        }
        Ok(Self(text.to_owned()))
    }

    /// The token that a file holds.
    ///
    /// # Errors
    /// [`BadToken`], with the file's name.
    pub fn from_file(path: &Path) -> Result<Self, BadToken> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| BadToken(format!("token_file {}: {error}", path.display())))?;
        Self::new(&text).map_err(|error| BadToken(format!("token_file {}: {error}", path.display())))
    }

    /// A new token that nobody can guess.
    ///
    /// # Errors
    /// [`BadToken`] if the system gives no random numbers.
    pub fn random() -> Result<Self, BadToken> {
        Self::random_text().map(Self)
    }

    /// The text of a new token that nobody can guess, for whoever hands it to other processes.
    ///
    /// # Errors
    /// As [`Secret::random`].
    pub fn random_text() -> Result<String, BadToken> {
        let mut bytes = [0; RANDOM_BYTES];
        File::open("/dev/urandom")
            .and_then(|mut file| file.read_exact(&mut bytes))
            .map_err(|error| BadToken(format!("/dev/urandom: {error}")))?;
        Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// True if `other` is this token. The time that the comparison takes does not depend on where they differ.
    pub fn matches(&self, other: &str) -> bool {
        self.0.as_bytes().ct_eq(other.as_bytes()).into()
    }

    /// The text, for the header.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Secret {
    type Error = BadToken;

    fn try_from(text: String) -> Result<Self, BadToken> {
        Self::new(&text)
    }
}

impl PartialEq for Secret {
    fn eq(&self, other: &Self) -> bool {
        self.matches(&other.0)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_read_compared_and_hidden() {
        let token = Secret::new(" abc123\n").unwrap();
        assert!(token.matches("abc123") && !token.matches("abc124") && !token.matches("abc1234"));
        assert_eq!(format!("{token:?}"), "Secret(…)");
        assert!(Secret::new(" \n").is_err() && Secret::new("two words").is_err());
        let error = Secret::from_file(Path::new("/nonexistent/token")).unwrap_err();
        assert!(error.to_string().contains("/nonexistent/token"), "{error}");
        assert_ne!(Secret::random().unwrap(), Secret::random().unwrap());
    }
}
