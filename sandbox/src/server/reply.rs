//! A finished answer: a status and JSON, which can be sent more than once.

use axum::body::Bytes;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::refusal::Refusal;

/// A finished answer.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub status: StatusCode,
    pub body: Bytes,
    /// Seconds after which the caller may try again.
    pub retry_after: Option<u64>,
    /// True if the same request would get this answer again; false where it was refused or the sandbox failed.
    pub is_settled: bool,
}

impl Reply {
    /// Answers with a report and status 200; `is_settled` is false where the report says that the sandbox failed.
    pub(super) fn ok(value: &impl Serialize, is_settled: bool) -> Self {
        match serde_json::to_vec(value) {
            Ok(body) => Self { status: StatusCode::OK, body: body.into(), retry_after: None, is_settled },
            Err(error) => {
                let sentence = format!("the report cannot be written: {error}");
                Self::refused(&Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "sandbox_error", sentence), None)
            }
        }
    }

    /// Answers with a refusal and its status.
    pub(super) fn refused(refusal: &Refusal, retry_after: Option<u64>) -> Self {
        let body = serde_json::to_vec(refusal).unwrap_or_default().into();
        let status = StatusCode::from_u16(refusal.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self { status, body, retry_after, is_settled: false }
    }
}

impl IntoResponse for Reply {
    fn into_response(self) -> Response {
        let mut response = (self.status, self.body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, seconds.into());
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}
