//! The snapshot that every memory starts with, and what putting memories back in place needs beside it.

use std::fs::File;
use std::io;

use nix::sys::mman::ProtFlags;
use nix::unistd::{SysconfVar, sysconf};

use super::address_range::AddressRange;

/// The first bytes of every memory, as a file; zeros follow.
#[derive(Debug)]
pub(super) struct Snapshot {
    pub(super) file: File,
    /// The file's bytes, mapped a second time and never written.
    pub(super) original: AddressRange,
    /// `/proc/self/pagemap`; without it a whole memory goes back to the system after each run.
    pub(super) pagemap: Option<File>,
    pub(super) page_bytes: usize,
}

impl Snapshot {
    /// # Errors
    /// The file cannot be mapped, or the system does not tell the size of its pages.
    pub(super) fn of(file: File) -> io::Result<Self> {
        let length = usize::try_from(file.metadata()?.len()).map_err(io::Error::other)?;
        let original = AddressRange::reserve(length)?;
        original.map(0, &file, length, ProtFlags::PROT_READ)?;
        let pagemap = File::open("/proc/self/pagemap").ok();
        let page_bytes = sysconf(SysconfVar::PAGE_SIZE)?.and_then(|bytes| usize::try_from(bytes).ok());
        let page_bytes = page_bytes.ok_or(io::ErrorKind::Unsupported)?;
        Ok(Self { file, original, pagemap, page_bytes })
    }
}
