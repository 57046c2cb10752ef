//! `trainer sandbox run`: one program under limits, its output passed on or described as JSON.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use clap::Args;
use sandbox_api::{
    Client, ClientError, EngineChoice, EngineKind, Language, ProcessNeed, RunReport, RunRequest, RunStatus,
};
use serde::Serialize;

use super::embedded;
use super::limits::LimitArgs;
use crate::failure::Usage;
use crate::stdout::print;

/// What `trainer sandbox run` takes.
#[derive(Debug, Args)]
pub(crate) struct RunProgramArgs {
    /// The program; the ending says its language.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// What it reads on standard input; nothing if unset.
    #[arg(long, value_name = "FILE")]
    stdin: Option<PathBuf>,
    /// wasm, process, or auto: the process engine for a program that needs what the wasm engine lacks.
    #[arg(long, value_name = "ENGINE", default_value_t = EngineChoice::Auto)]
    engine: EngineChoice,
    /// The language, where the file's ending does not say it: python, cpp, rust, javascript.
    #[arg(long, value_name = "NAME")]
    language: Option<String>,
    /// Print one JSON object in place of the program's output.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    limits: LimitArgs,
}

/// Output of `--json`.
#[derive(Serialize)]
struct Described<'a> {
    verdict: &'a str,
    exit_status: Option<i32>,
    stdout: &'a str,
    stderr: &'a str,
    seconds: f64,
    peak_memory_bytes: u64,
    engine: Option<EngineKind>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unmet_need: Option<ProcessNeed>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

/// Runs the command.
///
/// # Errors
/// A file cannot be read, the server does not start, or, without `--json`, the program did not end well.
pub(super) async fn run(args: RunProgramArgs) -> Result<()> {
    let limits = args.limits.limits();
    let language = match &args.language {
        Some(name) => Language::from(name.clone()),
        None => {
            let extension = args.file.extension().unwrap_or_default().to_string_lossy();
            Language::of_extension(&extension).unwrap_or_default()
        }
    };
    let request = RunRequest {
        code: read(&args.file)?,
        language,
        engine: args.engine.named(),
        stdin: args.stdin.as_deref().map(read).transpose()?.unwrap_or_default(),
        limits,
        ..RunRequest::default()
    };
    let server = embedded::start(request.wanted_engine(), 1, &request.limits).await?;
    let answer = Client::new(vec![server.url()])?.run(&request).await;
    server.shutdown().await;
    if args.json { describe(&answer) } else { pass_on(answer.map_err(|error| anyhow!(reason(&error)))?) }
}

fn read(path: &Path) -> Result<String> {
    let bytes = std::fs::read(path).map_err(|error| Usage::error(format!("{}: {error}", path.display())))?;
    String::from_utf8(bytes).map_err(|error| Usage::error(format!("{} is not UTF-8: {error}", path.display())))
}

fn reason(error: &ClientError) -> String {
    match error {
        ClientError::Refused { message, .. } => message.clone(),
        other => other.to_string(),
    }
}

fn describe(answer: &Result<RunReport, ClientError>) -> Result<()> {
    let described = match answer {
        Ok(report) => Described {
            verdict: report.status.as_str(),
            exit_status: Some(report.exit),
            stdout: &report.stdout,
            stderr: &report.stderr,
            seconds: report.seconds,
            peak_memory_bytes: report.peak_memory_bytes,
            engine: report.engine,
            unmet_need: report.unmet_need,
            detail: None,
        },
        Err(error) => Described {
            verdict: "sandbox_error",
            exit_status: None,
            stdout: "",
            stderr: "",
            seconds: 0.0,
            peak_memory_bytes: 0,
            engine: None,
            unmet_need: None,
            detail: Some(reason(error)),
        },
    };
    print(format_args!("{}\n", serde_json::to_string(&described)?))
}

fn pass_on(report: RunReport) -> Result<()> {
    print(&report.stdout)?;
    std::io::stderr().write_all(report.stderr.as_bytes()).context("standard error")?;
    if let (Some(engine), Some(need)) = (report.engine, report.unmet_need) {
        eprintln!("the {engine} engine lacks what the program needs ({need}): the process engine has it");
    }
    match report.status {
        RunStatus::Ok => Ok(()),
        status => Err(anyhow!("{} after {:.3} s, status {}", status.as_str(), report.seconds, report.exit)),
    }
}
