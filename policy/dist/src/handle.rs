//! An operation under way, and the words of its failure.
//!
//! Knows which group, operation and number it belongs to, and what is left to do once the bytes are there.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::board::Board;
use crate::connections::Connections;
use crate::cuda::FlightRecord;
use crate::error::DistError;
use crate::ffi::{Failure, RawWork};
use crate::meter::Meter;
use crate::store::first_line;

/// Time beyond a deadline in which the backend is expected to report by itself, in better words, that it has passed.
const PATIENCE: Duration = Duration::from_millis(250);

/// What the operations of a group share.
#[derive(Debug)]
pub(crate) struct GroupState {
    /// Name of the group.
    pub(crate) name: String,
    /// Ranks of the job that are in it, in the order of the group.
    pub(crate) ranks: Vec<usize>,
    /// This process's rank in the job.
    pub(crate) rank: usize,
    /// Where operations are noted for the heartbeat.
    pub(crate) board: Arc<Board>,
    /// Where bytes and waiting are counted.
    pub(crate) meter: Arc<Meter>,
    /// What is kept of operations on devices when one fails.
    pub(crate) flight_record: Arc<FlightRecord>,
    /// What carries its operations.
    pub(crate) carrier: Mutex<Carrier>,
}

/// What carries the operations of a group.
#[derive(Debug)]
pub(crate) enum Carrier {
    /// There is one rank, and nothing to carry.
    Nothing,
    /// Connections to the other ranks.
    Connected(Arc<Connections>),
    /// An operation failed, in these words: the ranks may be out of step, so no other starts.
    Broken(String),
}

impl GroupState {
    /// Closes the connections after a failure, so that the peers, which may wait for this rank, fail at once as well.
    fn give_up(&self, error: &DistError) {
        let mut carrier = self.carrier.lock().unwrap_or_else(PoisonError::into_inner);
        if let Carrier::Connected(_) = *carrier
            && let Carrier::Connected(connections) =
                std::mem::replace(&mut *carrier, Carrier::Broken(error.to_string()))
        {
            drop(carrier);
            // The record is of operations that are under way still.
            self.flight_record.write();
            // The group waits for operations that are under way, up to their time-outs; this rank does not.
            thread::spawn(move || {
                connections.abort();
                drop(connections);
            });
        }
    }

    /// Words of the failure since which the group takes no more operations.
    pub(crate) fn broken(&self) -> Option<String> {
        match &*self.carrier.lock().unwrap_or_else(PoisonError::into_inner) {
            Carrier::Broken(first) => Some(first.clone()),
            _ => None,
        }
    }

    /// The group's name with its ranks, for errors.
    pub(crate) fn label(&self) -> String {
        /// Ranks that are written out.
        const MOST: usize = 8;
        let ranks = self.ranks.iter().take(MOST).map(usize::to_string).collect::<Vec<_>>().join(", ");
        match self.ranks.len().checked_sub(MOST) {
            None | Some(0) => format!("group `{}` (ranks {ranks})", self.name),
            Some(more) => format!("group `{}` (ranks {ranks} and {more} more)", self.name),
        }
    }
}

/// One operation of a group, as it was issued.
#[derive(Debug, Clone)]
pub(crate) struct Issue {
    pub(crate) group: Arc<GroupState>,
    pub(crate) operation: &'static str,
    pub(crate) number: u64,
    pub(crate) begun: Instant,
    pub(crate) timeout: Duration,
}

impl Issue {
    /// The error for a failure of the backend; the group takes no more operations from then on.
    pub(crate) fn failed(&self, failure: &Failure) -> DistError {
        let waited = self.begun.elapsed();
        let error = self.error(reason(&failure.message, waited, self.timeout));
        self.group.give_up(&error);
        error
    }

    /// Notes that the operation is done.
    pub(crate) fn done(&self) {
        self.group.board.done(&self.group.name, self.group.ranks[0], self.number);
    }

    /// The error for something else that went wrong on this rank alone.
    pub(crate) fn error(&self, reason: String) -> DistError {
        DistError::Collective {
            group: self.group.label(),
            operation: self.operation,
            number: Some(self.number),
            rank: self.group.rank,
            waited: self.begun.elapsed(),
            reason,
        }
    }
}

