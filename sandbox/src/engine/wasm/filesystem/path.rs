//! Follows paths through a tree, as path_resolution(7) has it: `.`, `..`, and symbolic links up to a limit.

use wasmtime_wasi::p2::bindings::filesystem::types::ErrorCode;

use super::node::{Content, NodeId, Nodes, ROOT};

/// Symbolic links that one path may lead through.
const MAX_LINKS: usize = 40;
/// Bytes of one name.
pub(super) const MAX_NAME: usize = 255;
/// Bytes of a path, and of a symbolic link's target.
pub(super) const MAX_PATH: usize = 4096;

/// The end of a path: a folder, a name in it, and the node of that name if there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ResolvedPath {
    pub(super) folder: NodeId,
    /// The name in the folder; `None` for the folder itself.
    pub(super) name: Option<String>,
    pub(super) node: Option<NodeId>,
}

impl ResolvedPath {
    /// Follows `path` from the folder `from`; `follows` says whether a symbolic link at its end is followed too.
    ///
    /// # Errors
    /// A name before the last one is missing or is no folder; the path, a name or a chain of links is too long.
    pub(super) fn resolve(nodes: &Nodes, from: NodeId, path: &str, follows: bool) -> Result<Self, ErrorCode> {
        match path.len() {
            0 => return Err(ErrorCode::NoEntry),
            length if length > MAX_PATH => return Err(ErrorCode::NameTooLong),
            _ => {}
        }
        let names = |path: &str| -> Vec<String> {
            path.rsplit('/').filter(|name| !name.is_empty()).map(str::to_owned).collect()
        };
        let start = |path: &str, folder: NodeId| Self::of_folder(if path.starts_with('/') { ROOT } else { folder });
        let ends_in_folder = path.ends_with('/');
        let (mut pending, mut resolved, mut num_links) = (names(path), start(path, from), 0);
        while let Some(name) = pending.pop() {
            let folder = resolved.node.ok_or(ErrorCode::NoEntry)?;
            let (entries, parent) = nodes.folder(folder)?;
            resolved = match name.as_str() {
                "." => Self::of_folder(folder),
                ".." => Self::of_folder(parent),
                long if long.len() > MAX_NAME => return Err(ErrorCode::NameTooLong),
                name => Self { folder, name: Some(name.to_owned()), node: entries.get(name).copied() },
            };
            let node = resolved.node.and_then(|id| nodes.get(id).ok());
            let Some(Content::Link(target)) = node.map(|node| &node.content) else { continue };
            if pending.is_empty() && !follows && !ends_in_folder {
                break;
            }
            num_links += 1;
            if num_links > MAX_LINKS {
                return Err(ErrorCode::Loop);
            }
            resolved = start(target, folder);
            pending.extend(names(target));
        }
        if ends_in_folder && let Some(node) = resolved.node {
            nodes.folder(node)?;
        }
        Ok(resolved)
    }

    fn of_folder(folder: NodeId) -> Self {
        Self { folder, name: None, node: Some(folder) }
    }

    /// The folder and the name for a new node; an error where the name is taken.
    pub(super) fn free_name(self) -> Result<(NodeId, String), ErrorCode> {
        match (self.node, self.name) {
            (None, Some(name)) => Ok((self.folder, name)),
            _ => Err(ErrorCode::Exist),
        }
    }

    /// The folder, the name and the node of a name that exists.
    pub(super) fn named(self) -> Result<(NodeId, String, NodeId), ErrorCode> {
        let node = self.node.ok_or(ErrorCode::NoEntry)?;
        Ok((self.folder, self.name.ok_or(ErrorCode::Busy)?, node))
    }
}
