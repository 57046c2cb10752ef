//! The threads that share a step's work: the one that calls, and helpers that wait between two calls.
//!
//! A step has many calls, so a helper looks for the next one for a moment before it sleeps: waking it takes as long as
//! a small call. The caller never waits for a helper that has not begun. Which thread does what changes no result.
#![allow(unsafe_code)]

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Time for which a helper looks for a call before it sleeps: longer than what a step does between two calls.
const LOOKING: Duration = Duration::from_micros(50);
/// Looks between two looks at the clock, and at a helper's work before the processor is offered to others.
const LOOKS: u32 = 64;

/// Pieces of work for each thread, so that one that is held up leaves work to the others.
const PIECES: usize = 6;

/// Threads of one engine.
#[derive(Debug)]
pub struct Threads {
    num_threads: usize,
    shared: Arc<Shared>,
    helpers: Vec<JoinHandle<()>>,
    /// Held during a call.
    calling: Mutex<()>,
}

/// What a call's threads do: each runs it once.
type Work<'a> = dyn Fn() + Sync + 'a;

/// What helpers look at.
#[derive(Debug, Default)]
struct Shared {
    /// Calls so far; the end is one too. It changes under the lock of `call`.
    num_calls: AtomicUsize,
    /// Helpers at work. It grows under the lock of `call`.
    num_working: AtomicUsize,
    call: Mutex<Call>,
    is_new: Condvar,
}

#[derive(Debug, Default)]
struct Call {
    /// None where there is nothing left to begin.
    work: Option<SharedWork>,
    num_sleeping: usize,
    is_end: bool,
    /// A helper's panic.
    panic: Option<Box<dyn Any + Send>>,
}

#[derive(Clone, Copy, Debug)]
struct SharedWork(*const Work<'static>);

// SAFETY: the work is `Sync`, and a helper has it only while the call that lent it goes on.
unsafe impl Send for SharedWork {}

impl Threads {
    /// So many threads, the caller's among them; fewer where the system does not give as many.
    pub fn new(num_threads: usize) -> Self {
        let shared = Arc::new(Shared::default());
        let start = |number: usize| {
            let shared = shared.clone();
            std::thread::Builder::new().name(format!("engine-{number}")).spawn(move || shared.help()).ok()
        };
        let helpers = (1..num_threads).map_while(start).collect();
        Self { num_threads, shared, helpers, calling: Mutex::default() }
    }

    /// Number of threads that was asked for.
    pub fn num_threads(&self) -> usize {
        self.num_threads
    }

    /// Pieces that a call's work is cut into where there is enough of it.
    pub(crate) fn num_pieces(&self) -> usize {
        PIECES * self.num_threads
    }

    /// Does each piece of work once, whichever thread comes to it, with something that each thread makes for itself.
    ///
    /// # Panics
    /// A piece of work did.
    pub fn run<T: Send, S>(&self, pieces: Vec<T>, make: impl Fn() -> S + Sync, work: impl Fn(T, &mut S) + Sync) {
        let num_pieces = pieces.len();
        let queue = Mutex::new(pieces.into_iter());
        let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
        let work_off = || {
            let mut own = make();
            while let Some(piece) = next() {
                work(piece, &mut own);
            }
        };
        // Another call of these threads may be under way, one that this is a piece of too.
        let calling = (num_pieces > 1 && !self.helpers.is_empty()).then(|| self.calling.try_lock().ok()).flatten();
        if calling.is_none() {
            return work_off();
        }
        let lent = Lent::new(&self.shared, &work_off);
        work_off();
        drop(lent);
        let panic = self.shared.lock().panic.take();
        if let Some(panic) = panic {
            drop(calling);
            resume_unwind(panic);
        }
    }
}

impl Drop for Threads {
    fn drop(&mut self) {
        self.shared.publish(|call| call.is_end = true);
        for helper in self.helpers.drain(..) {
            let _ = helper.join(); // its panics are caught
        }
    }
}

/// Work that helpers have until this is dropped, which waits for those that have begun.
struct Lent<'a> {
    shared: &'a Shared,
}

