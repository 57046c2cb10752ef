//! The key-value store where ranks meet: PyTorch's TCPStore, hosted by rank 0 or by the launcher's agent.
//!
//! Each [`Store`] is one connection with a thread of its own, so that a server which stops answering costs the caller
//! its deadline and no more. Knows keys and bytes, not what they mean.

use std::io;
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use crate::cuda::{Cuda, NcclPlace};
use crate::environment::Environment;
use crate::error::DistError;
use crate::ffi::{Cause, Failure, RawGroup, RawStore};
use crate::variables::Address;

/// Time beyond a deadline in which c10d is expected to report by itself that it has passed.
const GRACE: Duration = Duration::from_secs(1);

/// Time between two attempts to reach the store's host.
const ATTEMPT_INTERVAL: Duration = Duration::from_millis(50);

/// Time that c10d's watchdog leaves an operation on a device, beside a group's own time-out, which is to come first:
/// the watchdog ends the process, and counts from the moment when an operation is issued.
const WATCHDOG_TIMES: u32 = 4;
/// Time that it leaves one at least.
const WATCHDOG_LEAST: Duration = Duration::from_secs(600);

/// Something for the connection's thread to do.
type Request = Box<dyn FnOnce(&RawStore) + Send>;

/// A connection to the store of a job, every key under the job's prefix.
///
/// Calls of several threads wait for one another; [`Store::client`] connects anew. Values stay until they are deleted
/// or the host of the store ends.
#[derive(Debug)]
pub struct Store {
    requests: Sender<Request>,
    address: Address,
    prefix: String,
    timeout: Duration,
    /// True once the server has let a deadline pass: the connection's thread still waits for it.
    is_silent: AtomicBool,
}

impl Store {
    /// Connects to the job's store; rank 0 opens it first, unless the launcher's agent has.
    ///
    /// Calls that take no deadline of their own have `timeout`, as this one has.
    ///
    /// # Errors
    /// The port is in use, nothing answers there within the time-out, or what answers is no store.
    pub fn open(environment: &Environment, timeout: Duration) -> Result<Self, DistError> {
        let is_server = environment.rank == 0 && !environment.agent_store;
        let socket = environment.store_socket.filter(|_| is_server);
        let store = Self::connect(environment.store.clone(), environment.prefix.clone(), is_server, socket, timeout);
        store.map_err(|error| match error {
            DistError::Store { address, operation, waited, reason } => {
                let reason = reason + &loopback_of_several_hosts(environment);
                DistError::Store { address, operation, waited, reason }
            }
            other => other,
        })
    }

    /// Another connection to the same store, for another thread, with a time-out of its own.
    ///
    /// # Errors
    /// Nothing answers within the time-out.
    pub fn client(&self, timeout: Duration) -> Result<Self, DistError> {
        Self::connect(self.address.clone(), self.prefix.clone(), false, None, timeout)
    }

    /// Time-out of the calls that take none.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Host and port of the store.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Sets `key` to `value`, of any length.
    ///
    /// # Errors
    /// The store does not answer.
    pub fn set(&self, key: &str, value: &[u8]) -> Result<(), DistError> {
        let (name, value) = (key.to_owned(), value.to_vec());
        self.ask(format!("set `{key}`"), self.timeout, move |store| store.set(&name, &value))
    }

    /// The value of `key`, once somebody has set it.
    ///
    /// # Errors
    /// Nobody does within the deadline, or the store does not answer.
    pub fn get(&self, key: &str, deadline: Duration) -> Result<Vec<u8>, DistError> {
        let name = key.to_owned();
        self.ask(format!("get `{key}`"), deadline, move |store| store.get(&name, deadline))
    }

    /// The value of `key`; `None` where nobody has set it yet.
    ///
    /// # Errors
    /// The store does not answer.
    pub fn try_get(&self, key: &str) -> Result<Option<Vec<u8>>, DistError> {
        let (name, timeout) = (key.to_owned(), self.timeout);
        self.ask(format!("get `{key}`"), timeout, move |store| {
            let is_there = store.check(std::slice::from_ref(&name))?;
            is_there.then(|| store.get(&name, timeout)).transpose()
        })
    }

    /// True where all of `keys` are set.
    ///
    /// # Errors
    /// The store does not answer.
    pub fn check(&self, keys: &[String]) -> Result<bool, DistError> {
        let names = keys.to_vec();
        self.ask(format!("check {}", listed(keys)), self.timeout, move |store| store.check(&names))
    }

