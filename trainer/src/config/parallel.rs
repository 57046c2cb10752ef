//! `[parallel]`: how the ranks that train together share the work.

use anyhow::Result;
use policy::dist::Layout;
use serde::{Deserialize, Serialize};

use crate::failure::Usage;

/// `[parallel]`: lengths of the axes on which the ranks are laid out; -1 on one of them takes what is left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ParallelSection {
    /// Copies of the whole model, each with its part of the data.
    pub replicate: i64,
    /// Pieces of every weight, each rank with its part of the data.
    pub shard: i64,
    /// Parts of every sequence.
    pub context: i64,
    /// Parts of every matrix product.
    pub tensor: i64,
    /// Longest wait for another rank, in seconds.
    pub timeout_seconds: u64,
}

impl Default for ParallelSection {
    fn default() -> Self {
        Self { replicate: 1, shard: -1, context: 1, tensor: 1, timeout_seconds: 600 }
    }
}

impl ParallelSection {
    /// Checks each value by itself; whether they fit the number of ranks is seen when they have met.
    ///
    /// # Errors
    /// A usage error that names the key.
    pub(crate) fn validate(&self) -> Result<()> {
        let lengths =
            [("replicate", self.replicate), ("shard", self.shard), ("context", self.context), ("tensor", self.tensor)];
        if let Some((name, length)) = lengths.iter().find(|(_, length)| *length < 1 && *length != -1) {
            return Err(Usage::error(format!(
                "parallel.{name}: is {length}; give a number from 1, or -1 for what is left"
            )));
        }
        let filled: Vec<&str> = lengths.iter().filter(|(_, length)| *length == -1).map(|(name, _)| *name).collect();
        if let [first, second, ..] = filled[..] {
            return Err(Usage::error(format!(
                "parallel.{second}: is -1, and so is `{first}`; one of them at most takes what is left"
            )));
        }
        if self.timeout_seconds == 0 {
            return Err(Usage::error("parallel.timeout_seconds: must be at least 1"));
        }
        Ok(())
    }

    /// The lengths as process groups take them.
    pub(crate) fn layout(&self) -> Layout {
        Layout { replica: self.replicate, shard: self.shard, context: self.context, tensor: self.tensor }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_length_takes_what_is_left_and_each_means_something() {
        let section = ParallelSection::default();
        assert!(section.validate().is_ok());
        assert_eq!(section.layout().resolve(6).unwrap().num_ranks(), 6);
        let refused = |section: ParallelSection| section.validate().unwrap_err().to_string();
        let both = ParallelSection { tensor: -1, ..ParallelSection::default() };
        assert!(refused(both).contains("parallel.tensor: is -1, and so is `shard`"));
        let none = ParallelSection { context: 0, ..ParallelSection::default() };
        assert!(refused(none).contains("parallel.context: is 0"));
        let hasty = ParallelSection { timeout_seconds: 0, ..ParallelSection::default() };
        assert!(refused(hasty).contains("parallel.timeout_seconds"));
    }
}
