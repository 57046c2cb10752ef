//! How patient a client is, and how it introduces itself.

use serde::{Deserialize, Serialize};

use super::ClientError;
use crate::Secret;

/// A client's settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClientOptions {
    /// The servers' bearer token; it does not stand in settings.
    #[serde(skip)]
    pub token: Option<Secret>,
    /// The name under which the servers give this client its turn; a random one if unset.
    pub client_id: Option<String>,
    /// Seconds for one call, all its attempts together. The servers are told, and give up a call when it has passed.
    pub timeout_seconds: f64,
    /// Seconds for one attempt, after which another server is tried.
    pub attempt_seconds: f64,
    /// Seconds to connect.
    pub connect_seconds: f64,
    /// Attempts that may fail; answers "the queue is full" are waited out until the time is up and do not count.
    pub attempts: usize,
    /// Seconds before the second attempt; doubled for each further one, a random half taken off.
    pub backoff_seconds: f64,
    /// The longest wait between attempts, in seconds.
    pub most_backoff_seconds: f64,
    /// Failures in a row after which a server is left alone for a while.
    pub breaker_failures: usize,
    /// Seconds that it is left alone, doubled each time it fails again, up to a minute.
    pub breaker_seconds: f64,
}

impl Default for ClientOptions {
    fn default() -> Self {
        Self {
            token: None,
            client_id: None,
            timeout_seconds: 600.0,
            attempt_seconds: 300.0,
            connect_seconds: 5.0,
            attempts: 5,
            backoff_seconds: 0.1,
            most_backoff_seconds: 5.0,
            breaker_failures: 5,
            breaker_seconds: 1.0,
        }
    }
}

impl ClientOptions {
    /// Refuses options that no client can have.
    ///
    /// # Errors
    /// [`ClientError::BadConfig`], naming the field.
    pub fn validate(&self) -> Result<(), ClientError> {
        let seconds = [
            ("timeout_seconds", self.timeout_seconds),
            ("attempt_seconds", self.attempt_seconds),
            ("connect_seconds", self.connect_seconds),
            ("backoff_seconds", self.backoff_seconds),
            ("most_backoff_seconds", self.most_backoff_seconds),
            ("breaker_seconds", self.breaker_seconds),
        ];
        for (name, value) in seconds {
            if !(value > 0.0 && value < 1e9) {
                return Err(ClientError::BadConfig(format!("{name} is {value}: give more than 0")));
            }
        }
        for (name, value) in [("attempts", self.attempts), ("breaker_failures", self.breaker_failures)] {
            if value == 0 {
                return Err(ClientError::BadConfig(format!("{name} is 0: give 1 or more")));
            }
        }
        Ok(())
    }
}
