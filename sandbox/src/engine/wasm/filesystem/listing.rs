//! A folder's listing, entry by entry, in the order of the names.

use std::ops::Bound;

use wasmtime_wasi::p2::bindings::filesystem::types::{DirectoryEntry, ErrorCode};

use super::attributes::descriptor_type;
use super::node::NodeId;
use super::tree::Tree;

/// The position of a guest that reads a folder's entries.
pub(super) struct Listing {
    folder: NodeId,
    /// The name that was given last.
    last: Option<String>,
}

impl Listing {
    /// A listing that begins with the folder's first entry.
    pub(super) fn of(folder: NodeId) -> Self {
        Self { folder, last: None }
    }

    /// The next entry; `None` at the end, and in a folder that was removed meanwhile.
    pub(super) fn next_entry(&mut self, tree: &Tree) -> Result<Option<DirectoryEntry>, ErrorCode> {
        let Ok((entries, _)) = tree.folder(self.folder) else { return Ok(None) };
        let after = self.last.take().map_or(Bound::Unbounded, Bound::Excluded);
        let Some((name, id)) = entries.range((after, Bound::Unbounded)).next() else { return Ok(None) };
        let entry = DirectoryEntry { type_: descriptor_type(&tree.node(*id)?.content), name: name.clone() };
        self.last = Some(name.clone());
        Ok(Some(entry))
    }
}
