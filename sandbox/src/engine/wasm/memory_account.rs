//! The account of an instance's linear memories and tables: what is held, and what more is granted.

use wasmtime::ResourceLimiter;

/// Elements of one table, at most; the interpreter has some ten thousand functions.
const TABLE_ELEMENTS: usize = 60_000;

/// Bytes of all linear memories of an instance together. They never shrink.
#[derive(Debug)]
pub(crate) struct MemoryAccount {
    limit: usize,
    /// Bytes granted so far.
    pub(super) held: usize,
    /// True once more was asked for than the limit allows.
    pub(crate) is_denied: bool,
}

impl MemoryAccount {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, held: 0, is_denied: false }
    }

    /// Adds the bytes that are held under another account.
    pub(super) fn take_over(&mut self, other: &MemoryAccount) {
        self.held += other.held;
        self.is_denied |= self.held > self.limit;
    }
}

impl ResourceLimiter for MemoryAccount {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        let held = self.held + desired.saturating_sub(current);
        let is_granted = held <= self.limit && maximum.is_none_or(|maximum| desired <= maximum);
        if is_granted {
            self.held = held;
        } else {
            self.is_denied = true;
        }
        Ok(is_granted)
    }

    fn table_growing(&mut self, _current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(desired <= maximum.unwrap_or(usize::MAX).min(TABLE_ELEMENTS))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_memories_count_together() {
        let mut memory = MemoryAccount::new(100);
        assert!(memory.memory_growing(0, 60, None).unwrap());
        assert!(memory.memory_growing(0, 30, None).unwrap());
        assert!(!memory.memory_growing(60, 80, None).unwrap());
        assert!(memory.is_denied && memory.held == 90);
        let mut smaller = MemoryAccount::new(89);
        smaller.take_over(&memory);
        assert!(smaller.is_denied && smaller.held == 90);
    }
}
