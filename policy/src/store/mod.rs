//! Where a decoder's weights are, apart from what is computed with them.
//!
//! The decoder asks a store for the weights of a part before it computes with them, and says when it is done; the
//! backward walk hands a part's gradient over as soon as it is whole. So a store may gather a block's weights before
//! use and scatter its gradient, while decoder and walk stay as they are. [`Resident`] keeps everything where it is;
//! [`Sharded`] cuts every part over the ranks of a process group, and [`TensorCut`] keeps one rank's share of every
//! matrix product in one of the two.

mod flat_part;
mod resident;
mod sharded;
mod storage;
mod tensor_cut;
mod weight_store;

#[cfg(test)]
mod tests;

pub(crate) use self::flat_part::part_parameters;
pub use self::resident::Resident;
pub use self::sharded::Sharded;
pub use self::storage::Storage;
pub use self::tensor_cut::{ShardGroups, TensorCut};
pub use self::weight_store::{Gathering, Lent, Part, Spread, WeightStore};