    /// Returns once all of `keys` are set.
    ///
    /// # Errors
    /// They are not within the deadline, or the store does not answer.
    pub fn wait(&self, keys: &[String], deadline: Duration) -> Result<(), DistError> {
        let names = keys.to_vec();
        self.ask(format!("wait for {}", listed(keys)), deadline, move |store| store.wait(&names, deadline))
    }

    /// Adds `amount` to the number at `key`, 0 where it is not set, and returns the sum.
    ///
    /// # Errors
    /// The store does not answer.
    pub fn add(&self, key: &str, amount: i64) -> Result<i64, DistError> {
        let name = key.to_owned();
        self.ask(format!("add to `{key}`"), self.timeout, move |store| store.add(&name, amount))
    }

    /// Deletes `key`; true where it was set.
    ///
    /// # Errors
    /// The store does not answer.
    pub fn delete(&self, key: &str) -> Result<bool, DistError> {
        let name = key.to_owned();
        self.ask(format!("delete `{key}`"), self.timeout, move |store| store.delete(&name))
    }

    /// Meets the other ranks of a group under `prefix` and connects to them over Gloo.
    pub(crate) fn gloo(
        &self,
        prefix: String,
        rank: usize,
        size: usize,
        timeout: Duration,
    ) -> Result<RawGroup, DistError> {
        self.ask("meeting".into(), timeout, move |store| RawGroup::gloo(&store.prefixed(&prefix)?, rank, size, timeout))
    }

    /// Meets the other ranks of a group under `prefix` and connects a device to theirs over NCCL, within `deadline`.
    /// The store's own thread has other things to do meanwhile, so this is a connection and a thread of its own: where
    /// the meeting does not end, neither do they.
    pub(crate) fn nccl(
        &self,
        cuda: Cuda,
        prefix: String,
        place: NcclPlace,
        timeout: Duration,
        deadline: Duration,
    ) -> Result<RawGroup, DistError> {
        let watchdog = timeout * WATCHDOG_TIMES + WATCHDOG_LEAST;
        self.client(timeout)?
            .ask("meeting".into(), deadline, move |store| cuda.nccl(&store.prefixed(&prefix)?, &place, watchdog))
    }

    fn connect(
        address: Address,
        prefix: String,
        is_server: bool,
        socket: Option<i32>,
        timeout: Duration,
    ) -> Result<Self, DistError> {
        let begun = Instant::now();
        let failed = |reason: String| DistError::Store {
            address: address.to_string(),
            operation: if is_server { "opening".into() } else { "connecting".into() },
            waited: begun.elapsed(),
            reason,
        };
        if !is_server {
            reach(&address, timeout).map_err(failed)?;
        }
        let (answer, opened) = mpsc::channel();
        let (requests, open) = mpsc::channel::<Request>();
        let (place, keys) = (address.clone(), prefix.clone());
        let serve = move || {
            let left = timeout.saturating_sub(begun.elapsed()).max(GRACE);
            let store = RawStore::open(&place.host, place.port, is_server, socket, left)
                .and_then(|store| store.prefixed(&keys));
            match store {
                Ok(store) => {
                    // Nobody listens any more where the deadline has passed.
                    let _ = answer.send(Ok(()));
                    open.iter().for_each(|request| request(&store));
                }
                Err(failure) => drop(answer.send(Err(failure))),
            }
        };
        thread::Builder::new()
            .name("store".into())
            .spawn(serve)
            .map_err(|error| failed(format!("no thread could be started: {error}")))?;
        match opened.recv_timeout(timeout.saturating_sub(begun.elapsed()).max(GRACE) + GRACE) {
            Ok(Ok(())) => {}
            Ok(Err(failure)) => return Err(failed(why_not_open(&failure, is_server))),
            Err(_) => {
                let reason = "something accepts connections there but is no store that answers; look whether \
                              MASTER_PORT is another service's, and whether rank 0 is stopped";
                return Err(failed(reason.into()));
            }
        }
        let is_silent = AtomicBool::new(false);
        Ok(Self { requests, address, prefix, timeout, is_silent })
    }

