//! `trainer sandbox grade`: a file of solutions against a file of tasks, a verdict a line, and a table at the end.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result, anyhow};
use clap::Args;
use progress::{Progress, Unit};
use sandbox::{BatchError, BatchOptions, LineVerdict, Tasks, VerdictLine, grade_solutions};
use sandbox_api::{EngineChoice, EngineKind, GradeVerdict};

use super::embedded;
use super::limits::LimitArgs;
use crate::failure::Usage;
use crate::interrupt::Interrupt;

/// What `trainer sandbox grade` takes.
#[derive(Debug, Args)]
pub(crate) struct GradeArgs {
    /// JSONL of {"id", "kind": "stdio" | "function" | "asserts", "entry_point", "tests"}.
    #[arg(value_name = "TASKS")]
    tasks: PathBuf,
    /// JSONL of {"id", "task_id", "code"}.
    #[arg(value_name = "SOLUTIONS")]
    solutions: PathBuf,
    /// wasm, process, or auto: the process engine for a program that needs what the wasm engine lacks.
    #[arg(long, value_name = "ENGINE", default_value_t = EngineChoice::Auto)]
    engine: EngineChoice,
    /// Programs that run at once; 0 takes one for each core.
    #[arg(long, default_value_t = 0)]
    jobs: usize,
    /// Where the verdicts go, one a line, in the solutions' order; standard output if unset.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Leave out the cases after the first that fails.
    #[arg(long)]
    stop_at_first_failure: bool,
    #[command(flatten)]
    limits: LimitArgs,
}

/// Runs the command.
///
/// # Errors
/// A file cannot be read or written, a task is malformed, the server does not start, or the user interrupts.
pub(super) async fn run(args: GradeArgs, interrupt: &Interrupt) -> Result<()> {
    let limits = args.limits.limits();
    let tasks = Tasks::read(&args.tasks).map_err(|error| Usage::error(error.to_string()))?;
    let num_solutions = count_lines(&args.solutions)?;
    let mut output = VerdictSink::create(args.output.as_deref())?;
    let server = embedded::start(args.engine.named(), args.jobs, &limits).await?;
    let jobs = if args.jobs == 0 { std::thread::available_parallelism().map_or(1, usize::from) } else { args.jobs };
    let options = BatchOptions {
        url: server.url(),
        engine: args.engine.named(),
        limits,
        stop_at_first_failure: args.stop_at_first_failure,
        num_open: jobs * 2,
    };
    let progress = Progress::start("grade", Unit::Parts, Some(num_solutions));
    let began = Instant::now();
    let mut table = Table::default();
    let mut failed = None;
    let graded = grade_solutions(&tasks, &args.solutions, &options, |line| {
        table.count(&line);
        progress.reach(table.num_lines, &table.summary());
        failed = output.write(&line).err();
        failed.is_none() && interrupt.check().is_ok()
    })
    .await;
    server.shutdown().await;
    progress.finish(&table.summary());
    failed.map_or(Ok(()), Err)?;
    graded.map_err(|error| match error {
        BatchError::Read { .. } => Usage::error(error.to_string()),
        error => error.into(),
    })?;
    interrupt.check()?;
    eprintln!("{}", table.text(began.elapsed().as_secs_f64()));
    Ok(())
}

/// Number of lines that are not blank.
fn count_lines(path: &Path) -> Result<u64> {
    let bytes = std::fs::read(path).map_err(|error| Usage::error(format!("{}: {error}", path.display())))?;
    Ok(bytes.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()).count() as u64)
}

/// File or standard output that takes the verdicts.
struct VerdictSink {
    sink: BufWriter<Box<dyn Write>>,
    name: String,
}

impl VerdictSink {
    fn create(path: Option<&Path>) -> Result<Self> {
        let (sink, name): (Box<dyn Write>, _) = match path {
            None => (Box::new(io::stdout()), "standard output".to_owned()),
            Some(path) => {
                let name = path.display().to_string();
                (Box::new(File::create(path).map_err(|error| Usage::error(format!("--output {name}: {error}")))?), name)
            }
        };
        Ok(Self { sink: BufWriter::new(sink), name })
    }

    /// Writes a line and flushes it, so that it stays whatever comes after.
    fn write(&mut self, line: &VerdictLine) -> Result<()> {
        let mut text = serde_json::to_string(line).map_err(|error| anyhow!(error))?;
        text.push('\n');
        let written = self.sink.write_all(text.as_bytes()).and_then(|()| self.sink.flush());
        written.with_context(|| self.name.clone())
    }
}

/// Number of lines by verdict.
#[derive(Default)]
struct Table {
    counts: HashMap<LineVerdict, u64>,
    judged_by: HashMap<EngineKind, u64>,
    num_lines: u64,
    program_seconds: f64,
}

impl Table {
    fn count(&mut self, line: &VerdictLine) {
        *self.counts.entry(line.verdict).or_default() += 1;
        if let Some(engine) = line.engine {
            *self.judged_by.entry(engine).or_default() += 1;
        }
        self.num_lines += 1;
        self.program_seconds += line.seconds;
    }

    fn of(&self, verdict: LineVerdict) -> u64 {
        self.counts.get(&verdict).copied().unwrap_or(0)
    }

    fn summary(&self) -> String {
        let (passed, errors) = (self.of(LineVerdict::Graded(GradeVerdict::Passed)), self.of(LineVerdict::SandboxError));
        if errors == 0 { format!("{passed} passed") } else { format!("{passed} passed, {errors} sandbox errors") }
    }

    fn text(&self, seconds: f64) -> String {
        let mut text = format!("{:<16}{:>8}{:>9}\n", "verdict", "count", "share");
        for verdict in LineVerdict::all().filter(|verdict| self.of(*verdict) > 0) {
            let count = self.of(verdict);
            let share = 100.0 * count as f64 / self.num_lines as f64;
            text.push_str(&format!("{:<16}{count:>8}{share:>8.1}%\n", verdict.as_str()));
        }
        let judged = |engine: &EngineKind| self.judged_by.get(engine).map(|count| format!("{count} by {engine}"));
        let engines: Vec<String> = EngineKind::ALL.iter().filter_map(judged).collect();
        if !engines.is_empty() {
            text.push_str(&format!("judged {}\n", engines.join(", ")));
        }
        let rate = self.num_lines as f64 / seconds.max(1e-9);
        text.push_str(&format!(
            "{} solutions in {seconds:.1} s ({rate:.0} a second), {:.1} s of it in programs",
            self.num_lines, self.program_seconds
        ));
        text
    }
}
