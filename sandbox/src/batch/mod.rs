//! Grades a file of solutions against a file of tasks: verdicts in the solutions' order, as they come.
//!
//! A line that cannot be graded gets the verdict `sandbox_error` with its reason, and the rest goes on. Knows nothing of
//! where verdicts are written.

mod solution;
mod task;
mod verdict;

use std::collections::VecDeque;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use sandbox_api::{Client, ClientError, ClientOptions, EngineKind, GradeReport, GradeRequest, Limits};
use solution::Solution;
pub use task::Tasks;
use tokio::task::JoinHandle;
pub use verdict::{LineVerdict, VerdictLine};

/// Seconds that a submission may wait for its turn, past the time its programs may take.
const WAITING_SECONDS: f64 = 600.0;

/// A file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// It cannot be read.
    #[error("{path}: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A line of the tasks is no task.
    #[error("{path} line {line}: {reason}")]
    Task {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// Why not, and what it should be.
        reason: String,
    },
    /// The client cannot be made.
    #[error(transparent)]
    Client(#[from] ClientError),
}

/// How to grade.
#[derive(Debug, Clone)]
pub struct BatchOptions {
    /// The server.
    pub url: String,
    /// The engine; the server's default if unset.
    pub engine: Option<EngineKind>,
    /// The limits of each started program.
    pub limits: Limits,
    /// Whether the cases after the first failed one are left out.
    pub stop_at_first_failure: bool,
    /// Submissions under way at one time.
    pub num_open: usize,
}

/// Grades `solutions` and hands each line's verdict to `take`, in order, until it answers false.
///
/// # Errors
/// The file cannot be read, or the server's address is none; a line that is no solution is not an error but a verdict.
pub async fn grade_solutions(
    tasks: &Tasks,
    solutions: &Path,
    options: &BatchOptions,
    mut take: impl FnMut(VerdictLine) -> bool,
) -> Result<(), BatchError> {
    let unreadable = |source| BatchError::Read { path: solutions.to_owned(), source };
    let file = std::fs::File::open(solutions).map_err(unreadable)?;
    let client = client(options)?;
    let mut open: VecDeque<JoinHandle<VerdictLine>> = VecDeque::new();
    for (index, line) in BufReader::new(file).split(b'\n').enumerate() {
        let line = line.map_err(unreadable)?;
        if line.trim_ascii().is_empty() {
            continue;
        }
        if open.len() >= options.num_open.max(1) && !take_first(&mut open, &mut take).await {
            return Ok(());
        }
        open.push_back(start(tasks, solutions, index + 1, &line, options, &client));
    }
    while !open.is_empty() && take_first(&mut open, &mut take).await {}
    Ok(())
}

/// Waits for the first of `open` and hands it over; ends the others where no more are wanted.
async fn take_first(open: &mut VecDeque<JoinHandle<VerdictLine>>, take: &mut impl FnMut(VerdictLine) -> bool) -> bool {
    let Some(first) = open.pop_front() else { return true };
    let goes_on = take(finished(first).await);
    if !goes_on {
        open.drain(..).for_each(|task| task.abort());
    }
    goes_on
}

/// Begins with one line.
fn start(
    tasks: &Tasks,
    path: &Path,
    number: usize,
    line: &[u8],
    options: &BatchOptions,
    client: &Client,
) -> JoinHandle<VerdictLine> {
    let place = |reason: String| format!("{} line {number}: {reason}", path.display());
    let solution = match Solution::read(line) {
        Ok(solution) => solution,
        Err(unreadable) => {
            let line = VerdictLine::sandbox_error(unreadable.id, unreadable.task_id, 0, place(unreadable.reason));
            return tokio::spawn(async { line });
        }
    };
    let refused = |num_cases, reason: String| {
        VerdictLine::sandbox_error(solution.id.clone(), solution.task_id.clone(), num_cases, reason)
    };
    let request = match tasks.find(&solution.task_id) {
        None => Err(refused(0, place(format!("there is no task {} in {}", solution.task_id, tasks.path().display())))),
        Some(Err(reason)) => Err(refused(0, reason.clone())),
        Some(Ok(task)) => Ok(GradeRequest {
            code: solution.code.clone(),
            language: solution.language.clone().unwrap_or_else(|| task.language.clone()),
            engine: options.engine,
            tests: task.tests.clone(),
            limits: options.limits.clone(),
            stop_at_first_failure: options.stop_at_first_failure,
        }),
    };
    let request = match request {
        Ok(request) => request,
        Err(line) => return tokio::spawn(async { line }),
    };
    let client = client.clone();
    tokio::spawn(async move {
        let num_cases = request.tests.len();
        match client.grade(&request).await {
            Ok(report) => VerdictLine::graded(solution.id, solution.task_id, report),
            Err(error) => VerdictLine::sandbox_error(
                solution.id,
                solution.task_id,
                num_cases,
                sandbox_api::cut(&error.to_string()),
            ),
        }
    })
}

/// A client that waits as long as all submissions under way may take.
fn client(options: &BatchOptions) -> Result<Client, ClientError> {
    let timeout_seconds = options.limits.submission_seconds * (1.0 + options.num_open as f64) + WAITING_SECONDS;
    let client = ClientOptions {
        timeout_seconds,
        attempt_seconds: timeout_seconds,
        attempts: 2,
        // One server, and each of its errors is one line's.
        breaker_failures: usize::MAX,
        ..ClientOptions::default()
    };
    Client::with_options(vec![options.url.clone()], client)
}

async fn finished(task: JoinHandle<VerdictLine>) -> VerdictLine {
    task.await.unwrap_or_else(|error| {
        VerdictLine::sandbox_error(serde_json::Value::Null, serde_json::Value::Null, 0, error.to_string())
    })
}

impl VerdictLine {
    fn graded(id: serde_json::Value, task_id: serde_json::Value, report: GradeReport) -> Self {
        Self {
            id,
            task_id,
            verdict: LineVerdict::Graded(report.verdict),
            passed_cases: report.num_passed,
            cases: report.num_tests,
            detail: report.reason,
            seconds: report.seconds,
        }
    }

    fn sandbox_error(id: serde_json::Value, task_id: serde_json::Value, cases: usize, detail: String) -> Self {
        Self { id, task_id, verdict: LineVerdict::SandboxError, passed_cases: 0, cases, detail, seconds: 0.0 }
    }
}
