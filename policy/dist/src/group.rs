//! A process group: some ranks of the job that issue the same operations in the same order.
//!
//! Counts operations, holds them to a time-out, and refuses them after the first failure. What the operations are is
//! said in `collective.rs` and `bytes.rs`.

use std::cell::Cell;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tch::{Device, Kind, Tensor};

use crate::board::{Board, IssuedOperation};
use crate::call::{Call, disagreement};
use crate::connections::Connections;
use crate::cuda::{Cuda, FlightRecord, NcclPlace};
use crate::error::DistError;
use crate::ffi::{Cause, Failure, RawGroup, RawWork};
use crate::handle::{Carrier, GroupState, Handle, Issue, UnderWay};
use crate::meter::Meter;
use crate::store::Store;

/// Carrier of a group's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// Gloo, over TCP, for tensors on the CPU. `GLOO_SOCKET_IFNAME` names the network interfaces to use; else the one
    /// whose address the host's name stands for.
    Gloo,
    /// NCCL for tensors on this device, and Gloo beside it for those on the CPU. `NCCL_SOCKET_IFNAME` names the network
    /// interfaces to use.
    Nccl {
        /// Number of the device among those that the process sees, from 0.
        device: usize,
    },
    /// Nothing at all: this rank is the only one, whatever the size of its group. For planning and tests: one rank of
    /// many computes and holds what it would, and no other is waited for. What would come from the others is this
    /// rank's own: of no use but its size.
    Fake,
}

impl Backend {
    /// What carries tensors of `device`.
    pub fn of(device: Device) -> Self {
        match device {
            Device::Cuda(device) => Self::Nccl { device },
            _ => Self::Gloo,
        }
    }
}

/// Time-out of a group that waits for nobody.
const FAKE_TIMEOUT: Duration = Duration::from_secs(1);

/// Time between two looks at an operation on a device that is waited for.
const SETTLE_INTERVAL: Duration = Duration::from_micros(50);

/// Some ranks of a job that act together.
///
/// All of them issue the same operations in the same order, with tensors of the same shapes and kinds; Gloo ends a
/// process that receives more than it has room for, unless [`ProcessGroup::set_checked`] has the calls compared. One
/// thread issues a group's operations, so the type is not `Sync`.
///
/// After the first failure the connections are closed, so that the peers that wait for this rank fail at once too, and
/// the group takes no more operations. A group of one rank opens no connection and copies nothing: what an operation
/// returns may share its input's storage.
#[derive(Debug)]
pub struct ProcessGroup {
    state: Arc<GroupState>,
    /// This process's number in the group.
    rank: usize,
    timeout: Duration,
    next: Cell<u64>,
    is_checked: bool,
    /// True where no operation is carried anywhere.
    is_alone: bool,
}

/// What the groups of a job share.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shared {
    /// Where operations are noted for the heartbeat.
    pub(crate) board: Arc<Board>,
    /// Where bytes and waiting are counted.
    pub(crate) meter: Arc<Meter>,
    /// What is kept of operations on devices when one fails.
    pub(crate) flight_record: Arc<FlightRecord>,
}

/// Members of a group that is to be made.
pub(crate) struct Members {
    /// Name of the group.
    pub(crate) name: String,
    /// Ranks of the job that are in it, in the order of the group.
    pub(crate) ranks: Vec<usize>,
    /// This process's rank in the job, one of them.
    pub(crate) rank: usize,
}

impl ProcessGroup {
    /// Meets the other members at `store`, under `prefix`, which no other group has. `carries_one`: a group of one rank
    /// is carried like any other.
    pub(crate) fn meet(
        members: Members,
        backend: Backend,
        (store, prefix): (&Store, String),
        timeout: Duration,
        shared: Shared,
        carries_one: bool,
    ) -> Result<Self, DistError> {
        let (rank, ranks, name) = (members.rank, members.ranks.clone(), members.name.clone());
        Self::new(members, timeout, shared, carries_one, |own, size, begun| {
            if backend == Backend::Fake {
                return RawGroup::fake(own, size).map(Connections::of_nobody).map_err(|failure| failure.message);
            }
            let left = || timeout.saturating_sub(begun.elapsed());
            let met = store.gloo(prefix.clone(), own, size, timeout).and_then(|met| {
                // One that is done and leaves at once would break the connections of those that still meet.
                store.set(&format!("{prefix}met/{rank}"), b"")?;
                let all: Vec<String> = ranks.iter().map(|member| format!("{prefix}met/{member}")).collect();
                store.wait(&all, left())?;
                Ok(met)
            });
            let met = met.map(Connections::of_host).map_err(|error| format!("not all of them came ({error})"))?;
            let Backend::Nccl { device } = backend else { return Ok(met) };
            let cuda = Cuda::load().map_err(|error| error.to_string())?;
            cuda.num_devices().map_err(|error| error.to_string())?;
            let place = NcclPlace { index: device, rank: own, size, name };
            let raw = store.nccl(cuda, format!("{prefix}nccl/"), place, timeout, left());
            let raw = raw.map_err(|error| format!("the devices do not connect over NCCL ({error})"))?;
            met.with_device(raw, cuda, device).map_err(|error| format!("no thread could be started: {error}"))
        })
    }

