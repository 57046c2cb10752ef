//! State that the handlers share: the pool, the settings, and the number of open requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use sandbox_api::{EngineKind, Secret};
use tokio::sync::Notify;

use super::caller::Caller;
use super::program_request::ProgramRequest;
use super::refusal::Refusal;
use super::repeats::Repeats;
use crate::engine::EngineChooser;
use crate::grade::Attempt;
use crate::metrics::{Load, Metrics};
use crate::pool::{Pool, ServedResult};
use crate::{LayerReport, SandboxError, ServerConfig};

/// Longest wait that a refused caller is told, in seconds.
const MOST_RETRY_SECONDS: f64 = 30.0;

/// State that the handlers share.
pub(crate) struct App {
    pub pool: Pool,
    pub chooser: EngineChooser,
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
    /// State without open requests.
    pub(super) fn new(
        pool: Pool,
        chooser: EngineChooser,
        metrics: Arc<Metrics>,
        config: ServerConfig,
        token: Option<Secret>,
        layers: LayerReport,
    ) -> Self {
        let repeats = Arc::new(Repeats::new(config.remembered));
        let (is_draining, num_open, closed_one) = Default::default();
        Self { pool, chooser, metrics, config, token, layers, repeats, is_draining, num_open, closed_one }
    }

    /// True once new requests are turned away.
    pub(super) fn is_draining(&self) -> bool {
        self.is_draining.load(Ordering::SeqCst)
    }

    /// Turns new requests away, and waits until the open ones are answered or `most` has passed.
    pub(super) async fn drain(&self, most: Duration) {
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

    /// Counts a request as open until the returned [`Open`] is dropped.
    ///
    /// # Errors
    /// The server is shutting down.
    pub(super) fn open(self: &Arc<Self>) -> Result<Open, Refusal> {
        self.num_open.fetch_add(1, Ordering::SeqCst);
        let open = Open(self.clone());
        if self.is_draining() { Err(SandboxError::Closed.into()) } else { Ok(open) }
    }

    pub(super) fn load(&self) -> Load {
        Load {
            depth: self.pool.depth(),
            clients: self.pool.clients(),
            busy: self.pool.busy(),
            workers: self.pool.workers(),
            requests: self.num_open.load(Ordering::SeqCst),
        }
    }

    /// Seconds after which a refused caller may find room: the queue's depth at the mean pace of the workers so far.
    pub(super) fn retry_after(&self) -> u64 {
        let waiting = self.pool.depth() as f64 * self.metrics.mean_program_seconds() / self.pool.workers() as f64;
        waiting.clamp(1.0, MOST_RETRY_SECONDS).ceil() as u64
    }

    /// Takes a program to its report, in the only way: check, choose an engine, queue, wait, count. A program that
    /// stopped for want of what the wasm engine lacks is run once more, where the choice was the server's.
    pub(super) async fn perform<P: ProgramRequest>(&self, caller: &Caller, request: P) -> Result<P::Answer, Refusal> {
        request.check(&self.config)?;
        let request = Arc::new(request);
        let named = request.named_engine();
        let chosen = self.chooser.choose(named, request.counts_fuel(), request.sources().into_iter());
        let Attempt { report, lack } = self.attempt(caller, chosen.engine, &request).await?;
        let need = lack.filter(|_| chosen.engine == EngineKind::Wasm).and_then(|lack| self.chooser.need_of(&lack));
        let goes_on = need.is_some() && self.chooser.may_go_on(chosen, request.counts_fuel());
        if chosen.is_free {
            self.metrics.chose(chosen.engine, chosen.need, goes_on.then_some(need).flatten());
        }
        let (engine, mut report, unmet_need) = if goes_on {
            (EngineKind::Process, self.attempt(caller, EngineKind::Process, &request).await?.report, None)
        } else {
            (chosen.engine, report, need)
        };
        P::sign(&mut report, engine, unmet_need);
        P::count(&self.metrics, engine, Some(&report));
        Ok(report)
    }

    /// Has one engine perform the request; counts it where the sandbox fails.
    async fn attempt<P: ProgramRequest>(
        &self,
        caller: &Caller,
        engine: EngineKind,
        request: &Arc<P>,
    ) -> Result<P::Report, Refusal> {
        self.wait_for(caller, engine, request).await.map_err(|error| {
            let refusal = Refusal::from(error);
            if refusal.is_sandbox_error() {
                P::count(&self.metrics, engine, None);
            }
            refusal
        })
    }

    async fn wait_for<P: ProgramRequest>(
        &self,
        caller: &Caller,
        engine: EngineKind,
        request: &Arc<P>,
    ) -> ServedResult<P::Report> {
        let pending = self.pool.submit(&caller.client, caller.deadline, engine, request)?;
        match caller.deadline {
            Some(deadline) => match tokio::time::timeout_at(deadline.into(), pending).await {
                Ok(served) => served,
                Err(_) => Err(SandboxError::DeadlinePassed),
            },
            None => pending.await,
        }
    }
}

/// Counts one request as open until dropped.
pub(crate) struct Open(Arc<App>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.num_open.fetch_sub(1, Ordering::SeqCst);
        self.0.closed_one.notify_waiters();
    }
}
