//! An instance's files: a tree in memory that begins with `/tmp` and the devices of `/dev`, and is gone with the
//! instance.
//!
//! The bytes of every file and a fixed price for every name that the program makes count against one quota. A node is
//! freed when it has neither a name nor an open handle. The tree counts handles and does not know what holds them.

use std::collections::BTreeMap;
use std::time::Duration;

use wasmtime_wasi::p2::bindings::filesystem::types::ErrorCode;

use super::devices::{Device, Devices};
use super::node::{Content, Node, NodeId, Nodes, ROOT};
use super::path::{MAX_PATH, ResolvedPath};
use super::quota::{NAME_BYTES, Quota};

/// Files, folders and links, with their quota and their clock.
pub(super) struct Tree {
    nodes: Nodes,
    quota: Quota,
    devices: Devices,
    clock: Box<dyn Fn() -> Duration + Send>,
}

impl Tree {
    /// A tree for `num_bytes` of names and contents, with `devices` in `/dev` and timestamps from `clock`.
    pub(super) fn new(num_bytes: u64, devices: Devices, clock: impl Fn() -> Duration + Send + 'static) -> Self {
        let (nodes, clock) = (Nodes::default(), Box::new(clock));
        // What the tree begins with costs the program nothing.
        let mut tree = Self { nodes, quota: Quota::new(u64::MAX), devices, clock };
        let root = tree.insert(Content::Folder { entries: BTreeMap::new(), parent: ROOT });
        for folder in ["tmp", "dev", "dev/fd"] {
            let _ = tree.make_folder(root, folder);
        }
        let dev = tree.find(root, "dev", false).unwrap_or(root);
        for (name, device) in Device::NAMES {
            let _ = tree.resolve(dev, name, false).and_then(|path| tree.add(path, Content::Device(device)));
        }
        tree.quota = Quota::new(num_bytes);
        tree
    }

    /// The clock's present time.
    pub(super) fn now(&self) -> Duration {
        (self.clock)()
    }

    pub(super) fn node(&self, id: NodeId) -> Result<&Node, ErrorCode> {
        self.nodes.get(id)
    }

    /// A node, to set its times.
    pub(super) fn node_mut(&mut self, id: NodeId) -> Result<&mut Node, ErrorCode> {
        self.nodes.get_mut(id)
    }

    /// A folder's entries and its parent.
    pub(super) fn folder(&self, id: NodeId) -> Result<(&BTreeMap<String, NodeId>, NodeId), ErrorCode> {
        self.nodes.folder(id)
    }

    /// Follows a path from a folder, as [`ResolvedPath::resolve`] does.
    pub(super) fn resolve(&self, from: NodeId, path: &str, follows: bool) -> Result<ResolvedPath, ErrorCode> {
        ResolvedPath::resolve(&self.nodes, from, path, follows)
    }

    /// The node at a path.
    pub(super) fn find(&self, from: NodeId, path: &str, follows: bool) -> Result<NodeId, ErrorCode> {
        self.resolve(from, path, follows)?.node.ok_or(ErrorCode::NoEntry)
    }

    /// Adds a new node under a free name.
    pub(super) fn add(&mut self, path: ResolvedPath, content: Content) -> Result<NodeId, ErrorCode> {
        if matches!(&content, Content::Link(target) if target.len() > MAX_PATH) {
            return Err(ErrorCode::NameTooLong);
        }
        let (folder, name) = path.free_name()?;
        self.enter(folder, name, self.nodes.next_id(), content.num_bytes())?;
        Ok(self.insert(content))
    }

    /// Makes an empty folder.
    pub(super) fn make_folder(&mut self, from: NodeId, path: &str) -> Result<NodeId, ErrorCode> {
        let path = self.resolve(from, path, false)?;
        let parent = path.folder;
        self.add(path, Content::Folder { entries: BTreeMap::new(), parent })
    }

    /// Gives a file or a symbolic link one more name.
    pub(super) fn link(&mut self, node: NodeId, path: ResolvedPath) -> Result<(), ErrorCode> {
        if let Content::Folder { .. } = self.node(node)?.content {
            return Err(ErrorCode::NotPermitted);
        }
        let (folder, name) = path.free_name()?;
        self.enter(folder, name, node, 0)?;
        self.node_mut(node)?.num_names += 1;
        Ok(())
    }

    /// Takes a name from a file or a symbolic link.
    pub(super) fn unlink(&mut self, from: NodeId, path: &str) -> Result<(), ErrorCode> {
        let (folder, name, node) = self.resolve(from, path, false)?.named()?;
        if let Content::Folder { .. } = self.node(node)?.content {
            return Err(ErrorCode::IsDirectory);
        }
        self.leave(folder, &name)
    }

