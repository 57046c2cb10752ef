//! Calls of a plug-in gathered into batches: whatever waits when a worker is free. It must not know what a worker is.
//!
//! A worker gets its share of what waits, up to a limit, so that few calls are spread over all workers and many come in
//! full batches. A call that a worker hands back (for another in its batch hung, or the worker died) waits again, ahead
//! of all others.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::{ScoreRange, Verdict, VerifierError};

/// Most bytes of questions in a batch, apart from one that alone has more.
const BATCH_BYTES: usize = 1 << 20;

/// What a call comes to.
pub(crate) type CallOutcome = Result<Verdict, VerifierError>;

/// A call that waits for its outcome.
pub(crate) struct Call {
    /// The completion and all that is known of it ([`Judged`](crate::Judged)), as JSON.
    pub question: Vec<u8>,
    /// True for a call that must have a worker to itself: it may be the one at which a batch broke.
    pub alone: bool,
    outcome: oneshot::Sender<CallOutcome>,
}

impl Call {
    /// A call that waits, and where its outcome comes.
    pub(crate) fn new(question: Vec<u8>) -> (Self, oneshot::Receiver<CallOutcome>) {
        let (outcome, waiting) = oneshot::channel();
        (Self { question, alone: false, outcome }, waiting)
    }

    /// Hands the outcome to whoever waits for it.
    pub(crate) fn end(self, outcome: CallOutcome) {
        let _ = self.outcome.send(outcome); // nobody waits any more after a deadline or an interrupt
    }
}

/// What judges batches: a process, a connection.
pub(crate) trait BatchWorker: Send + 'static {
    /// Ends the calls of a batch that it can, at least one, or at least sets several apart as
    /// [`alone`](Call::alone). Returns those that are to be judged again.
    fn judge(&mut self, batch: VecDeque<Call>) -> impl Future<Output = VecDeque<Call>> + Send;
}

/// How calls are shared out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BatchLimits {
    /// Workers at one time.
    pub workers: usize,
    /// Calls in a batch.
    pub batch: usize,
}

/// Checks what plug-ins have in common in their settings; the error is a key and what to do.
pub(crate) fn validate_batches(
    workers: usize,
    batch: usize,
    timeout_seconds: f64,
    range: ScoreRange,
) -> Result<(), (&'static str, &'static str)> {
    match () {
        () if !(1..=1024).contains(&workers) => Err(("workers", "must be from 1 to 1024")),
        () if !(1..=4096).contains(&batch) => Err(("batch", "must be from 1 to 4096")),
        () if !(timeout_seconds > 0.0 && timeout_seconds <= 86_400.0) => {
            Err(("timeout_seconds", "must be above 0 and at most 86400 seconds"))
        }
        () if !range.is_valid() => Err(("range", "must be two numbers, the lower first, as in [0, 1]")),
        () => Ok(()),
    }
}

/// A queue of calls with the workers that judge them. Workers are made as they are needed, and kept.
pub(crate) struct Batching<W> {
    queue: Arc<Queue<W>>,
}

struct Queue<W> {
    state: Mutex<State<W>>,
    limits: BatchLimits,
    make: Box<dyn Fn() -> W + Send + Sync>,
}

struct State<W> {
    waiting: VecDeque<Call>,
    idle: Vec<W>,
    num_busy: usize,
}

impl<W: BatchWorker> Batching<W> {
    /// A queue whose workers are made by `make`.
    pub(crate) fn new(limits: BatchLimits, make: impl Fn() -> W + Send + Sync + 'static) -> Self {
        let state = Mutex::new(State { waiting: VecDeque::new(), idle: Vec::new(), num_busy: 0 });
        Self { queue: Arc::new(Queue { state, limits, make: Box::new(make) }) }
    }

    /// The outcome for a question, once a worker has judged it. Must be called on a tokio runtime.
    pub(crate) async fn ask(&self, name: &str, question: Vec<u8>) -> CallOutcome {
        let (call, waiting) = Call::new(question);
        self.queue.put([call].into(), false);
        waiting.await.unwrap_or_else(|_| Err(VerifierError::crashed(name, "its worker was lost")))
    }
}

impl<W: BatchWorker> Queue<W> {
    fn lock(&self) -> MutexGuard<'_, State<W>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds calls, and calls as many workers to them as there may be.
    fn put(self: &Arc<Self>, calls: VecDeque<Call>, ahead: bool) {
        let num_called = {
            let mut state = self.lock();
            let num_called = calls.len().min(self.limits.workers.saturating_sub(state.num_busy));
            state.num_busy += num_called;
            match ahead {
                true => calls.into_iter().rev().for_each(|call| state.waiting.push_front(call)),
                false => state.waiting.extend(calls),
            }
            num_called
        };
        for _ in 0..num_called {
            tokio::spawn(work(Busy { queue: self.clone(), counts: true }));
        }
    }

