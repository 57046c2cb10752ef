//! What survivors say of a peer that ends, stops or is somewhere else.

use std::thread;
use std::time::{Duration, Instant};

use dist::{Backend, DistError, Job, ProcessGroup, Reduction};
use nix::sys::signal::{Signal, raise};
use tch::{Kind, Tensor};

use crate::ranks::{run, succeed};
use crate::role::start;
use crate::says::assert_says;

/// Time-out of operations.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Time for all ranks to start, on cores that are busy.
const START: Duration = Duration::from_secs(20);
/// Time after the time-out within which the peer is named.
const NAMED_WITHIN: Duration = Duration::from_secs(30);

/// Most of the time of these jobs is spent waiting, so they run beside each other.
#[test]
fn survivors_name_a_peer_that_dies_stops_or_is_behind() {
    thread::scope(|scope| {
        scope.spawn(a_peer_that_dies_is_named_by_all_others);
        scope.spawn(a_peer_that_stops_is_named_by_all_others_and_killed_by_the_launcher);
        scope.spawn(a_host_of_the_store_that_stops_is_named);
        scope.spawn(a_peer_that_does_something_else_is_named_with_its_place);
        scope.spawn(a_group_to_which_not_all_come_is_not_made);
    });
}

fn a_peer_that_dies_is_named_by_all_others() {
    let logs = succeed("a peer dies", 4);
    for rank in [0, 1, 3] {
        let failed = format!("group `all` (ranks 0, 1, 2, 3): operation 1 (all_reduce) failed on rank {rank} after");
        assert_says(&logs[rank], &[&failed, "a peer has ended or given up", "before the time-out"]);
        assert_not_heard_of(&logs[rank], "2");
    }
}

fn a_peer_that_stops_is_named_by_all_others_and_killed_by_the_launcher() {
    let ended = run("a peer stops", 3);
    for rank in [0, 1] {
        let failed = format!("operation 1 (all_reduce) failed on rank {rank} after ");
        assert_says(&ended.logs[rank], &[&failed, "not heard of for", "named in time"]);
        assert_not_heard_of(&ended.logs[rank], "2");
    }
    assert_eq!(ended.outcome.exit_codes[2], 128 + 9);
}

/// Asserts that a rank is missed; on a busy machine another may be, whose sign of life came late.
fn assert_not_heard_of(log: &str, rank: &str) {
    let missed = log.lines().filter_map(|line| line.split_once("not heard of: rank ")).map(|(_, ranks)| ranks);
    let is_missed = missed.flat_map(|ranks| ranks.split(", ")).any(|missed| missed == rank);
    assert!(is_missed, "rank {rank} is not missed in:\n{log}");
}

fn a_host_of_the_store_that_stops_is_named() {
    let ended = run("the host stops", 2);
    let texts =
        ["operation 1 (all_reduce) failed on rank 1", "no rank could be asked", "rank 0 is stopped", "named in time"];
    assert_says(&ended.logs[1], &texts);
}

fn a_peer_that_does_something_else_is_named_with_its_place() {
    let logs = succeed("a peer is elsewhere", 3);
    for log in &logs[..2] {
        let words =
            ["no answer within 5.0 s", "behind: rank 2\n", "judging  after `all` barrier 0", "is at operation 1"];
        assert_says(log, &words);
    }
}

fn a_group_to_which_not_all_come_is_not_made() {
    let words = ["group `all` (ranks 0, 1): the meeting of its ranks failed on rank 0 after", "not all of them came"];
    assert_says(&succeed("a member is missing", 2)[0], &words);
}

#[test]
fn calls_that_do_not_go_together_are_named_where_they_are_checked() {
    for log in succeed("calls differ", 2) {
        let words = [
            "operation 0 (all_reduce) failed on rank ",
            "rank 1 calls all_reduce Sum of [8] Float, and rank 0 all_reduce Sum of [4] Float",
            "rank 1 calls barrier, and rank 0 broadcast of [4] Float from 1",
            "rank 0 sends rank 1 2 rows, which expects 1",
        ];
        assert_says(&log, &words);
    }
}

#[test]
fn arguments_that_do_not_fit_are_refused_before_anything_is_sent() {
    succeed("arguments", 2);
}

fn group(job: &Job) -> ProcessGroup {
    let mut group = job.group("all", (0..job.world_size()).collect(), Backend::Gloo, START).unwrap();
    group.set_timeout(TIMEOUT);
    group
}

/// Reduces until it fails, and prints the error and the table.
fn fail(job: &Job, group: &ProcessGroup) {
    let begun = Instant::now();
    let error = group.all_reduce(&mut Tensor::ones([4], tch::kind::FLOAT_CPU), Reduction::Sum).unwrap_err();
    if begun.elapsed() < TIMEOUT {
        println!("before the time-out");
    }
    println!("{error}\n{}", job.survey());
    if begun.elapsed() < TIMEOUT + NAMED_WITHIN {
        println!("named in time");
    }
    let DistError::Collective { number, rank, .. } = error else { panic!("{error}") };
    assert_eq!((number, rank), (Some(1), job.rank()));
    let again = group.barrier().unwrap_err().to_string();
    assert!(again.contains("takes no more operations since one failed"), "{again}");
}

