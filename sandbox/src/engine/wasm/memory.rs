//! The linear memories of instances: each starts as a copy-on-write mapping of the snapshot, and is put back in place when
//! its instance is gone.
//!
//! An interpreter writes reference counts, and so changes some hundred pages all over its heap in the shortest run. Taking a
//! page from the system costs several times what it costs to copy it; so a memory stays mapped as it is, the pages that are no
//! longer the file's (which the kernel tells) get the file's bytes again, and the next instance finds all of them present.
//! Measured against handing memory back: twice as many short runs a second.
//!
//! Which of them the last run wrote the kernel does not tell, so they become more with every program that is not like those
//! before. Now and then, and where they are too many, all of them go back to the system and the count begins anew.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::num::NonZeroUsize;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::ptr::NonNull;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use nix::libc::c_void;
use nix::sys::mman::{MapFlags, MmapAdvise, ProtFlags, madvise, mmap, mmap_anonymous, mprotect, munmap};
use nix::unistd::{SysconfVar, sysconf};
use wasmtime::{LinearMemory, MemoryCreator, MemoryType};

/// Memory that is put back in place at most.
const RESIDENT_BYTES: usize = 12 << 20;
/// How many instances a memory serves before all that was ever written goes back to the system.
const SERVICES: u32 = 64;

const READ_WRITE: ProtFlags = ProtFlags::PROT_READ.union(ProtFlags::PROT_WRITE);

/// Of an entry of `/proc/PID/pagemap`: the page is in memory, it is swapped out, it is a file's (Linux's
/// Documentation/admin-guide/mm/pagemap.rst).
const PRESENT: u64 = 1 << 63;
const SWAPPED: u64 = 1 << 62;
const OF_FILE: u64 = 1 << 61;

/// Makes memories that start with the bytes of one file.
#[derive(Debug, Default)]
pub(super) struct Memories(OnceLock<Arc<Shared>>);

#[derive(Debug)]
struct Shared {
    image: File,
    /// The image again, never written.
    original: Mapping,
    /// What the kernel says of this process's pages; without it, all of a memory goes back to the system.
    pagemap: Option<File>,
    page_bytes: usize,
    /// Memories without an instance, as at their start.
    free: Mutex<Vec<Mapped>>,
}

impl Shared {
    fn free(&self) -> MutexGuard<'_, Vec<Mapped>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memories {
    /// From now on memories start with the bytes of `image`; before, there are none.
    ///
    /// # Errors
    /// The system's.
    pub fn start_with(&self, image: File) -> io::Result<()> {
        let length = usize::try_from(image.metadata()?.len()).map_err(io::Error::other)?;
        let original = Mapping::reserve(length)?;
        original.map(0, &image, length, ProtFlags::PROT_READ)?;
        let pagemap = File::open("/proc/self/pagemap").ok();
        let page_bytes = sysconf(SysconfVar::PAGE_SIZE)?.and_then(|bytes| usize::try_from(bytes).ok());
        let page_bytes = page_bytes.ok_or(io::ErrorKind::Unsupported)?;
        let shared = Shared { image, original, pagemap, page_bytes, free: Mutex::default() };
        self.0.set(Arc::new(shared)).map_err(|_| io::ErrorKind::AlreadyExists.into())
    }
}

// SAFETY: a memory has at least the asked size, lies still, and everything behind it up to the end of its guard is mapped
// without access, as is a guard before it. It is not zero at its start, as the trait has it: its module's data is in place.
unsafe impl MemoryCreator for Memories {
    fn new_memory(
        &self,
        _ty: MemoryType,
        minimum: usize,
        _maximum: Option<usize>,
        reserved: Option<usize>,
        guard: usize,
    ) -> Result<Box<dyn LinearMemory>, String> {
        let reserved = reserved.ok_or("a memory's address space is to be reserved")?;
        let shared = self.0.get().ok_or("memories have no image yet")?;
        let mapped = match shared.free().pop().filter(|mapped| mapped.is_as(minimum, reserved, guard)) {
            Some(mapped) => mapped,
            None => Mapped::new(shared, minimum, reserved, guard).map_err(|error| format!("a memory: {error}"))?,
        };
        Ok(Box::new(InstanceMemory { mapped: Some(mapped), shared: shared.clone() }))
    }
}