    /// Removes an empty folder.
    pub(super) fn remove_folder(&mut self, from: NodeId, path: &str) -> Result<(), ErrorCode> {
        let (folder, name, node) = self.resolve(from, path, false)?.named()?;
        if !self.folder(node)?.0.is_empty() {
            return Err(ErrorCode::NotEmpty);
        }
        self.leave(folder, &name)
    }

    /// Moves a node to another path, as rename(2) does: replaces what is there, unless that is a folder with entries.
    pub(super) fn rename(&mut self, from: NodeId, old: &str, to: NodeId, new: &str) -> Result<(), ErrorCode> {
        let (old_folder, old_name, node) = self.resolve(from, old, false)?.named()?;
        let target = self.resolve(to, new, false)?;
        if target.node == Some(node) {
            return Ok(());
        }
        let new_name = target.name.ok_or(ErrorCode::Busy)?;
        let is_folder = self.folder(node).is_ok();
        if is_folder && self.is_within(target.folder, node)? {
            return Err(ErrorCode::Invalid);
        }
        self.check_named(target.folder)?;
        if let Some(there) = target.node {
            match (self.folder(there), is_folder) {
                (Ok((entries, _)), true) if !entries.is_empty() => return Err(ErrorCode::NotEmpty),
                (Ok(_), false) => return Err(ErrorCode::IsDirectory),
                (Err(_), true) => return Err(ErrorCode::NotDirectory),
                (Ok(_), true) | (Err(_), false) => self.leave(target.folder, &new_name)?,
            }
        }
        self.entries_mut(old_folder)?.remove(&old_name);
        self.entries_mut(target.folder)?.insert(new_name, node);
        if let Content::Folder { parent, .. } = &mut self.node_mut(node)?.content {
            *parent = target.folder;
        }
        Ok(())
    }

    /// Counts one more handle on a node.
    pub(super) fn open(&mut self, id: NodeId) -> Result<(), ErrorCode> {
        self.quota.check_open()?;
        self.node_mut(id)?.num_open += 1;
        self.quota.opened();
        Ok(())
    }

    /// Counts one handle fewer, and frees the node if it was the last and no name is left.
    pub(super) fn close(&mut self, id: NodeId) {
        if let Ok(node) = self.nodes.get_mut(id) {
            node.num_open -= 1;
            self.quota.closed();
            self.free(id);
        }
    }

    /// A file's bytes from `offset` on, at most `length`.
    pub(super) fn read(&mut self, id: NodeId, offset: u64, length: usize) -> Result<&[u8], ErrorCode> {
        let now = self.now();
        let node = self.nodes.get_mut(id)?;
        node.accessed = now;
        if let Content::Device(device) = node.content {
            return self.devices.read(device, offset, length);
        }
        let bytes = node.content.file()?;
        let begin = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
        Ok(&bytes[begin..begin.saturating_add(length).min(bytes.len())])
    }

    /// Writes at `offset`, or at the file's end; returns the offset behind the last byte written.
    pub(super) fn write(&mut self, id: NodeId, offset: Option<u64>, bytes: &[u8]) -> Result<u64, ErrorCode> {
        if let Content::Device(device) = self.node(id)?.content {
            return self.devices.write(device, bytes).map(|()| 0);
        }
        let size = self.node_mut(id)?.content.file()?.len() as u64;
        let offset = offset.unwrap_or(size);
        let end = offset.checked_add(bytes.len() as u64).ok_or(ErrorCode::FileTooLarge)?;
        self.quota.resize(size, end.max(size))?;
        let now = self.now();
        let node = self.node_mut(id)?;
        let file = node.content.file()?;
        // Both offsets lie within the quota, which fits in memory.
        let (begin, end_of_old) = (offset as usize, size.min(end) as usize);
        if begin > file.len() {
            file.resize(begin, 0);
        }
        let (inside, beyond) = bytes.split_at(end_of_old.saturating_sub(begin));
        file[begin..begin + inside.len()].copy_from_slice(inside);
        file.extend_from_slice(beyond);
        node.modified = now;
        Ok(end)
    }

    /// Cuts a file, or fills it up with zeros.
    pub(super) fn set_size(&mut self, id: NodeId, size: u64) -> Result<(), ErrorCode> {
        let now = self.now();
        let node = self.nodes.get_mut(id)?;
        let bytes = node.content.file()?;
        self.quota.resize(bytes.len() as u64, size)?;
        bytes.resize(usize::try_from(size).map_err(|_| ErrorCode::FileTooLarge)?, 0);
        node.modified = now;
        Ok(())
    }