impl<'a> Lent<'a> {
    fn new(shared: &'a Shared, work: &'a Work<'a>) -> Self {
        // SAFETY: this alone forgets for how long the work is borrowed. `drop` takes it back before that is over, also
        // where the caller's own share panics, and waits until no helper has it.
        let work = SharedWork(unsafe { std::mem::transmute::<*const Work<'a>, *const Work<'static>>(work) });
        shared.publish(|call| call.work = Some(work));
        Self { shared }
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        self.shared.lock().work = None;
        let mut looks = 0;
        while self.shared.num_working.load(Ordering::Acquire) > 0 {
            looks += 1;
            if looks < LOOKS { std::hint::spin_loop() } else { std::thread::yield_now() }
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Call> {
        self.call.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the call, and has all helpers look at it.
    fn publish(&self, change: impl FnOnce(&mut Call)) {
        let mut call = self.lock();
        change(&mut call);
        self.num_calls.fetch_add(1, Ordering::Release);
        if call.num_sleeping > 0 {
            self.is_new.notify_all();
        }
    }

    /// What a helper does until the end.
    fn help(&self) {
        let mut seen = 0;
        loop {
            self.look_for_another(seen);
            let mut call = self.lock();
            while self.num_calls.load(Ordering::Acquire) == seen {
                call.num_sleeping += 1;
                call = self.is_new.wait(call).unwrap_or_else(PoisonError::into_inner);
                call.num_sleeping -= 1;
            }
            seen = self.num_calls.load(Ordering::Acquire);
            if call.is_end {
                return;
            }
            let Some(SharedWork(work)) = call.work else { continue };
            self.num_working.fetch_add(1, Ordering::Relaxed);
            drop(call);
            // SAFETY: the work was there under the lock, and this helper counted itself under the same lock: whoever
            // lent the work waits for it.
            let outcome = catch_unwind(AssertUnwindSafe(|| unsafe { (*work)() }));
            if let Err(panic) = outcome {
                self.lock().panic = Some(panic);
            }
            self.num_working.fetch_sub(1, Ordering::Release);
        }
    }

    /// Comes back with the call after `seen`, or without it after a while.
    fn look_for_another(&self, seen: usize) {
        let begin = Instant::now();
        while begin.elapsed() < LOOKING {
            for _ in 0..LOOKS {
                if self.num_calls.load(Ordering::Acquire) != seen {
                    return;
                }
                std::hint::spin_loop();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_piece_is_done_once_by_any_number_of_threads() {
        for num_threads in 1..5 {
            let threads = Threads::new(num_threads);
            let mut done = vec![0; 100];
            for round in 0..200 {
                threads.run(done.iter_mut().collect(), || (), |piece: &mut i32, ()| *piece += 1);
                if round % 50 == 0 {
                    std::thread::sleep(4 * LOOKING); // helpers sleep too
                }
            }
            threads.run(Vec::<&mut i32>::new(), || (), |piece, ()| *piece += 1);
            assert_eq!(done, vec![200; 100], "{num_threads} threads");
        }
    }

    #[test]
    fn a_piece_of_work_may_be_a_call_itself() {
        let threads = Threads::new(3);
        let sum = AtomicUsize::new(0);
        let inner = |from: usize| {
            threads.run(
                (from..from + 10).collect(),
                || (),
                |number, ()| {
                    sum.fetch_add(number, Ordering::Relaxed);
                },
            );
        };
        threads.run(vec![0, 10, 20], || (), |from, ()| inner(from));
        assert_eq!(sum.into_inner(), (0..30).sum());
    }

    #[test]
    fn a_panic_reaches_the_caller_and_the_threads_go_on() {
        let threads = Threads::new(3);
        let work = |piece: usize, (): &mut ()| assert!(piece != 17, "the seventeenth");
        for _ in 0..20 {
            let call = AssertUnwindSafe(|| threads.run((0..40).collect(), || (), work));
            let panic = catch_unwind(call).expect_err("a piece panics");
            assert_eq!(panic.downcast_ref::<&str>(), Some(&"the seventeenth"));
        }
        let done = AtomicUsize::new(0);
        threads.run(
            (0..9).collect(),
            || (),
            |_: i32, ()| {
                done.fetch_add(1, Ordering::Relaxed);
            },
        );
        assert_eq!(done.into_inner(), 9);
    }
}
