//! A file of the tree as a stream of bytes, for guests that read and write in order.

use bytes::Bytes;
use wasmtime_wasi::p2::bindings::filesystem::types::ErrorCode;
use wasmtime_wasi::p2::{InputStream, OutputStream, Pollable, StreamError, StreamResult};

use super::node::NodeId;
use super::shared_tree::{CHUNK, SharedTree};

/// An open file that is read or written in order; counts as a handle while it lives.
pub(super) struct Stream {
    tree: SharedTree,
    node: NodeId,
    /// Offset of the next byte; `None` appends at the file's end.
    offset: Option<u64>,
}

impl Stream {
    /// A stream that begins at `offset`, or appends at the file's end.
    pub(super) fn open(tree: &SharedTree, node: NodeId, offset: Option<u64>) -> Result<Self, ErrorCode> {
        tree.lock().open(node)?;
        Ok(Self { tree: tree.clone(), node, offset })
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.tree.lock().close(self.node);
    }
}

#[wasmtime_wasi::async_trait]
impl Pollable for Stream {
    async fn ready(&mut self) {}
}

impl InputStream for Stream {
    fn read(&mut self, size: usize) -> StreamResult<Bytes> {
        let offset = self.offset.unwrap_or(0);
        let bytes = match self.tree.lock().read(self.node, offset, size.min(CHUNK)) {
            Ok(bytes) => Bytes::copy_from_slice(bytes),
            Err(code) => return Err(StreamError::LastOperationFailed(code.into())),
        };
        if bytes.is_empty() && size > 0 {
            return Err(StreamError::Closed);
        }
        self.offset = Some(offset + bytes.len() as u64);
        Ok(bytes)
    }
}

impl OutputStream for Stream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        match self.tree.lock().write(self.node, self.offset, &bytes) {
            Ok(end) => self.offset = self.offset.map(|_| end),
            Err(code) => return Err(StreamError::LastOperationFailed(code.into())),
        }
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(CHUNK)
    }
}
