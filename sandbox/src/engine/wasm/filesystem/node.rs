//! The nodes of a tree by number: files, folders and symbolic links, without a notion of paths or limits.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use wasmtime_wasi::p2::bindings::filesystem::types::ErrorCode;

use super::devices::Device;

/// A node's number, as an inode's.
pub(super) type NodeId = u64;

/// The folder that all absolute paths begin with.
pub(super) const ROOT: NodeId = 0;

/// The content of a node, by its kind.
#[derive(Debug)]
pub(super) enum Content {
    File(Vec<u8>),
    Folder {
        entries: BTreeMap<String, NodeId>,
        parent: NodeId,
    },
    /// A symbolic link, with its target.
    Link(String),
    /// A device file, which keeps nothing.
    Device(Device),
}

impl Content {
    /// A file's bytes; an error for any other kind.
    pub(super) fn file(&mut self) -> Result<&mut Vec<u8>, ErrorCode> {
        match self {
            Self::File(bytes) => Ok(bytes),
            Self::Folder { .. } => Err(ErrorCode::IsDirectory),
            Self::Link(_) | Self::Device(_) => Err(ErrorCode::Invalid),
        }
    }

    /// Bytes of a file or of a link's target; 0 for the other kinds.
    pub(super) fn num_bytes(&self) -> u64 {
        match self {
            Self::File(bytes) => bytes.len() as u64,
            Self::Link(target) => target.len() as u64,
            Self::Folder { .. } | Self::Device(_) => 0,
        }
    }
}

/// A file, a folder or a symbolic link.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) content: Content,
    /// Names in folders; a node without a name or an open handle is freed.
    pub(super) num_names: u64,
    pub(super) num_open: usize,
    /// Times of the last read and the last write, since 1970.
    pub(super) accessed: Duration,
    pub(super) modified: Duration,
}

/// All nodes of one tree. Numbers are never used again.
#[derive(Debug, Default)]
pub(super) struct Nodes {
    by_id: HashMap<NodeId, Node>,
    next: NodeId,
}

impl Nodes {
    /// The number that the next inserted node gets.
    pub(super) fn next_id(&self) -> NodeId {
        self.next
    }

    /// Adds a node with one name, made at the time `now`.
    pub(super) fn insert(&mut self, content: Content, now: Duration) -> NodeId {
        let id = self.next;
        self.by_id.insert(id, Node { content, num_names: 1, num_open: 0, accessed: now, modified: now });
        self.next += 1;
        id
    }

    /// Removes a node that has neither a name nor an open handle, and returns its content; `None` leaves it in place.
    pub(super) fn remove_unused(&mut self, id: NodeId) -> Option<Content> {
        let is_unused = self.by_id.get(&id).is_some_and(|node| node.num_names == 0 && node.num_open == 0);
        if is_unused { self.by_id.remove(&id).map(|node| node.content) } else { None }
    }

    pub(super) fn get(&self, id: NodeId) -> Result<&Node, ErrorCode> {
        self.by_id.get(&id).ok_or(ErrorCode::BadDescriptor)
    }

    pub(super) fn get_mut(&mut self, id: NodeId) -> Result<&mut Node, ErrorCode> {
        self.by_id.get_mut(&id).ok_or(ErrorCode::BadDescriptor)
    }

    /// A folder's entries and its parent.
    pub(super) fn folder(&self, id: NodeId) -> Result<(&BTreeMap<String, NodeId>, NodeId), ErrorCode> {
        match &self.get(id)?.content {
            Content::Folder { entries, parent } => Ok((entries, *parent)),
            Content::File(_) | Content::Link(_) | Content::Device(_) => Err(ErrorCode::NotDirectory),
        }
    }

    /// A folder's entries, which the caller changes at the time `now`.
    pub(super) fn entries_mut(
        &mut self,
        folder: NodeId,
        now: Duration,
    ) -> Result<&mut BTreeMap<String, NodeId>, ErrorCode> {
        let node = self.get_mut(folder)?;
        node.modified = now;
        match &mut node.content {
            Content::Folder { entries, .. } => Ok(entries),
            Content::File(_) | Content::Link(_) | Content::Device(_) => Err(ErrorCode::NotDirectory),
        }
    }
}
