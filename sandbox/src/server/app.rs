//! What the handlers share: the pool, the settings, and what is open.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use sandbox_api::Secret;
use tokio::sync::Notify;

use super::caller::Caller;
use super::program::Program;
use super::refusal::Refusal;
use super::repeats::Repeats;
use crate::metrics::{Load, Metrics};
use crate::pool::Pool;
use crate::ticket::{Answer, Done};
use crate::{LayerReport, SandboxError, ServerConfig};

/// The longest wait that a refused caller is told to take, in seconds.
const MOST_RETRY_SECONDS: f64 = 30.0;

/// What the handlers share.
pub(crate) struct App {
    pub pool: Pool,
    pub metrics: Arc<Metrics>,
    pub config: ServerConfig,
    pub token: Option<Secret>,
    pub layers: LayerReport,
    pub repeats: Arc<Repeats>,
    is_draining: AtomicBool,
    num_open: AtomicUsize,
    closed_one: Notify,
}

impl App {
    /// Nothing open yet.
    pub fn new(
        pool: Pool,
        metrics: Arc<Metrics>,
        config: ServerConfig,
        token: Option<Secret>,
        layers: LayerReport,
    ) -> Self {
        let repeats = Arc::new(Repeats::new(config.remembered));
        let (is_draining, num_open, closed_one) = Default::default();
        Self { pool, metrics, config, token, layers, repeats, is_draining, num_open, closed_one }
    }

    /// Whether new requests are turned away.
    pub fn is_draining(&self) -> bool {
        self.is_draining.load(Ordering::SeqCst)
    }

    /// Turns new requests away, and waits until the open ones are answered or `most` has passed.
    pub async fn drain(&self, most: Duration) {
        self.is_draining.store(true, Ordering::SeqCst);
        let emptied = async {
            loop {
                let closed_one = self.closed_one.notified();
                if self.num_open.load(Ordering::SeqCst) == 0 {
                    return;
                }
                closed_one.await;
            }
        };
        let _ = tokio::time::timeout(most, emptied).await;
    }

    /// Counts a request as open for as long as the answer lives.
    ///
    /// # Errors
    /// The server is shutting down.
    pub fn open(self: &Arc<Self>) -> Result<Open, Refusal> {
        self.num_open.fetch_add(1, Ordering::SeqCst);
        let open = Open(self.clone());
        if self.is_draining() { Err(SandboxError::Closed.into()) } else { Ok(open) }
    }

    /// The load at this moment.
    pub fn load(&self) -> Load {
        Load {
            depth: self.pool.depth(),
            clients: self.pool.clients(),
            busy: self.pool.busy(),
            workers: self.pool.workers(),
            requests: self.num_open.load(Ordering::SeqCst),
        }
    }

    /// Seconds after which a refused caller may find room: what waits, at the pace so far.
    pub fn retry_after(&self) -> u64 {
        let waiting = self.pool.depth() as f64 * self.metrics.mean_program_seconds() / self.pool.workers() as f64;
        waiting.clamp(1.0, MOST_RETRY_SECONDS).ceil() as u64
    }

    /// The one way from a program to its report: check, queue, wait, count.
    pub async fn perform<P: Program>(&self, caller: &Caller, program: P) -> Result<P::Report, Refusal> {
        program.check(&self.config)?;
        let asked = program.engine().unwrap_or(self.pool.default_engine());
        match self.wait_for(caller, program).await {
            Ok(Done { report, engine }) => {
                P::count(&self.metrics, engine, Some(&report));
                Ok(report)
            }
            Err(error) => {
                let refusal = Refusal::from(error);
                if refusal.is_sandbox_error() {
                    P::count(&self.metrics, asked, None);
                }
                Err(refusal)
            }
        }
    }

    async fn wait_for<P: Program>(&self, caller: &Caller, program: P) -> Answer<P::Report> {
        let pending = self.pool.submit(&caller.client, caller.deadline, program)?;
        match caller.deadline {
            Some(deadline) => match tokio::time::timeout_at(deadline.into(), pending).await {
                Ok(answer) => answer,
                Err(_) => Err(SandboxError::DeadlinePassed),
            },
            None => pending.await,
        }
    }
}

/// An open request.
pub(crate) struct Open(Arc<App>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.num_open.fetch_sub(1, Ordering::SeqCst);
        self.0.closed_one.notify_waiters();
    }
}
