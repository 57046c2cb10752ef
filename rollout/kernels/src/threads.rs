//! The threads that share a step's work: the one that calls, and helpers that sleep between two calls.
//!
//! They are these alone: a pool that other work is given too would let a step wait for it. Which thread does what
//! changes no result.

use std::sync::{Mutex, PoisonError};

use rayon::{ThreadPool, ThreadPoolBuilder};

/// Threads of one engine.
#[derive(Debug)]
pub struct Threads {
    num_threads: usize,
    /// The helpers; none where there is one thread, or no other could be started.
    helpers: Option<ThreadPool>,
}

impl Threads {
    /// So many threads, the caller's among them.
    pub fn new(num_threads: usize) -> Self {
        let name = |number| format!("engine-{number}");
        let build = |num_helpers| ThreadPoolBuilder::new().num_threads(num_helpers).thread_name(name).build().ok();
        Self { num_threads, helpers: num_threads.checked_sub(1).filter(|num_helpers| *num_helpers > 0).and_then(build) }
    }

    /// Number of threads that was asked for.
    pub fn num_threads(&self) -> usize {
        self.num_threads
    }

    /// Does each piece of work once, whichever thread comes to it, with something that each thread makes for itself.
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
        let Some(helpers) = self.helpers.as_ref().filter(|_| num_pieces > 1) else { return work_off() };
        helpers.in_place_scope(|scope| {
            for _ in 0..helpers.current_num_threads().min(num_pieces - 1) {
                scope.spawn(|_| work_off());
            }
            work_off();
        });
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
            for _ in 0..3 {
                threads.run(done.iter_mut().collect(), || (), |piece: &mut i32, ()| *piece += 1);
            }
            threads.run(Vec::<&mut i32>::new(), || (), |piece, ()| *piece += 1);
            assert_eq!(done, vec![3; 100], "{num_threads} threads");
        }
    }
}
