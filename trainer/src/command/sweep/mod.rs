//! `trainer sweep`: arms over seeds, each cell a run of this program, and a table of paired differences.

mod console;
mod failed;
mod outcome;
mod own_program;
mod phases;
mod program;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::{Args, ValueEnum};
use rollout::free_memory;
use sweep::SweepError;
use sweep::claims::{FLOOR_ARM, floor_seed};
use sweep::dry_run::describe;
use sweep::emit::{JobArray, Scheduler, check_mark, mark_of};
use sweep::file::SweepFile;
use sweep::folder::{check_folder, check_program, enter_folder};
use sweep::plan::Plan;
use sweep::runner::{Event, RunOptions, SweepEnd, run_plan};

use self::console::Console;
use self::failed::{failed, in_words, line_of, lost};
use self::outcome::{Outcome, write_page, write_plan};
use self::phases::Base;
use self::program::ThisTrainer;
use crate::failure::{Ended, Usage};
use crate::interrupt::Interrupt;
use crate::ranks::environment::refuse_ranks;
use crate::stdout::print;

/// Least time between two writings of the page while cells run.
const PAGE_INTERVAL: Duration = Duration::from_secs(15);
/// Exit code of a command that was asked to stop.
const INTERRUPTED: u8 = 130;
/// Bytes of a GiB.
const BYTES_OF_GIB: f64 = 1_073_741_824.0;

/// What `trainer sweep` takes.
#[derive(Debug, Args)]
pub(crate) struct SweepArgs {
    /// The sweep's TOML file; examples are in configs/sweeps/.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Prints arms, cells, what is shared and how long it will take, and runs nothing.
    #[arg(long, conflicts_with_all = ["cell", "collect", "retry_failed", "fail_fast", "emit"])]
    dry_run: bool,
    /// Runs one cell, by its place in the plan, and what it needs: what each index of an emitted job does.
    #[arg(long, value_name = "I", conflicts_with_all = ["collect", "emit"])]
    cell: Option<usize>,
    /// With --cell: the mark of the cells that the index is of, as an emitted job gives it; of other cells none runs.
    #[arg(long, value_name = "MARK", requires = "cell")]
    of: Option<String>,
    /// Runs nothing, and makes the result of the cells that are done.
    #[arg(long, conflicts_with_all = ["retry_failed", "fail_fast", "emit"])]
    collect: bool,
    /// Runs failed cells again, from where they failed.
    #[arg(long, conflicts_with = "emit")]
    retry_failed: bool,
    /// Ends at the first cell that fails.
    #[arg(long, conflicts_with = "emit")]
    fail_fast: bool,
    /// Goes on with this program though another one ran cells of the folder; the result says which ran which.
    #[arg(long, conflicts_with_all = ["dry_run", "emit"])]
    accept_program: bool,
    /// Prints jobs for a cluster, of which each index runs one cell.
    #[arg(long, value_name = "slurm|kubernetes", hide_possible_values = true, conflicts_with = "json")]
    emit: Option<EmitKind>,
    /// Writes the result as JSON: arms, differences, cells; of a dry run the cells.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// What `--emit` writes for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum EmitKind {
    /// A batch script with a job array.
    Slurm,
    /// An indexed job.
    Kubernetes,
}

