//! Requests that come again with an id: they join the first one while it runs, and get its answer from memory later.
//!
//! Only reports are remembered: a request that got none is run anew when it comes again.

use std::collections::hash_map::RandomState;
use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::hash::BuildHasher;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use futures::future::{FutureExt, Shared, WeakShared};

use super::reply::Reply;
use crate::lock::lock;
use crate::metrics::Repeat;

/// Most bytes of remembered answers.
const REMEMBERED_BYTES: usize = 64 << 20;

type ReplyFuture = Pin<Box<dyn Future<Output = Reply> + Send>>;

/// Key of a request: its client, its endpoint and the id it carries.
pub(crate) type Key = (Arc<str>, &'static str, String);

enum RepeatState {
    /// The work, which lives for as long as a caller waits for it.
    Running(WeakShared<ReplyFuture>),
    Answered(Reply),
}

struct Entry {
    /// Number of the request that made the entry: a later one may have its key.
    number: u64,
    body_hash: u64,
    state: RepeatState,
}

#[derive(Default)]
struct ReplyMemory {
    entries: HashMap<Key, Entry>,
    /// Keys of answered requests, the oldest first.
    answered: VecDeque<Key>,
    bytes: usize,
    num_requests: u64,
}

/// The requests with an id that run or are remembered.
pub(crate) struct Repeats {
    memory: Mutex<ReplyMemory>,
    capacity: usize,
    hasher: RandomState,
}

/// Result of looking up a request by its id.
pub(crate) enum Found {
    /// The answer is to be waited for; the repeat is `None` for the first request.
    Waits(Shared<ReplyFuture>, Option<Repeat>),
    /// The request was answered before.
    Remembered(Reply),
    /// The id stands for another body.
    OtherBody,
}

impl Repeats {
    /// Remembers at most `capacity` answers.
    pub(super) fn new(capacity: usize) -> Self {
        Self { memory: Mutex::default(), capacity, hasher: RandomState::new() }
    }

    /// Finds the answer to a request that comes again; the answer to a first one is that of `work`.
    pub(super) fn find_or_start(
        self: &Arc<Self>,
        key: Key,
        body: &[u8],
        work: impl Future<Output = Reply> + Send + 'static,
    ) -> Found {
        let body_hash = self.hasher.hash_one(body);
        let mut memory = lock(&self.memory);
        if let Some(entry) = memory.entries.get(&key) {
            if entry.body_hash != body_hash {
                return Found::OtherBody;
            }
            match &entry.state {
                RepeatState::Answered(reply) => return Found::Remembered(reply.clone()),
                RepeatState::Running(running) => {
                    if let Some(running) = running.upgrade() {
                        return Found::Waits(running, Some(Repeat::Joined));
                    }
                }
            }
        }
        memory.num_requests += 1;
        let number = memory.num_requests;
        let mut ending = Ending { repeats: self.clone(), key: key.clone(), number, reply: None };
        let running: ReplyFuture = Box::pin(async move {
            let reply = work.await;
            ending.keep(reply.clone());
            reply
        });
        let running = running.shared();
        if let Some(weak) = running.downgrade() {
            memory.entries.insert(key, Entry { number, body_hash, state: RepeatState::Running(weak) });
        }
        Found::Waits(running, None)
    }

    /// Records the end of request `number`; `None` where it was dropped unanswered.
    ///
    /// Nothing here may drop a request's future: that calls this function again, which waits for the lock.
    fn end(&self, key: &Key, number: u64, reply: Option<Reply>) {
        let mut memory = lock(&self.memory);
        let entry = memory.entries.get_mut(key).filter(|entry| entry.number == number);
        let Some(entry) = entry else { return };
        match reply.filter(|reply| reply.is_settled && self.capacity > 0) {
            Some(reply) => {
                let num_bytes = reply.body.len();
                entry.state = RepeatState::Answered(reply);
                memory.bytes += num_bytes;
                memory.answered.push_back(key.clone());
            }
            None => {
                memory.entries.remove(key);
            }
        }
        while memory.answered.len() > self.capacity || memory.bytes > REMEMBERED_BYTES {
            let Some(oldest) = memory.answered.pop_front() else { break };
            if let Some(Entry { state: RepeatState::Answered(reply), .. }) = memory.entries.remove(&oldest) {
                memory.bytes -= reply.body.len();
            }
        }
    }
}

/// Records the end of a request when dropped, also where nobody waited for the end.
struct Ending {
    repeats: Arc<Repeats>,
    key: Key,
    number: u64,
    reply: Option<Reply>,
}

impl Ending {
    fn keep(&mut self, reply: Reply) {
        self.reply = Some(reply);
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.repeats.end(&self.key, self.number, self.reply.take());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use axum::http::StatusCode;

    use super::*;

    fn key(id: &str) -> Key {
        ("client".into(), "/run", id.to_owned())
    }

    fn reply(status: StatusCode) -> Reply {
        Reply { status, body: "{}".into(), retry_after: None, is_settled: status == StatusCode::OK }
    }

    async fn ask(repeats: &Arc<Repeats>, id: &str, body: &str, status: StatusCode, runs: &Arc<AtomicUsize>) -> u16 {
        let runs = runs.clone();
        let work = async move {
            runs.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            reply(status)
        };
        match repeats.find_or_start(key(id), body.as_bytes(), work) {
            Found::Waits(running, _) => running.await.status.as_u16(),
            Found::Remembered(reply) => reply.status.as_u16(),
            Found::OtherBody => 422,
        }
    }

    #[tokio::test]
    async fn reports_are_shared_and_remembered_and_errors_are_not() {
        let (repeats, runs) = (Arc::new(Repeats::new(2)), Arc::new(AtomicUsize::new(0)));
        let both = futures::future::join(
            ask(&repeats, "a", "x", StatusCode::OK, &runs),
            ask(&repeats, "a", "x", StatusCode::OK, &runs),
        );
        assert_eq!(both.await, (200, 200));
        assert_eq!(ask(&repeats, "a", "x", StatusCode::OK, &runs).await, 200);
        assert_eq!(runs.load(Ordering::SeqCst), 1);
        assert_eq!(ask(&repeats, "a", "y", StatusCode::OK, &runs).await, 422);
        for expected in [2, 3] {
            assert_eq!(ask(&repeats, "b", "x", StatusCode::SERVICE_UNAVAILABLE, &runs).await, 503);
            assert_eq!(runs.load(Ordering::SeqCst), expected);
        }
        for id in ["c", "d"] {
            ask(&repeats, id, "x", StatusCode::OK, &runs).await;
        }
        ask(&repeats, "a", "x", StatusCode::OK, &runs).await;
        assert_eq!(runs.load(Ordering::SeqCst), 6, "the oldest is forgotten");
    }

    #[tokio::test]
    async fn work_that_nobody_waits_for_is_dropped_and_may_begin_anew() {
        let (repeats, runs) = (Arc::new(Repeats::new(2)), Arc::new(AtomicUsize::new(0)));
        let given_up = ask(&repeats, "a", "x", StatusCode::OK, &runs).now_or_never();
        assert_eq!(given_up, None);
        assert!(lock(&repeats.memory).entries.is_empty());
        assert_eq!(ask(&repeats, "a", "x", StatusCode::OK, &runs).await, 200);
        assert_eq!(runs.load(Ordering::SeqCst), 2);
    }

    #[tokio::test]
    async fn an_end_that_comes_late_leaves_a_later_request_alone() {
        let (repeats, runs) = (Arc::new(Repeats::new(2)), Arc::new(AtomicUsize::new(0)));
        let start = || repeats.find_or_start(key("a"), b"x", std::future::pending());
        drop(start());
        let Found::Waits(later, None) = start() else { panic!("it is the first of its id") };
        repeats.end(&key("a"), 1, None);
        assert!(matches!(start(), Found::Waits(_, Some(Repeat::Joined))));
        // Nobody but this waits for the later request any more: its end finds the lock free.
        drop(later);
        assert_eq!(ask(&repeats, "a", "x", StatusCode::OK, &runs).await, 200);
    }
}