pub(crate) fn play_death() {
    let job = start(START);
    let group = group(&job);
    group.barrier().unwrap();
    if job.rank() == 2 {
        std::process::exit(0);
    }
    fail(&job, &group);
    part(&job, &[0, 1, 3]);
}

/// Stays until the survivors have all said their part; the host of the store until they have heard so.
fn part(job: &Job, survivors: &[usize]) {
    let keys = |word: &str, ranks: &[usize]| ranks.iter().map(|rank| format!("{word}/{rank}")).collect::<Vec<_>>();
    job.store().set(&format!("done/{}", job.rank()), b"").unwrap();
    job.store().wait(&keys("done", survivors), START).unwrap();
    job.store().set(&format!("heard/{}", job.rank()), b"").unwrap();
    if job.rank() == 0 {
        job.store().wait(&keys("heard", survivors), START).unwrap();
    }
}

pub(crate) fn play_stop(stopped: usize) {
    let job = start(START);
    let group = group(&job);
    group.barrier().unwrap();
    if job.rank() == stopped {
        raise(Signal::SIGSTOP).unwrap();
    }
    fail(&job, &group);
    if stopped != 0 {
        part(&job, &[0, 1]);
    }
    // One that fails, so that the launcher ends the one that is stopped.
    std::process::exit(9);
}

pub(crate) fn play_elsewhere() {
    let job = start(START);
    let group = group(&job);
    group.barrier().unwrap();
    if job.rank() == 2 {
        job.board().enter(7, "judging");
    } else {
        job.board().enter(7, "update");
        // The beat of a second tells the others.
        thread::sleep(dist::BEAT_INTERVAL);
        fail(&job, &group);
    }
    part(&job, &[0, 1, 2]);
}

pub(crate) fn play_absence() {
    let job = start(START);
    if job.rank() == 0 {
        let begun = Instant::now();
        println!("{}", job.group("all", vec![0, 1], Backend::Gloo, TIMEOUT).unwrap_err());
        assert!(begun.elapsed() < TIMEOUT + NAMED_WITHIN, "{:?}", begun.elapsed());
    }
    part(&job, &[0, 1]);
}

pub(crate) fn play_calls() {
    let job = start(START);
    let rank = job.rank();
    let group = || {
        let mut group = job.group("all", vec![0, 1], Backend::Gloo, TIMEOUT).unwrap();
        group.set_checked(true);
        group
    };
    let ones = |rows: i64| Tensor::ones([rows], tch::kind::FLOAT_CPU);
    println!("{}", group().all_reduce(&mut ones([4, 8][rank]), Reduction::Sum).unwrap_err());
    let other = group();
    other.all_reduce(&mut ones(4), Reduction::Sum).unwrap();
    let different = if rank == 0 { other.broadcast(&mut ones(4), 1) } else { other.barrier() };
    println!("{}", different.unwrap_err());
    let rows = [[1, 2], [3, 1]][rank];
    let expected = [[1, 3], [1, 1]][rank];
    println!("{}", group().all_to_all(&ones(rows.iter().sum()), &rows, &expected).unwrap_err());
    part(&job, &[0, 1]);
}

pub(crate) fn play_arguments() {
    let job = start(START);
    let group = group(&job);
    let refused = |error: DistError, words: &str| {
        assert!(matches!(error, DistError::Argument { .. }), "{error}");
        assert!(error.to_string().contains(words), "`{words}` is missing in: {error}");
    };
    let floats = || Tensor::ones([3], tch::kind::FLOAT_CPU);
    let bools = || Tensor::ones([3], (Kind::Bool, tch::Device::Cpu));
    refused(group.broadcast(&mut floats(), 2).unwrap_err(), "the group has ranks 0 to 1, no 2");
    refused(group.all_reduce(&mut bools(), Reduction::Sum).unwrap_err(), "to count them, reduce int64");
    refused(group.reduce_scatter(&floats(), Reduction::Sum).unwrap_err(), "[3] cannot be cut into 2 parts");
    refused(group.all_to_all(&floats(), &[3], &[3]).unwrap_err(), "a number from 0 for each of 2 ranks");
    refused(group.all_to_all(&floats(), &[2, 2], &[2, 2]).unwrap_err(), "do not add up to the rows of [3]");
    assert_eq!(group.num_operations(), 0);
    let own = [[1, 2], [0, 3]][job.rank()];
    let other = [[2, 1], [3, 0]][job.rank()];
    refused(group.all_to_all(&floats(), &own, &other).unwrap_err(), "sends itself");
    group.barrier().unwrap();
    drop(group);
    let error = job.group("odd", vec![0, 0], Backend::Gloo, TIMEOUT).unwrap_err().to_string();
    assert!(error.contains("not different ranks from 0 to 1"), "{error}");
    job.finish(TIMEOUT);
}
