//! What waits in the queue: a piece of work and whoever waits for its report. Knows nothing of HTTP.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use sandbox_api::{EngineKind, GradeReport, GradeRequest, RunReport, RunRequest};
use tokio::sync::oneshot;

use crate::SandboxError;
use crate::engine::Worker;
use crate::grade::Board;
use crate::pool::Shared;

/// Shows a board to idle lanes, at most as many as it is told.
pub(crate) type CallHelp<'a> = &'a dyn Fn(&Arc<Board>, usize);

/// Something that a worker can do.
pub(crate) trait Work: Send + Sync + 'static {
    /// What comes of it.
    type Report: Send + 'static;

    /// The engine it asks for.
    fn engine(&self) -> Option<EngineKind>;

    /// Does it; may be called once more where the worker is lost. `call_help` shows a board to idle lanes.
    fn perform(
        self: &Arc<Self>,
        worker: &mut Worker,
        is_cancelled: &dyn Fn() -> bool,
        call_help: CallHelp<'_>,
    ) -> Result<Self::Report, SandboxError>;
}

impl Work for GradeRequest {
    type Report = GradeReport;

    fn engine(&self) -> Option<EngineKind> {
        self.wanted_engine()
    }

    fn perform(
        self: &Arc<Self>,
        worker: &mut Worker,
        is_cancelled: &dyn Fn() -> bool,
        call_help: CallHelp<'_>,
    ) -> Result<GradeReport, SandboxError> {
        crate::grade::grade(worker, self, is_cancelled, call_help)
    }
}

impl Work for RunRequest {
    type Report = RunReport;

    fn engine(&self) -> Option<EngineKind> {
        self.wanted_engine()
    }

    fn perform(
        self: &Arc<Self>,
        worker: &mut Worker,
        _: &dyn Fn() -> bool,
        _: CallHelp<'_>,
    ) -> Result<RunReport, SandboxError> {
        crate::grade::run(worker, self)
    }
}

/// A report and how it came about.
#[derive(Debug)]
pub(crate) struct Done<R> {
    pub report: R,
    pub engine: EngineKind,
}

pub(crate) type Answer<R> = Result<Done<R>, SandboxError>;

/// A place in the queue.
pub(crate) struct Ticket {
    pub id: u64,
    pub deadline: Option<Instant>,
    /// Since when its caller waits; `None` for help with another ticket of the same id.
    pub queued: Option<Instant>,
    pub errand: Box<dyn Errand>,
}

/// Work of any kind with its reply.
pub(crate) trait Errand: Send {
    /// The engine it asks for.
    fn engine(&self) -> Option<EngineKind>;

    /// Whether nobody waits for it any more.
    fn is_abandoned(&self) -> bool;

    /// Does the work and keeps the report. A panic is the worker's loss: what it left half done goes with it.
    fn attempt(
        &mut self,
        worker: &mut Worker,
        is_cancelled: &dyn Fn() -> bool,
        call_help: CallHelp<'_>,
    ) -> Result<(), SandboxError>;

    /// Sends the report kept, or the error.
    fn reply(self: Box<Self>, engine: EngineKind, result: Result<(), SandboxError>);
}

pub(crate) struct Job<W: Work> {
    work: Arc<W>,
    report: Option<W::Report>,
    answer: oneshot::Sender<Answer<W::Report>>,
}

impl<W: Work> Job<W> {
    pub fn new(work: W) -> (Self, oneshot::Receiver<Answer<W::Report>>) {
        let (answer, answered) = oneshot::channel();
        (Self { work: Arc::new(work), report: None, answer }, answered)
    }
}

impl<W: Work> Errand for Job<W> {
    fn engine(&self) -> Option<EngineKind> {
        self.work.engine()
    }

    fn is_abandoned(&self) -> bool {
        self.answer.is_closed()
    }

    fn attempt(
        &mut self,
        worker: &mut Worker,
        is_cancelled: &dyn Fn() -> bool,
        call_help: CallHelp<'_>,
    ) -> Result<(), SandboxError> {
        let (work, answer) = (&self.work, &self.answer);
        let is_cancelled = || answer.is_closed() || is_cancelled();
        self.report = Some(unpanicked(|| work.perform(worker, &is_cancelled, call_help))?);
        Ok(())
    }

    fn reply(self: Box<Self>, engine: EngineKind, result: Result<(), SandboxError>) {
        let Self { report, answer, .. } = *self;
        let no_report = || SandboxError::WorkerLost("the work ended without a report".to_owned());
        let report = result.and_then(|()| report.ok_or_else(no_report));
        // Nobody listens where the caller has gone.
        let _ = answer.send(report.map(|report| Done { report, engine }));
    }
}

/// Does something with a worker; a panic is the worker's loss.
fn unpanicked<T>(work: impl FnOnce() -> Result<T, SandboxError>) -> Result<T, SandboxError> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(SandboxError::WorkerLost("grading panicked; see the server's log".to_owned())))
}

/// Help of an idle lane with the cases of a submission that another one has.
pub(crate) struct Helper {
    board: Arc<Board>,
    engine: EngineKind,
}

impl Helper {
    pub fn new(board: Arc<Board>, engine: EngineKind) -> Self {
        Self { board, engine }
    }
}

impl Errand for Helper {
    fn engine(&self) -> Option<EngineKind> {
        Some(self.engine)
    }

    fn is_abandoned(&self) -> bool {
        self.board.num_open() == 0
    }

    fn attempt(
        &mut self,
        worker: &mut Worker,
        is_cancelled: &dyn Fn() -> bool,
        _: CallHelp<'_>,
    ) -> Result<(), SandboxError> {
        unpanicked(|| self.board.help(worker, is_cancelled))
    }

    fn reply(self: Box<Self>, _: EngineKind, _: Result<(), SandboxError>) {}
}

/// A report to come. Dropping it takes the work out of the queue, or ends it where it already runs.
pub(crate) struct Pending<R> {
    pub answered: oneshot::Receiver<Answer<R>>,
    pub place: Place,
}

/// Where a ticket stands, to find it again when it is given up.
pub(crate) struct Place {
    pub id: u64,
    pub client: Arc<str>,
    pub shared: Arc<Shared>,
    pub is_answered: bool,
}

impl<R> Future for Pending<R> {
    type Output = Answer<R>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Answer<R>> {
        let answer = std::task::ready!(Pin::new(&mut self.answered).poll(context));
        self.place.is_answered = true;
        // A ticket that is dropped unanswered was displaced from the queue, or the queue was closed.
        let gone = if self.place.shared.is_closed() { SandboxError::Closed } else { SandboxError::Busy };
        Poll::Ready(answer.unwrap_or(Err(gone)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.is_answered {
            self.shared.abandon(&self.client, self.id);
        }
    }
}
