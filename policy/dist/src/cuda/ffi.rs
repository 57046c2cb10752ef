//! The C interface of the shim's CUDA half (cpp/cuda/cuda_shim.h) behind safe Rust types.
//!
//! Its functions are found by name in a library that is loaded at run time. Knows pointers and statuses.
#![allow(unsafe_code)]

use std::ffi::c_void;
use std::path::Path;
use std::ptr::{NonNull, null_mut};
use std::time::Duration;

use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_NOW};
use tch::Tensor;

use crate::ffi::{Error, Failure, GroupBox, RawGroup, RawStore, StoreBox, Text};
use crate::ffi::{bytes_of, checked, made, milliseconds, tensor};

#[repr(C)]
pub(super) struct StreamBox {
    _private: [u8; 0],
}

#[repr(C)]
pub(super) struct EventBox {
    _private: [u8; 0],
}

/// Place of this process in a group over NCCL.
#[derive(Debug)]
pub(crate) struct NcclPlace {
    /// Number of the device.
    pub(crate) index: usize,
    /// Number in the group.
    pub(crate) rank: usize,
    /// Size of the group.
    pub(crate) size: usize,
    /// Name of the group.
    pub(crate) name: String,
}

/// Versions in CUDA's and NCCL's own numbers.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C)]
pub(super) struct RawVersions {
    pub(super) runtime: i32,
    pub(super) driver: i32,
    pub(super) nccl: i32,
}

/// A device as CUDA describes it; the name ends in 0.
#[derive(Debug, Clone, Copy)]
#[repr(C)]
pub(super) struct RawDevice {
    pub(super) name: [u8; 256],
    pub(super) total_bytes: u64,
    pub(super) capability_major: i32,
    pub(super) capability_minor: i32,
    pub(super) num_multiprocessors: i32,
}

/// Bytes of a device.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C)]
pub(super) struct RawMemory {
    pub(super) allocated: u64,
    pub(super) peak_allocated: u64,
    pub(super) reserved: u64,
    pub(super) peak_reserved: u64,
    pub(super) free: u64,
    pub(super) total: u64,
}

/// Opens a library with all its symbols, for good; what is opened later finds its symbols too.
pub(super) fn open(path: &Path) -> Result<&'static Library, String> {
    // SAFETY: what is opened is libtorch's CUDA half of the version that this program is linked with, or the shim's,
    // which was built with the program. Their static initialisers register operators. It is leaked: no code of it is
    // unmapped.
    let library = unsafe { Library::open(Some(path), RTLD_NOW | RTLD_GLOBAL) };
    library.map(|library| &*Box::leak(Box::new(library))).map_err(|error| error.to_string())
}

/// Declares the functions of the shim, and finds them by their names.
macro_rules! functions {
    ($($name:ident: $symbol:literal as fn($($argument:ty),*) $(-> $result:ty)?;)*) => {
        /// The functions of the shim's CUDA half.
        pub(crate) struct Functions {
            $($name: unsafe extern "C" fn($($argument),*) $(-> $result)?,)*
        }

        impl Functions {
            /// Finds all functions of a shim that is loaded.
            pub(super) fn resolve(library: &'static Library) -> Result<Self, String> {
                Ok(Self {
                    $($name: {
                        // SAFETY: the function of this name has this type in cuda_shim.h; the library is never closed.
                        let symbol = unsafe { library.get($symbol) };
                        *symbol.map_err(|error| error.to_string())?
                    },)*
                })
            }
        }
    };
}