/// An instance's memory.
#[derive(Debug)]
struct InstanceMemory {
    /// `None` only while it is dropped.
    mapped: Option<Mapped>,
    shared: Arc<Shared>,
}

impl InstanceMemory {
    fn mapped(&self) -> &Mapped {
        self.mapped.as_ref().expect("a memory that is not dropped")
    }
}

// SAFETY: its base never changes, and what it says is accessible is.
unsafe impl LinearMemory for InstanceMemory {
    fn byte_size(&self) -> usize {
        self.mapped().size
    }

    fn byte_capacity(&self) -> usize {
        self.mapped().reserved
    }

    fn grow_to(&mut self, size: usize) -> wasmtime::Result<()> {
        let mapped = self.mapped.as_mut().expect("a memory that is not dropped");
        Ok(mapped.grow(size)?)
    }

    fn as_ptr(&self) -> *mut u8 {
        self.mapped().at(0)
    }
}

impl Drop for InstanceMemory {
    fn drop(&mut self) {
        // One that cannot be put back in place is unmapped.
        if let Some(mut mapped) = self.mapped.take()
            && mapped.reset(&self.shared).is_ok()
        {
            self.shared.free().push(mapped);
        }
    }
}

/// A memory's place in the address space.
#[derive(Debug)]
struct Mapped {
    /// What cannot be accessed before the memory, the memory, and what cannot be accessed behind it.
    mapping: Mapping,
    /// Bytes before the memory, and behind what is reserved for it.
    guard: usize,
    /// Bytes at the start of an instance.
    minimum: usize,
    /// Bytes that the instance has.
    size: usize,
    /// Bytes that may be accessible; more than its size only where it could not be grown.
    touched: usize,
    /// Bytes up to which it may grow.
    reserved: usize,
    /// Instances that it served since it was last handed back whole.
    num_served: u32,
    /// The kernel's entries of its pages, to be read into.
    entries: Vec<u8>,
}

impl Mapped {
    fn new(shared: &Shared, minimum: usize, reserved: usize, guard: usize) -> io::Result<Self> {
        let (image, page) = (&shared.original, shared.page_bytes);
        if minimum > reserved || image.length > minimum || !minimum.is_multiple_of(page) {
            return Err(io::Error::other(format!("{minimum} bytes do not hold {} bytes of data", image.length)));
        }
        let mapping = Mapping::reserve(guard + reserved + guard)?;
        mapping.protect(guard, minimum, READ_WRITE)?;
        mapping.map(guard, &shared.image, image.length, READ_WRITE)?;
        let entries = vec![0; minimum / page * size_of::<u64>()];
        Ok(Self { mapping, guard, minimum, size: minimum, touched: minimum, reserved, num_served: 0, entries })
    }

    fn is_as(&self, minimum: usize, reserved: usize, guard: usize) -> bool {
        (self.minimum, self.reserved, self.guard) == (minimum, reserved, guard)
    }

    /// A pointer to a byte of it, or to its end.
    fn at(&self, offset: usize) -> *mut u8 {
        self.mapping.at(self.guard + offset)
    }

