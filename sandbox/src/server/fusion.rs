//! `/run_code` with the public API of SandboxFusion, so that trainers written for that service can use this one.
//!
//! The request names code, language, standard input and time-outs; the answer has an overall status, and a result for
//! the run with a status of its own. As in SandboxFusion, a program that fails is an answer with HTTP status 200.

use std::collections::BTreeMap;

use sandbox_api::{EngineKind, Language, Limits, RunReport, RunRequest, RunStatus};
use serde::{Deserialize, Serialize};

use super::app::App;
use super::caller::Caller;
use super::refusal::Refusal;
use super::reply::Reply;

/// Seconds that a run may take where the request gives no time-out.
const RUN_TIMEOUT: f64 = 10.0;

/// Body of a request. An interpreter's own compiling counts as running, whatever `compile_timeout` says.
#[derive(Debug, Deserialize)]
struct RunCodeRequest {
    code: String,
    language: String,
    #[serde(default)]
    stdin: Option<String>,
    #[serde(default)]
    compile_timeout: Option<f64>,
    #[serde(default)]
    run_timeout: Option<f64>,
    #[serde(default, rename = "memory_limit_MB")]
    memory_limit_mb: Option<i64>,
    #[serde(default)]
    files: Option<BTreeMap<String, Option<String>>>,
    #[serde(default)]
    fetch_files: Option<Vec<String>>,
}

#[derive(Debug, Serialize, PartialEq)]
enum Status {
    Success,
    Failed,
    SandboxError,
}

#[derive(Debug, Serialize, PartialEq)]
enum CommandStatus {
    Finished,
    TimeLimitExceeded,
}

#[derive(Debug, Serialize)]
struct CommandResult {
    status: CommandStatus,
    execution_time: f64,
    return_code: Option<i32>,
    stdout: String,
    stderr: String,
}

#[derive(Debug, Serialize)]
struct Response {
    status: Status,
    message: String,
    compile_result: Option<CommandResult>,
    run_result: Option<CommandResult>,
    executor_pod_name: Option<String>,
    files: BTreeMap<String, String>,
    /// The engine that the program ran on; no field of SandboxFusion's.
    engine: Option<EngineKind>,
}

/// Answers a request to run code. A full queue, a bad token and a bad request are HTTP errors; a sandbox that fails is
/// an answer with the status `SandboxError`.
pub(crate) async fn run_code(app: &App, caller: &Caller, body: &[u8]) -> Result<Reply, Refusal> {
    let request: RunCodeRequest = serde_json::from_slice(body).map_err(|error| Refusal::bad_json(&error))?;
    let (answer, is_settled) = match app.perform(caller, translate(request, &app.config.max_limits)).await {
        Ok(report) => (answered(report), true),
        Err(refusal) if refusal.is_sandbox_error() => {
            app.metrics.failed(&refusal.kind);
            (Response { message: refusal.error, ..respond(Status::SandboxError, None, None) }, false)
        }
        Err(refusal) => return Err(refusal),
    };
    Ok(Reply::ok(&answer, is_settled))
}

fn translate(request: RunCodeRequest, most: &Limits) -> RunRequest {
    let language = Language::from(request.language);
    let seconds = request.run_timeout.unwrap_or(RUN_TIMEOUT);
    let memory_bytes = match request.memory_limit_mb.map(u64::try_from) {
        Some(Ok(megabytes)) if megabytes > 0 => megabytes.saturating_mul(1 << 20),
        // In SandboxFusion -1 stands for no limit.
        _ => most.memory_bytes.min(1 << 30),
    };
    let fetch_files = request.fetch_files.unwrap_or_default();
    let output_bytes = if fetch_files.is_empty() { Limits::default().output_bytes } else { most.output_bytes };
    let limits =
        Limits { wall_seconds: seconds, cpu_seconds: seconds, memory_bytes, output_bytes, ..Limits::default() };
    // In SandboxFusion a path without bytes names no file.
    let files = request.files.unwrap_or_default().into_iter().filter_map(|(path, bytes)| Some((path, bytes?)));
    RunRequest {
        code: request.code,
        language,
        engine: None,
        stdin: request.stdin.unwrap_or_default(),
        limits,
        files: files.collect(),
        fetch_files,
        compile_seconds: request.compile_timeout,
    }
}

fn answered(report: RunReport) -> Response {
    let status = if report.status == RunStatus::Ok { Status::Success } else { Status::Failed };
    let compiler = report.compilation.as_deref();
    // A program that does not compile has no run.
    let is_run = compiler.is_none_or(|compiler| compiler.status == RunStatus::Ok);
    let run_result = is_run.then(|| command_result(&report));
    Response { engine: report.engine, files: report.files, ..respond(status, compiler.map(command_result), run_result) }
}

fn command_result(report: &RunReport) -> CommandResult {
    let is_late = report.status == RunStatus::TimeLimit;
    CommandResult {
        status: if is_late { CommandStatus::TimeLimitExceeded } else { CommandStatus::Finished },
        return_code: (!is_late).then_some(report.exit),
        execution_time: report.seconds,
        stdout: report.stdout.clone(),
        stderr: report.stderr.clone(),
    }
}

fn respond(status: Status, compile_result: Option<CommandResult>, run_result: Option<CommandResult>) -> Response {
    let executor_pod_name = std::env::var("MY_POD_NAME").ok();
    let (message, files, engine) = Default::default();
    Response { status, message, compile_result, run_result, executor_pod_name, files, engine }
}