functions! {
    versions_read: b"dist_cuda_versions_read" as fn(*mut RawVersions, Error) -> i32;
    device_count: b"dist_cuda_device_count" as fn(*mut i32, Error) -> i32;
    device_read: b"dist_cuda_device_read" as fn(i32, *mut RawDevice, Error) -> i32;
    device_set: b"dist_cuda_device_set" as fn(i32, Error) -> i32;
    device_synchronize: b"dist_cuda_device_synchronize" as fn(i32, Error) -> i32;
    memory_read: b"dist_cuda_memory_read" as fn(i32, *mut RawMemory, Error) -> i32;
    memory_reset_peaks: b"dist_cuda_memory_reset_peaks" as fn(i32, Error) -> i32;
    pinned_like: b"dist_cuda_pinned_like" as fn(*const c_void, *mut *mut c_void, Error) -> i32;
    copy: b"dist_cuda_copy" as fn(*mut c_void, *const c_void, Error) -> i32;
    stream_take: b"dist_cuda_stream_take" as fn(i32, *mut *mut StreamBox, Error) -> i32;
    stream_current: b"dist_cuda_stream_current" as fn(i32, *mut *mut StreamBox, Error) -> i32;
    stream_enter: b"dist_cuda_stream_enter" as fn(*const StreamBox, Error) -> i32;
    stream_await: b"dist_cuda_stream_await" as fn(*const StreamBox, *mut EventBox, Error) -> i32;
    stream_uses: b"dist_cuda_stream_uses" as fn(*const StreamBox, *const c_void, Error) -> i32;
    stream_free: b"dist_cuda_stream_free" as fn(*mut StreamBox);
    event_record: b"dist_cuda_event_record" as fn(*const StreamBox, i32, *mut *mut EventBox, Error) -> i32;
    event_wait: b"dist_cuda_event_wait" as fn(*mut EventBox, Error) -> i32;
    event_elapsed: b"dist_cuda_event_elapsed" as fn(*mut EventBox, *mut EventBox, *mut f64, Error) -> i32;
    event_free: b"dist_cuda_event_free" as fn(*mut EventBox);
    group_nccl: b"dist_cuda_group_nccl" as
        fn(*const StoreBox, i32, i32, i32, Text, i64, *mut *mut GroupBox, Error) -> i32;
    flight_record: b"dist_cuda_flight_record" as fn(i32, *mut *mut u8, *mut usize, Error) -> i32;
}

/// A number for C; what does not fit is no device and no rank there either.
fn number(value: usize) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}

impl Functions {
    pub(super) fn versions(&self) -> Result<RawVersions, Failure> {
        let mut versions = RawVersions::default();
        // SAFETY: the places are live.
        checked(|error| unsafe { (self.versions_read)(&raw mut versions, error) })?;
        Ok(versions)
    }

    pub(super) fn device_count(&self) -> Result<usize, Failure> {
        let mut count = 0;
        // SAFETY: the places are live.
        checked(|error| unsafe { (self.device_count)(&raw mut count, error) })?;
        Ok(usize::try_from(count).unwrap_or(0))
    }

    pub(super) fn device(&self, index: usize) -> Result<RawDevice, Failure> {
        let mut device = RawDevice {
            name: [0; 256],
            total_bytes: 0,
            capability_major: 0,
            capability_minor: 0,
            num_multiprocessors: 0,
        };
        // SAFETY: the places are live.
        checked(|error| unsafe { (self.device_read)(number(index), &raw mut device, error) })?;
        Ok(device)
    }

    /// Makes `index` the calling thread's device.
    pub(crate) fn set_device(&self, index: usize) -> Result<(), Failure> {
        // SAFETY: a number goes in, and the place is live.
        checked(|error| unsafe { (self.device_set)(number(index), error) })
    }

    pub(super) fn synchronize(&self, index: usize) -> Result<(), Failure> {
        // SAFETY: a number goes in, and the place is live.
        checked(|error| unsafe { (self.device_synchronize)(number(index), error) })
    }

    pub(super) fn memory(&self, index: usize) -> Result<RawMemory, Failure> {
        let mut memory = RawMemory::default();
        // SAFETY: the places are live.
        checked(|error| unsafe { (self.memory_read)(number(index), &raw mut memory, error) })?;
        Ok(memory)
    }

    pub(super) fn reset_peaks(&self, index: usize) -> Result<(), Failure> {
        // SAFETY: a number goes in, and the place is live.
        checked(|error| unsafe { (self.memory_reset_peaks)(number(index), error) })
    }

    pub(super) fn pinned_like(&self, like: &Tensor) -> Result<Tensor, Failure> {
        let mut output = null_mut();
        // SAFETY: the tensor is live during the call, and the places are.
        checked(|error| unsafe { (self.pinned_like)(tensor(like), &raw mut output, error) })?;
        // SAFETY: on success the shim gave a tensor that is ours.
        Ok(unsafe { Tensor::from_ptr(output.cast()) })
    }

    pub(super) fn copy(&self, to: &mut Tensor, from: &Tensor) -> Result<(), Failure> {
        // SAFETY: both tensors are live during the call, and `to` is this caller's alone.
        checked(|error| unsafe { (self.copy)(to.as_mut_ptr().cast(), tensor(from), error) })
    }