    fn grow(&mut self, size: usize) -> io::Result<()> {
        if size > self.reserved {
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        let more = size.saturating_sub(self.size);
        self.touched = self.touched.max(self.size + more);
        self.mapping.protect(self.guard + self.size, more, READ_WRITE)?;
        self.size += more;
        Ok(())
    }

    /// Makes it what it was at its start.
    fn reset(&mut self, shared: &Shared) -> io::Result<()> {
        let grown = self.touched - self.minimum;
        if grown > 0 {
            self.mapping.hand_back(self.guard + self.minimum, grown)?;
            self.mapping.protect(self.guard + self.minimum, grown, ProtFlags::PROT_NONE)?;
        }
        (self.size, self.touched) = (self.minimum, self.minimum);
        self.num_served += 1;
        let changed = match &shared.pagemap {
            Some(pagemap) if self.num_served < SERVICES => self.changed_pages(pagemap, shared.page_bytes)?,
            _ => None,
        };
        let Some(changed) = changed else {
            self.num_served = 0;
            return self.mapping.hand_back(self.guard, self.minimum);
        };
        for page in changed {
            let start = page * shared.page_bytes;
            let (target, original) = (self.at(start), &shared.original);
            let num_copied = original.length.saturating_sub(start).min(shared.page_bytes);
            // SAFETY: the page lies in this memory, which no instance has; the image is mapped to its length, and never written.
            unsafe {
                target.copy_from_nonoverlapping(original.at(start.min(original.length)), num_copied);
                target.add(num_copied).write_bytes(0, shared.page_bytes - num_copied);
            }
        }
        Ok(())
    }

    /// The pages that are not the file's any more; `None` where they are too many.
    fn changed_pages(&mut self, pagemap: &File, page_bytes: usize) -> io::Result<Option<Vec<usize>>> {
        let first_page = self.at(0).addr() / page_bytes;
        pagemap.read_exact_at(&mut self.entries, (first_page * size_of::<u64>()) as u64)?;
        let (entries, _) = self.entries.as_chunks();
        // A page that was read only is the file's, one that was written is none's.
        let is_changed = |entry: u64| entry & (PRESENT | SWAPPED) != 0 && entry & OF_FILE == 0;
        let numbered = entries.iter().enumerate();
        let changed = numbered.filter(|(_, entry)| is_changed(u64::from_ne_bytes(**entry))).map(|(page, _)| page);
        let most = RESIDENT_BYTES / page_bytes;
        let changed: Vec<usize> = changed.take(most + 1).collect();
        Ok((changed.len() <= most).then_some(changed))
    }
}

/// A range of the address space, unmapped when dropped.
#[derive(Debug)]
struct Mapping {
    start: NonNull<c_void>,
    length: usize,
}

// SAFETY: a range of addresses, like a pointer to a slice that it owns.
unsafe impl Send for Mapping {}
// SAFETY: nothing here reads or writes through a shared reference what another thread could write.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// A range of `length` bytes that cannot be accessed.
    fn reserve(length: usize) -> io::Result<Self> {
        let size = NonZeroUsize::new(length).ok_or(io::ErrorKind::InvalidInput)?;
        let flags = MapFlags::MAP_PRIVATE | MapFlags::MAP_NORESERVE;
        // SAFETY: a new mapping, at an address of the kernel's choice.
        let start = unsafe { mmap_anonymous(None, size, ProtFlags::PROT_NONE, flags)? };
        Ok(Self { start, length })
    }

    /// Maps the first `length` bytes of a file into it; what is written stays in this process.
    fn map(&self, offset: usize, file: &File, length: usize, access: ProtFlags) -> io::Result<()> {
        let size = NonZeroUsize::new(length).ok_or(io::ErrorKind::InvalidInput)?;
        let place = self.part(offset, length)?.addr();
        let flags = MapFlags::MAP_PRIVATE | MapFlags::MAP_FIXED;
        // SAFETY: it takes the place of what this range alone has mapped.
        unsafe { mmap(Some(place), size, access, flags, file.as_fd(), 0)? };
        Ok(())
    }

    /// A pointer to a byte of it, or to its end.
    fn at(&self, offset: usize) -> *mut u8 {
        debug_assert!(offset <= self.length);
        self.start.as_ptr().cast::<u8>().wrapping_add(offset)
    }

    fn part(&self, offset: usize, length: usize) -> io::Result<NonNull<c_void>> {
        let is_inside = offset.checked_add(length).is_some_and(|end| end <= self.length);
        NonNull::new(self.at(offset).cast()).filter(|_| is_inside).ok_or(io::ErrorKind::InvalidInput.into())
    }

    fn protect(&self, offset: usize, length: usize, access: ProtFlags) -> io::Result<()> {
        // SAFETY: the part lies in this range; no reference to its bytes is held anywhere.
        unsafe { mprotect(self.part(offset, length)?, length, access) }.map_err(io::Error::from)
    }

