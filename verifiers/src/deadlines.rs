//! How long a verifier may take for a verdict.

use std::collections::BTreeMap;
use std::time::Duration;

/// Longest wait for a verdict, where a configuration says nothing. A program may wait for its turn in the sandbox, and
/// the sandbox's client, which says what is wrong, gives up before.
pub(crate) const DEFAULT_SECONDS: f64 = 900.0;

/// The longest waits for a verdict.
#[derive(Clone, Debug)]
pub(crate) struct Deadlines {
    pub of_all: Duration,
    pub by_name: BTreeMap<String, Duration>,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self { of_all: Duration::from_secs_f64(DEFAULT_SECONDS), by_name: BTreeMap::new() }
    }
}

impl Deadlines {
    /// The longest wait for a verdict of the verifier called `name`.
    pub(crate) fn of(&self, name: &str) -> Duration {
        self.by_name.get(name).copied().unwrap_or(self.of_all)
    }
}
