//! A request to run or grade a program, as the server sees it: checked before it is queued, counted with its report.

use axum::http::StatusCode;
use sandbox_api::{EngineKind, GradeReport, GradeRequest, RunReport, RunRequest};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::refusal::Refusal;
use crate::metrics::Metrics;
use crate::pool::Work;
use crate::{SandboxError, ServerConfig};

/// Work that callers ask for in JSON.
pub(super) trait ProgramRequest: Work<Report: Serialize> + DeserializeOwned {
    /// Refuses a request that is over the server's limits, before a worker sees it.
    fn check(&self, config: &ServerConfig) -> Result<(), Refusal>;

    /// Counts the report; `None` where the sandbox failed.
    fn count(metrics: &Metrics, engine: EngineKind, report: Option<&Self::Report>);
}

impl ProgramRequest for GradeRequest {
    fn check(&self, config: &ServerConfig) -> Result<(), Refusal> {
        check_code(&self.code, config)?;
        Ok(self.validate(&config.max_limits).map_err(SandboxError::from)?)
    }

    fn count(metrics: &Metrics, engine: EngineKind, report: Option<&GradeReport>) {
        match report {
            Some(report) => metrics.graded(engine, report.verdict, report.seconds),
            None => metrics.not_graded(engine),
        }
    }
}

impl ProgramRequest for RunRequest {
    fn check(&self, config: &ServerConfig) -> Result<(), Refusal> {
        check_code(&self.code, config)?;
        Ok(self.validate(&config.max_limits).map_err(SandboxError::from)?)
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