    /// Gives pages back to the system: they are the file's again, or zeros.
    fn hand_back(&self, offset: usize, length: usize) -> io::Result<()> {
        // SAFETY: as for `protect`.
        unsafe { madvise(self.part(offset, length)?, length, MmapAdvise::MADV_DONTNEED) }.map_err(io::Error::from)
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: the range is this one's alone.
        let _ = unsafe { munmap(self.start, self.length) };
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    const PAGE: usize = 64 << 10;
    const RESERVED: usize = 4096 * PAGE;

    /// Memories of an image that ends inside a page, and where each byte says where it lies.
    fn memories(num_bytes: usize) -> (Memories, Vec<u8>) {
        let image: Vec<u8> = (0..num_bytes).map(|at| (at / 7 % 251) as u8 + 1).collect();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&image).unwrap();
        let memories = Memories::default();
        memories.start_with(file).unwrap();
        (memories, image)
    }

    fn memory(memories: &Memories, num_pages: usize) -> Box<dyn LinearMemory> {
        let ty = MemoryType::new(num_pages as u32, None);
        memories.new_memory(ty, num_pages * PAGE, None, Some(RESERVED), PAGE).unwrap()
    }

    #[expect(clippy::mut_from_ref, reason = "as an instance has it")]
    fn bytes(memory: &dyn LinearMemory) -> &mut [u8] {
        // SAFETY: so many bytes may be accessed, and a test has one slice at a time.
        unsafe { std::slice::from_raw_parts_mut(memory.as_ptr(), memory.byte_size()) }
    }

    fn is_fresh(memory: &dyn LinearMemory, image: &[u8]) -> bool {
        let (start, rest) = bytes(memory).split_at(image.len());
        start == image && rest.iter().all(|byte| *byte == 0)
    }

    /// Writes to every `step`th byte, more or less.
    fn scribble(memory: &dyn LinearMemory, step: usize) {
        bytes(memory).iter_mut().step_by(step).for_each(|byte| *byte ^= 0xff);
    }

    #[test]
    fn a_memory_is_fresh_whatever_the_last_one_did() {
        let num_pages = 256;
        let (memories, image) = memories(num_pages * PAGE - 70_001);
        let first = memory(&memories, num_pages);
        assert!(is_fresh(&*first, &image));
        let base = first.as_ptr();
        drop(first);
        // The steps: all of it, more and less than is put back in place, one page of many.
        let steps = [1, 4099, 9973, 1 << 20];
        for step in steps.into_iter().cycle().take(2 * SERVICES as usize) {
            let mut used = memory(&memories, num_pages);
            assert_eq!(used.as_ptr(), base, "a place is used again");
            scribble(&*used, step);
            used.grow_to((num_pages + 3) * PAGE).unwrap();
            scribble(&*used, step);
            drop(used);
            let mut next = memory(&memories, num_pages);
            assert_eq!(next.byte_size(), num_pages * PAGE);
            assert!(is_fresh(&*next, &image), "after every byte of {step} was written");
            next.grow_to((num_pages + 3) * PAGE).unwrap();
            assert!(is_fresh(&*next, &image), "what it grows by is zero, after every byte of {step} was written");
        }
    }

    #[test]
    fn without_the_kernels_word_all_is_handed_back() {
        let (mut memories, image) = memories(3 * PAGE);
        Arc::get_mut(memories.0.get_mut().unwrap()).unwrap().pagemap = None;
        let used = memory(&memories, 4);
        scribble(&*used, 1);
        drop(used);
        assert!(is_fresh(&*memory(&memories, 4), &image));
    }

    #[test]
    fn two_memories_share_nothing() {
        let (memories, image) = memories(2 * PAGE);
        let (one, other) = (memory(&memories, 2), memory(&memories, 2));
        scribble(&*one, 1);
        assert!(is_fresh(&*other, &image));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let (memories, _) = memories(2 * PAGE);
        let ty = || MemoryType::new(1, None);
        assert!(memories.new_memory(ty(), PAGE, None, Some(RESERVED), PAGE).err().unwrap().contains("do not hold"));
        assert!(memories.new_memory(ty(), 2 * PAGE, None, None, PAGE).is_err());
        assert!(memory(&memories, 2).grow_to(RESERVED + PAGE).is_err());
        assert!(Memories::default().new_memory(ty(), PAGE, None, Some(RESERVED), PAGE).is_err());
    }
}