    pub(super) fn take_stream(&'static self, index: usize) -> Result<RawStream, Failure> {
        // SAFETY: a number goes in, and the places are live.
        let stream = made(|stream, error| unsafe { (self.stream_take)(number(index), stream, error) })?;
        Ok(RawStream { functions: self, stream })
    }

    pub(super) fn current_stream(&'static self, index: usize) -> Result<RawStream, Failure> {
        // SAFETY: a number goes in, and the places are live.
        let stream = made(|stream, error| unsafe { (self.stream_current)(number(index), stream, error) })?;
        Ok(RawStream { functions: self, stream })
    }

    /// Meets the other ranks at `store` and connects the device to theirs over NCCL; blocks until all have come.
    pub(crate) fn nccl(&self, store: &RawStore, place: &NcclPlace, watchdog: Duration) -> Result<RawGroup, Failure> {
        let (watchdog, name) = (milliseconds(watchdog), Text::of(&place.name));
        let [rank, size, index] = [place.rank, place.size, place.index].map(number);
        let group = made(|group, error| {
            // SAFETY: the store's box is live, and the group holds a count of its own of the inner store; the name
            // outlives the call, which copies it.
            unsafe { (self.group_nccl)(store.as_ptr(), rank, size, index, name, watchdog, group, error) }
        })?;
        // SAFETY: on success the shim made the box for this caller.
        Ok(unsafe { RawGroup::from_box(group) })
    }

    pub(super) fn flight_record(&self, as_json: bool) -> Result<Vec<u8>, Failure> {
        // SAFETY: the places are live.
        bytes_of(|bytes, length, error| unsafe { (self.flight_record)(as_json.into(), bytes, length, error) })
    }
}

/// A stream of a device.
pub(super) struct RawStream {
    functions: &'static Functions,
    stream: NonNull<StreamBox>,
}

// SAFETY: the box holds a stream's number, which means the same on every thread.
unsafe impl Send for RawStream {}

impl RawStream {
    /// Makes it the calling thread's stream of its device.
    pub(super) fn enter(&self) -> Result<(), Failure> {
        // SAFETY: the box is live for as long as `self`.
        checked(|error| unsafe { (self.functions.stream_enter)(self.stream.as_ptr(), error) })
    }

    pub(super) fn await_event(&self, event: &RawEvent) -> Result<(), Failure> {
        // SAFETY: both boxes are live.
        checked(|error| unsafe { (self.functions.stream_await)(self.stream.as_ptr(), event.event.as_ptr(), error) })
    }

    pub(super) fn uses(&self, used: &Tensor) -> Result<(), Failure> {
        // SAFETY: the box and the tensor are live during the call.
        checked(|error| unsafe { (self.functions.stream_uses)(self.stream.as_ptr(), tensor(used), error) })
    }

    pub(super) fn record(&self, has_time: bool) -> Result<RawEvent, Failure> {
        let (functions, stream) = (self.functions, self.stream.as_ptr());
        // SAFETY: the box is live, and the places are.
        let event = made(|event, error| unsafe { (functions.event_record)(stream, has_time.into(), event, error) })?;
        Ok(RawEvent { functions, event })
    }
}

impl Drop for RawStream {
    fn drop(&mut self) {
        // SAFETY: the box is ours and is not used after; the stream itself is the pool's.
        unsafe { (self.functions.stream_free)(self.stream.as_ptr()) }
    }
}

/// A point of a stream.
pub(super) struct RawEvent {
    functions: &'static Functions,
    event: NonNull<EventBox>,
}

// SAFETY: CUDA's events may be used from any thread; the type is not Sync.
unsafe impl Send for RawEvent {}

impl RawEvent {
    pub(super) fn wait(&self) -> Result<(), Failure> {
        // SAFETY: the box is live for as long as `self`.
        checked(|error| unsafe { (self.functions.event_wait)(self.event.as_ptr(), error) })
    }

    pub(super) fn milliseconds_to(&self, later: &Self) -> Result<f64, Failure> {
        let mut elapsed = 0.0;
        checked(|error| {
            // SAFETY: both boxes are live, and the place is.
            unsafe {
                (self.functions.event_elapsed)(self.event.as_ptr(), later.event.as_ptr(), &raw mut elapsed, error)
            }
        })?;
        Ok(elapsed)
    }
}

impl Drop for RawEvent {
    fn drop(&mut self) {
        // SAFETY: the box is ours and is not used after.
        unsafe { (self.functions.event_free)(self.event.as_ptr()) }
    }
}
