//! A process group of c10d and its operations under way.
#![allow(unsafe_code)]

use std::ffi::c_void;
use std::ptr::NonNull;
use std::time::Duration;

use tch::Tensor;

use super::store::{RawStore, StoreBox};
use super::{Error, Failure, checked, made, milliseconds, tensor};

/// How elements of several ranks become one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub(crate) enum RawReduction {
    Sum = 0,
    Max = 1,
    Min = 2,
}

#[repr(C)]
pub(crate) struct GroupBox {
    _private: [u8; 0],
}

#[repr(C)]
struct WorkBox {
    _private: [u8; 0],
}

unsafe extern "C" {
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
    fn dist_group_reduce_scatter(
        group: *mut GroupBox,
        output: *const c_void,
        input: *const c_void,
        reduction: i32,
        timeout_ms: i64,
        work: *mut *mut WorkBox,
        error: Error,
    ) -> i32;
    fn dist_group_abort(group: *mut GroupBox, error: Error) -> i32;
    fn dist_group_barrier(group: *mut GroupBox, timeout_ms: i64, work: *mut *mut WorkBox, error: Error) -> i32;

    fn dist_work_wait(work: *mut WorkBox, timeout_ms: i64, error: Error) -> i32;
    fn dist_work_took(work: *const WorkBox) -> i64;
    fn dist_work_order(work: *mut WorkBox, error: Error) -> i32;
    fn dist_work_poll(work: *mut WorkBox, is_done: *mut i32, error: Error) -> i32;
    fn dist_work_free(work: *mut WorkBox);
}

/// A process group of one backend.
#[derive(Debug)]
pub(crate) struct RawGroup(NonNull<GroupBox>);

// SAFETY: a c10d backend may be used from any thread.
unsafe impl Send for RawGroup {}
// SAFETY: one thread issues a group's operations, for `ProcessGroup` is not Sync; what others call beside it is
// `abort`, as c10d's own watchdog does.
unsafe impl Sync for RawGroup {}

impl RawGroup {
    /// Meets the other ranks at `store` and connects to them over Gloo; blocks until all have come.
    pub(crate) fn gloo(store: &RawStore, rank: usize, size: usize, timeout: Duration) -> Result<Self, Failure> {
        let number = |value: usize| i32::try_from(value).unwrap_or(i32::MAX);
        made(|group, error| {
            // SAFETY: the store's box is live, and the group holds a count of its own of the inner store.
            unsafe { dist_group_gloo(store.as_ptr(), number(rank), number(size), milliseconds(timeout), group, error) }
        })
        .map(Self)
    }

    /// A group that the shim's other half made, whose box becomes this value's.
    ///
    /// # Safety
    /// `group` is such a box and nobody else's.
    pub(crate) unsafe fn from_box(group: NonNull<GroupBox>) -> Self {
        Self(group)
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

    /// Starts to write this rank's part of the reduction of all ranks' `input` to `output`; Gloo has no such operation.
    pub(crate) fn reduce_scatter(
        &self,
        output: &Tensor,
        input: &Tensor,
        reduction: RawReduction,
        timeout: Duration,
    ) -> Result<RawWork, Failure> {
        made(|work, error| {
            let (output, input, reduction) = (tensor(output), tensor(input), reduction as i32);
            let group = self.0.as_ptr();
            // SAFETY: as for `all_gather`.
            unsafe { dist_group_reduce_scatter(group, output, input, reduction, milliseconds(timeout), work, error) }
        })
        .map(RawWork)
    }

    /// Ends what is under way on the group's device, and its use of the group.
    pub(crate) fn abort(&self) -> Result<(), Failure> {
        checked(|error| {
            // SAFETY: the box is live for as long as `self`.
            unsafe { dist_group_abort(self.0.as_ptr(), error) }
        })
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
// SAFETY: likewise; c10d's own watchdog looks at a work beside the thread that waits for it.
unsafe impl Sync for RawWork {}

impl RawWork {
    /// Returns once the operation is done.
    pub(crate) fn wait(&self, timeout: Duration) -> Result<(), Failure> {
        checked(|error| {
            // SAFETY: the box is live for as long as `self`.
            unsafe { dist_work_wait(self.0.as_ptr(), milliseconds(timeout), error) }
        })
    }

    /// Time from the start of a gather to its end; `None` while it runs, and of what is not measured.
    pub(crate) fn took(&self) -> Option<Duration> {
        // SAFETY: the box is live for as long as `self`, and what is read is atomic.
        let nanoseconds = unsafe { dist_work_took(self.0.as_ptr()) };
        u64::try_from(nanoseconds).ok().filter(|nanoseconds| *nanoseconds > 0).map(Duration::from_nanos)
    }
}

impl RawWork {
    /// Has what comes next on this thread's stream of the operation's device wait for the operation.
    pub(crate) fn order(&self) -> Result<(), Failure> {
        checked(|error| {
            // SAFETY: the box is live for as long as `self`.
            unsafe { dist_work_order(self.0.as_ptr(), error) }
        })
    }

    /// True where the operation is done, on its device too.
    pub(crate) fn poll(&self) -> Result<bool, Failure> {
        let mut is_done = 0;
        checked(|error| {
            // SAFETY: the box is live for as long as `self`; the place is live.
            unsafe { dist_work_poll(self.0.as_ptr(), &raw mut is_done, error) }
        })?;
        Ok(is_done != 0)
    }
}

impl Drop for RawWork {
    fn drop(&mut self) {
        // SAFETY: the box is ours and is not used after; an operation that still runs holds a count of its own.
        unsafe { dist_work_free(self.0.as_ptr()) }
    }
}
