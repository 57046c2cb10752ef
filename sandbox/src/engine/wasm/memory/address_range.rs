//! A range of the address space: reserved as a whole, with a file or plain memory mapped into parts of it.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::num::NonZeroUsize;
use std::os::fd::AsFd;
use std::ptr::NonNull;

use nix::libc::c_void;
use nix::sys::mman::{MapFlags, MmapAdvise, ProtFlags, madvise, mmap, mmap_anonymous, mprotect, munmap};

/// A range of addresses that this process has reserved; unmapped when dropped.
#[derive(Debug)]
pub(super) struct AddressRange {
    start: NonNull<c_void>,
    pub(super) length: usize,
}

// SAFETY: the range owns its mapping, as a `Box` owns its memory; no thread is bound to it.
unsafe impl Send for AddressRange {}
// SAFETY: no method reads or writes the bytes through a shared reference.
unsafe impl Sync for AddressRange {}

impl AddressRange {
    /// Reserves `length` bytes, which cannot be accessed yet.
    pub(super) fn reserve(length: usize) -> io::Result<Self> {
        let size = NonZeroUsize::new(length).ok_or(io::ErrorKind::InvalidInput)?;
        let flags = MapFlags::MAP_PRIVATE | MapFlags::MAP_NORESERVE;
        // SAFETY: a new mapping, at an address that the kernel chooses.
        let start = unsafe { mmap_anonymous(None, size, ProtFlags::PROT_NONE, flags)? };
        Ok(Self { start, length })
    }

    /// Maps the first `length` bytes of a file at `offset`, copy-on-write: writes stay in this process.
    pub(super) fn map(&self, offset: usize, file: &File, length: usize, access: ProtFlags) -> io::Result<()> {
        let size = NonZeroUsize::new(length).ok_or(io::ErrorKind::InvalidInput)?;
        let place = self.part(offset, length)?.addr();
        let flags = MapFlags::MAP_PRIVATE | MapFlags::MAP_FIXED;
        // SAFETY: the new mapping replaces a part of this range, which nobody else owns.
        unsafe { mmap(Some(place), size, access, flags, file.as_fd(), 0)? };
        Ok(())
    }

    /// A pointer to the byte at `offset`, or to the range's end.
    pub(super) fn at(&self, offset: usize) -> *mut u8 {
        debug_assert!(offset <= self.length);
        self.start.as_ptr().cast::<u8>().wrapping_add(offset)
    }

    fn part(&self, offset: usize, length: usize) -> io::Result<NonNull<c_void>> {
        let is_inside = offset.checked_add(length).is_some_and(|end| end <= self.length);
        NonNull::new(self.at(offset).cast()).filter(|_| is_inside).ok_or(io::ErrorKind::InvalidInput.into())
    }

    pub(super) fn protect(&self, offset: usize, length: usize, access: ProtFlags) -> io::Result<()> {
        // SAFETY: the part lies in this range, and no reference to its bytes exists.
        unsafe { mprotect(self.part(offset, length)?, length, access) }.map_err(io::Error::from)
    }

    /// Gives pages back to the system; the next access finds the file's bytes again, or zeros (madvise(2)).
    pub(super) fn hand_back(&self, offset: usize, length: usize) -> io::Result<()> {
        // SAFETY: as for `protect`.
        unsafe { madvise(self.part(offset, length)?, length, MmapAdvise::MADV_DONTNEED) }.map_err(io::Error::from)
    }
}

impl Drop for AddressRange {
    fn drop(&mut self) {
        // SAFETY: this value alone owns the range.
        let _ = unsafe { munmap(self.start, self.length) };
    }
}
