//! What a job's operations cost this rank: bytes by kind of operation, and the time that was waited for them.
//!
//! Groups write, the trainer reads. Knows no operation but by its name.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Bytes and time of a stretch of a job, on one rank.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    /// Bytes that all-gathers returned here.
    pub gathered: u64,
    /// Bytes of the tensors that were reduced: those that all-reduces and reduce-scatters were given here.
    pub reduced: u64,
    /// Bytes of every other operation's tensors.
    pub exchanged: u64,
    /// Time in which this rank did nothing but wait for operations.
    pub waited: Duration,
}

/// The traffic of a job's groups since it was last taken.
#[derive(Debug, Default)]
pub struct Meter(Mutex<Traffic>);

impl Meter {
    /// The traffic since the last call, or since the job began.
    pub fn take(&self) -> Traffic {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn issued(&self, operation: &str, bytes: u64) {
        let mut traffic = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match operation {
            "all_gather" => traffic.gathered += bytes,
            "all_reduce" | "reduce_scatter" => traffic.reduced += bytes,
            _ => traffic.exchanged += bytes,
        }
    }

    pub(crate) fn waited(&self, time: Duration) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).waited += time;
    }
}
