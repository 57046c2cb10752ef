//! A pass's attention cut into pieces of work: some tokens of one sequence, or one of each of some sequences that begin
//! alike, for one or all key-value heads.

use std::ops::Range;

use crate::computation::run_widest;
use crate::lanes::{Computation, Lanes};
use crate::layout::{BLOCK_TOKENS, Head, Shape};
use crate::rows::Rows;
use crate::threads::Threads;
use crate::tile::{MOST_QUERIES, Query, Scratch, Sequence, attend_with};

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

/// Work that one thread does: rows of one sequence, or one of each of some whose tables begin alike.
struct Piece<'a> {
    kv_heads: Range<usize>,
    /// Blocks with which the tables of all begin.
    num_common: usize,
    sequences: &'a [Attending<'a>],
    /// Row of the first of their tokens in the pass.
    first_row: usize,
    /// What the rows' heads attend to, for each row those of the piece's key-value heads.
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
    let bundles = bundles(sequences, (MOST_QUERIES / (group / shape.head_dim)).max(1));
    // Where there is work enough, a thread reads a token's heads one after the other: they lie side by side.
    let num_heads = if bundles.len() >= threads.num_pieces() { shape.num_kv_heads } else { 1 };
    let pieces = pieces(&bundles, shape.num_kv_heads, num_heads, attended.chunks_exact_mut(group));
    threads.run(pieces, Scratch::default, |piece, scratch| pass.attend(piece, scratch));
}

/// Some rows of a sequence, or a row of each of some sequences.
struct Bundle<'a> {
    num_common: usize,
    sequences: Vec<Attending<'a>>,
}

/// Cuts long sequences, and puts at most so many of one row together whose tables begin with the same blocks.
fn bundles<'a>(sequences: &[Attending<'a>], most_sequences: usize) -> Vec<Bundle<'a>> {
    let mut bundles: Vec<Bundle<'a>> = Vec::with_capacity(sequences.len());
    for &Attending { table, start, num_rows } in sequences {
        if num_rows == 1
            && let Some(Bundle { num_common, sequences }) = bundles.last_mut()
            && sequences.len() < most_sequences
            && sequences[0].num_rows == 1
        {
            // Blocks that both see whole: what stands behind a sequence's last token is not its own, and may be NaN.
            let blocks = [sequences[0].start, start].map(|start| (start + 1) / BLOCK_TOKENS);
            let both = sequences[0].table.iter().zip(table).take(blocks[0].min(blocks[1]).min(*num_common));
            let num_equal = both.take_while(|(one, other)| one == other).count();
            if num_equal > 0 {
                *num_common = num_equal;
                sequences.push(Attending { table, start, num_rows });
                continue;
            }
        }
        for done in (0..num_rows).step_by(PIECE_TOKENS) {
            let piece = Attending { table, start: start + done, num_rows: (num_rows - done).min(PIECE_TOKENS) };
            bundles.push(Bundle { num_common: usize::MAX, sequences: vec![piece] });
        }
    }
    bundles
}

/// A piece of each bundle for every `num_heads` key-value heads.
fn pieces<'a>(
    bundles: &'a [Bundle<'a>],
    num_kv_heads: usize,
    num_heads: usize,
    mut attended: impl Iterator<Item = &'a mut [f32]>,
) -> Vec<Piece<'a>> {
    let (mut pieces, mut first_row) = (Vec::with_capacity(bundles.len() * num_kv_heads.div_ceil(num_heads)), 0);
    for &Bundle { num_common, ref sequences } in bundles {
        let first = pieces.len();
        let num_rows: usize = sequences.iter().map(|sequence| sequence.num_rows).sum();
        pieces.extend((0..num_kv_heads).step_by(num_heads).map(|head| Piece {
            kv_heads: head..num_kv_heads.min(head + num_heads),
            num_common,
            sequences,
            first_row,
            attended: Vec::with_capacity(num_rows * num_heads),
        }));
        for _ in 0..num_rows {
            for piece in &mut pieces[first..] {
                piece.attended.extend(attended.by_ref().take(piece.kv_heads.len()));
            }
        }
        first_row += num_rows;
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
        let Piece { kv_heads, num_common, sequences, first_row, mut attended } = piece;
        let num_heads = self.group / self.shape.head_dim;
        let with_queries = |&Attending { table, num_rows, .. }| Sequence { table, num_queries: num_rows * num_heads };
        let tables: Vec<Sequence<'_>> = sequences.iter().map(with_queries).collect();
        for kv_head in kv_heads.clone() {
            let of_head = attended.iter_mut().skip(kv_head - kv_heads.start).step_by(kv_heads.len());
            let mut queries = Vec::with_capacity(of_head.len() * num_heads);
            let positions = sequences.iter().flat_map(|sequence| sequence.start..sequence.start + sequence.num_rows);
            for ((row, position), attended) in (first_row..).zip(positions).zip(of_head) {
                queries.extend(self.queries(row, kv_head, position + 1, attended));
            }
            let heads = [kv_head, (kv_head + 1).min(kv_heads.end - 1)].map(|head| self.head(head));
            run_widest(Tiles { heads, sequences: &tables, num_common, queries: &mut queries, scratch });
        }
    }

    /// Those of a row that a key-value head serves.
    fn queries<'a>(
        &'a self,
        row: usize,
        kv_head: usize,
        num_seen: usize,
        attended: &'a mut [f32],
    ) -> impl Iterator<Item = Query<'a>> {
        let head_dim = self.shape.head_dim;
        let numbers = self.query[row * self.stride + kv_head * self.group..][..self.group].chunks_exact(head_dim);
        let heads = numbers.zip(attended.chunks_exact_mut(head_dim));
        heads.map(move |(numbers, attended)| Query { numbers, num_seen, attended })
    }

    fn head(&self, kv_head: usize) -> Head<'_> {
        Head { blocks: self.blocks, shape: self.shape, at: self.shape.head_at(self.layer, kv_head) }
    }
}

/// Queries of one head, to attend with whichever instructions there are.
struct Tiles<'a, 'q> {
    /// The head, and the one that is computed next.
    heads: [Head<'a>; 2],
    sequences: &'a [Sequence<'a>],
    num_common: usize,
    queries: &'a mut [Query<'q>],
    scratch: &'a mut Scratch,
}

impl Computation for Tiles<'_, '_> {
    #[inline(always)]
    fn run<L: Lanes>(self) {
        let Self { heads, sequences, num_common, mut queries, scratch } = self;
        let num_together = (L::MOST_QUERIES / sequences[0].num_queries).max(1);
        for together in sequences.chunks(num_together) {
            let num_queries = together.iter().map(|sequence| sequence.num_queries).sum();
            let own = queries.split_off_mut(..num_queries).expect("queries of each sequence");
            attend_with::<L>(heads, together, own, num_common, scratch);
        }
    }
}