/// Fault of an operation in words, with the backend's own in brackets.
fn reason(message: &str, waited: Duration, timeout: Duration) -> String {
    let words = first_line(message);
    // Gloo begins with the place in its code: `[/a/path.cc:81] Timed out …`.
    let words = words.strip_prefix('[').and_then(|rest| rest.split_once("] ")).map_or(words, |(_, words)| words);
    if waited >= timeout {
        let seconds = timeout.as_secs_f64();
        return format!("no answer within {seconds:.1} s; a peer is stopped, slow or somewhere else ({words})");
    }
    let is_closed = ["Connection closed", "Connection reset", "Broken pipe"].iter().any(|text| words.contains(text));
    if is_closed {
        return format!("a peer has ended or given up ({words})");
    }
    words.to_owned()
}

/// What an operation cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Timing {
    /// Time from its start to its end; `None` where it is not measured, as of every operation but a gather over Gloo.
    pub took: Option<Duration>,
    /// Time that was waited for it.
    pub waited: Duration,
}

/// What carries an operation out.
#[derive(Debug)]
pub(crate) enum UnderWay {
    /// Threads of the host.
    OnHost(RawWork),
    /// A device, beside what else it does.
    OnDevice(Arc<RawWork>),
}

/// An operation under way; [`Handle::wait`] gives its result.
///
/// Until then the tensors that it was given are written or read by the backend: give them to nobody else. A handle that
/// is dropped leaves the operation to run; its result is lost.
#[must_use = "an operation has no result until it is waited for"]
pub struct Handle<T> {
    issue: Issue,
    work: Option<UnderWay>,
    finish: Box<dyn FnOnce() -> Result<T, String> + Send>,
}

impl<T> Handle<T> {
    /// An operation that `work` carries out, and what is left to do after it.
    pub(crate) fn new(
        issue: Issue,
        work: Option<UnderWay>,
        finish: impl FnOnce() -> Result<T, String> + Send + 'static,
    ) -> Self {
        Self { issue, work, finish: Box::new(finish) }
    }

    /// The operation's result. Of tensors on the CPU the call blocks until the operation is done; its time-out counts
    /// from the moment when it was issued. Of tensors on a device it does not: what the calling thread's stream does
    /// next waits there, and a failure comes up in a later operation or in
    /// [`ProcessGroup::settle`](crate::ProcessGroup::settle).
    ///
    /// # Errors
    /// A peer is gone, or the time-out has passed: [`DistError::Collective`], and the group takes no more operations.
    pub fn wait(self) -> Result<T, DistError> {
        self.wait_timed().map(|(result, _)| result)
    }

    /// The same, with what it cost.
    ///
    /// # Errors
    /// As [`Handle::wait`].
    pub fn wait_timed(self) -> Result<(T, Timing), DistError> {
        let mut timing = Timing::default();
        match self.work {
            None => {}
            Some(UnderWay::OnHost(work)) => {
                let left = self.issue.timeout.saturating_sub(self.issue.begun.elapsed());
                let waiting = Instant::now();
                let done = work.wait(left + PATIENCE);
                timing = Timing { took: work.took(), waited: waiting.elapsed() };
                self.issue.group.meter.waited(timing.waited);
                // A work holds the connections open.
                drop(work);
                done.map_err(|failure| self.issue.failed(&failure))?;
                self.issue.done();
            }
            Some(UnderWay::OnDevice(work)) => {
                if let Some(first) = self.issue.group.broken() {
                    return Err(self.issue.error(format!("an operation of the group failed: {first}")));
                }
                work.order().map_err(|failure| self.issue.failed(&failure))?;
            }
        }
        let result = (self.finish)().map_err(|reason| self.issue.error(reason))?;
        Ok((result, timing))
    }
}

impl<T> fmt::Debug for Handle<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Handle").field("issue", &self.issue).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_says_what_happened_and_quotes_the_backend() {
        let second = Duration::from_secs(1);
        let closed = "[/a/pair.cc:547] Connection closed by peer [127.0.0.1]:4\nException raised from";
        assert_eq!(
            reason(closed, second / 2, second),
            "a peer has ended or given up (Connection closed by peer [127.0.0.1]:4)"
        );
        assert!(reason("Timed out", second, second).starts_with("no answer within 1.0 s"));
        assert_eq!(reason("Invalid scalar type", second / 2, second), "Invalid scalar type");
    }
}