    /// The next batch; empty where nothing waits.
    fn take(state: &mut State<W>, limits: BatchLimits) -> VecDeque<Call> {
        let share = state.waiting.len().div_ceil(limits.workers).clamp(1, limits.batch);
        let (mut batch, mut num_bytes) = (VecDeque::new(), 0);
        while batch.len() < share
            && let Some(next) = state.waiting.front()
        {
            if next.outcome.is_closed() {
                state.waiting.pop_front(); // nobody waits for it any more
                continue;
            }
            num_bytes += next.question.len();
            let alone = next.alone;
            if !batch.is_empty() && (alone || num_bytes > BATCH_BYTES) {
                break;
            }
            batch.extend(state.waiting.pop_front());
            if alone {
                break;
            }
        }
        batch
    }
}

/// A worker's place among those that are busy, given up when its task ends in whatever way.
struct Busy<W: BatchWorker> {
    queue: Arc<Queue<W>>,
    counts: bool,
}

impl<W: BatchWorker> Drop for Busy<W> {
    fn drop(&mut self) {
        if self.counts {
            self.queue.lock().num_busy -= 1;
        }
    }
}

/// Judges until nothing waits.
async fn work<W: BatchWorker>(mut busy: Busy<W>) {
    tokio::task::yield_now().await; // calls that are made together come into one batch
    let queue = busy.queue.clone();
    let mut worker = {
        let idle = queue.lock().idle.pop();
        idle.unwrap_or_else(|| (queue.make)())
    };
    loop {
        let batch = {
            let mut state = queue.lock();
            let batch = Queue::take(&mut state, queue.limits);
            if batch.is_empty() {
                state.idle.push(worker);
                state.num_busy -= 1;
                busy.counts = false;
                return;
            }
            batch
        };
        let again = worker.judge(batch).await;
        if !again.is_empty() {
            queue.put(again, true);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::future::join_all;

    use super::*;

    /// Passes each question, and notes the sizes of its batches; breaks at `bad` as a process does that hangs.
    struct Noting(Arc<Mutex<Vec<usize>>>);

    impl BatchWorker for Noting {
        async fn judge(&mut self, mut batch: VecDeque<Call>) -> VecDeque<Call> {
            self.0.lock().unwrap().push(batch.len());
            tokio::task::yield_now().await;
            if batch.len() > 1 && batch.iter().any(|call| call.question == b"bad") {
                batch.iter_mut().for_each(|call| call.alone = true);
                return batch;
            }
            for call in batch {
                let outcome = match call.question.as_slice() {
                    b"bad" => Err(VerifierError::timed_out("noting", "bad")),
                    _ => Ok(Verdict::pass("")),
                };
                call.end(outcome);
            }
            VecDeque::new()
        }
    }

    async fn asked(workers: usize, batch: usize, questions: &[&str]) -> (Vec<bool>, Vec<usize>) {
        let sizes = Arc::new(Mutex::new(Vec::new()));
        let noted = sizes.clone();
        let batching = Batching::new(BatchLimits { workers, batch }, move || Noting(noted.clone()));
        let asking = questions.iter().map(|question| batching.ask("noting", question.as_bytes().to_vec()));
        let passed = join_all(asking).await.into_iter().map(|outcome| outcome.is_ok()).collect();
        let sizes = sizes.lock().unwrap().clone();
        (passed, sizes)
    }

    #[tokio::test]
    async fn what_waits_is_one_batch_and_shared_among_workers() {
        let (passed, sizes) = asked(1, 8, &["good"; 20]).await;
        assert!(passed.iter().all(|passed| *passed));
        assert_eq!(sizes, [8, 8, 4]);
        let (_, sizes) = asked(4, 8, &["good"; 8]).await;
        assert!(sizes.iter().all(|size| *size <= 2), "{sizes:?}");
    }

    #[tokio::test]
    async fn one_bad_call_takes_none_with_it() {
        let mut questions = vec!["good"; 16];
        questions[5] = "bad";
        let (passed, _) = asked(2, 8, &questions).await;
        let failed: Vec<_> = (0..16).filter(|index| !passed[*index]).collect();
        assert_eq!(failed, [5]);
    }

    #[tokio::test]
    async fn a_call_that_nobody_waits_for_is_left_out() {
        let sizes = Arc::new(Mutex::new(Vec::new()));
        let noted = sizes.clone();
        let batching = Batching::new(BatchLimits { workers: 1, batch: 8 }, move || Noting(noted.clone()));
        tokio::select! {
            biased;
            _ = batching.ask("noting", b"bad".to_vec()) => panic!("no worker has run yet"),
            () = std::future::ready(()) => {}
        }
        assert!(batching.ask("noting", b"good".to_vec()).await.is_ok());
        assert_eq!(*sizes.lock().unwrap(), [1]);
    }

    #[tokio::test]
    async fn a_large_question_has_a_batch_to_itself() {
        let large = "x".repeat(BATCH_BYTES);
        let (passed, sizes) = asked(1, 8, &["good", &large, "good"]).await;
        assert_eq!((passed.len(), sizes), (3, vec![1, 1, 1]));
    }
}
