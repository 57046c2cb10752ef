//! Why a request gets no report: a status, a type for programs and a sentence for people.

use axum::http::StatusCode;
use sandbox_api::cut;
use serde::{Deserialize, Serialize};

use crate::SandboxError;

/// A request that gets no report.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Refusal {
    /// The HTTP status.
    #[serde(skip)]
    pub status: u16,
    /// What went wrong, by name.
    #[serde(rename = "type")]
    pub kind: String,
    /// What went wrong, in a sentence.
    pub error: String,
}

impl Refusal {
    /// A refusal of one kind.
    pub fn new(status: StatusCode, kind: &str, error: impl Into<String>) -> Self {
        Self { status: status.as_u16(), kind: kind.to_owned(), error: error.into() }
    }

    /// A body that is JSON but not what the endpoint takes, or no JSON at all.
    pub fn bad_json(error: &serde_json::Error) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_json", cut(&error.to_string()))
    }

    /// Whether the same request may fare better elsewhere or later.
    pub fn is_worth_a_retry(&self) -> bool {
        self.status == StatusCode::TOO_MANY_REQUESTS || self.status == StatusCode::SERVICE_UNAVAILABLE
    }

    /// Whether the sandbox broke, rather than the request or the load being at fault.
    pub fn is_sandbox_error(&self) -> bool {
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
