//! Settings of a client: its waits and attempts, its name and its token.

use serde::{Deserialize, Serialize};

use super::ClientError;
use crate::Secret;

/// Calls of a client: its name, its waits and its attempts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClientOptions {
    /// The servers' bearer token; not part of saved settings.
    #[serde(skip)]
    pub token: Option<Secret>,
    /// The name under which the servers give this client its turns; a random one if unset.
    pub client_id: Option<String>,
    /// Seconds for one call, all attempts together. The servers are told, and give up a call whose time has passed.
    pub timeout_seconds: f64,
    /// Seconds for one attempt, after which another server is tried.
    pub attempt_seconds: f64,
    /// Seconds to connect.
    pub connect_seconds: f64,
    /// Attempts that may fail. Answers that the queue is full do not count: they are waited out until the call's time
    /// is up.
    pub attempts: usize,
    /// Seconds before the second attempt, doubled for each further one. Up to half of the wait is taken off at random.
    pub backoff_seconds: f64,
    /// The longest wait between attempts, in seconds.
    pub most_backoff_seconds: f64,
    /// Failures in a row after which a server gets no call for a while.
    pub breaker_failures: usize,
    /// Seconds without a call, doubled each time the server fails again, up to a minute.
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
    /// Refuses options that are out of range.
    ///
    /// # Errors
    /// [`ClientError::BadConfig`], with the field's name.
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
