//! A store of c10d.
#![allow(unsafe_code)]

use std::ptr::NonNull;
use std::time::Duration;

use super::{Error, Failure, Text, bytes_of, checked, made, milliseconds};

#[repr(C)]
pub(crate) struct StoreBox {
    _private: [u8; 0],
}

unsafe extern "C" {
    fn dist_store_open(
        host: Text,
        port: u16,
        is_server: i32,
        listen_fd: i32,
        timeout_ms: i64,
        store: *mut *mut StoreBox,
        error: Error,
    ) -> i32;
    fn dist_store_prefixed(store: *const StoreBox, prefix: Text, prefixed: *mut *mut StoreBox, error: Error) -> i32;
    fn dist_store_set(store: *const StoreBox, key: Text, value: *const u8, length: usize, error: Error) -> i32;
    fn dist_store_get(
        store: *const StoreBox,
        key: Text,
        timeout_ms: i64,
        value: *mut *mut u8,
        length: *mut usize,
        error: Error,
    ) -> i32;
    fn dist_store_wait(
        store: *const StoreBox,
        keys: *const Text,
        num_keys: usize,
        timeout_ms: i64,
        error: Error,
    ) -> i32;
    fn dist_store_check(
        store: *const StoreBox,
        keys: *const Text,
        num_keys: usize,
        all_there: *mut i32,
        error: Error,
    ) -> i32;
    fn dist_store_add(store: *const StoreBox, key: Text, amount: i64, sum: *mut i64, error: Error) -> i32;
    fn dist_store_delete(store: *const StoreBox, key: Text, was_there: *mut i32, error: Error) -> i32;
    fn dist_store_free(store: *mut StoreBox);
}

/// A connection to a key-value store, under a prefix or not.
#[derive(Debug)]
pub(crate) struct RawStore(NonNull<StoreBox>);

// SAFETY: the box holds one reference-counted c10d store, whose counts are atomic and whose calls lock a mutex.
unsafe impl Send for RawStore {}

impl RawStore {
    /// Connects to the store at `host`:`port`; a server also opens it there, on the socket `listen_fd` where one is
    /// given.
    pub(crate) fn open(
        host: &str,
        port: u16,
        is_server: bool,
        listen_fd: Option<i32>,
        timeout: Duration,
    ) -> Result<Self, Failure> {
        made(|store, error| {
            // SAFETY: `host` outlives the call, which copies it; the two places are live.
            unsafe {
                let listen_fd = listen_fd.unwrap_or(-1);
                dist_store_open(Text::of(host), port, is_server.into(), listen_fd, milliseconds(timeout), store, error)
            }
        })
        .map(Self)
    }

    /// The same store, with `prefix` before each key.
    pub(crate) fn prefixed(&self, prefix: &str) -> Result<Self, Failure> {
        made(|store, error| {
            // SAFETY: the box is live for as long as `self`; the new one holds a count of its own of the inner store.
            unsafe { dist_store_prefixed(self.0.as_ptr(), Text::of(prefix), store, error) }
        })
        .map(Self)
    }

    pub(crate) fn set(&self, key: &str, value: &[u8]) -> Result<(), Failure> {
        checked(|error| {
            // SAFETY: key and value outlive the call, which copies both.
            unsafe { dist_store_set(self.0.as_ptr(), Text::of(key), value.as_ptr(), value.len(), error) }
        })
    }

    /// The value of `key`, once it is set.
    pub(crate) fn get(&self, key: &str, timeout: Duration) -> Result<Vec<u8>, Failure> {
        bytes_of(|bytes, length, error| {
            // SAFETY: the key outlives the call; the places are live.
            unsafe { dist_store_get(self.0.as_ptr(), Text::of(key), milliseconds(timeout), bytes, length, error) }
        })
    }

    /// Returns once all keys are set.
    pub(crate) fn wait(&self, keys: &[String], timeout: Duration) -> Result<(), Failure> {
        let texts: Vec<Text> = keys.iter().map(|key| Text::of(key)).collect();
        checked(|error| {
            // SAFETY: keys and texts outlive the call, which copies them.
            unsafe { dist_store_wait(self.0.as_ptr(), texts.as_ptr(), texts.len(), milliseconds(timeout), error) }
        })
    }

    /// True where all keys are set.
    pub(crate) fn check(&self, keys: &[String]) -> Result<bool, Failure> {
        let texts: Vec<Text> = keys.iter().map(|key| Text::of(key)).collect();
        let mut all_there = 0;
        checked(|error| {
            // SAFETY: keys and texts outlive the call, which copies them; the place is live.
            unsafe { dist_store_check(self.0.as_ptr(), texts.as_ptr(), texts.len(), &raw mut all_there, error) }
        })?;
        Ok(all_there != 0)
    }

    /// Adds to the number at `key` (0 where there is none), and returns the sum.
    pub(crate) fn add(&self, key: &str, amount: i64) -> Result<i64, Failure> {
        let mut sum = 0;
        checked(|error| {
            // SAFETY: the key outlives the call; the place is live.
            unsafe { dist_store_add(self.0.as_ptr(), Text::of(key), amount, &raw mut sum, error) }
        })?;
        Ok(sum)
    }

    /// Deletes `key`; true where it was there.
    pub(crate) fn delete(&self, key: &str) -> Result<bool, Failure> {
        let mut was_there = 0;
        checked(|error| {
            // SAFETY: the key outlives the call; the place is live.
            unsafe { dist_store_delete(self.0.as_ptr(), Text::of(key), &raw mut was_there, error) }
        })?;
        Ok(was_there != 0)
    }
}

impl RawStore {
    /// The box, for the shim's other half.
    pub(crate) fn as_ptr(&self) -> *const StoreBox {
        self.0.as_ptr()
    }
}

impl Drop for RawStore {
    fn drop(&mut self) {
        // SAFETY: the box is ours and is not used after.
        unsafe { dist_store_free(self.0.as_ptr()) }
    }
}