/// Runs the command.
///
/// # Errors
/// The file is unusable, the folder holds another sweep, a cell failed, or the user interrupts.
pub(crate) fn run(args: &SweepArgs, interrupt: &Interrupt) -> Result<()> {
    refuse_ranks("sweep")?;
    let (plan, program) = plan(&args.file)?;
    // Without an end where the system does not say.
    let free_gib = free_memory().map_or(f64::INFINITY, |bytes| bytes as f64 / BYTES_OF_GIB);
    let num_at_once = plan.file.local.num_at_once(cores(), free_gib);
    check_folder(&plan).map_err(in_words)?;
    if args.dry_run {
        let described = describe(&plan, num_at_once).map_err(in_words)?;
        args.json.as_deref().map_or(Ok(()), |path| write_plan(&plan, path))?;
        return print(described);
    }
    if let Some(kind) = args.emit {
        print(jobs(args, &plan, kind)?)?;
        for sentence in plan.missing(&plan.cells) {
            progress::say(&format!("missing here, and needed where cells run: {sentence}"));
        }
        if let Err(error) = check_program(&plan) {
            progress::say(&format!("these jobs will be refused: {error}"));
        }
        return Ok(());
    }
    args.of.as_deref().map_or(Ok(()), |mark| check_mark(&plan, mark)).map_err(in_words)?;
    let (end, failures) = if args.collect {
        enter_folder(&plan, args.accept_program).map_err(in_words)?;
        (SweepEnd::Done, Vec::new())
    } else {
        if num_at_once < plan.file.local.jobs && args.cell.is_none() {
            progress::say(&format!("local.jobs: {num_at_once} at once, for cores and memory are no more"));
        }
        let options = RunOptions {
            cell: args.cell,
            num_at_once: if args.cell.is_some() { 1 } else { num_at_once },
            retries_failed: args.retry_failed,
            fails_fast: args.fail_fast,
            accepts_program: args.accept_program,
        };
        run_cells(&plan, &program, options, interrupt)?
    };
    if end == SweepEnd::Interrupted {
        return Err(Ended::error(INTERRUPTED, "interrupted; the same command goes on".into()));
    }
    // One cell of many leaves the result to --collect, and answers for none of the others.
    if args.cell.is_none() || args.json.is_some() {
        let outcome = Outcome::write(&plan, args.json.as_deref())?;
        print(outcome.text())?;
        if args.collect {
            outcome.check()?;
        }
    }
    match (end, args.cell) {
        (SweepEnd::Failed, Some(_)) => Err(failed(format!("the cell failed:{}", failures.concat()))),
        (SweepEnd::Failed, None) => Err(lost(&failures, plan.cells.len())),
        _ => Ok(()),
    }
}

/// The plan of a sweep's file, with every configuration resolved.
fn plan(path: &Path) -> Result<(Plan, ThisTrainer)> {
    let file = SweepFile::read(path).map_err(in_words)?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let base = Base::read(&file.base, folder)?;
    let phases = base.phases.clone();
    let program = ThisTrainer::new(base, file.base.launcher.clone())?;
    let seeds: Vec<u64> = file.seeds.iter().copied().map(floor_seed).collect();
    let floor = file.claims.aa.then_some((FLOOR_ARM, seeds.as_slice()));
    let plan = Plan::new(file, folder, &phases, floor, &program);
    let in_file = |error: SweepError| match error {
        SweepError::Invalid(reason) => Usage::error(format!("sweep {}: {reason}", path.display())),
        other => in_words(other),
    };
    Ok((plan.map_err(in_file)?, program))
}

/// Runs what is left; returns the end, and a line of each cell that failed. Not every failure stands in the cell's
/// folder: it may be one to write there, or another program's.
fn run_cells(
    plan: &Plan,
    program: &ThisTrainer,
    options: RunOptions,
    interrupt: &Interrupt,
) -> Result<(SweepEnd, Vec<String>)> {
    let console = Console::new(plan, options.num_at_once);
    let mut failures = Vec::new();
    let mut written: Option<Instant> = None;
    let mut tell = |event: &Event<'_>| {
        console.tell(event);
        if let Event::CellEnded { cell, failure: Some(words), .. } = event {
            failures.push(line_of(&cell.arm, cell.seed, words));
        }
        let is_due = written.is_none_or(|at| at.elapsed() >= PAGE_INTERVAL);
        if options.cell.is_none() && (is_due || matches!(event, Event::CellEnded { .. })) {
            written = Some(Instant::now());
            if let Err(error) = write_page(plan) {
                tracing::warn!("the page waits: {error:#}");
            }
        }
    };
    let is_asked = || interrupt.asked().is_some();
    let end = run_plan(plan, program, options, &is_asked, &mut tell).map_err(in_words)?;
    Ok((end, failures))
}

fn jobs(args: &SweepArgs, plan: &Plan, kind: EmitKind) -> Result<String> {
    let file = args.file.display().to_string();
    let (name, num_cells, mark) = (plan.file.name.as_str(), plan.cells.len(), mark_of(plan));
    let array = JobArray { name, file: &file, num_cells, mark: &mark, cluster: &plan.file.cluster };
    let scheduler = match kind {
        EmitKind::Slurm => Scheduler::Slurm,
        EmitKind::Kubernetes => Scheduler::Kubernetes,
    };
    array.write(scheduler).map_err(in_words)
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}
