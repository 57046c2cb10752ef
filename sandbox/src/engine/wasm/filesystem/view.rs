//! `wasi:filesystem` over a tree in memory, in place of the runtime's own, which opens files of the host.

use std::sync::MutexGuard;

use wasmtime::component::{HasData, Linker, Resource, ResourceTable};
use wasmtime_wasi::p2::bindings::filesystem::preopens;
use wasmtime_wasi::p2::bindings::filesystem::types::{
    self, Advice, Descriptor, DescriptorFlags, DescriptorStat, DescriptorType, DirectoryEntry, DirectoryEntryStream,
    ErrorCode, Filesize, HostDescriptor, HostDirectoryEntryStream, MetadataHashValue, NewTimestamp, OpenFlags,
    PathFlags,
};
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, FsError, FsResult};

use super::attributes::{descriptor_type, metadata_hash_of, set_times, stat};
use super::listing::Listing;
use super::node::{Content, NodeId, ROOT};
use super::shared_tree::{CHUNK, SharedTree};
use super::stream::Stream;
use super::tree::Tree;

/// The tree of an instance with its table of handles: what the guest's calls work on.
pub(crate) struct FilesystemView<'a> {
    tree: &'a SharedTree,
    table: &'a mut ResourceTable,
}

/// The table's entry behind a guest's descriptor.
struct Handle {
    node: NodeId,
    flags: DescriptorFlags,
}

impl HasData for SharedTree {
    type Data<'a> = FilesystemView<'a>;
}

/// Links this interface in the place of the runtime's.
pub(crate) fn add_to_linker<T: Send>(
    linker: &mut Linker<T>,
    view: fn(&mut T) -> FilesystemView<'_>,
) -> wasmtime::Result<()> {
    linker.allow_shadowing(true);
    types::add_to_linker::<T, SharedTree>(linker, view)?;
    preopens::add_to_linker::<T, SharedTree>(linker, view)?;
    linker.allow_shadowing(false);
    Ok(())
}

impl<'a> FilesystemView<'a> {
    pub(crate) fn new(tree: &'a SharedTree, table: &'a mut ResourceTable) -> Self {
        Self { tree, table }
    }

    fn lock(&self) -> MutexGuard<'_, Tree> {
        self.tree.lock()
    }

    fn handle(&self, descriptor: &Resource<Descriptor>) -> FsResult<&Handle> {
        Ok(self.table.get(&Resource::<Handle>::new_borrow(descriptor.rep()))?)
    }

    /// The node of a descriptor that was opened with `flag`.
    fn node_for(&self, descriptor: &Resource<Descriptor>, flag: DescriptorFlags) -> FsResult<NodeId> {
        let handle = self.handle(descriptor)?;
        if handle.flags.contains(flag) { Ok(handle.node) } else { Err(ErrorCode::BadDescriptor.into()) }
    }

    fn node(&self, descriptor: &Resource<Descriptor>) -> FsResult<NodeId> {
        Ok(self.handle(descriptor)?.node)
    }

    /// The node at a path that begins at a descriptor's folder.
    fn find(&self, descriptor: &Resource<Descriptor>, flags: PathFlags, path: &str) -> FsResult<NodeId> {
        Ok(self.lock().find(self.node(descriptor)?, path, flags.contains(PathFlags::SYMLINK_FOLLOW))?)
    }

    /// Opens a node and returns its new descriptor.
    fn push_handle(&mut self, node: NodeId, flags: DescriptorFlags) -> FsResult<Resource<Descriptor>> {
        self.lock().open(node)?;
        let handle = self.table.push(Handle { node, flags })?;
        Ok(Resource::new_own(handle.rep()))
    }

    fn stat_of(&self, node: NodeId) -> FsResult<DescriptorStat> {
        Ok(stat(self.lock().node(node)?))
    }

    fn set_times_of(&self, id: NodeId, accessed: NewTimestamp, modified: NewTimestamp) -> FsResult<()> {
        let mut tree = self.lock();
        let now = tree.now();
        Ok(set_times(tree.node_mut(id)?, now, accessed, modified)?)
    }
}

