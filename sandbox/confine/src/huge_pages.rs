//! Moves the memory that copies share to huge pages.
//!
//! At a fork and at an exit Linux goes through a process page by page, but takes a run of pages of one folio in one
//! step (since 6.9), and a huge page as one. Pages of files it leaves for each copy to fault in again. So the memory of
//! an interpreter that is about to be copied for each run is moved to huge pages at the same addresses: the memory that
//! it wrote, and the code and constants that it uses. A page that a copy writes to is still copied on its own.
#![allow(unsafe_code)]

use std::ffi::c_void;
use std::fs::File;
use std::io::{self, Read};
use std::num::NonZeroUsize;
use std::ops::Range;
use std::os::fd::AsFd;
use std::process::abort;
use std::ptr::{NonNull, copy_nonoverlapping, with_exposed_provenance, with_exposed_provenance_mut};

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat};
use nix::libc;
use nix::sys::mman::{MRemapFlags, MapFlags, ProtFlags, mmap_anonymous, mprotect, mremap, munmap};
use nix::sys::signal::{SigSet, SigmaskHow};
use nix::sys::stat::Mode;

/// Bytes of a huge page.
const HUGE: usize = 2 << 20;
/// `MADV_COLLAPSE` (`<linux/mman.h>`, since Linux 6.1): puts a range into huge pages, or fails (madvise(2)).
const COLLAPSE: libc::c_int = 25;
/// A mapping of which less than one byte in this many is in memory is not moved, because all of it would be in memory
/// then.
const SPARSEST: usize = 3;

/// Private memory that can be moved.
#[derive(Debug, PartialEq, Eq)]
struct Mapping {
    range: Range<usize>,
    protection: ProtFlags,
}

impl Mapping {
    fn is_writable(&self) -> bool {
        self.protection.contains(ProtFlags::PROT_WRITE)
    }
}

/// Moves this process's memory to huge pages. Constants beside code become executable, as both share one entry of the
/// page table. Memory that may not be mapped anew stays where it is.
///
/// # Errors
/// The kernel does not tell the mappings, or makes no huge pages; then no memory has been moved.
///
/// # Safety
/// This process has one thread.
pub(crate) unsafe fn gather(proc: impl AsFd) -> io::Result<()> {
    let mut smaps = String::new();
    let file = openat(proc, "self/smaps", OFlag::O_RDONLY | OFlag::O_CLOEXEC, Mode::empty())?;
    File::from(file).read_to_string(&mut smaps)?;
    // The kernel writes to the thread's own memory at any time, and the code below to the stack: neither is moved.
    // SAFETY: `__errno_location` has no conditions.
    let in_use = [unsafe { libc::__errno_location() }.addr(), (&raw const smaps).addr()];
    let mut mappings = mappings(&smaps);
    mappings.retain(|mapping| !in_use.iter().any(|address| mapping.range.contains(address)));
    let mappings = huge_first(mappings);
    let total = mappings.iter().map(|mapping| mapping.range.len()).sum::<usize>().next_multiple_of(HUGE);
    let length = NonZeroUsize::new(total + HUGE).ok_or(Errno::EINVAL)?;
    let writable = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
    // SAFETY: new memory, at an address that the kernel chooses.
    let room = unsafe { mmap_anonymous(None, length, writable, MapFlags::MAP_PRIVATE) }?;
    let target = room.as_ptr().map_addr(|address| address.next_multiple_of(HUGE));
    // SAFETY: this function owns the memory.
    let made = unsafe { make_huge(target, total) };
    // A signal handler could write to memory that has been copied and is not replaced yet.
    let masked = made.and_then(|()| SigSet::all().thread_swap_mask(SigmaskHow::SIG_SETMASK));
    if masked.is_ok() {
        // SAFETY: the new memory has room for all mappings, and no other code runs: one thread, and signals are
        // blocked.
        unsafe { move_all(&mappings, target) };
    }
    // SAFETY: nobody uses the part that is still mapped there.
    unsafe { munmap(room, length.get()) }?;
    masked?.thread_set_mask()?;
    Ok(())
}

/// Puts new memory into huge pages.
///
/// # Safety
/// Nobody uses the memory.
unsafe fn make_huge(start: *mut c_void, bytes: usize) -> nix::Result<()> {
    for offset in (0..bytes).step_by(HUGE) {
        // The kernel makes a huge page only where at least one page is in memory.
        // SAFETY: the byte lies in the memory that the caller gave.
        unsafe { start.byte_add(offset).cast::<u8>().write_volatile(0) };
    }
    // SAFETY: this call changes how the memory is kept, not its bytes.
    Errno::result(unsafe { libc::madvise(start, bytes, COLLAPSE) }).map(drop)
}

