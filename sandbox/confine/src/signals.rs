//! Signals that are to end a candidate as they end any other process.
//!
//! The kernel keeps signals with the default action from process 1 of a pid namespace (pid_namespaces(7)), which a
//! candidate is. So a handler ends it, and no handler of the interpreter's language: such a one runs between two
//! instructions of the program, so a signal that comes just ahead of a blocking call would be left lying until that
//! call returns, in a candidate and in every process that it starts.
#![allow(unsafe_code)]

use nix::libc::{self, c_int};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};

/// What a program may send to end a process or ask for by a timer. Those that the processor raises are the filter's.
const ENDING: [Signal; 7] = [
    Signal::SIGHUP,
    Signal::SIGALRM,
    Signal::SIGTERM,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGVTALRM,
    Signal::SIGPROF,
];

/// Has each of these signals end this process, its copies, and what those start.
///
/// # Errors
/// The kernel refuses.
pub(crate) fn end_by_signals() -> nix::Result<()> {
    // At the handler's first line the default action is back, and nothing is blocked.
    let flags = SaFlags::SA_RESETHAND | SaFlags::SA_NODEFER;
    let action = SigAction::new(SigHandler::Handler(end), flags, SigSet::empty());
    ENDING.iter().try_for_each(|&signal| {
        // SAFETY: the handler calls only what is safe in one (signal-safety(7)), and does not return.
        unsafe { sigaction(signal, &action) }.map(drop)
    })
}

/// Ends the process: by the signal's default action or, if that is kept from it, with the status that a shell gives it.
extern "C" fn end(signal: c_int) {
    // SAFETY: both calls take any number.
    unsafe {
        libc::raise(signal);
        libc::_exit(128 + signal)
    }
}
