//! A submission, from its request to its verdict: makes the program ready, and has its cases run by whoever is idle.

use std::sync::Arc;

use sandbox_api::{GradeReport, GradeRequest, GradeVerdict};

use super::attempt::Attempt;
use super::case_helper::CaseHelper;
use super::case_queue::CaseQueue;
use super::program::{PreparedProgram, Program};
use super::tally::Tally;
use crate::SandboxError;
use crate::engine::Worker;
use crate::pool::{OfferWork, QueuedWork, Work};

impl Work for GradeRequest {
    type Report = Attempt<GradeReport>;

    fn perform(
        self: &Arc<Self>,
        worker: &mut Worker,
        is_cancelled: &dyn Fn() -> bool,
        offer_work: OfferWork<'_>,
    ) -> Result<Attempt<GradeReport>, SandboxError> {
        grade(worker, self, is_cancelled, offer_work)
    }
}

/// Grades a submission; stops between cases once nobody waits for it. Its open cases are offered to idle worker
/// threads.
///
/// # Errors
/// A broken sandbox, or tests that cannot be run.
fn grade(
    worker: &mut Worker,
    request: &Arc<GradeRequest>,
    is_cancelled: &dyn Fn() -> bool,
    offer_work: OfferWork<'_>,
) -> Result<Attempt<GradeReport>, SandboxError> {
    request.validate(&request.limits)?;
    if request.code.trim().is_empty() {
        return Ok(Tally::refused(request, (GradeVerdict::NoCode, "there is no program".to_owned())));
    }
    let program = match Program::prepare(worker, request)? {
        PreparedProgram::Ready(program) => program,
        PreparedProgram::Refused { seconds, failure } => {
            let mut tally = Tally::new(request);
            tally.count(0, seconds, Err(failure));
            return Ok(tally.report());
        }
    };
    let engine = worker.kind();
    let cases = Arc::new(CaseQueue::new(request.clone(), program));
    let helper = || Box::new(CaseHelper::new(cases.clone(), engine)) as Box<dyn QueuedWork>;
    cases.work(worker, is_cancelled, &|num_open| offer_work(num_open, &helper))?;
    cases.report()
}