/// Copies mapping after mapping to `target`, and puts each copy in its mapping's place. It writes to no memory but
/// `target` and the stack: a write to a mapping between the two steps would be lost.
///
/// # Safety
/// `target` is the start of new memory that is as long as all mappings together, and no other code runs.
unsafe fn move_all(mappings: &[Mapping], mut target: *mut c_void) {
    for Mapping { range, protection } in mappings {
        let source = with_exposed_provenance::<u8>(range.start);
        // SAFETY: the source is readable; the target is new memory, writable and elsewhere.
        unsafe { copy_nonoverlapping(source, target.cast(), range.len()) };
        // SAFETY: no mapping starts at address 0.
        let [copy, place] =
            [target, with_exposed_provenance_mut(range.start)].map(|start| unsafe { NonNull::new_unchecked(start) });
        // SAFETY: nothing uses the copy yet.
        if unsafe { mprotect(copy, range.len(), *protection) }.is_ok() {
            let flags = MRemapFlags::MREMAP_MAYMOVE | MRemapFlags::MREMAP_FIXED;
            // SAFETY: the copy holds the same bytes, so all users of the place find what was there.
            let moved = unsafe { mremap(copy, range.len(), range.len(), flags, Some(place)) };
            if moved.is_err() {
                // The old mapping is already gone: there is no way back.
                abort();
            }
        }
        // SAFETY: the result lies in the same memory, or at its end.
        target = unsafe { target.byte_add(range.len()) };
    }
}

/// Cuts the parts that fill huge pages out of the mappings and puts them first, so that each stays one entry of the
/// page table. Writable memory is left whole: a copy's first write would take the entry apart.
fn huge_first(mappings: Vec<Mapping>) -> Vec<Mapping> {
    let (mut huge, mut others) = (Vec::new(), Vec::new());
    for mapping in mappings {
        let Range { start, end } = mapping.range;
        let (from, to) = (start.next_multiple_of(HUGE), end / HUGE * HUGE);
        if from >= to || mapping.is_writable() {
            others.push(mapping);
            continue;
        }
        let part = |range| Mapping { range, ..mapping };
        huge.push(part(from..to));
        others.extend([start..from, to..end].into_iter().filter(|range| !range.is_empty()).map(part));
    }
    huge.append(&mut others);
    huge
}

/// The mappings of a process with these `smaps` that can be moved; read-only neighbours are joined to one.
fn mappings(smaps: &str) -> Vec<Mapping> {
    let (mut found, mut begun) = (Vec::<Mapping>::new(), None);
    for line in smaps.lines() {
        let Some(kilobytes) = line.strip_prefix("Rss:") else {
            begun = mapping(line).or(begun);
            continue;
        };
        let bytes = kilobytes.trim_end_matches("kB").trim().parse::<usize>().unwrap_or(0) * 1024;
        let is_dense = |mapping: &Mapping| bytes * SPARSEST >= mapping.range.len();
        let Some(mapping) = begun.take().filter(is_dense) else { continue };
        match found.last_mut() {
            Some(last) if last.range.end == mapping.range.start && !last.is_writable() && !mapping.is_writable() => {
                last.range.end = mapping.range.end;
                last.protection |= mapping.protection;
            }
            _ => found.push(mapping),
        }
    }
    found
}

/// The mapping whose entry in `smaps` begins with this line; `None` for other lines, and for mappings that cannot be
/// moved. Mappings with a name in brackets are the kernel's own, except for the heap (proc_pid_smaps(5)).
fn mapping(line: &str) -> Option<Mapping> {
    let mut fields = line.split_whitespace();
    let (start, end) = fields.next()?.split_once('-')?;
    let address = |text| usize::from_str_radix(text, 16).ok();
    let &[b'r', write, execute, b'p'] = fields.next()?.as_bytes() else { return None };
    let name = fields.nth(3).unwrap_or_default();
    if name.starts_with('[') && name != "[heap]" {
        return None;
    }
    let mut protection = ProtFlags::PROT_READ;
    protection.set(ProtFlags::PROT_WRITE, write == b'w');
    protection.set(ProtFlags::PROT_EXEC, execute == b'x');
    Some(Mapping { range: address(start)?..address(end)?, protection })
}

#[cfg(test)]
mod tests {
    use std::fs::read_to_string;
    use std::hint::black_box;

    use nix::sys::wait::{WaitStatus, waitpid};
    use nix::unistd::{ForkResult, fork};

    use super::*;

    const READ: ProtFlags = ProtFlags::PROT_READ;
    const CODE: ProtFlags = ProtFlags::PROT_READ.union(ProtFlags::PROT_EXEC);
    const DATA: ProtFlags = ProtFlags::PROT_READ.union(ProtFlags::PROT_WRITE);

    fn of<const N: usize>(mappings: [(Range<usize>, ProtFlags); N]) -> Vec<Mapping> {
        mappings.map(|(range, protection)| Mapping { range, protection }).into()
    }

