//! A node's attributes as `wasi:filesystem` has them: type, size, times and hash.

use std::time::Duration;

use wasmtime_wasi::p2::bindings::clocks::wall_clock::Datetime;
use wasmtime_wasi::p2::bindings::filesystem::types::{
    DescriptorStat, DescriptorType, ErrorCode, MetadataHashValue, NewTimestamp,
};

use super::node::{Content, Node, NodeId};

/// The type that the guest sees.
pub(super) fn descriptor_type(content: &Content) -> DescriptorType {
    match content {
        Content::File(_) => DescriptorType::RegularFile,
        Content::Folder { .. } => DescriptorType::Directory,
        Content::Link(_) => DescriptorType::SymbolicLink,
        Content::Device(_) => DescriptorType::CharacterDevice,
    }
}

/// All attributes of a node.
pub(super) fn stat(node: &Node) -> DescriptorStat {
    let (accessed, modified) = (Some(datetime(node.accessed)), Some(datetime(node.modified)));
    DescriptorStat {
        type_: descriptor_type(&node.content),
        link_count: node.num_names,
        size: node.content.num_bytes(),
        data_access_timestamp: accessed,
        data_modification_timestamp: modified,
        status_change_timestamp: modified,
    }
}

/// Sets the times of the last read and the last write.
pub(super) fn set_times(
    node: &mut Node,
    now: Duration,
    accessed: NewTimestamp,
    modified: NewTimestamp,
) -> Result<(), ErrorCode> {
    for (stamp, new) in [(&mut node.accessed, accessed), (&mut node.modified, modified)] {
        match new {
            NewTimestamp::NoChange => {}
            NewTimestamp::Now => *stamp = now,
            NewTimestamp::Timestamp(time) if time.nanoseconds < 1_000_000_000 => {
                *stamp = Duration::new(time.seconds, time.nanoseconds);
            }
            NewTimestamp::Timestamp(_) => return Err(ErrorCode::Invalid),
        }
    }
    Ok(())
}

/// A hash that is equal for equal nodes alone. The guest takes its lower half for an inode's number, which is never 0.
pub(super) fn metadata_hash_of(node: NodeId) -> MetadataHashValue {
    MetadataHashValue { lower: node + 1, upper: 0 }
}

fn datetime(time: Duration) -> Datetime {
    Datetime { seconds: time.as_secs(), nanoseconds: time.subsec_nanos() }
}