impl preopens::Host for FilesystemView<'_> {
    fn get_directories(&mut self) -> wasmtime::Result<Vec<(Resource<Descriptor>, String)>> {
        let flags = DescriptorFlags::READ | DescriptorFlags::MUTATE_DIRECTORY;
        match self.push_handle(ROOT, flags) {
            Ok(root) => Ok(vec![(root, "/".to_owned())]),
            Err(error) => Err(error.into()),
        }
    }
}

impl types::Host for FilesystemView<'_> {
    fn convert_error_code(&mut self, error: FsError) -> wasmtime::Result<ErrorCode> {
        error.downcast()
    }

    fn filesystem_error_code(&mut self, error: Resource<wasmtime::Error>) -> wasmtime::Result<Option<ErrorCode>> {
        Ok(self.table.get(&error)?.downcast_ref::<ErrorCode>().copied())
    }
}

impl HostDescriptor for FilesystemView<'_> {
    fn read_via_stream(&mut self, file: Resource<Descriptor>, offset: Filesize) -> FsResult<Resource<DynInputStream>> {
        let node = self.node_for(&file, DescriptorFlags::READ)?;
        let stream: DynInputStream = Box::new(Stream::open(self.tree, node, Some(offset))?);
        Ok(self.table.push(stream)?)
    }

    fn write_via_stream(
        &mut self,
        file: Resource<Descriptor>,
        offset: Filesize,
    ) -> FsResult<Resource<DynOutputStream>> {
        let node = self.node_for(&file, DescriptorFlags::WRITE)?;
        let stream: DynOutputStream = Box::new(Stream::open(self.tree, node, Some(offset))?);
        Ok(self.table.push(stream)?)
    }

    fn append_via_stream(&mut self, file: Resource<Descriptor>) -> FsResult<Resource<DynOutputStream>> {
        let node = self.node_for(&file, DescriptorFlags::WRITE)?;
        let stream: DynOutputStream = Box::new(Stream::open(self.tree, node, None)?);
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
        Ok(descriptor_type(&self.lock().node(self.node(&file)?)?.content))
    }

    async fn set_size(&mut self, file: Resource<Descriptor>, size: Filesize) -> FsResult<()> {
        pause().await;
        let node = self.node_for(&file, DescriptorFlags::WRITE)?;
        Ok(self.lock().set_size(node, size)?)
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
        let bytes = self.lock().read(node, offset, length)?.to_vec();
        let is_end = bytes.len() < length;
        Ok((bytes, is_end))
    }

    async fn write(&mut self, file: Resource<Descriptor>, bytes: Vec<u8>, offset: Filesize) -> FsResult<Filesize> {
        pause().await;
        let node = self.node_for(&file, DescriptorFlags::WRITE)?;
        self.lock().write(node, Some(offset), &bytes)?;
        Ok(bytes.len() as Filesize)
    }

    async fn read_directory(&mut self, folder: Resource<Descriptor>) -> FsResult<Resource<DirectoryEntryStream>> {
        pause().await;
        let node = self.node_for(&folder, DescriptorFlags::READ)?;
        self.lock().folder(node)?;
        let listing = self.table.push(Listing::of(node))?;
        Ok(Resource::new_own(listing.rep()))
    }

    async fn create_directory_at(&mut self, folder: Resource<Descriptor>, path: String) -> FsResult<()> {
        pause().await;
        let node = self.node(&folder)?;
        self.lock().make_folder(node, &path)?;
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
        let mut tree = self.lock();
        let path = tree.resolve(to, &new_path, false)?;
        Ok(tree.link(node, path)?)
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
            let mut tree = self.lock();
            let [creates, exclusive, truncates, wants_folder] =
                [OpenFlags::CREATE, OpenFlags::EXCLUSIVE, OpenFlags::TRUNCATE, OpenFlags::DIRECTORY]
                    .map(|flag| open_flags.contains(flag));
            let follows = path_flags.contains(PathFlags::SYMLINK_FOLLOW) && !(creates && exclusive);
            let resolved = tree.resolve(from, &path, follows)?;
            let node = match resolved.node {
                Some(_) if creates && exclusive => return Err(ErrorCode::Exist.into()),
                Some(node) => node,
                None if creates && path.ends_with('/') => return Err(ErrorCode::IsDirectory.into()),
                None if creates => tree.add(resolved, Content::File(Vec::new()))?,
                None => return Err(ErrorCode::NoEntry.into()),
            };
            match &tree.node(node)?.content {
                Content::Link(_) => return Err(ErrorCode::Loop.into()),
                Content::Folder { .. } if flags.contains(DescriptorFlags::WRITE) || truncates => {
                    return Err(ErrorCode::IsDirectory.into());
                }
                Content::File(_) | Content::Device(_) if wants_folder => return Err(ErrorCode::NotDirectory.into()),
                Content::File(_) if truncates => tree.set_size(node, 0)?,
                Content::File(_) | Content::Folder { .. } | Content::Device(_) => {}
            }
            node
        };
        self.push_handle(node, flags)
    }

    async fn readlink_at(&mut self, folder: Resource<Descriptor>, path: String) -> FsResult<String> {
        pause().await;
        let node = self.find(&folder, PathFlags::empty(), &path)?;
        match &self.lock().node(node)?.content {
            Content::Link(target) => Ok(target.clone()),
            Content::File(_) | Content::Folder { .. } | Content::Device(_) => Err(ErrorCode::Invalid.into()),
        }
    }

    async fn remove_directory_at(&mut self, folder: Resource<Descriptor>, path: String) -> FsResult<()> {
        pause().await;
        let node = self.node(&folder)?;
        Ok(self.lock().remove_folder(node, &path)?)
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
        Ok(self.lock().rename(from, &old_path, to, &new_path)?)
    }

    async fn symlink_at(&mut self, folder: Resource<Descriptor>, target: String, path: String) -> FsResult<()> {
        pause().await;
        let from = self.node(&folder)?;
        let mut tree = self.lock();
        let path = tree.resolve(from, &path, false)?;
        tree.add(path, Content::Link(target))?;
        Ok(())
    }

    async fn unlink_file_at(&mut self, folder: Resource<Descriptor>, path: String) -> FsResult<()> {
        pause().await;
        let node = self.node(&folder)?;
        Ok(self.lock().unlink(node, &path)?)
    }

    async fn is_same_object(&mut self, a: Resource<Descriptor>, b: Resource<Descriptor>) -> wasmtime::Result<bool> {
        Ok(self.handle(&a)?.node == self.handle(&b)?.node)
    }

    async fn metadata_hash(&mut self, file: Resource<Descriptor>) -> FsResult<MetadataHashValue> {
        Ok(metadata_hash_of(self.node(&file)?))
    }

    async fn metadata_hash_at(
        &mut self,
        folder: Resource<Descriptor>,
        flags: PathFlags,
        path: String,
    ) -> FsResult<MetadataHashValue> {
        pause().await;
        Ok(metadata_hash_of(self.find(&folder, flags, &path)?))
    }

    fn drop(&mut self, file: Resource<Descriptor>) -> wasmtime::Result<()> {
        let handle = self.table.delete(Resource::<Handle>::new_own(file.rep()))?;
        self.lock().close(handle.node);
        Ok(())
    }
}

/// Yields, so that the program's limits of time are checked: fuel does not count the host's work in a call.
async fn pause() {
    tokio::task::yield_now().await;
}

impl HostDirectoryEntryStream for FilesystemView<'_> {
    async fn read_directory_entry(
        &mut self,
        stream: Resource<DirectoryEntryStream>,
    ) -> FsResult<Option<DirectoryEntry>> {
        pause().await;
        let listing = self.table.get_mut(&Resource::<Listing>::new_borrow(stream.rep()))?;
        Ok(listing.next_entry(&self.tree.lock())?)
    }

    fn drop(&mut self, stream: Resource<DirectoryEntryStream>) -> wasmtime::Result<()> {
        self.table.delete(Resource::<Listing>::new_own(stream.rep()))?;
        Ok(())
    }
}
