//! Time for running instances: a thread that advances the engine's epoch while a program runs, and the limits that each
//! tick checks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::Thread;
use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};
use wasmtime::Engine;

/// Between two looks at a running program's time.
const TICK: Duration = Duration::from_millis(5);

/// Advances an engine's epoch while it is held awake.
pub(super) struct Ticker {
    awake: Arc<AtomicBool>,
    thread: Thread,
}

impl Ticker {
    /// Starts the thread, which lives as long as the process.
    pub fn start(engine: Engine) -> std::io::Result<Self> {
        let awake = Arc::new(AtomicBool::new(false));
        let is_awake = awake.clone();
        let thread = std::thread::Builder::new().name("epoch".to_owned()).spawn(move || {
            loop {
                while !is_awake.load(Ordering::Acquire) {
                    std::thread::park();
                }
                std::thread::sleep(TICK);
                engine.increment_epoch();
            }
        })?;
        Ok(Self { awake, thread: thread.thread().clone() })
    }

    /// Ticks until the guard is dropped.
    pub fn awake(&self) -> Awake<'_> {
        self.awake.store(true, Ordering::Release);
        self.thread.unpark();
        Awake(&self.awake)
    }
}

/// Keeps a ticker ticking.
pub(super) struct Awake<'a>(&'a AtomicBool);

impl Drop for Awake<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

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
