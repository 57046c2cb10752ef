//! A clock that tells every run the same time.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use wasmtime_wasi::{HostMonotonicClock, HostWallClock};

/// A clock that moves on by a microsecond at each reading, so that a run can be repeated.
#[derive(Debug, Default)]
pub(crate) struct CountingClock(AtomicU64);

impl CountingClock {
    const STEP: Duration = Duration::from_micros(1);
    /// The first wall-clock time shown: 2025-01-01, in seconds since 1970.
    const EPOCH: Duration = Duration::from_secs(1_735_689_600);

    fn read(&self) -> Duration {
        Self::STEP * u32::try_from(self.0.fetch_add(1, Ordering::Relaxed)).unwrap_or(u32::MAX)
    }
}

impl HostWallClock for CountingClock {
    fn resolution(&self) -> Duration {
        Self::STEP
    }

    fn now(&self) -> Duration {
        Self::EPOCH + self.read()
    }
}

impl HostMonotonicClock for CountingClock {
    fn resolution(&self) -> u64 {
        Self::STEP.as_nanos() as u64
    }

    fn now(&self) -> u64 {
        self.read().as_nanos() as u64
    }
}
