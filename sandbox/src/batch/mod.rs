//! Grades a file of solutions against a file of tasks. The verdicts come one by one, in the order of the solutions.
//!
//! A line that cannot be graded gets the verdict `sandbox_error` with its reason, and the other lines are graded all
//! the same. Knows nothing of where verdicts are written.

mod error;
mod solution;
mod task;
mod verdict;

use std::collections::VecDeque;
use std::io::{BufRead, BufReader};
use std::path::Path;

use sandbox_api::{Client, ClientError, ClientOptions, EngineKind, GradeRequest, Limits};
use tokio::task::JoinHandle;

pub use self::error::BatchError;
use self::solution::Solution;
pub use self::task::Tasks;
pub use self::verdict::{LineVerdict, VerdictLine};

/// Seconds that a submission may wait for its turn, on top of the time that its programs may take.
const WAITING_SECONDS: f64 = 600.0;

/// Options of grading.
#[derive(Debug, Clone)]
pub struct BatchOptions {
    /// URL of the server.
    pub url: String,
    /// Engine that runs the programs; the server's choice if unset.
    pub engine: Option<EngineKind>,
    /// Limits of each started program.
    pub limits: Limits,
    /// Leaves out the cases after the first failed one.
    pub stop_at_first_failure: bool,
    /// Most submissions under way at one time; 0 counts as 1.
    pub num_open: usize,
}

/// Grades `solutions` and hands each line's verdict to `take`, in order, until `take` returns false.
///
/// # Errors
/// The file cannot be read, or the server's URL is none. A line that is no solution is no error: it gets a verdict.
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

/// Waits for the first of `open` and hands it to `take`; where that wants no more, ends the others and returns false.
async fn take_first(open: &mut VecDeque<JoinHandle<VerdictLine>>, take: &mut impl FnMut(VerdictLine) -> bool) -> bool {
    let Some(first) = open.pop_front() else { return true };
    let goes_on = take(finished(first).await);
    if !goes_on {
        open.drain(..).for_each(|task| task.abort());
    }
    goes_on
}

/// Starts to grade one line.
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
        // There is one server only, and each of its errors concerns one line.
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
