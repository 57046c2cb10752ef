//! Several processes of this test binary, each in a role, within a time.
//!
//! Test binaries of other crates take this file in beside a module `role` of their own.

use std::path::Path;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use dist::{Launch, Outcome};

use super::role::ENTRY;

/// Longest life of a job in these tests: longer is a hang.
const BOUND: Duration = Duration::from_secs(50);

/// Variable that tells a process its role.
pub(crate) const ROLE: &str = "DIST_TEST_ROLE";

/// How a job ended, and what each rank printed.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) outcome: Outcome,
    pub(crate) logs: Vec<String>,
}

/// The launch of `num_ranks` processes in `role`, which print to `folder`.
pub(crate) fn launch(role: &str, num_ranks: usize, folder: &Path) -> Launch {
    let program = std::env::current_exe().expect("the test binary has a path");
    Launch::new(program, num_ranks)
        .args(["--exact", ENTRY, "--nocapture", "--test-threads=1"])
        .env(ROLE, role)
        .env("OMP_NUM_THREADS", "1")
        .grace(Duration::from_secs(1))
        .logs(folder)
}

/// Runs `num_ranks` processes in `role` to their end.
pub(crate) fn run(role: &str, num_ranks: usize) -> Ended {
    let folder = tempfile::tempdir().expect("a folder for logs");
    let launch = launch(role, num_ranks, folder.path());
    let (ended, outcome) = mpsc::channel();
    thread::spawn(move || ended.send(launch.run()));
    let read =
        |rank: usize| std::fs::read_to_string(folder.path().join(format!("rank-{rank}.log"))).unwrap_or_default();
    let outcome = match outcome.recv_timeout(BOUND) {
        Ok(outcome) => outcome.expect("the ranks start"),
        Err(_) => panic!("{role} hangs; its ranks say {:#?}", (0..num_ranks).map(read).collect::<Vec<_>>()),
    };
    Ended { outcome, logs: (0..num_ranks).map(read).collect() }
}

/// As [`run`], for a role in which every rank succeeds.
pub(crate) fn succeed(role: &str, num_ranks: usize) -> Vec<String> {
    let ended = run(role, num_ranks);
    assert_eq!(ended.outcome.exit_code, 0, "{:?}\n{}", ended.outcome, ended.logs.join("\n---\n"));
    ended.logs
}