    /// A group of these members; `connect` makes what carries it, where there are several or `carries_one`, from this
    /// rank's number, the group's size and the beginning of the meeting.
    fn new(
        members: Members,
        timeout: Duration,
        Shared { board, meter, flight_record }: Shared,
        carries_one: bool,
        connect: impl FnOnce(usize, usize, Instant) -> Result<Connections, String>,
    ) -> Result<Self, DistError> {
        let Members { name, ranks, rank } = members;
        let carrier = Mutex::new(Carrier::Nothing);
        let state = GroupState { name, ranks, rank, board, meter, flight_record, carrier };
        let begun = Instant::now();
        let failed = |reason: String| DistError::Collective {
            group: state.label(),
            operation: "the meeting of its ranks",
            number: None,
            rank,
            waited: begun.elapsed(),
            reason,
        };
        let own = state.ranks.iter().position(|&member| member == rank);
        let own = own.ok_or_else(|| failed("this rank is none of them".into()))?;
        let is_alone = state.ranks.len() == 1 && !carries_one;
        let carrier = match is_alone {
            true => Carrier::Nothing,
            false => Carrier::Connected(Arc::new(connect(own, state.ranks.len(), begun).map_err(failed)?)),
        };
        let state = Arc::new(GroupState { carrier: Mutex::new(carrier), ..state });
        Ok(Self { state, rank: own, timeout, next: Cell::new(0), is_checked: false, is_alone })
    }

    /// Rank `rank` of `size`, of which no other exists ([`Backend::Fake`]); there is no job either.
    ///
    /// # Errors
    /// `rank` is not below `size`.
    pub fn fake(name: &str, rank: usize, size: usize) -> Result<Self, DistError> {
        let members = Members { name: name.to_owned(), ranks: (0..size).collect(), rank };
        Self::new(members, FAKE_TIMEOUT, Shared::default(), false, |own, size, _| {
            RawGroup::fake(own, size).map(Connections::of_nobody).map_err(|failure| failure.message)
        })
    }

    /// Name of the group.
    pub fn name(&self) -> &str {
        &self.state.name
    }

    /// This process's number in the group, from 0.
    pub fn rank(&self) -> usize {
        self.rank
    }

    /// Number of ranks in the group.
    pub fn size(&self) -> usize {
        self.state.ranks.len()
    }

    /// Ranks of the job that are in the group, in its order.
    pub fn ranks(&self) -> &[usize] {
        &self.state.ranks
    }

    /// Number of operations that were issued; the number of the next one.
    pub fn num_operations(&self) -> u64 {
        self.next.get()
    }

    /// Time-out of each operation.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Gives the operations that follow another time-out.
    pub fn set_timeout(&mut self, timeout: Duration) {
        self.timeout = timeout;
    }

    /// Has all members compare what they call before each operation that follows, so that calls that do not go together
    /// are an error that names them, on every rank. All members switch it alike. It costs an exchange of some hundred
    /// bytes, and each operation starts when all members have called it.
    pub fn set_checked(&mut self, is_checked: bool) {
        self.is_checked = is_checked;
    }

    /// Issues an operation that moves bytes; in a group of one, `finish` is all there is to it.
    pub(crate) fn issue<T>(
        &self,
        call: &Call,
        start: impl FnOnce(&RawGroup, Duration) -> Result<RawWork, Failure>,
        finish: impl FnOnce() -> Result<T, String> + Send + 'static,
    ) -> Result<Handle<T>, DistError> {
        let issue = self.numbered(call.name);
        let connections = match &*self.state.carrier.lock().unwrap_or_else(PoisonError::into_inner) {
            Carrier::Nothing => return Ok(Handle::new(issue, None, finish)),
            Carrier::Broken(first) => {
                return Err(issue.error(format!("the group takes no more operations since one failed: {first}")));
            }
            // The lock is not held any more while the operation starts: the watch over a device may have to end it.
            Carrier::Connected(connections) => connections.clone(),
        };
        self.state.board.issue(IssuedOperation {
            group: self.state.name.clone(),
            first_rank: self.state.ranks[0],
            name: call.name.to_owned(),
            number: issue.number,
            is_done: false,
        });
        self.state.meter.issued(call.name, call.bytes);
        let started = self.start(call, &connections, start);
        let started = started.map(|work| match connections.is_beside(call.device) {
            false => UnderWay::OnHost(work),
            true => {
                let (work, issue) = (Arc::new(work), issue.clone());
                connections.watch(self.timeout, &work, move |ended| match ended {
                    Ok(()) => issue.done(),
                    Err(failure) => drop(issue.failed(&failure)),
                });
                UnderWay::OnDevice(work)
            }
        });
        // Whoever lets them go last waits for what is under way.
        drop(connections);
        let work = started.map_err(|failure| issue.failed(&failure))?;
        Ok(Handle::new(issue, Some(work), finish))
    }

