//! A copy of this process that is a child of this process's parent.
//!
//! `fork` has the copy repair all that other threads may have left locked, which visits half an interpreter, and each
//! page written to is copied. A process with one thread has nothing to repair: its copy goes straight to its own work.
#![allow(unsafe_code)]

use std::ptr::null_mut;

use nix::errno::Errno;
use nix::libc;
use nix::sched::CloneFlags;
use nix::unistd::{Pid, getpid};

/// Bytes of stack between the frame that asks for a copy and the copy's first frame: more than the frames in between
/// take, which the copy reads.
const GAP: usize = 64 << 10;

/// The place at which the C library keeps its thread's id.
#[derive(Clone, Copy)]
pub(crate) struct ThreadId(*mut libc::pid_t);

impl ThreadId {
    /// The place for the only thread; `None` if the kernel does not tell it, or it holds something else.
    pub(crate) fn find() -> Option<Self> {
        let mut place: *mut libc::pid_t = null_mut();
        // SAFETY: the kernel writes one pointer, to the variable that it is given.
        let told = unsafe { libc::prctl(libc::PR_GET_TID_ADDRESS, &raw mut place) };
        // SAFETY: the C library has told the kernel this place, which lasts as long as the thread.
        let is_kept = told == 0 && !place.is_null() && unsafe { place.read() } == getpid().as_raw();
        is_kept.then_some(Self(place))
    }
}

/// Makes a copy in new `namespaces`. The copy calls `act` on this thread's stack, and exits with the status that it
/// returns.
///
/// # Safety
/// This process has one thread.
///
/// # Errors
/// The kernel refuses.
pub(crate) unsafe fn copy<F: Fn() -> i32>(
    namespaces: CloneFlags,
    thread_id: Option<ThreadId>,
    act: F,
) -> nix::Result<Pid> {
    extern "C" fn first<F: Fn() -> i32>(act: *mut libc::c_void) -> libc::c_int {
        // SAFETY: the copy has the memory of the moment at which it was made, when `act` pointed to the caller's `F`.
        let act = unsafe { &*act.cast::<F>() };
        act()
    }
    let mut flags = (CloneFlags::CLONE_PARENT | namespaces).bits();
    let mut place = null_mut();
    if let Some(thread_id) = thread_id {
        flags |= libc::CLONE_CHILD_SETTID | libc::CLONE_CHILD_CLEARTID;
        place = thread_id.0;
    }
    // The copy's first frame lies below all frames in use, on the same stack: an interpreter checks its stack's bounds.
    let start = (&raw const flags).cast_mut().wrapping_byte_sub(GAP).map_addr(|address| address & !15);
    let act = (&raw const act).cast_mut();
    let nothing: *mut libc::c_void = null_mut();
    // SAFETY: the copy has memory of its own, in which no other thread holds a lock. Its frames overlap no frame in
    // use. The kernel extends a stack downwards at its first use, so there is memory for them.
    let made = unsafe { libc::clone(first::<F>, start.cast(), flags, act.cast(), nothing, nothing, place) };
    Errno::result(made).map(Pid::from_raw)
}