    /// Has the connection's thread do something, for as long as the deadline and its grace.
    fn ask<T: Send + 'static>(
        &self,
        operation: String,
        deadline: Duration,
        request: impl FnOnce(&RawStore) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, DistError> {
        let begun = Instant::now();
        let failed = |reason: String| {
            let (address, waited) = (self.address.to_string(), begun.elapsed());
            DistError::Store { address, operation: operation.clone(), waited, reason }
        };
        let silent = "the store does not answer; look whether rank 0, which hosts it, is stopped or out of reach";
        if self.is_silent.load(Ordering::Relaxed) {
            return Err(failed(silent.into()));
        }
        let (answer, answered) = mpsc::channel();
        let sent = self.requests.send(Box::new(move |store| {
            // Nobody listens any more where the deadline has passed.
            let _ = answer.send(request(store));
        }));
        if sent.is_err() {
            return Err(failed("the connection's thread has ended".into()));
        }
        match answered.recv_timeout(deadline + GRACE) {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(failure)) => Err(failed(why_not_done(&failure))),
            Err(RecvTimeoutError::Timeout) => {
                self.is_silent.store(true, Ordering::Relaxed);
                Err(failed(silent.into()))
            }
            Err(RecvTimeoutError::Disconnected) => Err(failed("the connection's thread has ended".into())),
        }
    }
}

/// Returns once something accepts connections at `address`; c10d's own attempts are seconds apart.
fn reach(address: &Address, timeout: Duration) -> Result<(), String> {
    let begun = Instant::now();
    loop {
        let unknown = |error: io::Error| {
            format!("the host's name is not known here ({error}); set MASTER_ADDR to one that every host knows")
        };
        let places = (address.host.as_str(), address.port).to_socket_addrs().map_err(unknown)?;
        let mut why = String::from("the host's name stands for no address");
        for place in places {
            let left = timeout.saturating_sub(begun.elapsed()).max(ATTEMPT_INTERVAL);
            match TcpStream::connect_timeout(&place, left) {
                Ok(_) => return Ok(()),
                Err(error) => why = error.to_string(),
            }
        }
        if begun.elapsed() >= timeout {
            return Err(format!(
                "nothing listens there ({why}); look whether rank 0 has started, and whether MASTER_ADDR and \
                 MASTER_PORT are its"
            ));
        }
        thread::sleep(ATTEMPT_INTERVAL);
    }
}

/// What is wrong with the store's address where ranks are on several hosts and it stands for the own host on each of
/// them; empty where that is not so.
pub(crate) fn loopback_of_several_hosts(environment: &Environment) -> String {
    let Address { host, port } = &environment.store;
    let places: Vec<_> = (host.as_str(), *port).to_socket_addrs().into_iter().flatten().collect();
    let is_loopback = !places.is_empty() && places.iter().all(|place| place.ip().is_loopback());
    if !is_loopback || environment.local_world_size == environment.world_size {
        return String::new();
    }
    format!(
        "; MASTER_ADDR, {host}, stands for {} here, which is this host itself, and the job has ranks on several hosts: \
         set it to a name or number of rank 0's host that all of them know it by",
        places[0].ip()
    )
}

/// The first of some keys, and the number of the others.
fn listed(keys: &[String]) -> String {
    match keys {
        [] => "no key".into(),
        [key] => format!("`{key}`"),
        [key, rest @ ..] => format!("`{key}` and {} more", rest.len()),
    }
}

fn why_not_open(failure: &Failure, is_server: bool) -> String {
    let words = first_line(&failure.message);
    if is_server && failure.message.contains("EADDRINUSE") {
        return "the port is in use; choose another MASTER_PORT, or end the job that holds it (another process that \
                takes itself for rank 0 of this job would hold it too)"
            .into();
    }
    if is_server {
        return format!("rank 0 cannot host the store there: {words}");
    }
    format!("what listens there is no store ({words}); look whether MASTER_PORT is another service's")
}

fn why_not_done(failure: &Failure) -> String {
    let words = first_line(&failure.message);
    match failure.cause {
        Cause::StoreTimedOut => format!("nobody set it in this time ({words})"),
        Cause::Network => format!("the connection broke; has rank 0, which hosts the store, ended? ({words})"),
        Cause::Other => words.to_owned(),
    }
}

/// The first line of c10d's words; the others are traces of its own code.
pub(crate) fn first_line(message: &str) -> &str {
    message.lines().next().unwrap_or_default().trim()
}