    fn insert(&mut self, content: Content) -> NodeId {
        let now = self.now();
        self.nodes.insert(content, now)
    }

    /// Writes a name into a folder; `more_bytes` count for the new node's content.
    fn enter(&mut self, folder: NodeId, name: String, node: NodeId, more_bytes: u64) -> Result<(), ErrorCode> {
        self.check_named(folder)?;
        self.quota.take(NAME_BYTES + more_bytes)?;
        self.entries_mut(folder)?.insert(name, node);
        Ok(())
    }

    /// Takes a name out of a folder, and frees its node if it was the last and no handle is open.
    fn leave(&mut self, folder: NodeId, name: &str) -> Result<(), ErrorCode> {
        let id = self.entries_mut(folder)?.remove(name).ok_or(ErrorCode::NoEntry)?;
        self.quota.give_back(NAME_BYTES);
        self.node_mut(id)?.num_names -= 1;
        self.free(id);
        Ok(())
    }

    fn free(&mut self, id: NodeId) {
        if let Some(content) = self.nodes.remove_unused(id) {
            self.quota.give_back(content.num_bytes());
        }
    }

    /// A folder's entries, which the caller changes: the folder counts as modified now.
    fn entries_mut(&mut self, folder: NodeId) -> Result<&mut BTreeMap<String, NodeId>, ErrorCode> {
        let now = self.now();
        self.nodes.entries_mut(folder, now)
    }

    /// Fails for a folder that was removed while a handle was open on it: nothing new is put into it.
    fn check_named(&self, folder: NodeId) -> Result<(), ErrorCode> {
        if self.node(folder)?.num_names == 0 { Err(ErrorCode::NoEntry) } else { Ok(()) }
    }

