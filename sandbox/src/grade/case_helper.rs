//! Help of an idle worker thread with the cases of a submission that another thread serves.

use std::sync::Arc;

use sandbox_api::EngineKind;

use super::case_queue::CaseQueue;
use crate::SandboxError;
use crate::engine::Worker;
use crate::pool::{OfferWork, QueuedWork, catch_panic};

/// Takes cases from another thread's queue until none is open. Nobody waits for its reply.
pub(super) struct CaseHelper {
    cases: Arc<CaseQueue>,
    engine: EngineKind,
}

impl CaseHelper {
    pub(super) fn new(cases: Arc<CaseQueue>, engine: EngineKind) -> Self {
        Self { cases, engine }
    }
}

impl QueuedWork for CaseHelper {
    fn engine(&self) -> EngineKind {
        self.engine
    }

    fn is_abandoned(&self) -> bool {
        self.cases.num_open() == 0
    }

    fn attempt(
        &mut self,
        worker: &mut Worker,
        is_cancelled: &dyn Fn() -> bool,
        _: OfferWork<'_>,
    ) -> Result<(), SandboxError> {
        catch_panic(|| self.cases.help(worker, is_cancelled))
    }

    fn reply(self: Box<Self>, _: Result<(), SandboxError>) {}
}
