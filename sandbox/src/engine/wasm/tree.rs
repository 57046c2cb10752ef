//! An instance's files: a tree in memory that begins with `/tmp` and `/dev/null` and is gone with the instance.
//!
//! Every file's bytes and every name count against one limit. Nodes have numbers; one is freed when it has neither a name
//! nor a handle. Knows nothing of handles but how many there are.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use wasmtime_wasi::p2::bindings::filesystem::types::ErrorCode;

/// A node's number.
pub(super) type NodeId = u64;

/// The folder that all paths begin with.
pub(super) const ROOT: NodeId = 0;
/// What a name costs, with the node behind it.
const NAME_BYTES: u64 = 512;
/// Handles at one time.
const MAX_OPEN: usize = 1024;
/// Symbolic links that one path may lead through.
const MAX_LINKS: usize = 40;
const MAX_NAME: usize = 255;
const MAX_PATH: usize = 4096;

/// What a node is.
#[derive(Debug)]
pub(super) enum Content {
    File(Vec<u8>),
    Folder {
        entries: BTreeMap<String, NodeId>,
        parent: NodeId,
    },
    /// A symbolic link and where it leads.
    Link(String),
    /// What `/dev/null` is: always empty, whatever is written.
    Null,
}

/// A file, a folder or a symbolic link.
#[derive(Debug)]
pub(super) struct Node {
    pub content: Content,
    pub num_names: u64,
    num_open: usize,
    /// When it was last read and written, since 1970.
    pub accessed: Duration,
    pub modified: Duration,
}

/// Where a path leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    folder: NodeId,
    /// The name in the folder; `None` for the folder itself.
    name: Option<String>,
    pub node: Option<NodeId>,
}

impl Place {
    fn at(folder: NodeId) -> Self {
        Self { folder, name: None, node: Some(folder) }
    }

    /// Its name, where none may be there yet.
    fn free_name(self) -> Result<(NodeId, String), ErrorCode> {
        match (self.node, self.name) {
            (None, Some(name)) => Ok((self.folder, name)),
            _ => Err(ErrorCode::Exist),
        }
    }

    /// Its node and the name by which that is known.
    fn named(self) -> Result<(NodeId, String, NodeId), ErrorCode> {
        let node = self.node.ok_or(ErrorCode::NoEntry)?;
        Ok((self.folder, self.name.ok_or(ErrorCode::Busy)?, node))
    }
}

/// The tree.
pub(super) struct Tree {
    nodes: HashMap<NodeId, Node>,
    next: NodeId,
    num_open: usize,
    /// Bytes that may still be used.
    room: u64,
    clock: Box<dyn Fn() -> Duration + Send>,
}

impl Tree {
    /// A tree with `room` bytes whose times are the clock's.
    pub fn new(room: u64, clock: impl Fn() -> Duration + Send + 'static) -> Self {
        let mut tree = Self { nodes: HashMap::new(), next: ROOT, num_open: 0, room, clock: Box::new(clock) };
        let root = tree.insert(Content::Folder { entries: BTreeMap::new(), parent: ROOT });
        // Without room for them these are not there.
        let null = tree.make_folder(root, "tmp").and_then(|_| tree.make_folder(root, "dev"));
        let null = null.and_then(|dev| tree.walk(dev, "null", false));
        let _ = null.and_then(|place| tree.add(place, Content::Null));
        tree
    }

    /// The present time.
    pub fn now(&self) -> Duration {
        (self.clock)()
    }

    /// A node.
    pub fn node(&self, id: NodeId) -> Result<&Node, ErrorCode> {
        self.nodes.get(&id).ok_or(ErrorCode::BadDescriptor)
    }

    /// A node, to set its times.
    pub fn node_mut(&mut self, id: NodeId) -> Result<&mut Node, ErrorCode> {
        self.nodes.get_mut(&id).ok_or(ErrorCode::BadDescriptor)
    }

