//! What the cache knows of a pass.

use super::blocks::BlockId;

/// Tokens of one sequence that a pass computes, one after the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CachedPiece<'a> {
    /// The sequence's blocks in order.
    pub(crate) table: &'a [BlockId],
    /// Place of the first of the tokens in the sequence.
    pub(crate) start: usize,
    pub(crate) num_tokens: usize,
    /// Tokens of the sequence whose keys are there: those of later ones are written.
    pub(crate) num_cached: usize,
}
