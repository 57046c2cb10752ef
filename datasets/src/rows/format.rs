//! The format of a file, told by its first bytes.
//!
//! A name decides only where the bytes cannot: between CSV and text that is none of our formats.

use std::path::Path;

/// A format that rows are read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    JsonLines,
    JsonArray,
    /// Cells between these bytes.
    Csv(u8),
    Parquet,
    ArrowFile,
    ArrowStream,
}

/// The packing around a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    Plain,
    Gzip,
    Zstd,
}

/// The endings of the files that a folder's rows are read from, without `.gz` and `.zst`.
pub(super) const ENDINGS: [&str; 9] = ["jsonl", "ndjson", "json", "csv", "tsv", "parquet", "arrow", "feather", "ipc"];

/// What files begin with that hold no rows, in any case of letters; each with the words for it.
const OTHERS: [(&[u8], &str); 10] = [
    (b"version https://git-lfs", "the pointer of a large file in Git, not the file: fetch it with `git lfs pull`"),
    (b"<!doctype", "HTML; a download may have failed"),
    (b"<html", "HTML; a download may have failed"),
    (b"<?xml", "XML; a download may have failed"),
    (b"PK\x03\x04", "a zip archive: unpack it"),
    (b"BZh", "packed by bzip2: unpack it, or pack it as .gz or .zst"),
    (b"\xfd7zXZ", "packed by xz: unpack it, or pack it as .gz or .zst"),
    (b"\x04\x22\x4d\x18", "packed by lz4: unpack it, or pack it as .gz or .zst"),
    (b"\x80", "a Python pickle, which is not read"),
    (b"SQLite format 3", "an SQLite database"),
];

impl Packing {
    /// The packing of a file that begins with these bytes.
    pub(super) fn of(head: &[u8]) -> Self {
        let is_skippable = head.len() >= 4 && head[0] & 0xf0 == 0x50 && head[1..4] == *b"\x2a\x4d\x18";
        if head.starts_with(b"\x1f\x8b") {
            Self::Gzip
        } else if head.starts_with(b"\x28\xb5\x2f\xfd") || is_skippable {
            Self::Zstd
        } else {
            Self::Plain
        }
    }
}

impl Format {
    /// The format of content that begins with these bytes, without a byte order mark, in a file of this name.
    ///
    /// # Errors
    /// It is none of them: what was seen, in words.
    pub(super) fn of(head: &[u8], path: &Path, has_columns: bool) -> Result<Self, String> {
        if head.starts_with(b"PAR1") {
            return Ok(Self::Parquet);
        }
        if head.starts_with(b"ARROW1") {
            return Ok(Self::ArrowFile);
        }
        if head.starts_with(b"\xff\xff\xff\xff") {
            return Ok(Self::ArrowStream);
        }
        let begins = |magic: &[u8]| head.get(..magic.len()).is_some_and(|start| start.eq_ignore_ascii_case(magic));
        if let Some((_, words)) = OTHERS.iter().find(|(magic, _)| begins(magic)) {
            return Err(format!("the file is {words}"));
        }
        let ending = ending(path).unwrap_or_default();
        let first = head.iter().find(|byte| !byte.is_ascii_whitespace());
        match (ending.as_str(), first) {
            ("csv", _) => Ok(Self::Csv(b',')),
            ("tsv", _) => Ok(Self::Csv(b'\t')),
            ("parquet" | "arrow" | "feather" | "ipc", None) => Err("the file is empty".to_owned()),
            (_, Some(b'{') | None) => Ok(Self::JsonLines),
            (_, Some(b'[')) => Ok(Self::JsonArray),
            _ if has_columns => Ok(Self::Csv(b',')),
            ("jsonl" | "ndjson" | "json", _) => Ok(Self::JsonLines),
            _ => Err(format!(
                "unknown format: the file begins with {}; JSON Lines, a JSON array, CSV (named .csv or .tsv), Parquet \
                 and Arrow are read, plain, .gz or .zst",
                seen(head)
            )),
        }
    }
}

/// The ending of a file's name in lower case, without the packing's.
pub(super) fn ending(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?.to_lowercase();
    let name = ["gz", "zst"].iter().find_map(|packing| name.strip_suffix(packing)?.strip_suffix('.')).unwrap_or(&name);
    Some(name.rsplit_once('.')?.1.to_owned())
}

fn seen(head: &[u8]) -> String {
    let shown = &head[..head.len().min(16)];
    match std::str::from_utf8(shown) {
        Ok(text) if !text.contains(|c: char| c.is_control() && !c.is_whitespace()) => format!("{text:?}"),
        _ => shown.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" "),
    }
}
