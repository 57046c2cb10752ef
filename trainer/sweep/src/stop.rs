//! The wish to stop, which all that runs looks at.

use std::sync::atomic::{AtomicBool, Ordering};

/// A wish to stop; once it is there it stays.
#[derive(Debug, Default)]
pub struct Stop(AtomicBool);

impl Stop {
    /// Asks to stop.
    pub fn ask(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// True once it was asked.
    pub fn is_asked(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}
