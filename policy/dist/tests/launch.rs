//! Ranks that are started together end together.

use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use dist::{Fingerprint, Job, Launch};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::ranks::{self, ROLE, run};
use crate::role::environment;

/// Variable with the folder that processes of processes write to.
const FOLDER: &str = "DIST_TEST_FOLDER";
const TIMEOUT: Duration = Duration::from_secs(20);

#[test]
fn the_exit_code_is_that_of_the_first_that_failed_and_the_others_are_ended() {
    let ended = run("one fails", 3);
    assert_eq!((ended.outcome.exit_code, ended.outcome.first_failed), (5, Some(1)));
    assert_eq!(ended.outcome.exit_codes, [128 + 15, 5, 128 + 15]);
}

#[test]
fn a_rank_that_stays_when_rank_0_has_ended_is_ended_and_named() {
    let folder = tempfile::tempdir().unwrap();
    // Rank 0 ends once the other no longer ends at a signal.
    let script = "if [ $RANK = 0 ]; then until [ -e \"$0\" ]; do sleep 0.01; done; else \
                  trap '' TERM; : > \"$0\"; while :; do sleep 0.05; done; fi";
    let ready = folder.path().join("ready").into_os_string().into_string().unwrap();
    let launch = Launch::new("sh", 2).args(["-c", script, &ready]).grace(Duration::from_millis(300));
    let outcome = launch.run().unwrap();
    assert_eq!((outcome.first_failed, outcome.exit_codes), (Some(1), vec![0, 128 + 9]));
}

#[test]
fn a_program_that_is_not_there_is_an_error_that_names_it() {
    let error = Launch::new("/nowhere/to/be/found", 2).run().unwrap_err().to_string();
    assert!(error.contains("rank 0 cannot be started from /nowhere/to/be/found"), "{error}");
}

#[test]
fn ranks_end_with_a_launcher_that_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let mut launcher = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "role::a_process_plays_the_role_it_is_given", "--nocapture"])
        .env(ROLE, "a launcher")
        .env(FOLDER, folder.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let processes = || -> Vec<i32> {
        let read = |rank: usize| std::fs::read_to_string(folder.path().join(rank.to_string())).ok()?.parse().ok();
        (0..2).filter_map(read).collect()
    };
    until("the ranks have started", || processes().len() == 2);
    kill(Pid::from_raw(launcher.id().cast_signed()), Signal::SIGKILL).unwrap();
    launcher.wait().unwrap();
    until("the ranks have ended", || processes().into_iter().all(has_ended));
}

/// True where there is no such process, or nobody has asked yet how it ended.
fn has_ended(process: i32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    status.rsplit(") ").next().is_none_or(|rest| rest.is_empty() || rest.starts_with('Z'))
}

fn until(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < TIMEOUT, "not within {TIMEOUT:?}: {what}");
        thread::sleep(Duration::from_millis(50));
    }
}

pub(crate) fn play_failure() {
    if environment().rank == 1 {
        std::process::exit(5);
    }
    thread::sleep(TIMEOUT * 2);
}

pub(crate) fn play_launcher() {
    let folder = std::env::var(FOLDER).unwrap();
    let launch = ranks::launch("sleepers", 2, Path::new(&folder));
    launch.run().unwrap();
}

pub(crate) fn play_sleep() {
    let job = Job::start(&environment(), &Fingerprint::default(), TIMEOUT).unwrap();
    let path = Path::new(&std::env::var(FOLDER).unwrap()).join(job.rank().to_string());
    std::fs::write(path.with_extension("part"), std::process::id().to_string()).unwrap();
    std::fs::rename(path.with_extension("part"), path).unwrap();
    thread::sleep(TIMEOUT * 2);
}
