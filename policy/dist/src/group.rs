//! A process group: some ranks of the job that issue the same operations in the same order.
//!
//! Counts operations, holds them to a time-out, and refuses them after the first failure. What the operations are is
//! said in `collective.rs` and `bytes.rs`.

use std::cell::Cell;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tch::{Kind, Tensor};

use crate::board::{Board, IssuedOperation};
use crate::call::{Call, disagreement};
use crate::error::DistError;
use crate::ffi::{Cause, Failure, RawGroup, RawWork};
use crate::handle::{Carrier, GroupState, Handle, Issue};
use crate::meter::Meter;
use crate::store::Store;

/// Carrier of a group's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Backend {
    /// Gloo, over TCP, for tensors on the CPU. `GLOO_SOCKET_IFNAME` names the network interfaces to use; else the one
    /// whose address the host's name stands for.
    Gloo,
    /// Nothing at all: this rank is the only one, whatever the size of its group. For planning and tests: one rank of
    /// many computes and holds what it would, and no other is waited for. What would come from the others is this
    /// rank's own: of no use but its size.
    Fake,
}

/// Time-out of a group that waits for nobody.
const FAKE_TIMEOUT: Duration = Duration::from_secs(1);

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
    /// Meets the other members at `store`, under `prefix`, which no other group has.
    pub(crate) fn meet(
        members: Members,
        backend: Backend,
        store: &Store,
        prefix: String,
        timeout: Duration,
        board: Arc<Board>,
        meter: Arc<Meter>,
    ) -> Result<Self, DistError> {
        let (rank, ranks) = (members.rank, members.ranks.clone());
        Self::new(members, timeout, (board, meter), |own, size, begun| match backend {
            Backend::Gloo => {
                let met = store.gloo(prefix.clone(), own, size, timeout).and_then(|met| {
                    // One that is done and leaves at once would break the connections of those that still meet.
                    store.set(&format!("{prefix}met/{rank}"), b"")?;
                    let all: Vec<String> = ranks.iter().map(|member| format!("{prefix}met/{member}")).collect();
                    store.wait(&all, timeout.saturating_sub(begun.elapsed()))?;
                    Ok(met)
                });
                met.map_err(|error| format!("not all of them came ({error})"))
            }
            Backend::Fake => RawGroup::fake(own, size).map_err(|failure| failure.message),
        })
    }

    /// A group of these members; `connect` makes what carries it, where there are several, from this rank's number, the
    /// group's size and the beginning of the meeting.
    fn new(
        members: Members,
        timeout: Duration,
        (board, meter): (Arc<Board>, Arc<Meter>),
        connect: impl FnOnce(usize, usize, Instant) -> Result<RawGroup, String>,
    ) -> Result<Self, DistError> {
        let Members { name, ranks, rank } = members;
        let state = GroupState { name, ranks, rank, board, meter, carrier: Mutex::new(Carrier::Nothing) };
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
        let carrier = match state.ranks.len() {
            1 => Carrier::Nothing,
            size => Carrier::Connected(connect(own, size, begun).map_err(failed)?),
        };
        let state = Arc::new(GroupState { carrier: Mutex::new(carrier), ..state });
        Ok(Self { state, rank: own, timeout, next: Cell::new(0), is_checked: false })
    }

    /// Rank `rank` of `size`, of which no other exists ([`Backend::Fake`]); there is no job either.
    ///
    /// # Errors
    /// `rank` is not below `size`.
    pub fn fake(name: &str, rank: usize, size: usize) -> Result<Self, DistError> {
        let members = Members { name: name.to_owned(), ranks: (0..size).collect(), rank };
        Self::new(members, FAKE_TIMEOUT, Default::default(), |own, size, _| {
            RawGroup::fake(own, size).map_err(|failure| failure.message)
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
        let started = match &*self.state.carrier.lock().unwrap_or_else(PoisonError::into_inner) {
            Carrier::Nothing => return Ok(Handle::new(issue, None, finish)),
            Carrier::Broken(first) => {
                return Err(issue.error(format!("the group takes no more operations since one failed: {first}")));
            }
            Carrier::Connected(raw) => {
                self.state.board.issue(IssuedOperation {
                    group: self.state.name.clone(),
                    first_rank: self.state.ranks[0],
                    name: call.name.to_owned(),
                    number: issue.number,
                    is_done: false,
                });
                self.state.meter.issued(call.name, call.bytes);
                let agreed = if self.is_checked { self.agree(call, raw) } else { Ok(None) };
                match agreed {
                    Ok(None) => start(raw, self.timeout),
                    Ok(Some(message)) => Err(Failure { cause: Cause::Other, message }),
                    Err(failure) => Err(failure),
                }
            }
        };
        let work = started.map_err(|failure| issue.failed(&failure))?;
        Ok(Handle::new(issue, Some(work), finish))
    }

    /// Gathers all members' calls; says where they do not go together.
    fn agree(&self, call: &Call, raw: &RawGroup) -> Result<Option<String>, Failure> {
        let own = Tensor::from_slice(&call.to_bytes(self.size()));
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

    /// True where this process is the only member.
    pub(crate) fn is_alone(&self) -> bool {
        self.size() == 1
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
