//! Time for running instances: the limits that are checked while a program runs, and clocks that tell every run the same.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};
use wasmtime_wasi::{HostMonotonicClock, HostWallClock};

/// Which limit of time a program reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum OutOfTime {
    #[error("the wall clock's limit was reached")]
    Wall,
    #[error("the limit of processor time was reached")]
    Cpu,
}

/// When a program began and when it must end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    began: Instant,
    began_cpu: Duration,
    wall: Duration,
    cpu: Duration,
}

impl Span {
    /// Begins now, on this thread.
    pub fn begin(wall_seconds: f64, cpu_seconds: f64) -> Self {
        Self {
            began: Instant::now(),
            began_cpu: thread_time(),
            wall: Duration::from_secs_f64(wall_seconds),
            cpu: Duration::from_secs_f64(cpu_seconds),
        }
    }

    /// The same with some more time, for whoever waits for the one that has this span.
    pub fn later(self, more: Duration) -> Self {
        Self { wall: self.wall + more, cpu: self.cpu + more, ..self }
    }

    /// When the wall clock's limit is reached.
    pub fn deadline(&self) -> Instant {
        self.began + self.wall
    }

    /// Since the beginning.
    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Processor time since the beginning.
    pub fn elapsed_cpu(&self) -> Duration {
        thread_time().saturating_sub(self.began_cpu)
    }

    /// # Errors
    /// The limit that is reached.
    pub fn check(&self) -> Result<(), OutOfTime> {
        if Instant::now() >= self.deadline() {
            return Err(OutOfTime::Wall);
        }
        if self.elapsed_cpu() >= self.cpu {
            return Err(OutOfTime::Cpu);
        }
        Ok(())
    }
}

/// The processor time of this thread; zero where the kernel does not say.
fn thread_time() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map(Duration::from).unwrap_or_default()
}

/// Awaits a call into an instance within its span.
///
/// A computing instance comes back here each time it has used up some fuel, and a waiting one at the deadline.
///
/// # Errors
/// The call's own, or [`OutOfTime`].
pub(super) async fn within<T>(span: Span, call: impl Future<Output = wasmtime::Result<T>>) -> wasmtime::Result<T> {
    let mut call = pin!(call);
    let checked = poll_fn(|context| {
        span.check()?;
        call.as_mut().poll(context)
    });
    match tokio::time::timeout_at(span.deadline().into(), checked).await {
        Ok(result) => result,
        Err(_) => Err(OutOfTime::Wall.into()),
    }
}

/// A clock that moves on by a microsecond whenever it is read, so that a run can be repeated.
#[derive(Debug, Default)]
pub(super) struct CountingClock(AtomicU64);

impl CountingClock {
    const STEP: Duration = Duration::from_micros(1);
    /// What it shows first: 2025-01-01, in seconds since 1970.
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
