//! A computation that is compiled for each width of vectors, of which the processor's is chosen while the program runs.

use crate::lanes::{Lanes, Portable};

/// What is computed with lanes whose kind is chosen while the program runs.
pub(crate) trait Computation {
    fn run<L: Lanes>(self);
}

/// Runs a computation with the widest instructions that this processor has.
#[cfg(target_arch = "x86_64")]
pub(crate) fn run<C: Computation>(computation: C) {
    if let Err(computation) = crate::x86::run_wide(computation) {
        computation.run::<Portable>();
    }
}

/// Runs a computation with the instructions that the compiler chooses.
#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn run<C: Computation>(computation: C) {
    computation.run::<Portable>();
}
