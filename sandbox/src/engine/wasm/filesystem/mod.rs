//! `wasi:filesystem` in memory: each instance has a tree of its own, which is gone with the instance.
//!
//! `tree` knows folders, names and bytes (`node`, `path`, `quota` and `devices` are its parts); `view` gives the guest
//! descriptors into it, and `stream` reads or writes one file in order.

mod attributes;
mod devices;
mod listing;
mod node;
mod path;
mod quota;
mod shared_tree;
mod stream;
mod tree;
mod view;

pub(super) use self::devices::Devices;
pub(super) use self::shared_tree::SharedTree;
pub(super) use self::view::{FilesystemView, add_to_linker};
