//! The shim's C interface (cpp/shim.h) behind safe Rust types; with `graph_node.rs` all `unsafe` of this crate.
//!
//! Knows pointers, statuses and time-outs in milliseconds; not what a store or a group is used for.
#![allow(unsafe_code)]

use std::ffi::{CStr, c_char, c_void};
use std::ptr::{NonNull, null_mut};
use std::time::Duration;

use tch::Tensor;

/// Kind of a failure inside c10d.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// A key was not set within the time.
    StoreTimedOut,
    /// A connection could not be made, or broke.
    Network,
    /// Anything else: a peer that is gone, an operation that took too long, arguments that c10d refuses.
    Other,
}

/// A failure inside c10d, with its words.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub(crate) cause: Cause,
    pub(crate) message: String,
}

/// How elements of several ranks become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub(crate) enum RawReduction {
    Sum = 0,
    Max = 1,
    Min = 2,
}

#[repr(C)]
struct StoreBox {
    _private: [u8; 0],
}

#[repr(C)]
struct GroupBox {
    _private: [u8; 0],
}

#[repr(C)]
struct WorkBox {
    _private: [u8; 0],
}

#[repr(C)]
struct Text {
    data: *const c_char,
    length: usize,
}

impl Text {
    /// Borrows `text`; the pointer is good for as long as `text` is.
    fn of(text: &str) -> Self {
        Self { data: text.as_ptr().cast(), length: text.len() }
    }
}

pub(crate) type Error = *mut *mut c_char;

unsafe extern "C" {
    fn dist_text_free(text: *mut c_char);
    fn dist_bytes_free(bytes: *mut u8);

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

    fn dist_group_gloo(
        store: *const StoreBox,
        rank: i32,
        size: i32,
        timeout_ms: i64,
        group: *mut *mut GroupBox,
        error: Error,
    ) -> i32;
    fn dist_group_fake(rank: i32, size: i32, group: *mut *mut GroupBox, error: Error) -> i32;
    fn dist_group_free(group: *mut GroupBox);
    fn dist_group_broadcast(
        group: *mut GroupBox,
        tensor: *const c_void,
        root: i32,
        timeout_ms: i64,
        work: *mut *mut WorkBox,
        error: Error,
    ) -> i32;
    fn dist_group_all_reduce(
        group: *mut GroupBox,
        tensor: *const c_void,
        reduction: i32,
        timeout_ms: i64,
        work: *mut *mut WorkBox,
        error: Error,
    ) -> i32;
    fn dist_group_all_gather(
        group: *mut GroupBox,
        output: *const c_void,
        input: *const c_void,
        timeout_ms: i64,
        work: *mut *mut WorkBox,
        error: Error,
    ) -> i32;
    fn dist_group_all_to_all(
        group: *mut GroupBox,
        output: *const c_void,
        input: *const c_void,
        output_splits: *const i64,
        input_splits: *const i64,
        num_splits: usize,
        timeout_ms: i64,
        work: *mut *mut WorkBox,
        error: Error,
    ) -> i32;
    fn dist_group_barrier(group: *mut GroupBox, timeout_ms: i64, work: *mut *mut WorkBox, error: Error) -> i32;

    fn dist_work_wait(work: *mut WorkBox, timeout_ms: i64, error: Error) -> i32;
    fn dist_work_took(work: *const WorkBox) -> i64;
    fn dist_work_free(work: *mut WorkBox);
}

/// Runs a call of the shim with a place for its message, and makes a [`Failure`] of its status.
pub(crate) fn checked(call: impl FnOnce(Error) -> i32) -> Result<(), Failure> {
    let mut message: *mut c_char = null_mut();
    let status = call(&raw mut message);
    let text = if message.is_null() {
        String::new()
    } else {
        // SAFETY: the shim set `message` to a string that ends in 0 and is ours; it is read once, then released.
        unsafe {
            let text = CStr::from_ptr(message).to_string_lossy().into_owned();
            dist_text_free(message);
            text
        }
    };
    let cause = match status {
        0 => return Ok(()),
        1 => Cause::StoreTimedOut,
        2 => Cause::Network,
        _ => Cause::Other,
    };
    Err(Failure { cause, message: text })
}

