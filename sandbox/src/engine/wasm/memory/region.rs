//! The region of one memory: mapped once, then put back in place after each instance.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use nix::sys::mman::ProtFlags;

use super::address_range::AddressRange;
use super::snapshot::Snapshot;

/// Bytes of changed pages that are put back in place at most; beyond that all pages go back to the system.
const RESIDENT_BYTES: usize = 12 << 20;
/// Instances that a region serves before all pages that were ever written go back to the system.
pub(super) const MAX_SERVED: u32 = 64;

const READ_WRITE: ProtFlags = ProtFlags::PROT_READ.union(ProtFlags::PROT_WRITE);

/// Bits of an entry of `/proc/PID/pagemap`: the page is in memory, it is swapped out, it is a file's (Linux's
/// Documentation/admin-guide/mm/pagemap.rst).
const PRESENT: u64 = 1 << 63;
const SWAPPED: u64 = 1 << 62;
const OF_FILE: u64 = 1 << 61;

/// The address range of one memory, with guards on both sides.
#[derive(Debug)]
pub(super) struct Region {
    /// A guard, the reserved memory, and a second guard; neither guard can be accessed.
    mapping: AddressRange,
    /// Bytes of each guard.
    guard: usize,
    /// Bytes at the start of an instance.
    minimum: usize,
    /// Bytes that the instance has now.
    pub(super) size: usize,
    /// Bytes that may be accessible: more than `size` only after a growth that failed.
    touched: usize,
    /// Bytes up to which the memory may grow.
    pub(super) reserved: usize,
    /// Instances served since all pages last went back to the system.
    num_served: u32,
    /// Buffer for the pages' entries of `pagemap`.
    entries: Vec<u8>,
}

impl Region {
    pub(super) fn new(snapshot: &Snapshot, minimum: usize, reserved: usize, guard: usize) -> io::Result<Self> {
        let (image, page) = (&snapshot.original, snapshot.page_bytes);
        if minimum > reserved || image.length > minimum || !minimum.is_multiple_of(page) {
            return Err(io::Error::other(format!("{minimum} bytes do not hold {} bytes of data", image.length)));
        }
        let mapping = AddressRange::reserve(guard + reserved + guard)?;
        mapping.protect(guard, minimum, READ_WRITE)?;
        mapping.map(guard, &snapshot.file, image.length, READ_WRITE)?;
        let entries = vec![0; minimum / page * size_of::<u64>()];
        Ok(Self { mapping, guard, minimum, size: minimum, touched: minimum, reserved, num_served: 0, entries })
    }

    /// True if a memory of this shape can be served here.
    pub(super) fn is_as(&self, minimum: usize, reserved: usize, guard: usize) -> bool {
        (self.minimum, self.reserved, self.guard) == (minimum, reserved, guard)
    }

    /// A pointer to the memory's byte at `offset`, or to its end.
    pub(super) fn at(&self, offset: usize) -> *mut u8 {
        self.mapping.at(self.guard + offset)
    }

    pub(super) fn grow(&mut self, size: usize) -> io::Result<()> {
        if size > self.reserved {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        let more = size.saturating_sub(self.size);
        self.touched = self.touched.max(self.size + more);
        self.mapping.protect(self.guard + self.size, more, READ_WRITE)?;
        self.size += more;
        Ok(())
    }

    /// Gives the memory the size and the bytes that it had at its start.
    pub(super) fn reset(&mut self, snapshot: &Snapshot) -> io::Result<()> {
        let grown = self.touched - self.minimum;
        if grown > 0 {
            self.mapping.hand_back(self.guard + self.minimum, grown)?;
            self.mapping.protect(self.guard + self.minimum, grown, ProtFlags::PROT_NONE)?;
        }
        (self.size, self.touched) = (self.minimum, self.minimum);
        self.num_served += 1;
        let changed = match &snapshot.pagemap {
            Some(pagemap) if self.num_served < MAX_SERVED => self.changed_pages(pagemap, snapshot.page_bytes)?,
            _ => None,
        };
        let Some(changed) = changed else {
            self.num_served = 0;
            return self.mapping.hand_back(self.guard, self.minimum);
        };
        for page in changed {
            let start = page * snapshot.page_bytes;
            let (target, original) = (self.at(start), &snapshot.original);
            let num_copied = original.length.saturating_sub(start).min(snapshot.page_bytes);
            // SAFETY: the page lies in this memory, which no instance uses now. The original is mapped up to its length
            // and never written, and the two ranges do not overlap.
            unsafe {
                target.copy_from_nonoverlapping(original.at(start.min(original.length)), num_copied);
                target.add(num_copied).write_bytes(0, snapshot.page_bytes - num_copied);
            }
        }
        Ok(())
    }

    /// The pages that are no longer the file's; `None` where they exceed `RESIDENT_BYTES`.
    fn changed_pages(&mut self, pagemap: &File, page_bytes: usize) -> io::Result<Option<Vec<usize>>> {
        let first_page = self.at(0).addr() / page_bytes;
        pagemap.read_exact_at(&mut self.entries, (first_page * size_of::<u64>()) as u64)?;
        let (entries, _) = self.entries.as_chunks();
        // A page that was only read still belongs to the file; a written one does not.
        let is_changed = |entry: u64| entry & (PRESENT | SWAPPED) != 0 && entry & OF_FILE == 0;
        let numbered = entries.iter().enumerate();
        let changed = numbered.filter(|(_, entry)| is_changed(u64::from_ne_bytes(**entry))).map(|(page, _)| page);
        let most = RESIDENT_BYTES / page_bytes;
        let changed: Vec<usize> = changed.take(most + 1).collect();
        Ok((changed.len() <= most).then_some(changed))
    }
}
