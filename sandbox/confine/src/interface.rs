//! The functions that the interpreter calls, by the C calling convention.
#![allow(unsafe_code)]

use std::ffi::c_int;
use std::os::fd::{BorrowedFd, RawFd};
use std::ptr::null_mut;

use nix::errno::Errno;

use crate::zygote::{EntryPoints, Zygote};
use crate::{Options, ProcessLimits, huge_pages, signals};

/// Prepares for making copies, and puts this process under the system call filter that all of them inherit. `options`
/// are [`Options::bits`]. On failure this returns null and writes the reason to standard error.
///
/// # Safety
/// Both files stay open; this process has one thread.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn confine_prepare(control: RawFd, proc: RawFd, options: u32) -> *mut Zygote {
    // SAFETY: the caller keeps both files open.
    let [control, proc] = [control, proc].map(|file| unsafe { BorrowedFd::borrow_raw(file) });
    match Zygote::prepare(control, proc, Options::from_bits(options)) {
        Ok(zygote) => Box::into_raw(Box::new(zygote)),
        Err(error) => {
            eprintln!("{error}");
            null_mut()
        }
    }
}

/// Moves this process's memory to huge pages, of which copies are made fastest. To be called once the memory is as
/// copies are to find it.
///
/// # Safety
/// `zygote` came from [`confine_prepare`]; this process has one thread.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn confine_gather(zygote: *const Zygote) {
    // Memory that cannot be moved is still copied, only more slowly.
    // SAFETY: the caller gives a zygote and has one thread.
    let _ = unsafe { huge_pages::gather((*zygote).proc) };
}

/// Makes copies as the server asks for them; a copy goes on with `candidate` or `judge`, which do not return. In this
/// process it returns true at a signal, so that the interpreter can handle it and call again, and false once the server
/// has hung up. In between no code of the interpreter runs, because all memory that it writes to goes into the next
/// copy.
///
/// # Safety
/// `zygote` came from [`confine_prepare`]; this process has one thread.
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn confine_serve(
    zygote: *const Zygote,
    candidate: extern "C" fn(),
    judge: extern "C" fn(),
) -> bool {
    // SAFETY: the caller gives a zygote.
    let zygote = unsafe { &*zygote };
    let entry_points = EntryPoints { candidate, judge };
    loop {
        // SAFETY: the caller has one thread.
        match unsafe { zygote.serve(&entry_points) } {
            Ok(true) => {}
            Ok(false) => return false,
            Err(errno) => return errno == Errno::EINTR,
        }
    }
}

/// Confines a judge that has its tests: to seconds of processor time, a number of processes, and bytes of a file and of
/// address space. Returns 0, or the number of an error.
///
/// # Safety
/// `zygote` came from [`confine_prepare`].
#[unsafe(no_mangle)]
pub(crate) unsafe extern "C" fn confine_judge(
    zygote: *const Zygote,
    cpu_seconds: u64,
    processes: u64,
    file_bytes: u64,
    address_space: u64,
) -> i32 {
    let limits = ProcessLimits { cpu_seconds, processes, file_bytes, address_space: Some(address_space) };
    // SAFETY: the caller gives a zygote.
    unsafe { &*zygote }.confine_judge(&limits).map_or_else(|errno| errno as i32, |()| 0)
}

/// Has a signal end this process again, where the interpreter has just given it back its default action and that is to
/// end a process: from a candidate the kernel would keep the signal.
#[unsafe(no_mangle)]
pub(crate) extern "C" fn confine_end_by(signal: c_int) {
    // The interpreter has set an action of the same signal, so the kernel does not refuse.
    let _ = signals::end_by(signal);
}
