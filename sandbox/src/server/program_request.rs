//! A request to run or grade a program, as the server sees it: checked before it is queued, counted with its report.

use axum::http::StatusCode;
use sandbox_api::{EngineKind, GradeReport, GradeRequest, Language, ProcessNeed, RunReport, RunRequest, Tests};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::refusal::Refusal;
use crate::grade::Attempt;
use crate::metrics::Metrics;
use crate::pool::Work;
use crate::{SandboxError, ServerConfig};

/// Work that callers ask for in JSON.
pub(super) trait ProgramRequest: Work<Report = Attempt<Self::Answer>> + DeserializeOwned {
    /// The report that callers get.
    type Answer: Serialize + Send;

    /// Refuses a request that is over the server's limits, before a worker sees it.
    fn check(&self, config: &ServerConfig) -> Result<(), Refusal>;

    /// The engine that the request names or needs by its language; `None` if any will do.
    fn named_engine(&self) -> Option<EngineKind>;

    /// True where the program's instructions are counted.
    fn counts_fuel(&self) -> bool;

    /// The Python that the engine will run: the program's, and that of its tests; nothing in other languages.
    fn sources(&self) -> Vec<&str>;

    /// Writes into the report which engine it is from, and what the program needs and that engine lacks.
    fn sign(report: &mut Self::Answer, engine: EngineKind, unmet_need: Option<ProcessNeed>);

    /// Counts the report; `None` where the sandbox failed.
    fn count(metrics: &Metrics, engine: EngineKind, report: Option<&Self::Answer>);
}

impl ProgramRequest for GradeRequest {
    type Answer = GradeReport;

    fn check(&self, config: &ServerConfig) -> Result<(), Refusal> {
        check_code(&self.code, config)?;
        Ok(self.validate(&config.max_limits).map_err(SandboxError::from)?)
    }

    fn named_engine(&self) -> Option<EngineKind> {
        self.wanted_engine()
    }

    fn counts_fuel(&self) -> bool {
        self.limits.fuel.is_some()
    }

    fn sources(&self) -> Vec<&str> {
        let mut sources = if self.language == Language::Python { vec![self.code.as_str()] } else { Vec::new() };
        match &self.tests {
            Tests::Asserts { setup, tests } => {
                sources.push(setup);
                sources.extend(tests.iter().map(String::as_str));
            }
            Tests::Checked { checker, .. } => sources.push(checker),
            Tests::Stdio { .. } | Tests::Function { .. } => {}
        }
        sources
    }

    fn sign(report: &mut GradeReport, engine: EngineKind, unmet_need: Option<ProcessNeed>) {
        (report.engine, report.unmet_need) = (Some(engine), unmet_need);
    }

    fn count(metrics: &Metrics, engine: EngineKind, report: Option<&GradeReport>) {
        match report {
            Some(report) => metrics.graded(engine, report.verdict, report.seconds),
            None => metrics.not_graded(engine),
        }
    }
}

impl ProgramRequest for RunRequest {
    type Answer = RunReport;

    fn check(&self, config: &ServerConfig) -> Result<(), Refusal> {
        check_code(&self.code, config)?;
        Ok(self.validate(&config.max_limits).map_err(SandboxError::from)?)
    }

    fn named_engine(&self) -> Option<EngineKind> {
        self.wanted_engine()
    }

    fn counts_fuel(&self) -> bool {
        self.limits.fuel.is_some()
    }

    fn sources(&self) -> Vec<&str> {
        if self.language == Language::Python { vec![&self.code] } else { Vec::new() }
    }

    fn sign(report: &mut RunReport, engine: EngineKind, unmet_need: Option<ProcessNeed>) {
        (report.engine, report.unmet_need) = (Some(engine), unmet_need);
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
