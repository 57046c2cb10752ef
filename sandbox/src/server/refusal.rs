//! The answer to a request that gets no report: a status, a type for programs and a sentence for people.

use axum::http::StatusCode;
use sandbox_api::cut;
use serde::{Deserialize, Serialize};

use crate::SandboxError;

/// Reason for which a request gets no report.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Refusal {
    /// HTTP status; not part of the JSON.
    #[serde(skip)]
    pub status: u16,
    /// Name of the error for programs, such as `queue_full`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Sentence for people that says what went wrong.
    pub error: String,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, kind: &str, error: impl Into<String>) -> Self {
        Self { status: status.as_u16(), kind: kind.to_owned(), error: error.into() }
    }

    /// Refuses a body that is JSON but not what the endpoint takes, or no JSON at all.
    pub(super) fn bad_json(error: &serde_json::Error) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_json", cut(&error.to_string()))
    }

    /// True where the same request may fare better elsewhere or later.
    pub(super) fn is_worth_a_retry(&self) -> bool {
        self.status == StatusCode::TOO_MANY_REQUESTS || self.status == StatusCode::SERVICE_UNAVAILABLE
    }

    /// True where the sandbox failed and neither the request nor the load is at fault.
    pub(super) fn is_sandbox_error(&self) -> bool {
        self.status == StatusCode::INTERNAL_SERVER_ERROR
    }
}

impl From<SandboxError> for Refusal {
    fn from(error: SandboxError) -> Self {
        let (status, kind) = match &error {
            SandboxError::BadRequest(_) => (StatusCode::UNPROCESSABLE_ENTITY, "bad_request"),
            SandboxError::LanguageMissing { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "language_missing"),
            SandboxError::EngineMissing { .. } => (StatusCode::UNPROCESSABLE_ENTITY, "engine_missing"),
            SandboxError::Busy => (StatusCode::TOO_MANY_REQUESTS, "queue_full"),
            SandboxError::Closed => (StatusCode::SERVICE_UNAVAILABLE, "shutting_down"),
            SandboxError::DeadlinePassed => (StatusCode::GATEWAY_TIMEOUT, "deadline_passed"),
            SandboxError::WorkerLost(_) => (StatusCode::INTERNAL_SERVER_ERROR, "worker_lost"),
            _ => (StatusCode::INTERNAL_SERVER_ERROR, "sandbox_error"),
        };
        Self::new(status, kind, error.to_string())
    }
}
