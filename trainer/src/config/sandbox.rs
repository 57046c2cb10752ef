//! `[sandbox]`: the code execution service that grades programs.

use std::path::PathBuf;

use anyhow::Result;
use sandbox::ServerConfig;
use sandbox_api::{ClientOptions, Secret, TOKEN_VARIABLE};
use serde::{Deserialize, Deserializer, Serialize};

use crate::failure::Usage;

/// `[sandbox]`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct SandboxSection {
    /// Servers to use, one as a string or several as a list; without any, one is started in this process on loopback.
    #[serde(deserialize_with = "one_or_several")]
    pub url: Vec<String>,
    /// Bearer token of the servers named. It is not saved with the run: a file or SANDBOX_TOKEN is the better place.
    #[serde(skip_serializing)]
    pub token: Option<Secret>,
    /// File that holds the token of the servers named.
    pub token_file: Option<PathBuf>,
    /// Timeouts and repeats of calls.
    pub client: ClientOptions,
    /// Settings of the embedded server.
    pub server: ServerConfig,
}

impl SandboxSection {
    /// The token of the servers named: from the configuration, the file or the environment.
    ///
    /// # Errors
    /// A usage error: the file cannot be read, or the token is none.
    pub(crate) fn token(&self) -> Result<Option<Secret>> {
        let read = match (&self.token, &self.token_file, std::env::var(TOKEN_VARIABLE)) {
            (Some(token), _, _) => Ok(token.clone()),
            (None, Some(path), _) => Secret::from_file(path),
            (None, None, Ok(text)) => Secret::new(&text),
            (None, None, Err(_)) => return Ok(None),
        };
        read.map(Some).map_err(|error| Usage::error(format!("sandbox.token: {error}")))
    }
}

fn one_or_several<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "an address as a string, or a list of them")]
    enum Urls {
        One(String),
        Several(Vec<String>),
    }
    Ok(match Urls::deserialize(deserializer)? {
        Urls::One(url) => vec![url],
        Urls::Several(urls) => urls,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_or_several() {
        let section = |text: &str| toml::from_str::<SandboxSection>(text);
        assert_eq!(section("url = 'http://a:1'").unwrap().url, ["http://a:1"]);
        assert_eq!(section("url = ['http://a:1', 'http://b:1']").unwrap().url, ["http://a:1", "http://b:1"]);
        assert!(section("url = 3").unwrap_err().to_string().contains("list"));
    }

    #[test]
    fn the_token_is_read_and_not_saved() {
        let section: SandboxSection = toml::from_str("token = 'hidden'").unwrap();
        assert!(section.token().unwrap().unwrap().matches("hidden"));
        assert!(!toml::to_string(&section).unwrap().contains("hidden"));
        let missing: SandboxSection = toml::from_str("token_file = '/nonexistent/token'").unwrap();
        assert!(missing.token().unwrap_err().to_string().contains("/nonexistent/token"));
    }
}
