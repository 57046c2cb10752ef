//! What the interpreter calls, by the C calling convention.
#![allow(unsafe_code)]

use std::os::fd::{BorrowedFd, RawFd};
use std::ptr::null_mut;

use nix::errno::Errno;

use crate::zygote::{EntryPoints, Zygote};
use crate::{Options, ProcessLimits, huge_pages};

/// Readies the making of copies, and puts this process under the system call filter that all of them inherit. `options` are
/// [`Options::bits`]. Returns null, and says why on standard error, where that cannot be done.
///
/// # Safety
/// Both files stay open; this process has one thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn confine_prepare(control: RawFd, proc: RawFd, options: u32) -> *mut Zygote {
    // SAFETY: passed on to the caller.
    let [control, proc] = [control, proc].map(|file| unsafe { BorrowedFd::borrow_raw(file) });
    match Zygote::prepare(control, proc, Options::from_bits(options)) {
        Ok(zygote) => Box::into_raw(Box::new(zygote)),
        Err(error) => {
            eprintln!("{error}");
            null_mut()
        }
    }
}

/// Has this process's memory in the form of which copies are made soonest: to be called once it is as copies are to find it.
///
/// # Safety
/// `zygote` came from [`confine_prepare`]; this process has one thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn confine_gather(zygote: *const Zygote) {
    // What cannot be moved is copied as it is, more slowly.
    // SAFETY: passed on to the caller.
    let _ = unsafe { huge_pages::gather((*zygote).proc) };
}

/// Makes copies, as the server asks for them, which go on with `candidate` or `judge`; those do not come back. Returns at a signal,
/// for what the interpreter does then, and once the server has hung up: whether to call it again. In between nothing of the
/// interpreter runs, for what it writes is memory that the next copy is made of.
///
/// # Safety
/// `zygote` came from [`confine_prepare`]; this process has one thread.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn confine_serve(
    zygote: *const Zygote,
    candidate: extern "C" fn(),
    judge: extern "C" fn(),
) -> bool {
    // SAFETY: passed on to the caller.
    let zygote = unsafe { &*zygote };
    let entry_points = EntryPoints { candidate, judge };
    loop {
        // SAFETY: passed on to the caller.
        match unsafe { zygote.serve(&entry_points) } {
            Ok(true) => {}
            Ok(false) => return false,
            Err(errno) => return errno == Errno::EINTR,
        }
    }
}

/// Confines a judge that has its tests to so many seconds of processor time, processes, and bytes of a file and of address
/// space. Returns an error's number, or 0.
///
/// # Safety
/// `zygote` came from [`confine_prepare`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn confine_judge(
    zygote: *const Zygote,
    cpu_seconds: u64,
    processes: u64,
    file_bytes: u64,
    address_space: u64,
) -> i32 {
    let limits = ProcessLimits { cpu_seconds, processes, file_bytes, address_space: Some(address_space) };
    // SAFETY: passed on to the caller.
    unsafe { &*zygote }.confine_judge(&limits).map_or_else(|errno| errno as i32, |()| 0)
}
