//! What a request for a program adds to its work: checks before it is queued, and how its report is counted.

use axum::http::StatusCode;
use sandbox_api::{EngineKind, GradeReport, GradeRequest, RunReport, RunRequest};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::refusal::Refusal;
use crate::metrics::Metrics;
use crate::ticket::Work;
use crate::{SandboxError, ServerConfig};

/// Work that callers ask for in JSON.
pub(crate) trait Program: Work<Report: Serialize> + DeserializeOwned {
    /// Refuses what no worker need see.
    fn check(&self, config: &ServerConfig) -> Result<(), Refusal>;

    /// Counts the report, or that the sandbox broke.
    fn count(metrics: &Metrics, engine: EngineKind, report: Option<&Self::Report>);
}

impl Program for GradeRequest {
    fn check(&self, config: &ServerConfig) -> Result<(), Refusal> {
        check_code(&self.code, config)?;
        Ok(self.validate(&config.most).map_err(SandboxError::from)?)
    }

    fn count(metrics: &Metrics, engine: EngineKind, report: Option<&GradeReport>) {
        match report {
            Some(report) => metrics.graded(engine, report.verdict, report.seconds),
            None => metrics.not_graded(engine),
        }
    }
}

impl Program for RunRequest {
    fn check(&self, config: &ServerConfig) -> Result<(), Refusal> {
        check_code(&self.code, config)?;
        Ok(self.validate(&config.most).map_err(SandboxError::from)?)
    }

    fn count(metrics: &Metrics, engine: EngineKind, report: Option<&RunReport>) {
        match report {
            Some(report) => metrics.ran(engine, report.status, report.seconds),
            None => metrics.not_run(engine),
        }
    }
}

fn check_code(code: &str, config: &ServerConfig) -> Result<(), Refusal> {
    let (num_bytes, most) = (code.len(), config.code_bytes);
    if num_bytes <= most {
        return Ok(());
    }
    let sentence = format!("code has {num_bytes} bytes, the server's limit is {most}");
    Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "code_too_long", sentence))
}
