//! From a block's product of queries, keys and values to what attention reads: heads are normed where the family norms
//! them, queries and keys rotated (RoFormer, arXiv 2104.09864), and keys and values written to their blocks.

use crate::computation::run_widest;
use crate::lanes::{Computation, Lanes, WIDTH};
use crate::layout::{BLOCK_TOKENS, Place, Shape};
use crate::panels::Panels;
use crate::threads::Threads;

/// A pass's rows as a block's product has them, and what is done to them.
#[derive(Clone, Copy, Debug)]
pub struct NewRows<'a> {
    /// `[rows, (heads + 2 kv_heads) head_dim]`: queries, keys, values.
    pub qkv: &'a Panels,
    /// Where the keys and values of each row go; nowhere where they are there. Rows of one block follow each other.
    pub places: &'a [Option<Place>],
    /// `[rows, head_dim / 2]` each: cos and sin of the angles by which a row is rotated. A head's first half pairs with
    /// its second.
    pub rotation: [&'a [f32]; 2],
    /// `[head_dim]` each: weights of the root-mean-square norms of a query's and of a key's heads, if there are any.
    pub norms: Option<[&'a [f32]; 2]>,
    /// Added to the mean square.
    pub eps: f32,
}

/// Rows one after the other that are written to one block, or to none.
struct RowPiece<'a> {
    first_row: usize,
    /// Places of the rows in the block.
    first_offset: usize,
    block: Option<&'a mut [f32]>,
    /// `[rows, heads head_dim]`
    query: &'a mut [f32],
}

/// What all pieces of a pass have in common.
struct RowPass<'a> {
    shape: &'a Shape,
    layer: usize,
    rows: NewRows<'a>,
    query_width: usize,
}

/// See [`crate::BlockStore::take_in`].
pub(crate) fn take_in(
    shape: &Shape,
    blocks: &mut [Box<[f32]>],
    layer: usize,
    rows: NewRows<'_>,
    query: &mut [f32],
    threads: &Threads,
) {
    let NewRows { qkv, places, .. } = rows;
    let query_width = qkv.num_columns() - 2 * shape.num_kv_heads * shape.head_dim;
    assert_eq!([places.len(), query.len()], [qkv.num_rows(), qkv.num_rows() * query_width], "a place a row");
    let pass = RowPass { shape, layer, rows, query_width };
    let pieces = pieces(places, blocks, query, query_width);
    threads.run(pieces, Vec::new, |piece, row| run_widest(Heads { pass: &pass, piece, row }));
}

/// Cuts the rows where their blocks change, and takes each block out of the others once.
fn pieces<'a>(
    places: &[Option<Place>],
    mut blocks: &'a mut [Box<[f32]>],
    mut query: &'a mut [f32],
    query_width: usize,
) -> Vec<RowPiece<'a>> {
    let follows = |before: &Option<Place>, next: &Option<Place>| match (before, next) {
        (Some(before), Some(next)) => before.block == next.block && before.offset + 1 == next.offset,
        (None, None) => true,
        _ => false,
    };
    let (mut pieces, mut first_row) = (Vec::with_capacity(places.len()), 0);
    for run in places.chunk_by(follows) {
        let own = query.split_off_mut(..run.len() * query_width).expect("a query a row");
        pieces.push((run[0], RowPiece { first_row, first_offset: 0, block: None, query: own }));
        first_row += run.len();
    }
    pieces.sort_by_key(|(place, _)| place.map(|place| place.block));
    let mut num_passed = 0;
    let with_block = |(place, piece): (Option<Place>, RowPiece<'a>)| {
        let Some(Place { block, offset }) = place else { return piece };
        let others = (block as usize).checked_sub(num_passed).expect("rows of a block follow each other");
        num_passed = block as usize + 1;
        let block = blocks.split_off_mut(..=others).and_then(<[_]>::last_mut).expect("a block that is there");
        RowPiece { first_offset: offset, block: Some(block), ..piece }
    };
    pieces.into_iter().map(with_block).collect()
}

/// A piece of work, with a row's numbers.
struct Heads<'a, 'p> {
    pass: &'a RowPass<'a>,
    piece: RowPiece<'p>,
    row: &'a mut Vec<f32>,
}

impl Computation for Heads<'_, '_> {
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Self { pass, mut piece, row } = self;
        let RowPass { shape, layer, rows: NewRows { qkv, rotation, norms, eps, .. }, query_width } = *pass;
        let head_dim = shape.head_dim;
        row.resize(qkv.num_columns(), 0.0);
        for (at, query) in piece.query.chunks_exact_mut(query_width).enumerate() {
            let number = piece.first_row + at;
            qkv.read(number, row);
            let [cos, sin] = rotation.map(|of_rows| &of_rows[number * (head_dim / 2)..][..head_dim / 2]);
            let (queries, rest) = row.split_at_mut(query_width);
            let (keys, values) = rest.split_at_mut(shape.num_kv_heads * head_dim);
            for (place, heads) in [&mut *queries, &mut *keys].into_iter().enumerate() {
                for head in heads.chunks_exact_mut(head_dim) {
                    if let Some(norms) = norms {
                        normalise(head, norms[place], eps);
                    }
                    rotate(head, cos, sin);
                }
            }
            query.copy_from_slice(queries);
            if let Some(block) = &mut piece.block {
                write(shape, block, layer, piece.first_offset + at, keys, values);
            }
        }
    }
}

#[inline(always)]
fn normalise(head: &mut [f32], weights: &[f32], eps: f32) {
    let mut sums = [0.0f32; WIDTH];
    for numbers in head.chunks(WIDTH) {
        for (sum, number) in sums.iter_mut().zip(numbers) {
            *sum += number * number;
        }
    }
    let factor = (sums.iter().sum::<f32>() / head.len() as f32 + eps).sqrt().recip();
    for (number, weight) in head.iter_mut().zip(weights) {
        *number = *number * factor * weight;
    }
}

#[inline(always)]
fn rotate(head: &mut [f32], cos: &[f32], sin: &[f32]) {
    let (first, second) = head.split_at_mut(cos.len());
    for (((first, second), cos), sin) in first.iter_mut().zip(second).zip(cos).zip(sin) {
        (*first, *second) = (*first * cos - *second * sin, *second * cos + *first * sin);
    }
}

/// Writes a token's keys and values, `[kv_heads, head_dim]` each, at its place in a block.
#[inline(always)]
pub(crate) fn write(shape: &Shape, block: &mut [f32], layer: usize, offset: usize, keys: &[f32], values: &[f32]) {
    let head_dim = shape.head_dim;
    let heads = keys.chunks_exact(head_dim).zip(values.chunks_exact(head_dim));
    for (kv_head, (key, value)) in heads.enumerate() {
        let head = &mut block[shape.head_at(layer, kv_head)..][..shape.head_len()];
        let (head_keys, head_values) = head.split_at_mut(BLOCK_TOKENS * head_dim);
        for (number, tokens) in key.iter().zip(head_keys.chunks_exact_mut(BLOCK_TOKENS)) {
            tokens[offset] = *number;
        }
        head_values[offset * shape.value_lanes() * WIDTH..][..head_dim].copy_from_slice(value);
    }
}
