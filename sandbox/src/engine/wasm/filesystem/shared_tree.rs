//! A tree behind a lock: the descriptors and streams of one instance share it.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use super::devices::Devices;
use super::tree::Tree;
use crate::lock::lock;

/// Bytes that one call reads or writes at most.
pub(super) const CHUNK: usize = 1 << 16;

/// The tree of one instance; clones share it.
#[derive(Clone)]
pub(crate) struct SharedTree(Arc<Mutex<Tree>>);

impl SharedTree {
    /// A new tree for `num_bytes` of names and contents, with `devices` in `/dev` and timestamps from `clock`.
    pub(crate) fn new(num_bytes: u64, devices: Devices, clock: impl Fn() -> Duration + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(Tree::new(num_bytes, devices, clock))))
    }

    /// Locks the tree for one operation.
    pub(super) fn lock(&self) -> MutexGuard<'_, Tree> {
        lock(&self.0)
    }
}