    /// Follows a path from a folder; `follows` says whether a symbolic link at its end is followed too.
    ///
    /// # Errors
    /// All of the path but its last name must be there.
    pub fn walk(&self, from: NodeId, path: &str, follows: bool) -> Result<Place, ErrorCode> {
        match path.len() {
            0 => return Err(ErrorCode::NoEntry),
            length if length > MAX_PATH => return Err(ErrorCode::NameTooLong),
            _ => {}
        }
        let names = |path: &str| -> Vec<String> {
            path.rsplit('/').filter(|name| !name.is_empty()).map(str::to_owned).collect()
        };
        let begin = |path: &str, folder: NodeId| Place::at(if path.starts_with('/') { ROOT } else { folder });
        let ends_in_folder = path.ends_with('/');
        let (mut pending, mut place, mut num_links) = (names(path), begin(path, from), 0);
        while let Some(name) = pending.pop() {
            let folder = place.node.ok_or(ErrorCode::NoEntry)?;
            let (entries, parent) = self.folder(folder)?;
            place = match name.as_str() {
                "." => Place::at(folder),
                ".." => Place::at(parent),
                long if long.len() > MAX_NAME => return Err(ErrorCode::NameTooLong),
                name => Place { folder, name: Some(name.to_owned()), node: entries.get(name).copied() },
            };
            let Some(Content::Link(target)) = place.node.and_then(|id| self.nodes.get(&id)).map(|node| &node.content)
            else {
                continue;
            };
            if pending.is_empty() && !follows && !ends_in_folder {
                break;
            }
            num_links += 1;
            if num_links > MAX_LINKS {
                return Err(ErrorCode::Loop);
            }
            place = begin(target, folder);
            pending.extend(names(target));
        }
        if ends_in_folder && let Some(node) = place.node {
            self.folder(node)?;
        }
        Ok(place)
    }

    /// The node at a path.
    pub fn find(&self, from: NodeId, path: &str, follows: bool) -> Result<NodeId, ErrorCode> {
        self.walk(from, path, follows)?.node.ok_or(ErrorCode::NoEntry)
    }

    /// The entries of a folder and its parent.
    pub fn folder(&self, id: NodeId) -> Result<(&BTreeMap<String, NodeId>, NodeId), ErrorCode> {
        match &self.node(id)?.content {
            Content::Folder { entries, parent } => Ok((entries, *parent)),
            Content::File(_) | Content::Link(_) | Content::Null => Err(ErrorCode::NotDirectory),
        }
    }

    /// Puts something new at a free place.
    pub fn add(&mut self, place: Place, content: Content) -> Result<NodeId, ErrorCode> {
        if matches!(&content, Content::Link(target) if target.len() > MAX_PATH) {
            return Err(ErrorCode::NameTooLong);
        }
        let (folder, name) = place.free_name()?;
        let target_bytes = if let Content::Link(target) = &content { target.len() as u64 } else { 0 };
        self.enter(folder, name, self.next, target_bytes)?;
        Ok(self.insert(content))
    }

    /// Makes a folder.
    pub fn make_folder(&mut self, from: NodeId, path: &str) -> Result<NodeId, ErrorCode> {
        let place = self.walk(from, path, false)?;
        let parent = place.folder;
        self.add(place, Content::Folder { entries: BTreeMap::new(), parent })
    }

    /// Gives a file another name.
    pub fn link(&mut self, node: NodeId, place: Place) -> Result<(), ErrorCode> {
        if let Content::Folder { .. } = self.node(node)?.content {
            return Err(ErrorCode::NotPermitted);
        }
        let (folder, name) = place.free_name()?;
        self.enter(folder, name, node, 0)?;
        self.node_mut(node)?.num_names += 1;
        Ok(())
    }

    /// Takes a name from a file or symbolic link.
    pub fn unlink(&mut self, from: NodeId, path: &str) -> Result<(), ErrorCode> {
        let (folder, name, node) = self.walk(from, path, false)?.named()?;
        if let Content::Folder { .. } = self.node(node)?.content {
            return Err(ErrorCode::IsDirectory);
        }
        self.leave(folder, &name)
    }

