//! A pass's attention cut into pieces of work: some tokens of one sequence for one key-value head.

use crate::computation::run_widest;
use crate::lanes::{Computation, Lanes};
use crate::layout::{Head, Shape};
use crate::rows::Rows;
use crate::threads::Threads;
use crate::tile::{Query, Scratch, attend_with};

/// Most tokens of a piece of work.
const PIECE_TOKENS: usize = 32;

/// Some tokens of one sequence, one after the other, that attend to those up to themselves.
#[derive(Clone, Copy, Debug)]
pub struct Attending<'a> {
    /// The sequence's blocks, in its order.
    pub table: &'a [u32],
    /// Place of the first of the tokens in the sequence.
    pub start: usize,
    /// Number of the tokens, and of their rows of a pass, which follow on those of the sequence before.
    pub num_rows: usize,
}

/// Work that one thread does.
struct Piece<'a> {
    table: &'a [u32],
    kv_head: usize,
    /// Row of its first token in the pass, and place of that token in its sequence.
    row: usize,
    position: usize,
    /// What its rows' heads attend to, a row after the other.
    attended: Vec<&'a mut [f32]>,
}

/// See [`crate::BlockStore::attend`].
pub(crate) fn attend(
    shape: &Shape,
    blocks: &[Box<[f32]>],
    layer: usize,
    sequences: &[Attending<'_>],
    query: Rows<'_>,
    attended: &mut [f32],
    threads: &Threads,
) {
    let num_rows: usize = sequences.iter().map(|sequence| sequence.num_rows).sum();
    if num_rows == 0 {
        return;
    }
    let width = attended.len() / num_rows;
    let group = width / shape.num_kv_heads; // numbers of the heads that a key-value head serves
    assert_eq!(attended.len(), num_rows * shape.num_kv_heads * group, "rows of whole heads");
    let pass = Pass { shape, blocks, layer, query: query.numbers, stride: query.stride, group };
    let pieces = pieces(sequences, shape.num_kv_heads, attended.chunks_exact_mut(group));
    threads.run(pieces, Scratch::default, |piece, scratch| pass.attend(piece, scratch));
}

fn pieces<'a>(
    sequences: &[Attending<'a>],
    num_kv_heads: usize,
    mut attended: impl Iterator<Item = &'a mut [f32]>,
) -> Vec<Piece<'a>> {
    let (mut pieces, mut row) = (Vec::new(), 0);
    for sequence in sequences {
        let mut done = 0;
        while done < sequence.num_rows {
            let num_rows = (sequence.num_rows - done).min(PIECE_TOKENS);
            let first = pieces.len();
            pieces.extend((0..num_kv_heads).map(|kv_head| Piece {
                table: sequence.table,
                kv_head,
                row,
                position: sequence.start + done,
                attended: Vec::with_capacity(num_rows),
            }));
            for _ in 0..num_rows {
                for piece in &mut pieces[first..] {
                    piece.attended.extend(attended.next());
                }
            }
            done += num_rows;
            row += num_rows;
        }
    }
    pieces
}

/// What all pieces of a pass have in common.
struct Pass<'a> {
    shape: &'a Shape,
    blocks: &'a [Box<[f32]>],
    layer: usize,
    query: &'a [f32],
    stride: usize,
    group: usize,
}

impl Pass<'_> {
    fn attend(&self, piece: Piece<'_>, scratch: &mut Scratch) {
        let head = Head { blocks: self.blocks, shape: self.shape, at: self.shape.head_at(self.layer, piece.kv_head) };
        let rows = piece.attended.into_iter().enumerate();
        let mut queries: Vec<Query<'_>> = rows
            .flat_map(|(at, attended)| {
                let begin = (piece.row + at) * self.stride + piece.kv_head * self.group;
                let numbers = self.query[begin..][..self.group].chunks_exact(self.shape.head_dim);
                let heads = numbers.zip(attended.chunks_exact_mut(self.shape.head_dim));
                let num_seen = piece.position + at + 1;
                heads.map(move |(numbers, attended)| Query { numbers, num_seen, attended })
            })
            .collect();
        run_widest(Tiles { head, table: piece.table, queries: &mut queries, scratch });
    }
}

/// Queries of one head and sequence, to attend with whichever instructions there are.
struct Tiles<'a, 'q> {
    head: Head<'a>,
    table: &'a [u32],
    queries: &'a mut [Query<'q>],
    scratch: &'a mut Scratch,
}

impl Computation for Tiles<'_, '_> {
    #[inline(always)]
    fn run<L: Lanes>(self) {
        attend_with::<L>(self.head, self.table, self.queries, self.scratch);
    }
}