    /// Starts an operation over what carries its tensors, once all members agree where that is asked for.
    fn start(
        &self,
        call: &Call,
        connections: &Connections,
        start: impl FnOnce(&RawGroup, Duration) -> Result<RawWork, Failure>,
    ) -> Result<RawWork, Failure> {
        let failed = |message: String| Failure { cause: Cause::Other, message };
        if self.is_checked
            && let Some(message) = self.agree(call, connections)?
        {
            return Err(failed(message));
        }
        let carrier = connections.of(call.device);
        let raw = carrier.ok_or_else(|| failed(format!("nothing carries tensors of {:?}", call.device)))?;
        start(raw, self.timeout)
    }

    /// Blocks until what was issued on a device is done; of tensors on the CPU [`Handle::wait`] has done so.
    ///
    /// Call it before what a device computed is believed: a device whose operation was given up goes on with what was
    /// in memory.
    ///
    /// # Errors
    /// An operation of the group has failed, or has taken longer than its time-out.
    pub fn settle(&self) -> Result<(), DistError> {
        let begun = Instant::now();
        let last = match &*self.state.carrier.lock().unwrap_or_else(PoisonError::into_inner) {
            Carrier::Connected(connections) => connections.last(),
            _ => None,
        };
        // The watch gives it up at its deadline, and then it is done in some way.
        while let Some(Ok(false)) = last.as_ref().map(|last| last.poll()) {
            thread::sleep(SETTLE_INTERVAL);
            if self.state.broken().is_some() {
                break;
            }
        }
        if last.is_some() {
            self.state.meter.waited(begun.elapsed());
        }
        match self.state.broken() {
            None => Ok(()),
            Some(first) => Err(DistError::Collective {
                group: self.state.label(),
                operation: "the end of its operations",
                number: None,
                rank: self.state.rank,
                waited: begun.elapsed(),
                reason: first,
            }),
        }
    }

    /// Gathers all members' calls; says where they do not go together.
    fn agree(&self, call: &Call, connections: &Connections) -> Result<Option<String>, Failure> {
        let own = Tensor::from_slice(&call.to_bytes(self.size()));
        let Some(raw) = connections.of(own.device()) else { return Ok(None) };
        let all = Tensor::zeros([own.numel() as i64 * self.size() as i64], (Kind::Uint8, own.device()));
        raw.all_gather(&all, &own, self.timeout)?.wait(self.timeout)?;
        let mut calls = vec![0; all.numel()];
        all.copy_data_u8(&mut calls, all.numel());
        Ok(disagreement(&calls, self.ranks()))
    }

    /// Issues an operation for which nothing is to be sent, on any rank: its tensors are empty, or there is one rank.
    pub(crate) fn nothing_to_send<T: Send + 'static>(&self, operation: &'static str, result: T) -> Handle<T> {
        Handle::new(self.numbered(operation), None, move || Ok(result))
    }

    /// True where this process is the only member, and nothing is carried.
    pub(crate) fn is_alone(&self) -> bool {
        self.is_alone
    }

    /// Why tensors of `device` are not carried; `None` where they are.
    pub(crate) fn refusal(&self, device: Device) -> Option<String> {
        match &*self.state.carrier.lock().unwrap_or_else(PoisonError::into_inner) {
            Carrier::Connected(connections) if connections.of(device).is_none() => Some(connections.carried()),
            _ => None,
        }
    }

    /// True where sums of tensors on `device` are made on the way, by a reduce-scatter of the backend's own.
    pub(crate) fn reduces_on_the_way(&self, device: Device) -> bool {
        match &*self.state.carrier.lock().unwrap_or_else(PoisonError::into_inner) {
            Carrier::Connected(connections) => connections.is_beside(device),
            _ => false,
        }
    }

    /// The error for an argument that the next operation cannot take; it is not issued.
    pub(crate) fn refuse(&self, operation: &'static str, reason: impl Into<String>) -> DistError {
        DistError::Argument {
            group: self.state.label(),
            operation,
            number: self.next.get(),
            rank: self.state.rank,
            reason: reason.into(),
        }
    }

    fn numbered(&self, operation: &'static str) -> Issue {
        let number = self.next.replace(self.next.get() + 1);
        Issue { group: self.state.clone(), operation, number, begun: Instant::now(), timeout: self.timeout }
    }
}
