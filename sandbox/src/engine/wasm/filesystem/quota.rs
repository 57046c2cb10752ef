//! The limits of one tree: bytes of its names and contents, and open handles.

use wasmtime_wasi::p2::bindings::filesystem::types::ErrorCode;

/// Bytes that a name counts for, with the node behind it.
pub(super) const NAME_BYTES: u64 = 512;
/// Handles that may be open at one time.
pub(super) const MAX_OPEN: usize = 1024;

/// The account of one tree: bytes that are left, and handles that are open.
#[derive(Debug)]
pub(super) struct Quota {
    bytes_left: u64,
    num_open: usize,
}

impl Quota {
    pub(super) fn new(num_bytes: u64) -> Self {
        Self { bytes_left: num_bytes, num_open: 0 }
    }

    /// Counts `num_bytes` as used.
    pub(super) fn take(&mut self, num_bytes: u64) -> Result<(), ErrorCode> {
        self.bytes_left = self.bytes_left.checked_sub(num_bytes).ok_or(ErrorCode::InsufficientSpace)?;
        Ok(())
    }

    /// Counts `num_bytes` as free again.
    pub(super) fn give_back(&mut self, num_bytes: u64) {
        self.bytes_left += num_bytes;
    }

    /// Counts a file of `old` bytes as one of `new` bytes.
    pub(super) fn resize(&mut self, old: u64, new: u64) -> Result<(), ErrorCode> {
        self.bytes_left = (self.bytes_left + old).checked_sub(new).ok_or(ErrorCode::InsufficientSpace)?;
        Ok(())
    }

    /// Fails where no further handle may be opened.
    pub(super) fn check_open(&self) -> Result<(), ErrorCode> {
        if self.num_open < MAX_OPEN { Ok(()) } else { Err(ErrorCode::InsufficientMemory) }
    }

    /// Counts a handle as open.
    pub(super) fn opened(&mut self) {
        self.num_open += 1;
    }

    /// Counts a handle as closed.
    pub(super) fn closed(&mut self) {
        self.num_open -= 1;
    }

    #[cfg(test)]
    pub(super) fn bytes_left(&self) -> u64 {
        self.bytes_left
    }
}