/// As [`checked`], for a call that makes an object.
fn made<T>(call: impl FnOnce(*mut *mut T, Error) -> i32) -> Result<NonNull<T>, Failure> {
    let mut object: *mut T = null_mut();
    checked(|error| call(&raw mut object, error))?;
    NonNull::new(object)
        .ok_or_else(|| Failure { cause: Cause::Other, message: "the shim made nothing and said nothing".into() })
}

/// Longest time-out in milliseconds, some 146 years: c10d computes with it in nanoseconds.
const LONGEST: i64 = i64::MAX / 2_000_000;

/// Milliseconds of a time-out; at least one, for c10d reads 0 as "for ever".
fn milliseconds(timeout: Duration) -> i64 {
    i64::try_from(timeout.as_millis()).unwrap_or(LONGEST).clamp(1, LONGEST)
}

fn tensor(tensor: &Tensor) -> *const c_void {
    tensor.as_ptr().cast()
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
        let (mut bytes, mut length): (*mut u8, usize) = (null_mut(), 0);
        checked(|error| {
            let (bytes, length, timeout) = (&raw mut bytes, &raw mut length, milliseconds(timeout));
            // SAFETY: the key outlives the call; the places are live.
            unsafe { dist_store_get(self.0.as_ptr(), Text::of(key), timeout, bytes, length, error) }
        })?;
        // SAFETY: on success the shim gave `length` bytes at `bytes`, never null and ours: copied, then released.
        unsafe {
            let value = std::slice::from_raw_parts(bytes, length).to_vec();
            dist_bytes_free(bytes);
            Ok(value)
        }
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

impl Drop for RawStore {
    fn drop(&mut self) {
        // SAFETY: the box is ours and is not used after.
        unsafe { dist_store_free(self.0.as_ptr()) }
    }
}

/// A process group of one backend.
#[derive(Debug)]
pub(crate) struct RawGroup(NonNull<GroupBox>);

// SAFETY: a c10d backend may be used from any thread, by one at a time: the type is not Sync.
unsafe impl Send for RawGroup {}

impl RawGroup {
    /// Meets the other ranks at `store` and connects to them over Gloo; blocks until all have come.
    pub(crate) fn gloo(store: &RawStore, rank: usize, size: usize, timeout: Duration) -> Result<Self, Failure> {
        let number = |value: usize| i32::try_from(value).unwrap_or(i32::MAX);
        made(|group, error| {
            // SAFETY: the store's box is live, and the group holds a count of its own of the inner store.
            unsafe {
                dist_group_gloo(store.0.as_ptr(), number(rank), number(size), milliseconds(timeout), group, error)
            }
        })
        .map(Self)
    }

    /// One rank of a group whose other ranks do not exist.
    pub(crate) fn fake(rank: usize, size: usize) -> Result<Self, Failure> {
        let number = |value: usize| i32::try_from(value).unwrap_or(i32::MAX);
        made(|group, error| {
            // SAFETY: two numbers go in, and the places are live.
            unsafe { dist_group_fake(number(rank), number(size), group, error) }
        })
        .map(Self)
    }

    /// Starts to write the root's elements over those of `shared`.
    pub(crate) fn broadcast(&self, shared: &Tensor, root: usize, timeout: Duration) -> Result<RawWork, Failure> {
        let root = i32::try_from(root).unwrap_or(i32::MAX);
        made(|work, error| {
            // SAFETY: the tensor's pointer is live during the call, and the work counts the tensor's storage.
            unsafe { dist_group_broadcast(self.0.as_ptr(), tensor(shared), root, milliseconds(timeout), work, error) }
        })
        .map(RawWork)
    }

    /// Starts to reduce `reduced` in place.
    pub(crate) fn all_reduce(
        &self,
        reduced: &Tensor,
        reduction: RawReduction,
        timeout: Duration,
    ) -> Result<RawWork, Failure> {
        made(|work, error| {
            // SAFETY: as for `broadcast`.
            unsafe {
                let reduction = reduction as i32;
                dist_group_all_reduce(self.0.as_ptr(), tensor(reduced), reduction, milliseconds(timeout), work, error)
            }
        })
        .map(RawWork)
    }

    /// Starts to write every rank's `input` to its part of `output`.
    pub(crate) fn all_gather(&self, output: &Tensor, input: &Tensor, timeout: Duration) -> Result<RawWork, Failure> {
        made(|work, error| {
            let (output, input) = (tensor(output), tensor(input));
            // SAFETY: as for `broadcast`, for both tensors.
            unsafe { dist_group_all_gather(self.0.as_ptr(), output, input, milliseconds(timeout), work, error) }
        })
        .map(RawWork)
    }

    /// Starts to send the parts of `input` and to receive those of `output`, in the order of the ranks. The splits have
    /// one length for each rank and add up to the lengths of the tensors' first dimensions; c10d checks that.
    pub(crate) fn all_to_all(
        &self,
        output: &Tensor,
        input: &Tensor,
        output_splits: &[i64],
        input_splits: &[i64],
        timeout: Duration,
    ) -> Result<RawWork, Failure> {
        let num_splits = output_splits.len().min(input_splits.len());
        made(|work, error| {
            // SAFETY: as for `broadcast`; `num_splits` numbers can be read at both places, and are copied.
            unsafe {
                dist_group_all_to_all(
                    self.0.as_ptr(),
                    tensor(output),
                    tensor(input),
                    output_splits.as_ptr(),
                    input_splits.as_ptr(),
                    num_splits,
                    milliseconds(timeout),
                    work,
                    error,
                )
            }
        })
        .map(RawWork)
    }

    /// Starts a barrier.
    pub(crate) fn barrier(&self, timeout: Duration) -> Result<RawWork, Failure> {
        made(|work, error| {
            // SAFETY: the box is live and the places are.
            unsafe { dist_group_barrier(self.0.as_ptr(), milliseconds(timeout), work, error) }
        })
        .map(RawWork)
    }
}

impl Drop for RawGroup {
    fn drop(&mut self) {
        // SAFETY: the box is ours and is not used after; operations under way hold counts of what they need.
        unsafe { dist_group_free(self.0.as_ptr()) }
    }
}

/// An operation under way.
#[derive(Debug)]
pub(crate) struct RawWork(NonNull<WorkBox>);

// SAFETY: a c10d work guards its state with a mutex, and its counts are atomic.
unsafe impl Send for RawWork {}

impl RawWork {
    /// Returns once the operation is done.
    pub(crate) fn wait(&self, timeout: Duration) -> Result<(), Failure> {
        checked(|error| {
            // SAFETY: the box is live for as long as `self`.
            unsafe { dist_work_wait(self.0.as_ptr(), milliseconds(timeout), error) }
        })
    }
}

impl RawWork {
    /// Time from the start of a gather to its end; `None` while it runs, and of what is not measured.
    pub(crate) fn took(&self) -> Option<Duration> {
        // SAFETY: the box is live for as long as `self`, and what is read is atomic.
        let nanoseconds = unsafe { dist_work_took(self.0.as_ptr()) };
        u64::try_from(nanoseconds).ok().filter(|nanoseconds| *nanoseconds > 0).map(Duration::from_nanos)
    }
}

impl Drop for RawWork {
    fn drop(&mut self) {
        // SAFETY: the box is ours and is not used after; an operation that still runs holds a count of its own.
        unsafe { dist_work_free(self.0.as_ptr()) }
    }
}
