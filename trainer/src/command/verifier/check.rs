//! `trainer verifier check`: verdicts on cases, agreement with what is expected, rate, and the slowest.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result};
use clap::Args;
use datasets::near::with_near_name;
use record::atomic::write_file;
use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::{Error, StrDeserializer};
use verifiers::{Judgement, PythonIsolation, RewardConfig, VerifierVerdict};

use super::spec::resolve;
use crate::command::verify::{Case, CaseFile, Expected, VerdictLine, judge_cases};
use crate::config::{ReinforceRun, Source, load};
use crate::failure::Usage;
use crate::interrupt::Interrupt;
use crate::judge::Judge;
use crate::stdout::print;

/// Disagreements and failures, each, that are described.
const DESCRIBED: usize = 10;

/// What `trainer verifier check` takes.
#[derive(Debug, Args)]
pub(crate) struct CheckArgs {
    /// The verifier: the name of a built-in or configured one, a Python file (FILE.py),
    /// a WebAssembly component (FILE.wasm), the address of a service, or a command line.
    spec: String,
    /// Where a Python file runs: wasm (the default), jail or trusted.
    #[arg(long, value_parser = isolation)]
    isolation: Option<PythonIsolation>,
    /// A JSONL file of {"id", "ground_truth", "completion"} as `trainer verify` reads it; "expected" says whether it
    /// passes: true, false, or null for no verdict.
    #[arg(long, value_name = "FILE")]
    input: PathBuf,
    /// Cases that are judged at a time: many for the rate of a verifier that batches, 1 for the time of one verdict.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=4096), value_name = "N")]
    in_flight: u16,
    /// Also write the verdicts to this file, as `trainer verify` does.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// A run's TOML file, whose sections [verifiers] and [sandbox] are used.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Overrides one key, as in --set verifiers.code.partial_credit=true (may be given several times).
    #[arg(long, value_name = "SECTION.KEY=VALUE")]
    set: Vec<String>,
}

fn isolation(word: &str) -> Result<PythonIsolation, String> {
    let word: StrDeserializer<'_, Error> = word.into_deserializer();
    PythonIsolation::deserialize(word).map_err(|error| with_near_name(&error.to_string()))
}

/// Runs the command and prints what it found.
///
/// # Errors
/// The input is bad, the verifier cannot work, a file cannot be written, or the user interrupts.
pub(super) async fn run(args: CheckArgs, interrupt: Interrupt) -> Result<()> {
    let source = Source { path: args.config.as_deref(), assignments: args.set.clone(), moved: None };
    let mut config: ReinforceRun = load(&source)?;
    let name = resolve(&args.spec, args.isolation, &mut config.verifiers)?;
    config.verifiers.validate().map_err(|error| Usage::error(error.to_string()))?;
    let names = [name.clone()].into();
    let judge = Judge::start_for(&names, &config.verifiers, &RewardConfig::default(), &config.sandbox).await?;
    let result = check(&args, &name, &judge, &interrupt).await;
    judge.stop().await;
    print(result?)
}

async fn check(args: &CheckArgs, name: &str, judge: &Judge, interrupt: &Interrupt) -> Result<String> {
    let cases = interrupt.race(CaseFile::read(&args.input)?.cases(judge.verifiers(), Some(name))).await??;
    let started = Instant::now();
    let judgements = judge_cases(&cases, judge.verifiers(), usize::from(args.in_flight), interrupt).await?;
    let seconds = started.elapsed().as_secs_f64();
    let said: Vec<_> = cases.iter().zip(&judgements).flat_map(verdicts).collect();
    if let Some(path) = &args.output {
        let mut text = Vec::new();
        for (case, verdict) in &said {
            serde_json::to_writer(&mut text, &VerdictLine::new(case, verdict))?;
            text.push(b'\n');
        }
        write_file(path, &text).with_context(|| path.display().to_string())?;
    }
    summary(&said, seconds)
}

fn verdicts<'a>(
    (case, judgements): (&'a Case, &'a Vec<Judgement>),
) -> impl Iterator<Item = (&'a Case, &'a VerifierVerdict)> {
    judgements.iter().flat_map(|judgement| &judgement.verdicts).map(move |said| (case, said))
}

/// The kinds, the agreement, the rate and the slowest, for a person.
fn summary(said: &[(&Case, &VerifierVerdict)], seconds: f64) -> Result<String> {
    let mut text = String::new();
    let mut counts: BTreeMap<_, usize> = BTreeMap::new();
    for (_, verdict) in said {
        *counts.entry(verdict.kind()).or_default() += 1;
    }
    let counts: Vec<_> = counts.iter().map(|(kind, count)| format!("{} {count}", kind.as_str())).collect();
    writeln!(text, "verdicts    {}: {}", said.len(), counts.join(", "))?;
    let expected: Vec<_> =
        said.iter().filter_map(|(case, verdict)| Some((case, verdict, agrees(case, verdict)?))).collect();
    let agree = expected.iter().filter(|(_, _, agrees)| *agrees).count();
    match expected.len() {
        0 => writeln!(text, "agreement   no case says what is expected")?,
        num => writeln!(text, "agreement   {agree} of {num}, {:.1} %", 100.0 * agree as f64 / num as f64)?,
    }
    writeln!(text, "rate        {:.0} verdicts/s, {seconds:.3} s", said.len() as f64 / seconds.max(1e-9))?;
    if let Some((case, slowest)) = said.iter().max_by(|a, b| a.1.seconds.total_cmp(&b.1.seconds)) {
        writeln!(text, "slowest     {:.3} s, id {}", slowest.seconds, case.id)?;
    }
    for (case, verdict, _) in expected.iter().filter(|(_, _, agrees)| !agrees).take(DESCRIBED) {
        let (id, kind, reason) = (&case.id, verdict.kind().as_str(), verdict.reason());
        writeln!(text, "disagrees   id {id}: {kind}, expected {}: {reason}", case.expected)?;
    }
    let failed = said.iter().filter(|(_, verdict)| verdict.verdict.is_err());
    for (case, verdict) in failed.take(DESCRIBED) {
        writeln!(text, "failed      id {}: {}", case.id, verdict.reason())?;
    }
    Ok(text)
}

/// Whether a verdict is the expected one; `None` where the case does not say.
fn agrees(case: &Case, said: &VerifierVerdict) -> Option<bool> {
    match &case.expected {
        Expected::Passes(expected) => {
            Some(said.verdict.as_ref().is_ok_and(|verdict| said.kind().is_verdict() && verdict.passed() == *expected))
        }
        Expected::NoVerdict => Some(!said.kind().is_verdict()),
        Expected::Unknown => None,
    }
}
