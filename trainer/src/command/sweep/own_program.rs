//! This program as a part of what a unit is: versions, and a checksum of its content. Two builds may compute other
//! numbers though their versions are the same.
//!
//! The checksum is the linker's own, the build id, where the file has one: it stays when symbols are stripped, and is
//! read at once. Otherwise it is that of the whole file.
//!
//! Source: elf(5), `Elf64_Ehdr`, `Elf64_Phdr` and notes, `NT_GNU_BUILD_ID`.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use anyhow::{Context, Result};
use record::checksum;

/// Number of hexadecimal digits of the checksum that are shown and compared.
const DIGITS: usize = 16;
/// Most bytes of notes that are looked at.
const MOST_NOTES: u64 = 1 << 16;
/// First bytes of a file of 64 bits whose numbers begin with their low byte.
const MAGIC: [u8; 6] = [0x7f, b'E', b'L', b'F', 2, 1];
const PT_NOTE: u64 = 4;
const NT_GNU_BUILD_ID: u64 = 3;

/// The file of this program, whose checksum is looked up once for as long as the file stays the same.
#[derive(Debug)]
pub(super) struct OwnProgram {
    path: PathBuf,
    known: Mutex<Option<(Stamp, String)>>,
}

/// By what a file is known to be the one that was read.
#[derive(Debug, PartialEq)]
struct Stamp {
    bytes: u64,
    modified: Option<SystemTime>,
}

impl OwnProgram {
    /// The file that this process runs.
    ///
    /// # Errors
    /// The system does not say which.
    pub(super) fn of_process() -> Result<Self> {
        Ok(Self::at(std::env::current_exe().context("this program's own file")?))
    }

    fn at(path: PathBuf) -> Self {
        Self { path, known: Mutex::new(None) }
    }

    /// Place of the file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Versions of the trainer and of libtorch, with the first digits of the checksum of the file as it is now.
    ///
    /// # Errors
    /// The file is gone or cannot be read.
    pub(super) fn version(&self) -> Result<String> {
        let of_path = || self.path.display().to_string();
        let mut file = File::open(&self.path).with_context(of_path)?;
        let metadata = file.metadata().with_context(of_path)?;
        let stamp = Stamp { bytes: metadata.len(), modified: metadata.modified().ok() };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, version)) = known.as_ref()
            && *of == stamp
        {
            return Ok(version.clone());
        }
        let digits = match build_id(&mut file).with_context(of_path)? {
            Some(id) => id,
            None => {
                let checksum = checksum::of_file(&self.path).with_context(of_path)?.1;
                checksum.rsplit(':').next().unwrap_or_default().to_owned()
            }
        };
        let digits: String = digits.chars().take(DIGITS).collect();
        let (own, libtorch) = (env!("CARGO_PKG_VERSION"), env!("LIBTORCH_VERSION"));
        let version = format!("trainer {own}, libtorch {libtorch}, program {digits}");
        *known = Some((stamp, version.clone()));
        Ok(version)
    }
}

/// The build id of a program in hexadecimal; none where the file has none.
fn build_id(file: &mut File) -> io::Result<Option<String>> {
    let mut header = Vec::new();
    file.by_ref().take(64).read_to_end(&mut header)?;
    if !header.starts_with(&MAGIC) {
        return Ok(None);
    }
    let (start, size, count) = (number(&header, 32, 8), number(&header, 54, 2), number(&header, 56, 2));
    for index in 0..count {
        let program = part(file, start.saturating_add(index * size), size)?;
        if number(&program, 0, 4) != PT_NOTE {
            continue;
        }
        let notes = part(file, number(&program, 8, 8), number(&program, 32, 8).min(MOST_NOTES))?;
        if let Some(id) = build_id_in(&notes) {
            return Ok(Some(id));
        }
    }
    Ok(None)
}

/// The build id among notes: lengths of name and content, a kind, the name and the content, each to a multiple of four.
fn build_id_in(mut notes: &[u8]) -> Option<String> {
    while notes.len() >= 12 {
        let [name_length, length, kind] = [0, 4, 8].map(|at| number(notes, at, 4));
        let name_end = 12 + usize::try_from(name_length).ok()?.next_multiple_of(4);
        let end = name_end.checked_add(usize::try_from(length).ok()?)?;
        let content = notes.get(name_end..end)?;
        if kind == NT_GNU_BUILD_ID && notes[12..].starts_with(b"GNU\0") && !content.is_empty() {
            return Some(content.iter().map(|byte| format!("{byte:02x}")).collect());
        }
        notes = notes.get(end.next_multiple_of(4)..)?;
    }
    None
}

/// A stretch of a file, shorter where the file ends.
fn part(file: &mut File, from: u64, bytes: u64) -> io::Result<Vec<u8>> {
    let mut part = Vec::new();
    file.seek(SeekFrom::Start(from))?;
    file.take(bytes).read_to_end(&mut part)?;
    Ok(part)
}

/// The number of `size` bytes at a place, its low byte first; 0 where the bytes end before.
fn number(bytes: &[u8], at: usize, size: usize) -> u64 {
    let bytes = bytes.get(at..at + size).unwrap_or_default();
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_build_is_another_version_and_a_copy_is_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, content: &str| {
            std::fs::write(folder.path().join(name), content).unwrap();
            OwnProgram::at(folder.path().join(name))
        };
        let first = write("trainer", "code");
        let version = first.version().unwrap();
        assert!(version.starts_with("trainer ") && version.contains(", libtorch ") && version.contains(", program "));
        assert_eq!(write("copy", "code").version().unwrap(), version);
        assert_eq!(first.version().unwrap(), version);
        // The file is replaced under a process that knows it.
        write("trainer", "other code");
        assert_ne!(first.version().unwrap(), version);
        std::fs::remove_file(first.path()).unwrap();
        assert!(first.version().unwrap_err().to_string().contains("trainer"));
    }

    #[test]
    fn the_linkers_checksum_is_that_of_the_program() {
        let note = |name: &[u8], kind: u8, content: &[u8]| {
            let mut note = vec![name.len() as u8, 0, 0, 0, content.len() as u8, 0, 0, 0, kind, 0, 0, 0];
            note.extend(name);
            note.extend(content);
            note.resize(note.len().next_multiple_of(4), 0);
            note
        };
        let other = note(b"GNU\0", 1, &[9; 6]);
        let id = note(b"GNU\0", 3, &[0xab, 0x01, 0xff]);
        assert_eq!(build_id_in(&[&other[..], &id].concat()).as_deref(), Some("ab01ff"));
        assert_eq!(build_id_in(&other), None);
        assert_eq!(build_id_in(&id[..14]), None);
        // A file of 64 bits with one stretch of notes, behind a stretch of something else.
        let mut file = MAGIC.to_vec();
        file.resize(64 + 2 * 56, 0);
        (file[32], file[54], file[56]) = (64, 56, 2);
        (file[64], file[64 + 56], file[64 + 56 + 8], file[64 + 56 + 32]) = (1, 4, 176, id.len() as u8);
        file.extend(id);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trainer");
        std::fs::write(&path, &file).unwrap();
        assert!(OwnProgram::at(path.clone()).version().unwrap().ends_with(", program ab01ff"));
        // Cut off, and no such file at all.
        for bytes in [&file[..100], b"#!/bin/sh\n"] {
            std::fs::write(&path, bytes).unwrap();
            assert_eq!(build_id(&mut File::open(&path).unwrap()).unwrap(), None);
        }
        OwnProgram::of_process().unwrap().version().unwrap();
    }
}
