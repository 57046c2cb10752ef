//! The device files of `/dev`, as null(4), full(4), random(4) and proc(5) have them, over the instance's own standard
//! files. There is no terminal, so no `/dev/tty`.
//!
//! `/dev/stdin` begins at the input's first byte each time that it is opened, as a file that the shell redirects does.

use std::collections::hash_map::{DefaultHasher, RandomState};
use std::hash::{BuildHasher, Hasher};

use bytes::Bytes;
use wasmtime_wasi::p2::OutputStream;
use wasmtime_wasi::p2::bindings::filesystem::types::ErrorCode;

use super::super::output_buffers::OutputBuffers;

/// Zeros that `/dev/zero` and `/dev/full` give in one read.
static ZEROS: [u8; 1 << 16] = [0; 1 << 16];

/// A device by what it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Device {
    Null,
    Zero,
    Full,
    Random,
    Input,
    Output,
    Error,
}

impl Device {
    /// The devices by their names in `/dev`.
    pub(super) const NAMES: [(&'static str, Self); 11] = [
        ("null", Self::Null),
        ("zero", Self::Zero),
        ("full", Self::Full),
        ("random", Self::Random),
        ("urandom", Self::Random),
        ("stdin", Self::Input),
        ("stdout", Self::Output),
        ("stderr", Self::Error),
        ("fd/0", Self::Input),
        ("fd/1", Self::Output),
        ("fd/2", Self::Error),
    ];
}

/// What stands behind the devices of one instance.
pub(crate) struct Devices {
    input: Bytes,
    output: OutputBuffers,
    random: RandomBytes,
    read: Vec<u8>,
}

impl Devices {
    /// Devices over an instance's standard files. Repeatable ones give the same random bytes every time.
    pub(crate) fn new(input: Bytes, output: OutputBuffers, is_repeatable: bool) -> Self {
        let key = if is_repeatable { None } else { Some(RandomState::new()) };
        Self { input, output, random: RandomBytes { key, num_given: 0 }, read: Vec::new() }
    }

    /// Bytes of a device from `offset` on, at most `length`; none at its end.
    pub(super) fn read(&mut self, device: Device, offset: u64, length: usize) -> Result<&[u8], ErrorCode> {
        Ok(match device {
            Device::Null => &[],
            Device::Zero | Device::Full => &ZEROS[..length.min(ZEROS.len())],
            Device::Random => {
                self.read.resize(length.min(ZEROS.len()), 0);
                self.random.fill(&mut self.read);
                &self.read
            }
            Device::Input => {
                let begin = usize::try_from(offset).unwrap_or(usize::MAX).min(self.input.len());
                &self.input[begin..begin.saturating_add(length).min(self.input.len())]
            }
            Device::Output | Device::Error => return Err(ErrorCode::BadDescriptor),
        })
    }

    /// Writes to a device. What is printed past the limit is dropped, and the limit counts as reached.
    pub(super) fn write(&self, device: Device, bytes: &[u8]) -> Result<(), ErrorCode> {
        let mut pipe = match device {
            Device::Null | Device::Zero | Device::Random => return Ok(()),
            Device::Full => return Err(ErrorCode::InsufficientSpace),
            Device::Input => return Err(ErrorCode::NotPermitted),
            Device::Output => self.output.stdout(),
            Device::Error => self.output.stderr(),
        };
        pipe.write(Bytes::copy_from_slice(bytes)).map_err(|_| ErrorCode::InsufficientSpace)
    }
}

/// Bytes that nobody foresees: a keyed hash (SipHash) of their number. Without a key they are the same every time.
struct RandomBytes {
    key: Option<RandomState>,
    num_given: u64,
}

impl RandomBytes {
    fn fill(&mut self, bytes: &mut [u8]) {
        for part in bytes.chunks_mut(size_of::<u64>()) {
            let mut hasher = self.key.as_ref().map_or_else(DefaultHasher::new, BuildHasher::build_hasher);
            hasher.write_u64(self.num_given);
            self.num_given += 1;
            part.copy_from_slice(&hasher.finish().to_le_bytes()[..part.len()]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn devices(is_repeatable: bool) -> Devices {
        Devices::new(Bytes::from_static(b"1 2\n"), OutputBuffers::with_room(6), is_repeatable)
    }

    #[test]
    fn each_device_reads_and_writes_as_the_system_has_it() {
        let mut devices = devices(false);
        assert_eq!(devices.read(Device::Null, 0, 8).unwrap(), b"");
        assert_eq!(devices.read(Device::Zero, 100, 3).unwrap(), [0; 3]);
        assert_eq!(devices.read(Device::Input, 2, 8).unwrap(), b"2\n");
        assert_eq!(devices.read(Device::Input, 9, 8).unwrap(), b"");
        assert_eq!(devices.read(Device::Output, 0, 8), Err(ErrorCode::BadDescriptor));
        assert_eq!(devices.write(Device::Full, b"x"), Err(ErrorCode::InsufficientSpace));
        assert_eq!(devices.write(Device::Input, b"x"), Err(ErrorCode::NotPermitted));
        assert_eq!(devices.write(Device::Zero, &[1; 100]), Ok(()));
    }

    #[test]
    fn what_is_printed_by_way_of_a_device_counts_against_the_limit() {
        let devices = devices(false);
        assert_eq!(devices.write(Device::Output, b"out"), Ok(()));
        assert_eq!(devices.write(Device::Error, b"err!"), Err(ErrorCode::InsufficientSpace));
        let printed = devices.output.lock();
        assert_eq!((&printed.stdout[..], &printed.stderr[..], printed.is_exceeded), (&b"out"[..], &b"err"[..], true));
    }

    #[test]
    fn random_bytes_differ_unless_a_run_is_to_be_repeated() {
        let read = |devices: &mut Devices| devices.read(Device::Random, 0, 61).unwrap().to_vec();
        let (mut one, mut other) = (devices(false), devices(false));
        let first = read(&mut one);
        assert_eq!(first.len(), 61);
        assert_ne!(first, read(&mut one));
        assert_ne!(first, read(&mut other));
        assert_eq!(read(&mut devices(true)), read(&mut devices(true)));
    }
}
