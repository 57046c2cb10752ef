//! Ranks that do not belong together do not start, and each says why.

use std::thread;
use std::time::Duration;

use dist::{Fingerprint, Job};

use crate::ranks::succeed;
use crate::role::environment;
use crate::says::assert_says;

/// Time for all ranks to start, on cores that are busy.
const START: Duration = Duration::from_secs(20);
/// Time until a rank is missed; those that are there start at much the same time.
const MISSED: Duration = Duration::from_secs(12);

/// Most of the time of these jobs is spent waiting, so they run beside each other.
#[test]
fn ranks_that_do_not_belong_together_do_not_start() {
    thread::scope(|scope| {
        scope.spawn(a_fingerprint_that_differs_is_named_on_every_rank);
        scope.spawn(a_rank_that_is_there_twice_is_named_on_every_rank);
        scope.spawn(a_rank_that_does_not_come_is_named_on_the_others);
        scope.spawn(a_rank_that_cannot_start_is_named_on_every_rank);
    });
}

fn a_fingerprint_that_differs_is_named_on_every_rank() {
    for (rank, log) in succeed("another configuration", 3).iter().enumerate() {
        let begin = format!("rank {rank} does not start: the ranks differ from rank 0: on rank 1 (process ");
        assert_says(log, &[&begin, "`config` is `b` and not `a`"]);
        assert!(!log.contains("`version`"), "{log}");
    }
}

fn a_rank_that_is_there_twice_is_named_on_every_rank() {
    for log in succeed("one rank twice", 3) {
        assert_says(&log, &["does not start: rank 1 is there twice: process ", "a RANK of its own"]);
    }
}

fn a_rank_that_does_not_come_is_named_on_the_others() {
    let logs = succeed("a rank is missing", 3);
    for log in &logs[..2] {
        assert_says(log, &["not there after 12.0 s: rank 2 of 3"]);
    }
}

fn a_rank_that_cannot_start_is_named_on_every_rank() {
    for log in succeed("a rank cannot start", 3) {
        assert_says(&log, &["does not start: rank 1 (process ", "cannot start: there is no such device"]);
        assert!(!log.contains("differ"), "{log}");
    }
}

fn refused(environment: &dist::Environment, config: &str, timeout: Duration) {
    let fingerprint = Fingerprint::default().with("version", "1").with("config", config);
    println!("{}", Job::start(environment, &fingerprint, timeout).unwrap_err());
}

pub(crate) fn play_difference() {
    let environment = environment();
    refused(&environment, if environment.rank == 1 { "b" } else { "a" }, START);
}

pub(crate) fn play_fault() {
    let environment = environment();
    if environment.rank == 1 {
        let fault = Fingerprint::of_fault("there is no such device");
        println!("{}", Job::start(&environment, &fault, START).unwrap_err());
    } else {
        refused(&environment, "a", START);
    }
}

pub(crate) fn play_twice() {
    let mut environment = environment();
    environment.rank = environment.rank.min(1);
    refused(&environment, "a", START);
}

pub(crate) fn play_missing() {
    let environment = environment();
    if environment.rank != 2 {
        refused(&environment, "a", MISSED);
    }
}
