//! The endpoints that run programs, and how each answers a request's body.

use std::sync::Arc;

use axum::http::StatusCode;
use futures::StreamExt;
use sandbox_api::{GradeRequest, RunRequest};
use serde::Serialize;
use serde_json::Value;

use super::app::App;
use super::caller::Caller;
use super::fusion;
use super::program_request::ProgramRequest;
use super::refusal::Refusal;
use super::reply::Reply;

/// An endpoint that runs programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Run,
    RunBatch,
    Grade,
    GradeBatch,
    RunCode,
}

/// One element of a batch's answer.
#[derive(Serialize)]
#[serde(untagged)]
enum Element<R> {
    Report {
        status: u16,
        report: R,
    },
    Refused {
        status: u16,
        #[serde(flatten)]
        refusal: Refusal,
    },
}

impl<R> Element<R> {
    /// False for an element that may be answered otherwise when it comes again.
    fn is_settled(&self) -> bool {
        match self {
            Self::Report { .. } => true,
            Self::Refused { refusal, .. } => !refusal.is_worth_a_retry() && refusal.status < 500,
        }
    }
}

impl Endpoint {
    pub(super) const ALL: [Self; 5] = [Self::Run, Self::RunBatch, Self::Grade, Self::GradeBatch, Self::RunCode];

    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Run => "/run",
            Self::RunBatch => "/run/batch",
            Self::Grade => "/grade",
            Self::GradeBatch => "/grade/batch",
            Self::RunCode => "/run_code",
        }
    }

    /// Parses a request's body and answers it.
    pub(super) async fn answer(self, app: Arc<App>, caller: Caller, body: Vec<u8>) -> Reply {
        let result = match self {
            Self::Run => one::<RunRequest>(&app, &caller, &body).await,
            Self::Grade => one::<GradeRequest>(&app, &caller, &body).await,
            Self::RunBatch => batch::<RunRequest>(&app, &caller, &body).await,
            Self::GradeBatch => batch::<GradeRequest>(&app, &caller, &body).await,
            Self::RunCode => fusion::run_code(&app, &caller, &body).await,
        };
        result.unwrap_or_else(|refusal| refused(&app, &refusal))
    }
}

/// Counts a refusal and makes its reply.
pub(crate) fn refused(app: &App, refusal: &Refusal) -> Reply {
    app.metrics.failed(&refusal.kind);
    Reply::refused(refusal, refusal.is_worth_a_retry().then(|| app.retry_after()))
}

async fn one<P: ProgramRequest>(app: &App, caller: &Caller, body: &[u8]) -> Result<Reply, Refusal> {
    let program: P = serde_json::from_slice(body).map_err(|error| Refusal::bad_json(&error))?;
    Ok(Reply::ok(&app.perform(caller, program).await?, true))
}

/// Performs a list of requests, twice as many at a time as there are workers, so that a batch never fills the queue.
async fn batch<P: ProgramRequest>(app: &Arc<App>, caller: &Caller, body: &[u8]) -> Result<Reply, Refusal> {
    let requests: Vec<Value> = serde_json::from_slice(body).map_err(|error| Refusal::bad_json(&error))?;
    let (num_requests, most) = (requests.len(), app.config.batch);
    if num_requests > most {
        let sentence = format!("the batch has {num_requests} requests, the server's limit is {most}");
        return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "batch_too_long", sentence));
    }
    let at_once = app.pool.workers() * 2;
    let elements = requests.into_iter().map(|request| element::<P>(app.clone(), caller.clone(), request));
    let elements: Vec<Element<P::Answer>> = futures::stream::iter(elements).buffered(at_once).collect().await;
    let is_settled = elements.iter().all(Element::is_settled);
    Ok(Reply::ok(&elements, is_settled))
}

async fn element<P: ProgramRequest>(app: Arc<App>, caller: Caller, request: Value) -> Element<P::Answer> {
    let report = match serde_json::from_value::<P>(request) {
        Ok(program) => app.perform(&caller, program).await,
        Err(error) => Err(Refusal::bad_json(&error)),
    };
    match report {
        Ok(report) => Element::Report { status: 200, report },
        Err(refusal) => {
            app.metrics.failed(&refusal.kind);
            Element::Refused { status: refusal.status, refusal }
        }
    }
}

#[cfg(test)]
mod tests {
    use sandbox_api::EngineKind;

    use super::*;
    use crate::SandboxError;

    #[test]
    fn elements_that_failed_for_a_reason_that_passes_are_not_settled() {
        let is_settled = |error: SandboxError| {
            let refusal = Refusal::from(error);
            Element::<()>::Refused { status: refusal.status, refusal }.is_settled()
        };
        assert!(Element::Report { status: 200, report: () }.is_settled());
        assert!(is_settled(SandboxError::EngineMissing { kind: EngineKind::Wasm, reason: "it is missing".to_owned() }));
        for error in [
            SandboxError::Busy,
            SandboxError::Closed,
            SandboxError::DeadlinePassed,
            SandboxError::WorkerLost("it ended".to_owned()),
        ] {
            assert!(!is_settled(error));
        }
    }
}
