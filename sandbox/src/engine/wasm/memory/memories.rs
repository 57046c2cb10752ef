//! The runtime's source of linear memories: regions that stand by, or new ones.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use wasmtime::{LinearMemory, MemoryCreator, MemoryType};

use super::region::Region;
use super::snapshot::Snapshot;
use crate::lock::lock;

/// Makes memories that start with the bytes of one file.
#[derive(Debug, Default)]
pub(crate) struct Memories(OnceLock<Arc<SharedMemories>>);

/// The snapshot of all memories, and the regions that no instance has.
#[derive(Debug)]
struct SharedMemories {
    snapshot: Snapshot,
    /// Regions as at an instance's start.
    free: Mutex<Vec<Region>>,
}

impl SharedMemories {
    fn free(&self) -> MutexGuard<'_, Vec<Region>> {
        lock(&self.free)
    }
}

impl Memories {
    /// Has memories start with the bytes of `image`; before this call none can be made.
    ///
    /// # Errors
    /// The file cannot be mapped, or memories have an image already.
    pub(crate) fn start_with(&self, image: File) -> io::Result<()> {
        let shared = SharedMemories { snapshot: Snapshot::of(image)?, free: Mutex::default() };
        self.0.set(Arc::new(shared)).map_err(|_| io::ErrorKind::AlreadyExists.into())
    }
}

// SAFETY: a memory has at least the asked size and never moves. Everything behind it up to the end of its guard, and
// the guard before it, is mapped without access. It does not start as zeros, which the trait asks for: the module has
// no data of its own, and the snapshot's bytes stand in its place.
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
        let region = match shared.free().pop().filter(|region| region.is_as(minimum, reserved, guard)) {
            Some(region) => region,
            None => {
                Region::new(&shared.snapshot, minimum, reserved, guard).map_err(|error| format!("a memory: {error}"))?
            }
        };
        Ok(Box::new(InstanceMemory { region: Some(region), shared: shared.clone() }))
    }
}

/// The linear memory of one instance; its region goes back to the free ones when dropped.
#[derive(Debug)]
struct InstanceMemory {
    /// `None` only during `drop`.
    region: Option<Region>,
    shared: Arc<SharedMemories>,
}

impl InstanceMemory {
    fn region(&self) -> &Region {
        self.region.as_ref().expect("a memory that is not dropped")
    }
}

// SAFETY: the base never changes, and `byte_size` bytes from there on are accessible.
unsafe impl LinearMemory for InstanceMemory {
    fn byte_size(&self) -> usize {
        self.region().size
    }

    fn byte_capacity(&self) -> usize {
        self.region().reserved
    }

    fn grow_to(&mut self, size: usize) -> wasmtime::Result<()> {
        let region = self.region.as_mut().expect("a memory that is not dropped");
        Ok(region.grow(size)?)
    }

    fn as_ptr(&self) -> *mut u8 {
        self.region().at(0)
    }
}

impl Drop for InstanceMemory {
    fn drop(&mut self) {
        // A region that cannot be put back in place is unmapped.
        if let Some(mut region) = self.region.take()
            && region.reset(&self.shared.snapshot).is_ok()
        {
            self.shared.free().push(region);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::super::region::MAX_SERVED;
    use super::*;

    const PAGE: usize = 64 << 10;
    const RESERVED: usize = 4096 * PAGE;

    /// Memories of an image that ends inside a page; each byte follows from its address.
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
        // SAFETY: `byte_size` bytes are accessible, and a test has one slice at a time.
        unsafe { std::slice::from_raw_parts_mut(memory.as_ptr(), memory.byte_size()) }
    }

    fn is_fresh(memory: &dyn LinearMemory, image: &[u8]) -> bool {
        let (start, rest) = bytes(memory).split_at(image.len());
        start == image && rest.iter().all(|byte| *byte == 0)
    }

    /// Flips every `step`th byte.
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
        // Steps that change every page, more and fewer pages than are put back in place, and one page of many.
        let steps = [1, 4099, 9973, 1 << 20];
        for step in steps.into_iter().cycle().take(2 * MAX_SERVED as usize) {
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
        Arc::get_mut(memories.0.get_mut().unwrap()).unwrap().snapshot.pagemap = None;
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
