//! A job of several ranks, from the environment to its end: store, handshake, heartbeat, groups.
//!
//! Puts the parts of this crate in order. Knows nothing of models or data.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::board::Board;
use crate::cuda::Cuda;
use crate::environment::Environment;
use crate::error::DistError;
use crate::fingerprint::Fingerprint;
use crate::group::{Backend, Members, ProcessGroup, Shared};
use crate::handshake::shake_hands;
use crate::heartbeat::{Heartbeat, Watch};
use crate::meter::Meter;
use crate::store::Store;

/// A job whose ranks have met and agree.
#[derive(Debug)]
pub struct Job {
    environment: Environment,
    store: Store,
    shared: Shared,
    /// Number of groups that were made, by name.
    num_groups: Mutex<HashMap<String, usize>>,
    /// Beats until the job is dropped.
    _heartbeat: Heartbeat,
}

impl Job {
    /// Meets the other ranks and compares fingerprints; from then on, tells them where this rank stands.
    ///
    /// `timeout` is that of the meeting and of each call of the store.
    ///
    /// # Errors
    /// The store cannot be opened; a rank is missing, there twice, or has another fingerprint: then every rank returns
    /// [`DistError::Refused`] with the same reason.
    pub fn start(environment: &Environment, fingerprint: &Fingerprint, timeout: Duration) -> Result<Self, DistError> {
        environment.end_with_launcher()?;
        let store = Store::open(environment, timeout)?;
        if let Err(error) = shake_hands(&store, environment, fingerprint) {
            // Whoever hosts the store stays until the others have read the verdict.
            depart(&store, environment, "refused", timeout.min(PARTING));
            return Err(error);
        }
        let (shared, num_groups) = (Shared::default(), Mutex::default());
        let heartbeat = Heartbeat::start(&store, environment.rank, shared.board.clone())?;
        Ok(Self { environment: environment.clone(), store, shared, num_groups, _heartbeat: heartbeat })
    }

    /// This process's rank, from 0.
    pub fn rank(&self) -> usize {
        self.environment.rank
    }

    /// Number of ranks.
    pub fn world_size(&self) -> usize {
        self.environment.world_size
    }

    /// What the launcher told this process.
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// The job's store.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Where this rank stands, for the trainer to keep up to date.
    pub fn board(&self) -> &Board {
        &self.shared.board
    }

    /// What the operations of all groups cost this rank.
    pub fn meter(&self) -> &Meter {
        &self.shared.meter
    }

    /// Has c10d's flight recorder write this rank's operations over NCCL into `folder` when an operation of any group
    /// fails, as `rank_N` (for PyTorch's torchfrtrace) and `readable_N.json`.
    pub fn keep_flight_record(&self, cuda: Cuda, folder: PathBuf) {
        self.shared.flight_record.keep_in(cuda, folder, self.rank());
    }

    /// Makes a group of `ranks`, which all of them do at once and with the same list. Members that make several groups
    /// make them in the same order.
    ///
    /// # Errors
    /// This rank is not among them, a number is no rank or there twice, or not all came within the time-out; over NCCL,
    /// CUDA is not to be had or the devices do not connect.
    pub fn group(
        &self,
        name: &str,
        ranks: Vec<usize>,
        backend: Backend,
        timeout: Duration,
    ) -> Result<ProcessGroup, DistError> {
        self.make(name, ranks, backend, timeout, false)
    }

    /// A group of this rank alone whose operations the backend carries all the same: to try it where there is one
    /// device.
    ///
    /// # Errors
    /// As [`Job::group`].
    pub fn group_of_one(&self, name: &str, backend: Backend, timeout: Duration) -> Result<ProcessGroup, DistError> {
        self.make(name, vec![self.rank()], backend, timeout, true)
    }

    fn make(
        &self,
        name: &str,
        ranks: Vec<usize>,
        backend: Backend,
        timeout: Duration,
        carries_one: bool,
    ) -> Result<ProcessGroup, DistError> {
        let rank = self.rank();
        let is_repeated = |(index, member): (usize, &usize)| ranks[..index].contains(member);
        if ranks.iter().any(|&member| member >= self.world_size()) || ranks.iter().enumerate().any(is_repeated) {
            let reason = format!("{ranks:?} are not different ranks from 0 to {}", self.world_size() - 1);
            let (group, operation) = (format!("group `{name}`"), "the meeting of its ranks");
            return Err(DistError::Collective { group, operation, number: None, rank, waited: Duration::ZERO, reason });
        }
        let number = {
            let mut num_groups = self.num_groups.lock().unwrap_or_else(PoisonError::into_inner);
            let count = num_groups.entry(name.to_owned()).or_insert(0);
            *count += 1;
            *count
        };
        // Groups of an axis have one name and no rank in common, so the first rank tells them apart.
        let first = ranks.first().copied().unwrap_or(rank);
        let prefix = format!("group/{name}/{number}/{first}/");
        let members = Members { name: name.to_owned(), ranks, rank };
        ProcessGroup::meet(members, backend, (&self.store, prefix), timeout, self.shared.clone(), carries_one)
    }

    /// A reader of where all ranks stand.
    ///
    /// # Errors
    /// The store does not answer.
    pub fn watch(&self) -> Result<Watch, DistError> {
        Watch::new(&self.store, self.world_size())
    }

    /// The table of where all ranks stand, for a rank whose operation failed: who is behind, elsewhere or not heard of.
    /// Takes two seconds; where the store does not answer, it says that instead, for then its host is gone or stopped.
    pub fn survey(&self) -> String {
        match self.watch().and_then(|mut watch| watch.survey()) {
            Ok(table) => table,
            Err(error) => format!("no rank could be asked where it stands: {error}\n"),
        }
    }

    /// Ends the job on this rank, for which nothing else may be under way; a rank that hosts the store waits until all
    /// others have ended theirs, for `timeout` at the longest.
    pub fn finish(&self, timeout: Duration) {
        let step = self.shared.board.place().step;
        self.shared.board.enter(step, "finished");
        depart(&self.store, &self.environment, "finished", timeout);
    }
}

/// Longest stay of the store's host after a job that was refused.
const PARTING: Duration = Duration::from_secs(2);

/// Leaves word of this rank's end; the host of the store waits for that of the others. A rank that is gone without one
/// costs the host the time-out, and whatever was at fault has been said before.
fn depart(store: &Store, environment: &Environment, end: &str, timeout: Duration) {
    let key = |rank: usize| format!("{end}/{rank}");
    let is_host = environment.rank == 0 && !environment.agent_store;
    if is_host {
        let others: Vec<String> = (1..environment.world_size).map(key).collect();
        if !others.is_empty() {
            let _ = store.wait(&others, timeout);
        }
    } else {
        let _ = store.set(&key(environment.rank), b"");
    }
}
