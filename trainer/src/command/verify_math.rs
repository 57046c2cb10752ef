//! `trainer verify-math`: the maths verifier by itself, on one pair for people or on a file of pairs for pipelines.

use std::fs::File;
use std::io::{BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use clap::Args;
use math_verifier::batch::{BatchError, BatchSummary, verify_stream};
use math_verifier::{Extraction, MathConfig, MathVerdictKind, extract, extract_gold, verify};
use serde::Deserialize;
use verifiers::VerifiersConfig;

use crate::config::{Source, load_part};
use crate::failure::{Interrupted, Usage};
use crate::interrupt::Interrupt;
use crate::stdout::print;

/// What `trainer verify-math` takes.
#[derive(Debug, Args)]
pub(crate) struct VerifyMathArgs {
    /// The right final answer; without delimiters it is taken as one whole answer.
    #[arg(required_unless_present = "input", allow_hyphen_values = true)]
    gold: Option<String>,
    /// What a model wrote, its thinking included.
    #[arg(required_unless_present = "input", allow_hyphen_values = true)]
    completion: Option<String>,
    /// Also say what was compared, and which rule found it.
    #[arg(long, conflicts_with = "input")]
    explain: bool,
    /// A JSONL file of {"id", "gold", "completion"}.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["gold", "completion"])]
    input: Option<PathBuf>,
    /// Where {"id", "verdict", "stage", "reason"} go, one a line, in the input's order; standard output where absent.
    #[arg(long, value_name = "FILE", requires = "input")]
    output: Option<PathBuf>,
    /// A TOML file whose section [verifiers.math] is used.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Overrides one key, as in --set verifiers.math.extraction.last_number=false (may be given several times).
    #[arg(long, value_name = "SECTION.KEY=VALUE")]
    set: Vec<String>,
}

/// Part of a run's configuration that is read here.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Sections {
    verifiers: VerifiersConfig,
}

/// Runs the command.
///
/// # Errors
/// The configuration or a line of the input is malformed, a file cannot be read or written, or the user interrupts.
pub(crate) fn run(args: &VerifyMathArgs, interrupt: &Interrupt) -> Result<()> {
    let source = Source { path: args.config.as_deref(), assignments: args.set.clone(), moved: None };
    let config = load_part::<Sections>(&source)?.verifiers;
    config.validate().map_err(|error| Usage::error(error.to_string()))?;
    match (&args.input, &args.gold, &args.completion) {
        (Some(input), _, _) => verify_file(input, args.output.as_deref(), &config.math, interrupt),
        (None, Some(gold), Some(completion)) => {
            print(format_args!("{}\n", describe(gold, completion, args.explain, &config.math)))
        }
        _ => Err(Usage::error("give GOLD and COMPLETION, or --input")),
    }
}

/// The verdict in a line; with `explain`, a table of it and the answers compared.
fn describe(gold: &str, completion: &str, explain: bool, config: &MathConfig) -> String {
    let verdict = verify(gold, completion, config);
    let (kind, stage) = (verdict.kind.as_str(), verdict.stage.as_str());
    if !explain {
        return format!("{kind} ({stage}): {}", verdict.reason);
    }
    let answer = match extract(completion, &config.extraction) {
        Extraction::Found { rule, answer } => format!("{answer}\nfound by    the rule {}", rule.as_str()),
        Extraction::Missing(why) => format!("none: {why}"),
    };
    let gold = extract_gold(gold).unwrap_or_else(|why| format!("none: it {why}").into());
    format!(
        "verdict     {kind}\nstage       {stage}\nreason      {}\ngold        {gold}\nanswer      {answer}",
        verdict.reason,
    )
}

fn verify_file(input: &Path, output: Option<&Path>, config: &MathConfig, interrupt: &Interrupt) -> Result<()> {
    let pairs = File::open(input).with_context(|| input.display().to_string())?;
    let pairs = BufReader::with_capacity(1 << 20, pairs);
    let go_on = || interrupt.check().is_ok();
    let written = output.map_or_else(|| "standard output".into(), |path| path.display().to_string());
    let fail = |error: BatchError| match error {
        BatchError::Line { .. } => anyhow!("{}: {error}", input.display()),
        BatchError::Read(error) => anyhow!(error).context(format!("{} cannot be read", input.display())),
        BatchError::Write(error) => anyhow!(error).context(format!("{written} cannot be written")),
        BatchError::Interrupted { .. } => Interrupted.into(),
    };
    let summary = match output {
        None => verify_stream(pairs, std::io::stdout().lock(), config, go_on).map_err(fail)?,
        Some(path) => {
            let partial = Partial::create(path).with_context(|| written.clone())?;
            let file = BufWriter::with_capacity(1 << 20, &partial.file);
            let summary = verify_stream(pairs, file, config, go_on).map_err(fail)?;
            partial.keep().with_context(|| written.clone())?;
            summary
        }
    };
    say(&summary)
}

/// Writes to standard error the number of verdicts of each kind, the speed, and the slowest pair.
fn say(summary: &BatchSummary) -> Result<()> {
    let mut said = std::io::stderr().lock();
    let counts = MathVerdictKind::ALL.iter().zip(summary.num_by_kind).filter(|(_, count)| *count > 0);
    let counts: Vec<String> = counts.map(|(kind, count)| format!("{} {count}", kind.as_str())).collect();
    writeln!(said, "{} pairs: {}", summary.num_pairs, counts.join(", "))?;
    writeln!(said, "{:.0} pairs/s, {:.3} s", summary.pairs_per_second(), summary.elapsed.as_secs_f64())?;
    if let Some(slowest) = &summary.slowest {
        let milliseconds = slowest.elapsed.as_secs_f64() * 1e3;
        writeln!(said, "slowest pair: line {}, id {}, {milliseconds:.3} ms", slowest.line, slowest.id)?;
    }
    Ok(())
}

/// A file that takes its name once it is whole, and is removed otherwise. Devices and pipes are written directly.
struct Partial {
    file: File,
    temporary: Option<PathBuf>,
    path: PathBuf,
}

impl Partial {
    fn create(path: &Path) -> std::io::Result<Self> {
        let is_special = path.metadata().is_ok_and(|metadata| !metadata.is_file());
        let temporary = (!is_special).then(|| {
            let mut name = std::ffi::OsString::from(".");
            name.push(path.file_name().unwrap_or_default());
            name.push(record::atomic::TEMPORARY_SUFFIX);
            path.with_file_name(name)
        });
        let file = File::create(temporary.as_deref().unwrap_or(path))?;
        Ok(Self { file, temporary, path: path.to_owned() })
    }

    fn keep(mut self) -> std::io::Result<()> {
        match self.temporary.take() {
            Some(temporary) => std::fs::rename(temporary, &self.path),
            None => Ok(()),
        }
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        if let Some(temporary) = &self.temporary {
            // The error that ended the command is the one to report.
            let _ = std::fs::remove_file(temporary);
        }
    }
}
