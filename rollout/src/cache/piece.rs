//! What the cache knows of a pass.

use kernels::{Attending, BLOCK_TOKENS, Place};

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

/// A pass's rows as the kernels of cores take them.
#[derive(Debug)]
pub(crate) struct CoresRows<'a> {
    /// Where the keys and values of each row go; nowhere where they are there.
    pub(crate) places: Vec<Option<Place>>,
    pub(crate) sequences: Vec<Attending<'a>>,
}

impl<'a> CoresRows<'a> {
    /// The rows of these pieces, in this order.
    pub(crate) fn of(pieces: &[CachedPiece<'a>]) -> Self {
        let place_of = |piece: &CachedPiece<'_>, at: usize| {
            let place = Place { block: piece.table[at / BLOCK_TOKENS], offset: at % BLOCK_TOKENS };
            (at >= piece.num_cached).then_some(place)
        };
        let places = pieces
            .iter()
            .flat_map(|piece| (piece.start..piece.start + piece.num_tokens).map(move |at| place_of(piece, at)));
        let attending = |&CachedPiece { table, start, num_tokens, .. }: &CachedPiece<'a>| Attending {
            table,
            start,
            num_rows: num_tokens,
        };
        Self { places: places.collect(), sequences: pieces.iter().map(attending).collect() }
    }
}