    fn is_within(&self, mut folder: NodeId, ancestor: NodeId) -> Result<bool, ErrorCode> {
        while folder != ancestor && folder != ROOT {
            folder = self.folder(folder)?.1;
        }
        Ok(folder == ancestor)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::super::super::output_buffers::OutputBuffers;
    use super::super::path::MAX_NAME;
    use super::super::quota::MAX_OPEN;
    use super::*;

    const ROOM: u64 = 100_000;

    /// A tree with `ROOM` bytes.
    fn tree() -> Tree {
        let devices = Devices::new(Bytes::from_static(b"input"), OutputBuffers::with_room(9), true);
        Tree::new(ROOM, devices, || Duration::ZERO)
    }

    fn make_file(tree: &mut Tree, path: &str, text: &str) -> Result<NodeId, ErrorCode> {
        let path = tree.resolve(ROOT, path, true)?;
        let id = tree.add(path, Content::File(Vec::new()))?;
        tree.write(id, None, text.as_bytes()).map(|_| id)
    }

    fn make_link(tree: &mut Tree, path: &str, target: &str) {
        let path = tree.resolve(ROOT, path, false).unwrap();
        tree.add(path, Content::Link(target.to_owned())).unwrap();
    }

    #[test]
    fn paths_lead_through_folders_and_links_and_not_out_of_the_tree() {
        let mut tree = tree();
        let data = tree.make_folder(ROOT, "tmp/data").unwrap();
        let file = make_file(&mut tree, "tmp/data/a.txt", "text").unwrap();
        for path in ["tmp/data/a.txt", "/tmp/data/a.txt", "./tmp//data/../data/a.txt", "../../tmp/data/a.txt"] {
            assert_eq!(tree.find(ROOT, path, true), Ok(file), "{path}");
        }
        assert_eq!(tree.find(data, "a.txt", true), Ok(file));
        make_link(&mut tree, "here", "tmp/data/");
        make_link(&mut tree, "round", "round");
        assert_eq!(tree.find(ROOT, "here/a.txt", false), Ok(file));
        assert_eq!(tree.find(ROOT, "here/", false), Ok(data));
        assert_ne!(tree.find(ROOT, "here", false), Ok(data));
        assert_eq!(tree.find(ROOT, "round", true), Err(ErrorCode::Loop));
        assert_eq!(tree.find(ROOT, "tmp/data/a.txt/", true), Err(ErrorCode::NotDirectory));
        assert_eq!(tree.find(ROOT, "tmp/none/a.txt", true), Err(ErrorCode::NoEntry));
        assert_eq!(tree.find(ROOT, &"x".repeat(MAX_NAME + 1), true), Err(ErrorCode::NameTooLong));
    }

    #[test]
    fn what_is_written_is_read_and_room_comes_back() {
        let mut tree = tree();
        let file = make_file(&mut tree, "a", "hello").unwrap();
        assert_eq!(tree.write(file, Some(7), b"world"), Ok(12));
        assert_eq!(tree.read(file, 3, 6).unwrap(), b"lo\0\0wo");
        assert_eq!(tree.read(file, 50, 6).unwrap(), b"");
        assert_eq!(tree.set_size(file, ROOM + 1), Err(ErrorCode::InsufficientSpace));
        assert_eq!(tree.write(file, Some(u64::MAX), b"x"), Err(ErrorCode::FileTooLarge));
        tree.set_size(file, ROOM - NAME_BYTES).unwrap();
        assert_eq!(make_file(&mut tree, "b", ""), Err(ErrorCode::InsufficientSpace));
        tree.open(file).unwrap();
        tree.unlink(ROOT, "a").unwrap();
        assert_eq!(tree.find(ROOT, "a", true), Err(ErrorCode::NoEntry));
        assert_eq!(tree.read(file, 0, 5).unwrap(), b"hello", "a handle keeps it");
        tree.close(file);
        assert!(tree.node(file).is_err());
        assert_eq!(tree.quota.bytes_left(), ROOM);
    }

    #[test]
    fn names_are_linked_moved_and_removed_as_posix_has_it() {
        let mut tree = tree();
        let (one, inner) = (tree.make_folder(ROOT, "one").unwrap(), tree.make_folder(ROOT, "one/inner").unwrap());
        let file = make_file(&mut tree, "one/file", "x").unwrap();
        assert_eq!(tree.make_folder(ROOT, "one"), Err(ErrorCode::Exist));
        assert_eq!(tree.remove_folder(ROOT, "one"), Err(ErrorCode::NotEmpty));
        assert_eq!(tree.unlink(ROOT, "one"), Err(ErrorCode::IsDirectory));
        assert_eq!(tree.rename(ROOT, "one", inner, "deeper"), Err(ErrorCode::Invalid));
        assert_eq!(tree.rename(ROOT, "one/file", ROOT, "one/inner"), Err(ErrorCode::IsDirectory));
        let path = tree.resolve(ROOT, "second", false).unwrap();
        tree.link(file, path).unwrap();
        tree.unlink(ROOT, "one/file").unwrap();
        assert_eq!(tree.find(ROOT, "second", true), Ok(file));
        tree.rename(ROOT, "one/inner", ROOT, "outer").unwrap();
        assert_eq!(tree.find(inner, "..", true), Ok(ROOT));
        make_file(&mut tree, "other", "y").unwrap();
        tree.rename(ROOT, "second", ROOT, "other").unwrap();
        assert_eq!(tree.find(ROOT, "other", true), Ok(file));
        tree.open(one).unwrap();
        tree.remove_folder(ROOT, "one").unwrap();
        let lost = tree.resolve(one, "late", true).unwrap();
        assert_eq!(tree.add(lost, Content::File(Vec::new())), Err(ErrorCode::NoEntry));
    }

    #[test]
    fn devices_stand_in_dev_and_there_is_no_terminal() {
        let mut tree = tree();
        for path in ["/dev/stdin", "/dev/fd/0"] {
            let input = tree.find(ROOT, path, true).unwrap();
            assert_eq!(tree.read(input, 0, 10).unwrap(), b"input", "{path}");
        }
        let zero = tree.find(ROOT, "/dev/zero", true).unwrap();
        assert_eq!(tree.read(zero, 7, 2).unwrap(), [0, 0]);
        assert_eq!(tree.set_size(zero, 0), Err(ErrorCode::Invalid));
        let output = tree.find(ROOT, "/dev/stdout", true).unwrap();
        assert_eq!(tree.write(output, None, b"printed"), Ok(0));
        for path in ["/dev/tty", "/dev/fd/3"] {
            assert_eq!(tree.find(ROOT, path, true), Err(ErrorCode::NoEntry), "{path}");
        }
    }

    #[test]
    fn nothing_stays_in_dev_null() {
        let mut tree = tree();
        let null = tree.find(ROOT, "/dev/null", true).unwrap();
        assert_eq!(tree.write(null, None, &[1; 1000]), Ok(0));
        assert_eq!(tree.read(null, 0, 10).unwrap(), b"");
        assert_eq!(tree.quota.bytes_left(), ROOM);
    }

    #[test]
    fn handles_are_counted() {
        let mut tree = tree();
        (0..MAX_OPEN).for_each(|_| tree.open(ROOT).unwrap());
        assert_eq!(tree.open(ROOT), Err(ErrorCode::InsufficientMemory));
        tree.close(ROOT);
        tree.open(ROOT).unwrap();
    }
}
