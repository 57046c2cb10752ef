//! `wasi:filesystem` over a tree in memory: handles, listings and times. Takes the place of the runtime's own, which opens
//! files of the host.

use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use wasmtime::component::{HasData, Linker, Resource, ResourceTable};
use wasmtime_wasi::p2::bindings::clocks::wall_clock::Datetime;
use wasmtime_wasi::p2::bindings::filesystem::preopens;
use wasmtime_wasi::p2::bindings::filesystem::types::{
    self, Advice, Descriptor, DescriptorFlags, DescriptorStat, DescriptorType, DirectoryEntry, DirectoryEntryStream,
    ErrorCode, Filesize, HostDescriptor, HostDirectoryEntryStream, MetadataHashValue, NewTimestamp, OpenFlags,
    PathFlags,
};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, FsError, FsResult};

use super::stream::Stream;
use super::tree::{Content, NodeId, ROOT, Tree};
use crate::pool::held;

/// Bytes that are read or written at once.
pub(super) const CHUNK: usize = 1 << 16;

/// A tree that handles and streams share.
#[derive(Clone)]
pub(super) struct Files(Arc<Mutex<Tree>>);

/// The tree and the table of handles into it.
pub(super) struct FilesView<'a> {
    files: &'a Files,
    table: &'a mut ResourceTable,
}

/// What the guest holds where it knows a descriptor.
struct Handle {
    node: NodeId,
    flags: DescriptorFlags,
}

/// What the guest holds while it lists a folder.
struct Listing {
    folder: NodeId,
    /// The name that was given last.
    last: Option<String>,
}

impl HasData for Files {
    type Data<'a> = FilesView<'a>;
}

impl Files {
    /// An empty tree with `room` bytes.
    pub fn new(room: u64, clock: impl Fn() -> Duration + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(Tree::new(room, clock))))
    }

    /// The tree with the instance's table.
    pub fn view<'a>(&'a self, table: &'a mut ResourceTable) -> FilesView<'a> {
        FilesView { files: self, table }
    }

    /// Puts this interface in the place of the runtime's.
    pub fn add_to_linker<T: Send>(linker: &mut Linker<T>, view: fn(&mut T) -> FilesView<'_>) -> wasmtime::Result<()> {
        linker.allow_shadowing(true);
        types::add_to_linker::<T, Self>(linker, view)?;
        preopens::add_to_linker::<T, Self>(linker, view)?;
        linker.allow_shadowing(false);
        Ok(())
    }

    /// The tree, for one step.
    pub fn tree(&self) -> MutexGuard<'_, Tree> {
        held(&self.0)
    }
}

impl FilesView<'_> {
    fn tree(&self) -> MutexGuard<'_, Tree> {
        self.files.tree()
    }

    fn handle(&self, descriptor: &Resource<Descriptor>) -> FsResult<&Handle> {
        Ok(self.table.get(&Resource::<Handle>::new_borrow(descriptor.rep()))?)
    }

    /// The node of a handle that may do what `flag` says.
    fn node_for(&self, descriptor: &Resource<Descriptor>, flag: DescriptorFlags) -> FsResult<NodeId> {
        let handle = self.handle(descriptor)?;
        if handle.flags.contains(flag) { Ok(handle.node) } else { Err(ErrorCode::BadDescriptor.into()) }
    }

    fn node(&self, descriptor: &Resource<Descriptor>) -> FsResult<NodeId> {
        Ok(self.handle(descriptor)?.node)
    }

    /// The node at a path from a descriptor's.
    fn find(&self, descriptor: &Resource<Descriptor>, flags: PathFlags, path: &str) -> FsResult<NodeId> {
        Ok(self.tree().find(self.node(descriptor)?, path, flags.contains(PathFlags::SYMLINK_FOLLOW))?)
    }

    fn give(&mut self, node: NodeId, flags: DescriptorFlags) -> FsResult<Resource<Descriptor>> {
        self.tree().open(node)?;
        let handle = self.table.push(Handle { node, flags })?;
        Ok(Resource::new_own(handle.rep()))
    }

    fn stat_of(&self, node: NodeId) -> FsResult<DescriptorStat> {
        let tree = self.tree();
        let found = tree.node(node)?;
        let (accessed, modified) = (Some(datetime(found.accessed)), Some(datetime(found.modified)));
        let size = match &found.content {
            Content::File(bytes) => bytes.len(),
            Content::Link(target) => target.len(),
            Content::Folder { .. } | Content::Null => 0,
        };
        Ok(DescriptorStat {
            type_: kind(&found.content),
            link_count: found.num_names,
            size: size as Filesize,
            data_access_timestamp: accessed,
            data_modification_timestamp: modified,
            status_change_timestamp: modified,
        })
    }

    fn set_times_of(&self, id: NodeId, accessed: NewTimestamp, modified: NewTimestamp) -> FsResult<()> {
        let mut tree = self.tree();
        let now = tree.now();
        let node = tree.node_mut(id)?;
        for (stamp, new) in [(&mut node.accessed, accessed), (&mut node.modified, modified)] {
            match new {
                NewTimestamp::NoChange => {}
                NewTimestamp::Now => *stamp = now,
                NewTimestamp::Timestamp(time) if time.nanoseconds < 1_000_000_000 => {
                    *stamp = Duration::new(time.seconds, time.nanoseconds);
                }
                NewTimestamp::Timestamp(_) => return Err(ErrorCode::Invalid.into()),
            }
        }
        Ok(())
    }
}

