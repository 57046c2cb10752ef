//! Runs what is written once for all processors with the widest instructions that this one has.

use crate::lanes::Computation;

/// Runs a computation with the widest instructions there are.
#[cfg(target_arch = "x86_64")]
pub(crate) fn run_widest<C: Computation>(computation: C) {
    if let Err(computation) = crate::x86::run_wide(computation) {
        computation.run::<crate::lanes::Portable>();
    }
}

/// Runs a computation with the instructions that the compiler chooses.
#[cfg(not(target_arch = "x86_64"))]
pub(crate) fn run_widest<C: Computation>(computation: C) {
    computation.run::<crate::lanes::Portable>();
}
