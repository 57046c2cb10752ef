//! Signals that are to end a candidate as they end any other process.
//!
//! The kernel keeps signals with the default action from process 1 of a pid namespace (pid_namespaces(7)), which a
//! candidate is. So a handler ends it, and no handler of the interpreter's language: such a one runs between two
//! instructions of the program, so a signal that comes just ahead of a blocking call would be left lying until that
//! call returns, in a candidate and in every process that it starts.
#![allow(unsafe_code)]

use std::ptr::null_mut;

use nix::errno::Errno;
use nix::libc::{self, c_int};

/// Signals whose default action ends a process (signal(7)), up to the real-time ones, but for those that end a
/// candidate in other ways: SIGKILL and those that the processor raises are the filter's.
const ENDING: [c_int; 17] = [
    libc::SIGHUP,
    libc::SIGINT,
    libc::SIGQUIT,
    libc::SIGTRAP,
    libc::SIGUSR1,
    libc::SIGUSR2,
    libc::SIGPIPE,
    libc::SIGALRM,
    libc::SIGTERM,
    libc::SIGSTKFLT,
    libc::SIGXCPU,
    libc::SIGXFSZ,
    libc::SIGVTALRM,
    libc::SIGPROF,
    libc::SIGIO,
    libc::SIGPWR,
    libc::SIGSYS,
];

/// Has each signal that has the default action, which is to end a process, end this one, its copies, and what those
/// start.
///
/// # Errors
/// The kernel refuses.
pub(crate) fn end_by_signals() -> nix::Result<()> {
    for signal in ENDING.into_iter().chain(libc::SIGRTMIN()..=libc::SIGRTMAX()) {
        if action(signal)? == libc::SIG_DFL {
            end_by(signal)?;
        }
    }
    Ok(())
}

/// Has a signal end this process if that is its default action; leaves any other signal as it is.
///
/// # Errors
/// The kernel refuses.
pub(crate) fn end_by(signal: c_int) -> nix::Result<()> {
    if !ENDING.contains(&signal) && !(libc::SIGRTMIN()..=libc::SIGRTMAX()).contains(&signal) {
        return Ok(());
    }
    // SAFETY: every bit pattern is a value of this type; zeros are an empty mask.
    let mut ending: libc::sigaction = unsafe { std::mem::zeroed() };
    ending.sa_sigaction = end as extern "C" fn(c_int) as libc::sighandler_t;
    // At the handler's first line the default action is back, and nothing is blocked.
    ending.sa_flags = libc::SA_RESETHAND | libc::SA_NODEFER;
    // SAFETY: the handler calls only what is safe in one (signal-safety(7)), and does not return.
    Errno::result(unsafe { libc::sigaction(signal, &raw const ending, null_mut()) }).map(drop)
}

/// The action of a signal: a handler's address, or SIG_DFL or SIG_IGN.
fn action(signal: c_int) -> nix::Result<libc::sighandler_t> {
    // SAFETY: every bit pattern is a value of this type.
    let mut now: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: asks only, and the place is valid for a write of its type while the call lasts.
    Errno::result(unsafe { libc::sigaction(signal, std::ptr::null(), &raw mut now) })?;
    Ok(now.sa_sigaction)
}

/// Ends the process: by the signal's default action or, if that is kept from it, with the status that a shell gives it.
extern "C" fn end(signal: c_int) {
    // SAFETY: both calls take any number.
    unsafe {
        libc::raise(signal);
        libc::_exit(128 + signal)
    }
}
