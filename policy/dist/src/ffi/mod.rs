//! The shim's C interface (cpp/shim.h) behind safe Rust types; with `graph_node.rs` and those of `cuda/` all `unsafe`
//! of this crate.
//!
//! Knows pointers, statuses and time-outs in milliseconds; not what a store or a group is used for.
#![allow(unsafe_code)]

mod group;
mod store;

use std::ffi::{CStr, c_char, c_void};
use std::ptr::{NonNull, null_mut};
use std::time::Duration;

use tch::Tensor;

pub(crate) use self::group::{GroupBox, RawGroup, RawReduction, RawWork};
pub(crate) use self::store::{RawStore, StoreBox};

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

#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct Text {
    data: *const c_char,
    length: usize,
}

impl Text {
    /// Borrows `text`; the pointer is good for as long as `text` is.
    pub(crate) fn of(text: &str) -> Self {
        Self { data: text.as_ptr().cast(), length: text.len() }
    }
}

pub(crate) type Error = *mut *mut c_char;

unsafe extern "C" {
    fn dist_text_free(text: *mut c_char);
    fn dist_bytes_free(bytes: *mut u8);
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
pub(crate) fn made<T>(call: impl FnOnce(*mut *mut T, Error) -> i32) -> Result<NonNull<T>, Failure> {
    let mut object: *mut T = null_mut();
    checked(|error| call(&raw mut object, error))?;
    NonNull::new(object)
        .ok_or_else(|| Failure { cause: Cause::Other, message: "the shim made nothing and said nothing".into() })
}

/// As [`checked`], for a call that gives bytes.
pub(crate) fn bytes_of(call: impl FnOnce(*mut *mut u8, *mut usize, Error) -> i32) -> Result<Vec<u8>, Failure> {
    let (mut bytes, mut length): (*mut u8, usize) = (null_mut(), 0);
    checked(|error| call(&raw mut bytes, &raw mut length, error))?;
    // SAFETY: on success the shim gave `length` bytes at `bytes`, never null and ours: copied, then released.
    unsafe {
        let value = std::slice::from_raw_parts(bytes, length).to_vec();
        dist_bytes_free(bytes);
        Ok(value)
    }
}

/// Longest time-out in milliseconds, some 146 years: c10d computes with it in nanoseconds.
const LONGEST: i64 = i64::MAX / 2_000_000;

/// Milliseconds of a time-out; at least one, for c10d reads 0 as "for ever".
pub(crate) fn milliseconds(timeout: Duration) -> i64 {
    i64::try_from(timeout.as_millis()).unwrap_or(LONGEST).clamp(1, LONGEST)
}

pub(crate) fn tensor(tensor: &Tensor) -> *const c_void {
    tensor.as_ptr().cast()
}
