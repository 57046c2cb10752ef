//! Where a decoder's weights are, apart from what is computed with them.
//!
//! The decoder asks a store for the weights of a part before it computes with them, and says when it is done; the
//! backward walk hands a part's gradient over as soon as it is whole. So a store may gather a block's weights before
//! use, drop them after, and scatter its gradient, while decoder and walk stay as they are. [`Resident`] keeps
//! everything where it is.

mod resident;
mod weight_store;

pub use self::resident::Resident;
pub use self::weight_store::{Lent, Part, WeightStore};