    #[test]
    fn dense_private_memory_can_be_moved() {
        let smaps = "\
            00400000-00402000 r-xp 00000000 fe:00 31 /usr/bin/python3.11\nSize: 8 kB\nRss: 8 kB\nPss: 4 kB\n\
            00402000-00412000 r--p 00002000 fe:00 31 /usr/bin/python3.11\nRss: 16 kB\n\
            00412000-00415000 rw-p 00012000 fe:00 31 /usr/bin/python3.11\nRss: 4 kB\nVmFlags: rd wr mr mw me ac sd\n\
            01000000-01001000 rw-p 00000000 00:00 0 [heap]\nRss: 4 kB\n\
            7f0000000000-7f0000001000 ---p 00000000 00:00 0 \nRss: 0 kB\n\
            7f0000001000-7f0000002000 r--s 00000000 fe:00 32 /usr/lib/a\nRss: 4 kB\n\
            7f0000002000-7f0000003000 rw-p 00000000 00:00 0 \nRss: 4 kB\n\
            7f0000003000-7f0000004000 r--p 00000000 fe:00 33 /usr/lib/b\nRss: 4 kB\n\
            7f0000004000-7f0000005000 r-xp 00001000 fe:00 33 /usr/lib/b\nRss: 4 kB\n\
            7ffc00000000-7ffc00001000 rw-p 00000000 00:00 0 [stack]\nRss: 4 kB\n\
            7ffc00001000-7ffc00002000 r-xp 00000000 00:00 0 [vdso]\nRss: 4 kB\n";
        let expected = of([
            (0x40_0000..0x40_2000, CODE),
            (0x41_2000..0x41_5000, DATA),
            (0x100_0000..0x100_1000, DATA),
            (0x7f00_0000_2000..0x7f00_0000_3000, DATA),
            (0x7f00_0000_3000..0x7f00_0000_5000, CODE),
        ]);
        assert_eq!(mappings(smaps), expected);
    }

    #[test]
    fn whole_huge_pages_come_first() {
        let given = of([(0x1f_f000..0x60_1000, CODE), (0x80_0000..0xc0_0000, DATA), (0x100_0000..0x100_1000, READ)]);
        let expected = of([
            (0x20_0000..0x60_0000, CODE),
            (0x1f_f000..0x20_0000, CODE),
            (0x60_0000..0x60_1000, CODE),
            (0x80_0000..0xc0_0000, DATA),
            (0x100_0000..0x100_1000, READ),
        ]);
        assert_eq!(huge_first(given), expected);
    }

    fn smaps() -> String {
        read_to_string("/proc/self/smaps").unwrap_or_default()
    }

    /// True if this kernel makes a huge page when asked.
    fn are_huge_pages_made() -> bool {
        let length = NonZeroUsize::new(2 * HUGE).expect("more than none");
        // SAFETY: new memory, at an address that the kernel chooses.
        let room = unsafe { mmap_anonymous(None, length, DATA, MapFlags::MAP_PRIVATE) }.expect("memory");
        // SAFETY: this function owns the memory.
        unsafe { make_huge(room.as_ptr().map_addr(|address| address.next_multiple_of(HUGE)), HUGE) }.is_ok()
    }

    /// Moves this process's memory. True if its bytes are as before, and code that was a file's is no longer.
    ///
    /// # Safety
    /// This process has one thread.
    unsafe fn is_whole_when_moved() -> io::Result<bool> {
        const NUMBERS: Range<usize> = 0..1 << 18;
        let mut data: Vec<usize> = NUMBERS.collect();
        let code = (is_whole_when_moved as *const ()).addr();
        let can_be_moved = mappings(&smaps()).iter().any(|mapping| mapping.range.contains(&code));
        // SAFETY: the caller has one thread.
        unsafe { gather(File::open("/proc")?) }?;
        let is_whole = black_box(&mut data).iter().copied().eq(NUMBERS);
        data.push(0);
        let is_here = |line: &&str| mapping(line).is_some_and(|mapping| mapping.range.contains(&code));
        let is_of_file = smaps().lines().find(is_here).is_none_or(|line| line.contains('/'));
        Ok(is_whole && can_be_moved != is_of_file)
    }

    #[test]
    fn a_process_goes_on_in_memory_that_was_moved() {
        // SAFETY: of all that another thread could have locked, the child uses the C library's allocator alone, which
        // is made for that.
        match unsafe { fork() }.expect("a child") {
            ForkResult::Child => {
                // SAFETY: a child has one thread.
                let status = unsafe { is_whole_when_moved() }.map_or(2, |is_whole| i32::from(!is_whole));
                // SAFETY: `_exit` has no conditions.
                unsafe { libc::_exit(status) }
            }
            ForkResult::Parent { child } => match waitpid(child, None).expect("an end") {
                WaitStatus::Exited(_, 0) => {}
                WaitStatus::Exited(_, 2) if !are_huge_pages_made() => {
                    eprintln!("not seen: there are no huge pages here")
                }
                other => panic!("{other:?}"),
            },
        }
    }
}