    /// Removes an empty folder.
    pub fn remove_folder(&mut self, from: NodeId, path: &str) -> Result<(), ErrorCode> {
        let (folder, name, node) = self.walk(from, path, false)?.named()?;
        if !self.folder(node)?.0.is_empty() {
            return Err(ErrorCode::NotEmpty);
        }
        self.leave(folder, &name)
    }

    /// Gives a node another place, as rename(2) does: what stands there goes, unless it is a folder with entries.
    pub fn rename(&mut self, from: NodeId, old: &str, to: NodeId, new: &str) -> Result<(), ErrorCode> {
        let (old_folder, old_name, node) = self.walk(from, old, false)?.named()?;
        let target = self.walk(to, new, false)?;
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

    /// Counts a handle on a node.
    pub fn open(&mut self, id: NodeId) -> Result<(), ErrorCode> {
        if self.num_open >= MAX_OPEN {
            return Err(ErrorCode::InsufficientMemory);
        }
        self.node_mut(id)?.num_open += 1;
        self.num_open += 1;
        Ok(())
    }

    /// Gives a handle back.
    pub fn close(&mut self, id: NodeId) {
        if let Some(node) = self.nodes.get_mut(&id) {
            node.num_open -= 1;
            self.num_open -= 1;
            self.free(id);
        }
    }

    /// A file's bytes from `offset` on, at most `length`.
    pub fn read(&mut self, id: NodeId, offset: u64, length: usize) -> Result<&[u8], ErrorCode> {
        let now = self.now();
        let node = self.node_mut(id)?;
        node.accessed = now;
        if let Content::Null = node.content {
            return Ok(&[]);
        }
        let bytes = node.content.file()?;
        let begin = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
        Ok(&bytes[begin..begin.saturating_add(length).min(bytes.len())])
    }

    /// Writes at `offset`, or at the file's end; says where the writing ended.
    pub fn write(&mut self, id: NodeId, offset: Option<u64>, bytes: &[u8]) -> Result<u64, ErrorCode> {
        if let Content::Null = self.node(id)?.content {
            return Ok(0);
        }
        let size = self.node_mut(id)?.content.file()?.len() as u64;
        let offset = offset.unwrap_or(size);
        let end = offset.checked_add(bytes.len() as u64).ok_or(ErrorCode::FileTooLarge)?;
        let grown = end.max(size) - size;
        let room = self.room.checked_sub(grown).ok_or(ErrorCode::InsufficientSpace)?;
        let now = self.now();
        let node = self.node_mut(id)?;
        let file = node.content.file()?;
        // All of this lies within the room, which is in memory.
        let (begin, end_of_old) = (offset as usize, size.min(end) as usize);
        if begin > file.len() {
            file.resize(begin, 0);
        }
        let (inside, beyond) = bytes.split_at(end_of_old.saturating_sub(begin));
        file[begin..begin + inside.len()].copy_from_slice(inside);
        file.extend_from_slice(beyond);
        node.modified = now;
        self.room = room;
        Ok(end)
    }

    /// Cuts a file, or fills it up with zeros.
    pub fn set_size(&mut self, id: NodeId, size: u64) -> Result<(), ErrorCode> {
        let (now, room) = (self.now(), self.room);
        let node = self.node_mut(id)?;
        let bytes = node.content.file()?;
        let all = room + bytes.len() as u64;
        if size > all {
            return Err(ErrorCode::InsufficientSpace);
        }
        bytes.resize(usize::try_from(size).map_err(|_| ErrorCode::FileTooLarge)?, 0);
        node.modified = now;
        self.room = all - size;
        Ok(())
    }

    fn insert(&mut self, content: Content) -> NodeId {
        let (id, now) = (self.next, self.now());
        self.nodes.insert(id, Node { content, num_names: 1, num_open: 0, accessed: now, modified: now });
        self.next += 1;
        id
    }

    /// Writes a name into a folder.
    fn enter(&mut self, folder: NodeId, name: String, node: NodeId, more_bytes: u64) -> Result<(), ErrorCode> {
        self.check_named(folder)?;
        let room = self.room.checked_sub(NAME_BYTES + more_bytes).ok_or(ErrorCode::InsufficientSpace)?;
        self.entries_mut(folder)?.insert(name, node);
        self.room = room;
        Ok(())
    }

    /// Takes a name out of a folder, and its node with it where that was the last.
    fn leave(&mut self, folder: NodeId, name: &str) -> Result<(), ErrorCode> {
        let id = self.entries_mut(folder)?.remove(name).ok_or(ErrorCode::NoEntry)?;
        self.room += NAME_BYTES;
        self.node_mut(id)?.num_names -= 1;
        self.free(id);
        Ok(())
    }

    fn free(&mut self, id: NodeId) {
        if self.nodes.get(&id).is_some_and(|node| node.num_names == 0 && node.num_open == 0) {
            self.room += match self.nodes.remove(&id).map(|node| node.content) {
                Some(Content::File(bytes)) => bytes.len() as u64,
                Some(Content::Link(target)) => target.len() as u64,
                Some(Content::Folder { .. } | Content::Null) | None => 0,
            };
        }
    }

    /// The entries of a folder, which change with this.
    fn entries_mut(&mut self, folder: NodeId) -> Result<&mut BTreeMap<String, NodeId>, ErrorCode> {
        let now = self.now();
        let node = self.node_mut(folder)?;
        node.modified = now;
        match &mut node.content {
            Content::Folder { entries, .. } => Ok(entries),
            Content::File(_) | Content::Link(_) | Content::Null => Err(ErrorCode::NotDirectory),
        }
    }

    /// Whether a folder still has a name; nothing is put into one that was removed.
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

impl Content {
    fn file(&mut self) -> Result<&mut Vec<u8>, ErrorCode> {
        match self {
            Self::File(bytes) => Ok(bytes),
            Self::Folder { .. } => Err(ErrorCode::IsDirectory),
            Self::Link(_) | Self::Null => Err(ErrorCode::Invalid),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROOM: u64 = 100_000;

    /// A tree with that much room beside what it begins with.
    fn tree() -> Tree {
        Tree::new(ROOM + 3 * NAME_BYTES, || Duration::ZERO)
    }

    fn make_file(tree: &mut Tree, path: &str, text: &str) -> Result<NodeId, ErrorCode> {
        let place = tree.walk(ROOT, path, true)?;
        let id = tree.add(place, Content::File(Vec::new()))?;
        tree.write(id, None, text.as_bytes()).map(|_| id)
    }

    fn make_link(tree: &mut Tree, path: &str, target: &str) {
        let place = tree.walk(ROOT, path, false).unwrap();
        tree.add(place, Content::Link(target.to_owned())).unwrap();
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
        assert_eq!(tree.room, ROOM);
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
        let place = tree.walk(ROOT, "second", false).unwrap();
        tree.link(file, place).unwrap();
        tree.unlink(ROOT, "one/file").unwrap();
        assert_eq!(tree.find(ROOT, "second", true), Ok(file));
        tree.rename(ROOT, "one/inner", ROOT, "outer").unwrap();
        assert_eq!(tree.find(inner, "..", true), Ok(ROOT));
        make_file(&mut tree, "other", "y").unwrap();
        tree.rename(ROOT, "second", ROOT, "other").unwrap();
        assert_eq!(tree.find(ROOT, "other", true), Ok(file));
        tree.open(one).unwrap();
        tree.remove_folder(ROOT, "one").unwrap();
        let lost = tree.walk(one, "late", true).unwrap();
        assert_eq!(tree.add(lost, Content::File(Vec::new())), Err(ErrorCode::NoEntry));
    }

    #[test]
    fn nothing_stays_in_dev_null() {
        let mut tree = tree();
        let null = tree.find(ROOT, "/dev/null", true).unwrap();
        assert_eq!(tree.write(null, None, &[1; 1000]), Ok(0));
        assert_eq!(tree.read(null, 0, 10).unwrap(), b"");
        assert_eq!(tree.room, ROOM);
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
