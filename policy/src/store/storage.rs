//! Where the weights of a model are to be, before there are any.

use super::resident::Resident;
use super::weight_store::WeightStore;
use crate::config::ModelConfig;
use crate::error::PolicyError;
use crate::placement::Placement;

/// Makes the stores that models are read into: a [`Placement`] those that have all weights, on its device. A store over
/// ranks is made by whoever knows these; each rank then reads what it holds, and no other weight.
pub trait Storage {
    /// What can go wrong, here and in reading a model.
    type Error: From<PolicyError>;

    /// A store of weights that are zero, to be filled. Without `head` there is no language model's head of its own.
    ///
    /// # Errors
    /// There can be no such store.
    fn store(&self, config: &ModelConfig, head: bool) -> Result<Box<dyn WeightStore>, Self::Error>;
}

impl Storage for Placement {
    type Error = PolicyError;

    fn store(&self, config: &ModelConfig, head: bool) -> Result<Box<dyn WeightStore>, PolicyError> {
        Ok(Box::new(Resident::empty(config, head, *self)))
    }
}