fn kind(content: &Content) -> DescriptorType {
    match content {
        Content::File(_) => DescriptorType::RegularFile,
        Content::Folder { .. } => DescriptorType::Directory,
        Content::Link(_) => DescriptorType::SymbolicLink,
        Content::Null => DescriptorType::CharacterDevice,
    }
}

fn datetime(time: Duration) -> Datetime {
    Datetime { seconds: time.as_secs(), nanoseconds: time.subsec_nanos() }
}

fn hash(node: NodeId) -> MetadataHashValue {
    // The lower half is what the guest takes for an inode's number, and that of a file is not 0.
    MetadataHashValue { lower: node + 1, upper: 0 }
}

impl preopens::Host for FilesView<'_> {
    fn get_directories(&mut self) -> wasmtime::Result<Vec<(Resource<Descriptor>, String)>> {
        let flags = DescriptorFlags::READ | DescriptorFlags::MUTATE_DIRECTORY;
        match self.give(ROOT, flags) {
            Ok(root) => Ok(vec![(root, "/".to_owned())]),
            Err(error) => Err(error.into()),
        }
    }
}

impl types::Host for FilesView<'_> {
    fn convert_error_code(&mut self, error: FsError) -> wasmtime::Result<ErrorCode> {
        error.downcast()
    }

    fn filesystem_error_code(&mut self, error: Resource<wasmtime::Error>) -> wasmtime::Result<Option<ErrorCode>> {
        Ok(self.table.get(&error)?.downcast_ref::<ErrorCode>().copied())
    }
}

