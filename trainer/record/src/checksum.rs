//! Checksums of files: XXH3 with 128 bits, which runs at the speed of memory, so that files of many gigabytes cost no
//! more than reading them. It finds accidents; whoever wants to deceive can make two files of one checksum.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use twox_hash::XxHash3_128;

/// Number of bytes that are read at a time.
const BUFFER: usize = 1 << 20;
/// Size up to which [`add_sampled`] reads a file whole.
const WHOLE_UP_TO: u64 = 256 << 20;
/// Number of stretches of a larger file that it reads, evenly spread, the first and the last bytes among them.
const STRETCHES: u64 = 64;

/// A checksum in the making, of bytes that come in pieces.
#[derive(Default)]
pub struct Checksum(XxHash3_128);

impl Checksum {
    /// Of no bytes yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds bytes; how they are cut into calls does not matter.
    pub fn add(&mut self, bytes: &[u8]) {
        self.0.write(bytes);
    }

    /// The checksum as `xxh3-128:` and 32 hexadecimal digits.
    pub fn finish(&self) -> String {
        format!("xxh3-128:{:032x}", self.0.finish_128())
    }
}

/// Checksum of some bytes.
pub fn of_bytes(bytes: &[u8]) -> String {
    let mut checksum = Checksum::new();
    checksum.add(bytes);
    checksum.finish()
}

/// Size in bytes and checksum of a whole file.
///
/// # Errors
/// The file cannot be read.
pub fn of_file(path: &Path) -> io::Result<(u64, String)> {
    let mut file = File::open(path)?;
    let mut checksum = Checksum::new();
    let bytes = add_all(&mut file, u64::MAX, &mut checksum)?;
    Ok((bytes, checksum.finish()))
}

/// Adds a file's size and its bytes, of a file past 256 MiB only 64 stretches of 1 MiB. Training changes every stretch
/// of a file of weights; a single flipped byte of a larger file can go unseen.
///
/// # Errors
/// The file cannot be read.
pub fn add_sampled(path: &Path, checksum: &mut Checksum) -> io::Result<()> {
    add_stretches(&mut File::open(path)?, WHOLE_UP_TO, BUFFER as u64, checksum)
}

/// As [`add_sampled`], with stretches of `length` bytes for files past `whole_up_to`.
fn add_stretches(file: &mut File, whole_up_to: u64, length: u64, checksum: &mut Checksum) -> io::Result<()> {
    let size = file.metadata()?.len();
    checksum.add(&size.to_le_bytes());
    if size <= whole_up_to.max(length) {
        return add_all(file, u64::MAX, checksum).map(|_| ());
    }
    for i in 0..STRETCHES {
        let start = u128::from(size - length) * u128::from(i) / u128::from(STRETCHES - 1);
        file.seek(SeekFrom::Start(start as u64))?; // at most `size`
        add_all(file, length, checksum)?;
    }
    Ok(())
}

/// Adds what is left of a file, at most `limit` bytes, and returns their number.
fn add_all(file: &mut File, limit: u64, checksum: &mut Checksum) -> io::Result<u64> {
    let mut buffer = vec![0; BUFFER];
    let mut file = Read::take(file, limit);
    let mut total = 0;
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(total);
        }
        checksum.add(&buffer[..read]);
        total += read as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_xxh3_of_128_bits() {
        // XXH3_128bits("") as the reference implementation's documentation and `xxhsum -H2` print it.
        assert_eq!(of_bytes(b""), "xxh3-128:99aa06d3014798d86001c324468d497f");
    }

    #[test]
    fn pieces_do_not_matter() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let bytes: Vec<u8> = (0..3_000_000u32).map(|i| (i % 251) as u8).collect();
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(of_file(&path).unwrap(), (3_000_000, of_bytes(&bytes)));
    }

    #[test]
    fn a_large_file_is_sampled_from_its_first_byte_to_its_last() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("weights");
        let sampled = |bytes: &[u8]| {
            std::fs::write(&path, bytes).unwrap();
            let mut checksum = Checksum::new();
            add_stretches(&mut File::open(&path).unwrap(), 1000, 10, &mut checksum).unwrap();
            checksum.finish()
        };
        let bytes = vec![0; 5000];
        let with = |place: usize| {
            let mut bytes = bytes.clone();
            bytes[place] = 1;
            sampled(&bytes)
        };
        let same = sampled(&bytes);
        assert!([0, 9, 4990, 4999].into_iter().all(|place| with(place) != same));
        assert_eq!(with(40), same, "between two stretches");
        assert_ne!(sampled(&bytes[..4999]), same, "the size counts");
        // A smaller file is read whole.
        assert_ne!(sampled(&[0; 900]), sampled(&[&[0; 40][..], &[1], &[0; 859]].concat()));
    }
}
