//! A copy of this process that is a child of this one's parent.
//!
//! `fork` has half an interpreter visited in the copy to repair what threads may have left locked, each page of it a page that
//! is copied. A process of one thread has nothing to repair: the copy goes on with what it is told to.
#![allow(unsafe_code)]

use std::ptr::null_mut;

use nix::errno::Errno;
use nix::libc;
use nix::sched::CloneFlags;
use nix::unistd::{Pid, getpid};

/// Bytes between the frame that asks for a copy and the copy's first one: more than the frames in between take, which the copy
/// reads.
const GAP: usize = 64 << 10;

/// Where the C library keeps its thread's id.
#[derive(Clone, Copy)]
pub(crate) struct ThreadId(*mut libc::pid_t);

impl ThreadId {
    /// That of the only thread; `None` where the kernel does not tell, or the library keeps something else there.
    pub fn find() -> Option<Self> {
        let mut place: *mut libc::pid_t = null_mut();
        // SAFETY: the kernel writes one pointer, into the place that it is given.
        let told = unsafe { libc::prctl(libc::PR_GET_TID_ADDRESS, &raw mut place) };
        // SAFETY: the C library has told the kernel this place, and it is there as long as the thread is.
        let is_kept = told == 0 && !place.is_null() && unsafe { place.read() } == getpid().as_raw();
        is_kept.then_some(Self(place))
    }
}

/// Makes a copy in new `namespaces`; it does what it is told to, on this thread's stack, and ends with the status that it is given.
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
        // SAFETY: the copy's memory is what it was when the copy was made, and then this was an `F` of the frame below.
        let act = unsafe { &*act.cast::<F>() };
        act()
    }
    let mut flags = (CloneFlags::CLONE_PARENT | namespaces).bits();
    let mut place = null_mut();
    if let Some(thread_id) = thread_id {
        flags |= libc::CLONE_CHILD_SETTID | libc::CLONE_CHILD_CLEARTID;
        place = thread_id.0;
    }
    // The copy's first frame lies below all that are in use here, on the same stack: an interpreter looks where that ends.
    let start = (&raw const flags).cast_mut().wrapping_byte_sub(GAP).map_addr(|address| address & !15);
    let act = (&raw const act).cast_mut();
    let nothing: *mut libc::c_void = null_mut();
    // SAFETY: the copy has memory of its own, in which nothing is locked by another thread, and its frames overlap no frame
    // that is in use. A stack grows down as it is used, so there is memory by the time that it is.
    let made = unsafe { libc::clone(first::<F>, start.cast(), flags, act.cast(), nothing, nothing, place) };
    Errno::result(made).map(Pid::from_raw)
}
