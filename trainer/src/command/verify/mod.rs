//! `trainer verify`: completions judged by the verifiers of a configuration, without a model.

mod cases;
mod judge_cases;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use record::atomic::write_file;
use serde::Serialize;
use serde_json::Value;
use verifiers::{RewardConfig, Verdict, VerifierVerdict, Verifiers};

pub(crate) use self::cases::{Case, CaseFile, Expected};
pub(crate) use self::judge_cases::judge_cases;
use crate::config::{ReinforceRun, Source, load};
use crate::failure::Usage;
use crate::interrupt::Interrupt;
use crate::judge::Judge;
use crate::stdout::print;

/// Cases that are judged at a time.
const IN_FLIGHT: usize = 512;

/// What `trainer verify` takes.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// A JSONL file of {"id", "verifier", "ground_truth", "completion"}; optional: messages, tools, thinking_open,
    /// source, meta. A group has a list, completions, in the place of completion.
    #[arg(long, value_name = "FILE")]
    input: PathBuf,
    /// Where {"id", "verifier", "verdict", "passed", "score", "reason", "seconds"} go, one a line, in the input's
    /// order; a group gives a line for each completion. Standard output where absent.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// A run's TOML file, whose sections [verifiers] and [sandbox] are used.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Overrides one key, as in --set verifiers.code.partial_credit=true (may be given several times).
    #[arg(long, value_name = "SECTION.KEY=VALUE")]
    set: Vec<String>,
}

/// A line of the output.
#[derive(Serialize)]
pub(crate) struct VerdictLine<'a> {
    id: &'a Value,
    verifier: &'a str,
    /// The kind of the verdict, or of the reason why there is none.
    verdict: &'static str,
    /// The verifier's own finer word, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
    /// `None` where there is no verdict.
    passed: Option<bool>,
    score: Option<f32>,
    reason: String,
    seconds: f64,
}

impl<'a> VerdictLine<'a> {
    /// The line of one verifier's verdict on a completion of the case.
    pub(crate) fn new(case: &'a Case, said: &'a VerifierVerdict) -> Self {
        let kind = said.kind();
        let verdict = said.verdict.as_ref().ok().filter(|_| kind.is_verdict());
        Self {
            id: &case.id,
            verifier: &said.verifier,
            verdict: kind.as_str(),
            detail: said.detail(),
            passed: verdict.map(Verdict::passed),
            score: verdict.map(|verdict| verdict.score),
            reason: match &said.verdict {
                Ok(verdict) => verdict.reason.clone(),
                Err(error) => error.to_string(),
            },
            seconds: said.seconds,
        }
    }
}

/// Runs the command.
///
/// # Errors
/// The configuration or a line of the input is malformed, a verifier cannot start, a file cannot be read or written, or
/// the user interrupts.
pub(crate) async fn run(args: VerifyArgs, interrupt: Interrupt) -> Result<()> {
    let source = Source { path: args.config.as_deref(), assignments: args.set.clone(), moved: None };
    let config: ReinforceRun = load(&source)?;
    config.verifiers.validate().map_err(|error| Usage::error(error.to_string()))?;
    let file = CaseFile::read(&args.input)?;
    let judge =
        Judge::start_for(&file.verifier_names(), &config.verifiers, &RewardConfig::default(), &config.sandbox).await?;
    let result = verify_file(file, args.output.as_deref(), judge.verifiers(), &interrupt).await;
    judge.stop().await;
    result
}

async fn verify_file(
    file: CaseFile,
    output: Option<&Path>,
    verifiers: &Verifiers,
    interrupt: &Interrupt,
) -> Result<()> {
    let cases = interrupt.race(file.cases(verifiers, None)).await??;
    let judgements = judge_cases(&cases, verifiers, IN_FLIGHT, interrupt).await?;
    let mut text = Vec::new();
    for (case, judgements) in cases.iter().zip(&judgements) {
        for said in judgements.iter().flat_map(|judgement| &judgement.verdicts) {
            serde_json::to_writer(&mut text, &VerdictLine::new(case, said))?;
            text.push(b'\n');
        }
    }
    match output {
        Some(path) => write_file(path, &text).with_context(|| path.display().to_string()),
        None => print(String::from_utf8_lossy(&text)),
    }
}
