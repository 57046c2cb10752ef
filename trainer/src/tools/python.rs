//! The tool `python`: a program in, what it prints out, run by the code execution server within its limits.

use futures::FutureExt;
use futures::future::BoxFuture;
use sandbox_api::{Client, Limits, RunReport, RunRequest, RunStatus};
use serde_json::{Map, Value, json};

use super::tool::{Tool, ToolError};
use crate::config::ToolsSection;

/// Bytes that a program may print, for each token of its result that is shown.
const BYTES_OF_TOKEN: u64 = 64;
/// The same for all results, at the least and at the most.
const OUTPUT_BYTES: [u64; 2] = [16 << 10, 1 << 20];

/// Runs programs on code execution servers.
pub(crate) struct PythonTool {
    client: Client,
    limits: Limits,
}

impl PythonTool {
    /// The limits of a program.
    pub(crate) fn limits(section: &ToolsSection) -> Limits {
        let [least, most] = OUTPUT_BYTES;
        Limits {
            wall_seconds: section.call_seconds,
            cpu_seconds: section.call_seconds,
            output_bytes: (section.max_result_tokens as u64).saturating_mul(BYTES_OF_TOKEN).clamp(least, most),
            ..Limits::default()
        }
    }

    /// Its description for chat templates.
    pub(crate) fn function() -> Value {
        json!({"type": "function", "function": {
            "name": "python",
            "description": "Runs a Python program and returns what it prints. Nothing is kept between calls.",
            "parameters": {
                "type": "object",
                "properties": {"code": {"type": "string", "description": "The program."}},
                "required": ["code"],
            },
        }})
    }

    /// The tool over these servers.
    pub(crate) fn new(client: Client, section: &ToolsSection) -> Self {
        Self { client, limits: Self::limits(section) }
    }

    async fn run(&self, arguments: &Map<String, Value>) -> Result<String, ToolError> {
        let Some(code) = arguments.get("code").and_then(Value::as_str) else {
            return Err(ToolError::Failed("error: the argument `code` is missing, or no text".to_owned()));
        };
        let request = RunRequest { code: code.to_owned(), limits: self.limits.clone(), ..RunRequest::default() };
        match self.client.run(&request).await {
            Ok(report) => self.said(&report),
            Err(error) => Err(ToolError::Failed(format!("error: the program was not run: {error}"))),
        }
    }

    /// What a program printed, and how it ended.
    fn said(&self, report: &RunReport) -> Result<String, ToolError> {
        let how = match report.status {
            RunStatus::Ok if report.stdout.trim().is_empty() => return Ok("(nothing was printed)".to_owned()),
            RunStatus::Ok => return Ok(report.stdout.trim_end().to_owned()),
            RunStatus::RuntimeError => format!("the program ended with status {}", report.exit),
            RunStatus::TimeLimit => format!("the program took longer than {} s", self.limits.wall_seconds),
            RunStatus::MemoryLimit => "the program asked for more memory than it may have".to_owned(),
            RunStatus::OutputLimit => "the program printed more than it may".to_owned(),
            RunStatus::ProcessLimit => "the program started more processes than it may".to_owned(),
        };
        // The end of what was printed to standard error says why, and a long output must not push it out.
        let printed = [report.stderr.trim_end(), report.stdout.trim_end()];
        let parts = std::iter::once(format!("error: {how}")).chain(printed.map(str::to_owned));
        let text = parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n");
        Err(if report.status == RunStatus::TimeLimit { ToolError::TimedOut(text) } else { ToolError::Failed(text) })
    }
}

impl std::fmt::Debug for PythonTool {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("PythonTool").field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl Tool for PythonTool {
    fn name(&self) -> &str {
        "python"
    }

    fn description(&self) -> Value {
        Self::function()
    }

    fn call<'a>(&'a self, arguments: &'a Map<String, Value>) -> BoxFuture<'a, Result<String, ToolError>> {
        self.run(arguments).boxed()
    }
}
