//! `[verifiers.http.NAME]`: the settings of a verifier that is a service.

use serde::{Deserialize, Deserializer, Serialize};
use strum::IntoStaticStr;

use crate::ScoreRange;
use crate::batching::validate_batches;

/// What a service reads and answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, IntoStaticStr)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum HttpLayout {
    /// A list of completions, each with all that a verifier sees ([`Judged`](crate::Judged)); a list of scores, or of
    /// objects as those of a command.
    #[default]
    Ponder,
    /// OpenRLHF's remote reward model: `query`, `prompts` and `labels`; `rewards`.
    OpenRlhf,
    /// slime's remote reward model: `prompt`, `response` and `label` of one completion; its score.
    Slime,
}

/// The service that judges for the verifier NAME.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpConfig {
    /// The address that is posted to, one as a string or several that are alike as a list: `http://` with the path.
    #[serde(deserialize_with = "one_or_several")]
    pub url: Vec<String>,
    /// What the service reads and answers.
    #[serde(default)]
    pub layout: HttpLayout,
    /// Lowest and highest score that it may give.
    #[serde(default)]
    pub range: ScoreRange,
    /// Requests that may be open at one time.
    #[serde(default = "default_workers")]
    pub workers: usize,
    /// Completions in a request; the layout of slime has one.
    #[serde(default = "default_batch")]
    pub batch: usize,
    /// Longest wait for an answer, in seconds, all attempts together.
    #[serde(default = "default_timeout_seconds")]
    pub timeout_seconds: f64,
    /// Longest wait for one attempt, in seconds, after which another server is tried; all of `timeout_seconds` where
    /// absent.
    #[serde(default)]
    pub attempt_seconds: Option<f64>,
    /// Attempts that may fail.
    #[serde(default = "default_attempts")]
    pub attempts: usize,
    /// Environment variable with the bearer token that the service asks for.
    #[serde(default)]
    pub token_env: Option<String>,
}

fn default_workers() -> usize {
    4
}

fn default_batch() -> usize {
    16
}

fn default_timeout_seconds() -> f64 {
    30.0
}

fn default_attempts() -> usize {
    3
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

impl HttpConfig {
    /// The settings of a service at these addresses, apart from them the defaults.
    pub fn new(url: Vec<String>) -> Self {
        Self {
            url,
            layout: HttpLayout::default(),
            range: ScoreRange::default(),
            workers: default_workers(),
            batch: default_batch(),
            timeout_seconds: default_timeout_seconds(),
            attempt_seconds: None,
            attempts: default_attempts(),
            token_env: None,
        }
    }

    /// Checks what the types cannot say; the error is a key and what to do.
    pub(crate) fn validate(&self) -> Result<(), (&'static str, &'static str)> {
        validate_batches(self.workers, self.batch, self.timeout_seconds, self.range)?;
        match () {
            () if self.url.is_empty() => {
                Err(("url", "is empty; give an address, as in \"http://127.0.0.1:5000/judge\""))
            }
            () if !self.url.iter().all(|url| url.starts_with("http://")) => {
                Err(("url", "must begin with http://; a proxy beside the trainer can speak TLS"))
            }
            () if !(1..=100).contains(&self.attempts) => Err(("attempts", "must be from 1 to 100")),
            () if self.attempt_seconds.is_some_and(|seconds| !(seconds > 0.0 && seconds <= 86_400.0)) => {
                Err(("attempt_seconds", "must be above 0 and at most 86400 seconds"))
            }
            () => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_is_enough() {
        let config: HttpConfig = toml::from_str("url = 'http://a:1/judge'\nlayout = 'openrlhf'").unwrap();
        assert_eq!(
            config,
            HttpConfig { layout: HttpLayout::OpenRlhf, ..HttpConfig::new(vec!["http://a:1/judge".into()]) }
        );
        assert!(config.validate().is_ok());
        assert!(toml::from_str::<HttpConfig>("url = 'http://a:1'\nlayout = 'verl'").is_err());
    }

    #[test]
    fn settings_that_cannot_work_are_named() {
        let key = |text: &str| toml::from_str::<HttpConfig>(text).unwrap().validate().unwrap_err().0;
        assert_eq!(key("url = []"), "url");
        assert_eq!(key("url = 'https://a'"), "url");
        assert_eq!(key("url = 'http://a'\nbatch = 0"), "batch");
        assert_eq!(key("url = 'http://a'\nattempts = 0"), "attempts");
        assert_eq!(key("url = 'http://a'\nattempt_seconds = 0"), "attempt_seconds");
        assert_eq!(key("url = 'http://a'\nrange = [1, 0]"), "range");
    }
}
