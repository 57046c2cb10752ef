//! What a process does that was started by one of the tests.

use std::time::Duration;

use dist::{Environment, Fingerprint, Job};

use crate::ranks::ROLE;
use crate::{collectives, cuda, failures, graph, handshake, launch, mesh, store};

/// Name of the test that a started process runs.
pub(crate) const ENTRY: &str = "role::a_process_plays_the_role_it_is_given";

/// The entry of a started process; among the other tests, where no role is given, there is nothing to play.
#[test]
fn a_process_plays_the_role_it_is_given() {
    let Ok(role) = std::env::var(ROLE) else { return };
    match role.as_str() {
        "collectives" => collectives::play(),
        "bytes" => collectives::play_bytes(),
        "a peer dies" => failures::play_death(),
        "a peer stops" => failures::play_stop(2),
        "the host stops" => failures::play_stop(0),
        "a peer is elsewhere" => failures::play_elsewhere(),
        "a member is missing" => failures::play_absence(),
        "calls differ" => failures::play_calls(),
        "arguments" => failures::play_arguments(),
        "another configuration" => handshake::play_difference(),
        "a rank cannot start" => handshake::play_fault(),
        "one rank twice" => handshake::play_twice(),
        "a rank is missing" => handshake::play_missing(),
        "a store fails" => store::play(),
        "no device" => cuda::play_no_device(),
        "graph" => graph::play(),
        "mesh" => mesh::play(),
        "one fails" => launch::play_failure(),
        "sleepers" => launch::play_sleep(),
        "a launcher" => launch::play_launcher(),
        _ => panic!("no role `{role}`"),
    }
}

/// The environment that the launch gave this process.
pub(crate) fn environment() -> Environment {
    Environment::of_process().expect("the launch sets it well").expect("the launch sets it")
}

/// A job with a time-out of some seconds.
pub(crate) fn start(timeout: Duration) -> Job {
    Job::start(&environment(), &Fingerprint::default().with("version", "1"), timeout).expect("the ranks meet")
}
