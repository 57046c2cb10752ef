//! The time that a program may take: limits on the wall clock and on processor time, checked while it runs.

use std::future::poll_fn;
use std::pin::pin;
use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};

/// The limit of time that a program reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum OutOfTime {
    #[error("the wall clock's limit was reached")]
    Wall,
    #[error("the limit of processor time was reached")]
    Cpu,
}

/// The time at which a program began, and how much it may take from then on.
#[derive(Debug, Clone, Copy)]
pub(super) struct TimeBudget {
    began: Instant,
    began_cpu: Duration,
    wall: Duration,
    cpu: Duration,
}

impl TimeBudget {
    /// Begins now, on this thread.
    pub(super) fn begin(wall_seconds: f64, cpu_seconds: f64) -> Self {
        Self {
            began: Instant::now(),
            began_cpu: thread_time(),
            wall: Duration::from_secs_f64(wall_seconds),
            cpu: Duration::from_secs_f64(cpu_seconds),
        }
    }

    /// This budget with `more` time, for a judge that waits for the program.
    pub(super) fn extended(self, more: Duration) -> Self {
        Self { wall: self.wall + more, cpu: self.cpu + more, ..self }
    }

    /// The moment at which the wall clock's limit is reached.
    pub(super) fn deadline(&self) -> Instant {
        self.began + self.wall
    }

    /// Wall-clock time since the beginning.
    pub(super) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Processor time since the beginning.
    pub(super) fn elapsed_cpu(&self) -> Duration {
        thread_time().saturating_sub(self.began_cpu)
    }

    /// Fails once a limit is reached.
    ///
    /// # Errors
    /// That limit.
    pub(super) fn check(&self) -> Result<(), OutOfTime> {
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

/// Awaits a call into an instance within its budget.
///
/// The limits are checked each time a computing instance has used up some fuel; a waiting one is ended at the deadline.
///
/// # Errors
/// The call's own, or [`OutOfTime`].
pub(super) async fn within<T>(
    budget: TimeBudget,
    call: impl Future<Output = wasmtime::Result<T>>,
) -> wasmtime::Result<T> {
    let mut call = pin!(call);
    let checked = poll_fn(|context| {
        budget.check()?;
        call.as_mut().poll(context)
    });
    match tokio::time::timeout_at(budget.deadline().into(), checked).await {
        Ok(result) => result,
        Err(_) => Err(OutOfTime::Wall.into()),
    }
}
