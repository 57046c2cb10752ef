//! The store by itself: its calls, and what it says where it cannot be had.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use dist::{Address, Environment, Store};

use crate::ranks::succeed;
use crate::says::assert_says;

/// For what succeeds, on a busy machine too.
const TIMEOUT: Duration = Duration::from_secs(20);
/// For what does not.
const SHORT: Duration = Duration::from_secs(2);

/// Rank `rank` of two, with the store at `port`.
fn environment(rank: usize, port: u16) -> Environment {
    Environment {
        rank,
        world_size: 2,
        local_rank: rank,
        local_world_size: 2,
        store: Address { host: "127.0.0.1".into(), port },
        agent_store: false,
        prefix: "ponder/test/0/".into(),
        store_socket: None,
        launcher: None,
    }
}

/// A free port, of those that the system gives nobody who asks for any.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    loop {
        let number = std::process::id() as u16 % 1000 * 12 + NEXT.fetch_add(1, Ordering::Relaxed);
        let port = 20_000 + number % 12_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

#[test]
fn what_one_sets_another_gets() {
    let host = Store::open(&environment(0, free_port()), TIMEOUT).unwrap();
    let client = host.client(TIMEOUT).unwrap();
    assert_eq!(client.try_get("key").unwrap(), None);
    let waiting = {
        let client = host.client(TIMEOUT).unwrap();
        thread::spawn(move || client.get("key", TIMEOUT))
    };
    let value: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    host.set("key", &value).unwrap();
    assert_eq!(waiting.join().unwrap().unwrap(), value);
    assert_eq!(client.try_get("key").unwrap(), Some(value));
    host.set("empty", b"").unwrap();
    assert_eq!(client.get("empty", TIMEOUT).unwrap(), b"");
    assert_eq!((client.add("number", 3).unwrap(), host.add("number", -5).unwrap()), (3, -2));
    let keys = ["key".to_owned(), "number".to_owned()];
    client.wait(&keys, TIMEOUT).unwrap();
    assert!(client.check(&keys).unwrap());
    assert!(client.delete("key").unwrap());
    assert!(!client.delete("key").unwrap());
    assert!(!client.check(&keys).unwrap());
}

#[test]
fn a_store_on_loopback_is_told_where_ranks_are_on_several_hosts() {
    let (here, port) = (environment(1, free_port()), free_port());
    let alone = Store::open(&here, Duration::from_millis(100)).unwrap_err().to_string();
    assert!(alone.contains("nothing listens there") && !alone.contains("several hosts"), "{alone}");
    let mut several = environment(1, port);
    several.store.host = "localhost".into();
    (several.world_size, several.local_world_size) = (4, 2);
    let said = Store::open(&several, Duration::from_millis(100)).unwrap_err().to_string();
    for words in ["nothing listens there", "MASTER_ADDR, localhost, stands for ", "this host itself", "several hosts"] {
        assert!(said.contains(words), "{said}");
    }
}

#[test]
fn a_restarted_job_does_not_read_what_the_one_before_left() {
    let mut environment = environment(0, free_port());
    let agent = Store::open(&environment, TIMEOUT).unwrap();
    agent.set("card", b"old").unwrap();
    environment.agent_store = true;
    environment.prefix = "ponder/test/1/".into();
    let restarted = Store::open(&environment, TIMEOUT).unwrap();
    assert_eq!(restarted.try_get("card").unwrap(), None);
    environment.prefix = "ponder/test/0/".into();
    assert_eq!(Store::open(&environment, TIMEOUT).unwrap().try_get("card").unwrap().unwrap(), b"old");
}

/// In a process of its own, for c10d prints what it warns of.
#[test]
fn what_goes_wrong_with_a_store_is_said() {
    succeed("a store fails", 1);
}

/// Most of the time is spent waiting, so the cases run beside each other.
pub(crate) fn play() {
    thread::scope(|scope| {
        scope.spawn(a_key_that_nobody_sets_is_named_and_the_store_goes_on);
        scope.spawn(a_port_in_use_is_said_to_be);
        scope.spawn(a_store_that_never_answers_costs_its_time_out_and_no_more);
        scope.spawn(a_store_that_is_not_there_is_looked_for_until_the_time_out);
        scope.spawn(a_host_that_ends_is_missed_by_its_clients);
    });
}

fn a_key_that_nobody_sets_is_named_and_the_store_goes_on() {
    let store = Store::open(&environment(0, free_port()), TIMEOUT).unwrap();
    let deadline = Duration::from_millis(300);
    let error = store.get("missing", deadline).unwrap_err().to_string();
    assert_says(&error, &["get `missing` failed after ", "nobody set it in this time"]);
    let keys = ["missing".to_owned(), "other".to_owned()];
    let error = store.wait(&keys, deadline).unwrap_err().to_string();
    assert_says(&error, &["wait for `missing` and 1 more", "nobody set it in this time"]);
    store.set("missing", b"here").unwrap();
    assert_eq!(store.get("missing", TIMEOUT).unwrap(), b"here");
}

fn a_port_in_use_is_said_to_be() {
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = other.local_addr().unwrap().port();
    let error = Store::open(&environment(0, port), TIMEOUT).unwrap_err().to_string();
    assert_says(&error, &[&format!("store at 127.0.0.1:{port}"), "the port is in use; choose another MASTER_PORT"]);
}

fn a_store_that_never_answers_costs_its_time_out_and_no_more() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let begun = Instant::now();
    let error = Store::open(&environment(1, port), SHORT).unwrap_err().to_string();
    assert!(begun.elapsed() < SHORT + TIMEOUT, "{:?}", begun.elapsed());
    assert_says(&error, &["connecting failed after", "is no store that answers"]);
}

fn a_store_that_is_not_there_is_looked_for_until_the_time_out() {
    let port = free_port();
    let error = Store::open(&environment(1, port), SHORT).unwrap_err().to_string();
    assert_says(
        &error,
        &[&format!("store at 127.0.0.1:{port}"), "nothing listens there", "look whether rank 0 has started"],
    );
    let mut nowhere = environment(1, port);
    nowhere.store.host = "nowhere.invalid".into();
    let error = Store::open(&nowhere, SHORT).unwrap_err().to_string();
    assert_says(&error, &["store at nowhere.invalid", "the host's name is not known here"]);
}

fn a_host_that_ends_is_missed_by_its_clients() {
    let host = Store::open(&environment(0, free_port()), TIMEOUT).unwrap();
    let client = host.client(TIMEOUT).unwrap();
    client.set("key", b"value").unwrap();
    drop(host);
    // The host's thread closes the connection a moment after.
    thread::sleep(Duration::from_millis(300));
    let error = client.get("other", TIMEOUT).unwrap_err().to_string();
    assert_says(&error, &["get `other` failed after", "rank 0"]);
}
