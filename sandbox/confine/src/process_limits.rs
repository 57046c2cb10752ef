//! The resource limits of a process; its children inherit them (setrlimit(2)).

use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit, setrlimit};

/// Numbers that [`ProcessLimits`] consist of.
const NUMBERS: usize = 4;
/// Limits that are the same for every copy.
const FIXED: [(Resource, u64); 4] = [
    (Resource::RLIMIT_CORE, 0),
    (Resource::RLIMIT_NOFILE, 256),
    (Resource::RLIMIT_MSGQUEUE, 0),
    (Resource::RLIMIT_MEMLOCK, 0),
];
/// Bytes of a stack, as the soft limit. Programs may ask for more, as they do before a deep recursion: the address
/// space and the watch on memory bound it.
pub const STACK_BYTES: u64 = 64 << 20;

/// Limits of one process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessLimits {
    /// Whole seconds of processor time.
    pub cpu_seconds: u64,
    /// Processes and threads.
    pub processes: u64,
    /// Bytes of all files together, and of each one.
    pub file_bytes: u64,
    /// Bytes of address space for each process; `None` for no limit.
    pub address_space: Option<u64>,
}

impl ProcessLimits {
    /// Bytes that [`Self::to_bytes`] gives.
    pub(crate) const BYTES: usize = 8 * NUMBERS;

    /// The limits as they pass between the processes: four little-endian numbers.
    pub(crate) fn to_bytes(&self) -> [u8; Self::BYTES] {
        let address_space = self.address_space.unwrap_or(u64::MAX);
        let numbers = [self.cpu_seconds, self.processes, self.file_bytes, address_space];
        let mut bytes = [0; Self::BYTES];
        for (place, number) in bytes.as_chunks_mut().0.iter_mut().zip(numbers) {
            *place = number.to_le_bytes();
        }
        bytes
    }

    /// The limits that [`Self::to_bytes`] wrote.
    pub(crate) fn from_bytes(bytes: &[u8; Self::BYTES]) -> Self {
        let mut numbers = [0; NUMBERS];
        for (number, place) in numbers.iter_mut().zip(bytes.as_chunks().0) {
            *number = u64::from_le_bytes(*place);
        }
        let [cpu_seconds, processes, file_bytes, address_space] = numbers;
        Self { cpu_seconds, processes, file_bytes, address_space: (address_space < u64::MAX).then_some(address_space) }
    }

    /// Holds this process to the limits. `spare_seconds` of processor time are left after the signal at `cpu_seconds`.
    pub(crate) fn set(&self, spare_seconds: u64) -> nix::Result<()> {
        lower(Resource::RLIMIT_CPU, self.cpu_seconds, spare_seconds)?;
        FIXED.into_iter().try_for_each(|(kind, most)| lower(kind, most, 0))?;
        let (_, most) = getrlimit(Resource::RLIMIT_STACK)?;
        setrlimit(Resource::RLIMIT_STACK, STACK_BYTES.min(most), most)?;
        lower(Resource::RLIMIT_FSIZE, self.file_bytes, 0)?;
        lower(Resource::RLIMIT_NPROC, self.processes, 0)?;
        self.address_space.map_or(Ok(()), |bytes| lower(Resource::RLIMIT_AS, bytes, 0))
    }
}

/// Sets one limit to `value`, or to what this process may have at most if that is less.
fn lower(kind: Resource, value: u64, spare: u64) -> nix::Result<()> {
    let (_, most) = getrlimit(kind)?;
    let value = if most == RLIM_INFINITY { value } else { value.min(most.saturating_sub(spare)) };
    setrlimit(kind, value, value.saturating_add(spare))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_come_through_as_they_were() {
        for address_space in [None, Some(256 << 20)] {
            let limits = ProcessLimits { cpu_seconds: 11, processes: 32, file_bytes: u64::MAX - 3, address_space };
            assert_eq!(ProcessLimits::from_bytes(&limits.to_bytes()), limits);
        }
    }
}
