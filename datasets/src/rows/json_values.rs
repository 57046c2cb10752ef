//! JSON objects that are not a line each: the elements of one array, or objects after one another.
//!
//! A value's end is found by its brackets, so that one row at a time is held and parsed.

use std::io::BufRead;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::content::{Content, read_problem};
use super::place::{Place, PlaceUnit};
use super::row::FileRow;
use crate::error::DatasetError;

/// The longest text of a row. A longer one is a file of another kind, or a string that is never closed.
pub(super) const MAX_ROW_BYTES: u64 = 1 << 28;

/// The rows of a JSON array, or of objects after one another.
pub(super) struct JsonValues {
    path: Arc<Path>,
    content: Content,
    is_array: bool,
    num_rows: u64,
    bytes: Vec<u8>,
}

impl JsonValues {
    /// The elements of one array.
    pub(super) fn array(path: &Arc<Path>, content: Content) -> Self {
        Self { path: path.clone(), content, is_array: true, num_rows: 0, bytes: Vec::new() }
    }

    /// Objects with blanks between them.
    pub(super) fn sequence(path: &Arc<Path>, content: Content) -> Self {
        Self { is_array: false, ..Self::array(path, content) }
    }

    fn advance(&mut self) -> Result<Option<FileRow>, DatasetError> {
        let place = Place { file: self.path.clone(), row: self.num_rows + 1, unit: PlaceUnit::Row };
        let failed = |problem| DatasetError::Row { place: place.clone(), problem };
        if !self.find_object().map_err(failed)? {
            return Ok(None);
        }
        self.take_object().map_err(failed)?;
        let fields = object(&self.bytes).map_err(failed)?;
        self.num_rows += 1;
        Ok(Some((place, fields)))
    }

    /// Goes to the next object's first byte; false at the end.
    fn find_object(&mut self) -> Result<bool, String> {
        if self.is_array {
            let opening = if self.num_rows == 0 { b'[' } else { b',' };
            match self.peek()? {
                Some(byte) if byte == opening => self.content.consume(1),
                Some(b']') if self.num_rows > 0 => return self.end(),
                Some(byte) => {
                    return Err(format!("expected \",\" or \"]\" after the row before, found {}", name(byte)));
                }
                None => return Err("the array is not closed: the file is cut off".to_owned()),
            }
        }
        match self.peek()? {
            Some(b'{') => Ok(true),
            Some(b']') if self.is_array && self.num_rows == 0 => self.end(),
            Some(byte) => Err(format!("a row is an object in braces, found {}", name(byte))),
            None if self.is_array => Err("the array is not closed: the file is cut off".to_owned()),
            None => Ok(false),
        }
    }

    fn end(&mut self) -> Result<bool, String> {
        self.content.consume(1);
        match self.peek()? {
            None => {
                // Asked again, the file has no row either.
                self.is_array = false;
                Ok(false)
            }
            Some(byte) => Err(format!("the array is closed, but {} follows", name(byte))),
        }
    }

    /// The next byte that is no blank, which stays there.
    fn peek(&mut self) -> Result<Option<u8>, String> {
        loop {
            let bytes = self.content.fill_buf().map_err(|error| read_problem(&error))?;
            let num_blanks = bytes.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
            let found = bytes.get(num_blanks).copied();
            let is_end = bytes.is_empty();
            self.content.consume(num_blanks);
            if found.is_some() || is_end {
                return Ok(found);
            }
        }
    }

    /// Takes the bytes of the object that begins here.
    fn take_object(&mut self) -> Result<(), String> {
        self.bytes.clear();
        let mut scan = Scan::default();
        loop {
            let bytes = self.content.fill_buf().map_err(|error| read_problem(&error))?;
            if bytes.is_empty() {
                return Err("the object is not closed: the file is cut off".to_owned());
            }
            let end = scan.end(bytes);
            let num_taken = end.unwrap_or(bytes.len());
            self.bytes.extend_from_slice(&bytes[..num_taken]);
            self.content.consume(num_taken);
            if end.is_some() {
                return Ok(());
            }
            if self.bytes.len() as u64 >= MAX_ROW_BYTES {
                return Err(too_long());
            }
        }
    }
}

impl Iterator for JsonValues {
    type Item = Result<FileRow, DatasetError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.advance().transpose()
    }
}

/// An object's fields.
///
/// # Errors
/// The text is no JSON object, in words.
pub(super) fn object(bytes: &[u8]) -> Result<Map<String, Value>, String> {
    if bytes.len() as u64 >= MAX_ROW_BYTES {
        return Err(too_long());
    }
    let text = std::str::from_utf8(bytes).map_err(|error| format!("not UTF-8 text: {error}"))?;
    // Files that were put together may have a byte order mark anywhere.
    let text = text.trim_start_matches('\u{feff}').trim();
    if let Some(&first) = text.as_bytes().first().filter(|&&first| first != b'{') {
        return Err(format!("a row is an object in braces, found {}", name(first)));
    }
    serde_json::from_str(text).map_err(|error| format!("not a JSON object: {error}"))
}

fn too_long() -> String {
    format!("longer than {} MiB: not JSON, or a text in it is never closed", MAX_ROW_BYTES >> 20)
}

fn name(byte: u8) -> String {
    match byte {
        b'"' => "a text".to_owned(),
        b'[' => "an array".to_owned(),
        b'0'..=b'9' | b'-' => "a number".to_owned(),
        _ => format!("\"{}\"", byte.escape_ascii()),
    }
}

/// The search for the bracket that closes an object.
#[derive(Default)]
struct Scan {
    depth: usize,
    is_text: bool,
    is_escaped: bool,
}

impl Scan {
    /// One past the bracket that closes the object, if it stands in these bytes.
    fn end(&mut self, bytes: &[u8]) -> Option<usize> {
        for (index, byte) in bytes.iter().enumerate() {
            match byte {
                _ if self.is_escaped => self.is_escaped = false,
                b'\\' if self.is_text => self.is_escaped = true,
                b'"' => self.is_text = !self.is_text,
                _ if self.is_text => {}
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    self.depth -= 1;
                    if self.depth == 0 {
                        return Some(index + 1);
                    }
                }
                _ => {}
            }
        }
        None
    }
}
