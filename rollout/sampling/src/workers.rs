//! Threads that share the rows of a step.
//!
//! They are these alone: a pool that other work is given too would let a step wait for it. The calling thread works
//! along, and takes all that the others have not begun. Which thread does what changes no result.

use std::sync::{Mutex, PoisonError};

use rayon::{ThreadPool, ThreadPoolBuilder};

/// Threads for [`crate::draw_rows`].
#[derive(Debug)]
pub struct Workers {
    /// All but the calling thread; `None` where that is the only one.
    pool: Option<ThreadPool>,
    num_threads: usize,
}

impl Workers {
    /// So many threads with the calling one; fewer where the system refuses them.
    pub fn new(num_threads: usize) -> Self {
        let others = num_threads.saturating_sub(1);
        let builder = ThreadPoolBuilder::new().num_threads(others).thread_name(|number| format!("sampling-{number}"));
        let pool = (others > 0).then(|| builder.build().ok()).flatten();
        let num_threads = if pool.is_some() { num_threads } else { 1 };
        Self { pool, num_threads }
    }

    /// Number of threads, the calling one among them.
    pub fn num_threads(&self) -> usize {
        self.num_threads
    }

    /// Calls `work` with each item, on whichever thread is free.
    pub(crate) fn share<T: Send>(&self, items: Vec<T>, work: impl Fn(T) + Sync) {
        let Some(pool) = self.pool.as_ref().filter(|_| items.len() > 1) else {
            return items.into_iter().for_each(work);
        };
        let num_helpers = (self.num_threads - 1).min(items.len() - 1);
        let queue = Mutex::new(items.into_iter());
        let next = || queue.lock().unwrap_or_else(PoisonError::into_inner).next();
        let work_along = || {
            while let Some(item) = next() {
                work(item);
            }
        };
        pool.in_place_scope(|scope| {
            (0..num_helpers).for_each(|_| scope.spawn(|_| work_along()));
            work_along();
        });
    }
}