impl HostDescriptor for FilesView<'_> {
    fn read_via_stream(&mut self, file: Resource<Descriptor>, offset: Filesize) -> FsResult<Resource<DynInputStream>> {
        let node = self.node_for(&file, DescriptorFlags::READ)?;
        let stream: DynInputStream = Box::new(Stream::open(self.files, node, Some(offset))?);
        Ok(self.table.push(stream)?)
    }

    fn write_via_stream(
        &mut self,
        file: Resource<Descriptor>,
        offset: Filesize,
    ) -> FsResult<Resource<DynOutputStream>> {
        let node = self.node_for(&file, DescriptorFlags::WRITE)?;
        let stream: DynOutputStream = Box::new(Stream::open(self.files, node, Some(offset))?);
        Ok(self.table.push(stream)?)
    }

    fn append_via_stream(&mut self, file: Resource<Descriptor>) -> FsResult<Resource<DynOutputStream>> {
        let node = self.node_for(&file, DescriptorFlags::WRITE)?;
        let stream: DynOutputStream = Box::new(Stream::open(self.files, node, None)?);
        Ok(self.table.push(stream)?)
    }

    async fn advise(&mut self, file: Resource<Descriptor>, _: Filesize, _: Filesize, _: Advice) -> FsResult<()> {
        self.handle(&file).map(|_| ())
    }

    async fn sync(&mut self, file: Resource<Descriptor>) -> FsResult<()> {
        self.handle(&file).map(|_| ())
    }

    async fn sync_data(&mut self, file: Resource<Descriptor>) -> FsResult<()> {
        self.handle(&file).map(|_| ())
    }

    async fn get_flags(&mut self, file: Resource<Descriptor>) -> FsResult<DescriptorFlags> {
        Ok(self.handle(&file)?.flags)
    }

    async fn get_type(&mut self, file: Resource<Descriptor>) -> FsResult<DescriptorType> {
        Ok(kind(&self.tree().node(self.node(&file)?)?.content))
    }

    async fn set_size(&mut self, file: Resource<Descriptor>, size: Filesize) -> FsResult<()> {
        pause().await;
        let node = self.node_for(&file, DescriptorFlags::WRITE)?;
        Ok(self.tree().set_size(node, size)?)
    }

    async fn read(
        &mut self,
        file: Resource<Descriptor>,
        length: Filesize,
        offset: Filesize,
    ) -> FsResult<(Vec<u8>, bool)> {
        pause().await;
        let node = self.node_for(&file, DescriptorFlags::READ)?;
        let length = usize::try_from(length).unwrap_or(CHUNK).min(CHUNK);
        let bytes = self.tree().read(node, offset, length)?.to_vec();
        let is_end = bytes.len() < length;
        Ok((bytes, is_end))
    }

    async fn write(&mut self, file: Resource<Descriptor>, bytes: Vec<u8>, offset: Filesize) -> FsResult<Filesize> {
        pause().await;
        let node = self.node_for(&file, DescriptorFlags::WRITE)?;
        self.tree().write(node, Some(offset), &bytes)?;
        Ok(bytes.len() as Filesize)
    }

    async fn read_directory(&mut self, folder: Resource<Descriptor>) -> FsResult<Resource<DirectoryEntryStream>> {
        pause().await;
        let node = self.node_for(&folder, DescriptorFlags::READ)?;
        self.tree().folder(node)?;
        let listing = self.table.push(Listing { folder: node, last: None })?;
        Ok(Resource::new_own(listing.rep()))
    }

    async fn create_directory_at(&mut self, folder: Resource<Descriptor>, path: String) -> FsResult<()> {
        pause().await;
        let node = self.node(&folder)?;
        self.tree().make_folder(node, &path)?;
        Ok(())
    }

    async fn stat(&mut self, file: Resource<Descriptor>) -> FsResult<DescriptorStat> {
        self.stat_of(self.node(&file)?)
    }

    async fn stat_at(
        &mut self,
        folder: Resource<Descriptor>,
        flags: PathFlags,
        path: String,
    ) -> FsResult<DescriptorStat> {
        pause().await;
        self.stat_of(self.find(&folder, flags, &path)?)
    }

    async fn set_times(
        &mut self,
        file: Resource<Descriptor>,
        accessed: NewTimestamp,
        modified: NewTimestamp,
    ) -> FsResult<()> {
        self.set_times_of(self.node(&file)?, accessed, modified)
    }

    async fn set_times_at(
        &mut self,
        folder: Resource<Descriptor>,
        flags: PathFlags,
        path: String,
        accessed: NewTimestamp,
        modified: NewTimestamp,
    ) -> FsResult<()> {
        pause().await;
        self.set_times_of(self.find(&folder, flags, &path)?, accessed, modified)
    }

    async fn link_at(
        &mut self,
        old_folder: Resource<Descriptor>,
        flags: PathFlags,
        old_path: String,
        new_folder: Resource<Descriptor>,
        new_path: String,
    ) -> FsResult<()> {
        pause().await;
        let node = self.find(&old_folder, flags, &old_path)?;
        let to = self.node(&new_folder)?;
        let mut tree = self.tree();
        let place = tree.walk(to, &new_path, false)?;
        Ok(tree.link(node, place)?)
    }

    async fn open_at(
        &mut self,
        folder: Resource<Descriptor>,
        path_flags: PathFlags,
        path: String,
        open_flags: OpenFlags,
        flags: DescriptorFlags,
    ) -> FsResult<Resource<Descriptor>> {
        pause().await;
        let from = self.node(&folder)?;
        let node = {
            let mut tree = self.tree();
            let [creates, exclusive, truncates, wants_folder] =
                [OpenFlags::CREATE, OpenFlags::EXCLUSIVE, OpenFlags::TRUNCATE, OpenFlags::DIRECTORY]
                    .map(|flag| open_flags.contains(flag));
            let follows = path_flags.contains(PathFlags::SYMLINK_FOLLOW) && !(creates && exclusive);
            let place = tree.walk(from, &path, follows)?;
            let node = match place.node {
                Some(_) if creates && exclusive => return Err(ErrorCode::Exist.into()),
                Some(node) => node,
                None if creates && path.ends_with('/') => return Err(ErrorCode::IsDirectory.into()),
                None if creates => tree.add(place, Content::File(Vec::new()))?,
                None => return Err(ErrorCode::NoEntry.into()),
            };
            match &tree.node(node)?.content {
                Content::Link(_) => return Err(ErrorCode::Loop.into()),
                Content::Folder { .. } if flags.contains(DescriptorFlags::WRITE) || truncates => {
                    return Err(ErrorCode::IsDirectory.into());
                }
                Content::File(_) | Content::Null if wants_folder => return Err(ErrorCode::NotDirectory.into()),
                Content::File(_) if truncates => tree.set_size(node, 0)?,
                Content::File(_) | Content::Folder { .. } | Content::Null => {}
            }
            node
        };
        self.give(node, flags)
    }

    async fn readlink_at(&mut self, folder: Resource<Descriptor>, path: String) -> FsResult<String> {
        pause().await;
        let node = self.find(&folder, PathFlags::empty(), &path)?;
        match &self.tree().node(node)?.content {
            Content::Link(target) => Ok(target.clone()),
            Content::File(_) | Content::Folder { .. } | Content::Null => Err(ErrorCode::Invalid.into()),
        }
    }

    async fn remove_directory_at(&mut self, folder: Resource<Descriptor>, path: String) -> FsResult<()> {
        pause().await;
        let node = self.node(&folder)?;
        Ok(self.tree().remove_folder(node, &path)?)
    }

    async fn rename_at(
        &mut self,
        old_folder: Resource<Descriptor>,
        old_path: String,
        new_folder: Resource<Descriptor>,
        new_path: String,
    ) -> FsResult<()> {
        pause().await;
        let (from, to) = (self.node(&old_folder)?, self.node(&new_folder)?);
        Ok(self.tree().rename(from, &old_path, to, &new_path)?)
    }

    async fn symlink_at(&mut self, folder: Resource<Descriptor>, target: String, path: String) -> FsResult<()> {
        pause().await;
        let from = self.node(&folder)?;
        let mut tree = self.tree();
        let place = tree.walk(from, &path, false)?;
        tree.add(place, Content::Link(target))?;
        Ok(())
    }

    async fn unlink_file_at(&mut self, folder: Resource<Descriptor>, path: String) -> FsResult<()> {
        pause().await;
        let node = self.node(&folder)?;
        Ok(self.tree().unlink(node, &path)?)
    }

    async fn is_same_object(&mut self, a: Resource<Descriptor>, b: Resource<Descriptor>) -> wasmtime::Result<bool> {
        Ok(self.handle(&a)?.node == self.handle(&b)?.node)
    }

    async fn metadata_hash(&mut self, file: Resource<Descriptor>) -> FsResult<MetadataHashValue> {
        Ok(hash(self.node(&file)?))
    }

    async fn metadata_hash_at(
        &mut self,
        folder: Resource<Descriptor>,
        flags: PathFlags,
        path: String,
    ) -> FsResult<MetadataHashValue> {
        pause().await;
        Ok(hash(self.find(&folder, flags, &path)?))
    }

    fn drop(&mut self, file: Resource<Descriptor>) -> wasmtime::Result<()> {
        let handle = self.table.delete(Resource::<Handle>::new_own(file.rep()))?;
        self.tree().close(handle.node);
        Ok(())
    }
}

/// Lets a program's limits of time be looked at: what a call costs here is not counted as the program's computing.
async fn pause() {
    tokio::task::yield_now().await;
}

impl HostDirectoryEntryStream for FilesView<'_> {
    async fn read_directory_entry(
        &mut self,
        stream: Resource<DirectoryEntryStream>,
    ) -> FsResult<Option<DirectoryEntry>> {
        pause().await;
        let listing = self.table.get_mut(&Resource::<Listing>::new_borrow(stream.rep()))?;
        let tree = self.files.tree();
        // One that was removed meanwhile has no entries.
        let Ok((entries, _)) = tree.folder(listing.folder) else { return Ok(None) };
        let after = listing.last.take().map_or(Bound::Unbounded, Bound::Excluded);
        let Some((name, id)) = entries.range((after, Bound::Unbounded)).next() else { return Ok(None) };
        let entry = DirectoryEntry { type_: kind(&tree.node(*id)?.content), name: name.clone() };
        listing.last = Some(name.clone());
        Ok(Some(entry))
    }

    fn drop(&mut self, stream: Resource<DirectoryEntryStream>) -> wasmtime::Result<()> {
        self.table.delete(Resource::<Listing>::new_own(stream.rep()))?;
        Ok(())
    }
}
