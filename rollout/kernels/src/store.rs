//! The memory of blocks: each is one allocation with the keys and values of all layers, as `layout.rs` says.

use std::collections::TryReserveError;

use crate::attend::{Attending, attend};
use crate::heads::{self, NewRows};
use crate::layout::{Place, Shape};
use crate::rows::Rows;
use crate::threads::Threads;

/// Keys and values of blocks, by their numbers.
#[derive(Debug)]
pub struct BlockStore {
    shape: Shape,
    blocks: Vec<Box<[f32]>>,
}

impl BlockStore {
    /// A store without blocks.
    pub fn new(shape: Shape) -> Self {
        Self { shape, blocks: Vec::new() }
    }

    /// Number of blocks that there is memory for.
    pub fn num_blocks(&self) -> usize {
        self.blocks.len()
    }

    /// Makes it hold so many blocks, the new ones zero. It never shrinks.
    ///
    /// # Errors
    /// There is no memory for them.
    pub fn grow(&mut self, num_blocks: usize) -> Result<(), TryReserveError> {
        let len = self.shape.block_len();
        self.blocks.try_reserve(num_blocks.saturating_sub(self.blocks.len()))?;
        while self.blocks.len() < num_blocks {
            let mut block = Vec::new();
            block.try_reserve_exact(len)?;
            block.resize(len, 0.0);
            self.blocks.push(block.into_boxed_slice());
        }
        Ok(())
    }

    /// Makes block `to` what block `from` is.
    ///
    /// # Panics
    /// They are one block, or one is not there.
    pub fn copy(&mut self, from: u32, to: u32) {
        let blocks = self.blocks.get_disjoint_mut([from as usize, to as usize]);
        let [from, to] = blocks.expect("a block is copied to another one");
        to.copy_from_slice(from);
    }

    /// Writes rows of keys and of values, `[kv_heads, head_dim]` each, at their places in a layer; a row without a
    /// place is left out.
    pub fn write(&mut self, layer: usize, places: &[Option<Place>], key: Rows<'_>, value: Rows<'_>) {
        let width = self.shape.num_kv_heads * self.shape.head_dim;
        for (row, place) in places.iter().enumerate() {
            let Some(Place { block, offset }) = *place else { continue };
            let [key, value] = [key, value].map(|rows| &rows.numbers[row * rows.stride..][..width]);
            heads::write(&self.shape, &mut self.blocks[block as usize], layer, offset, key, value);
        }
    }

    /// Writes the keys and values of new rows at their places in a layer, and their queries to `query`, `[rows, heads
    /// head_dim]`; queries and keys are changed as the rows say.
    ///
    /// # Panics
    /// Sizes do not go together, or rows of one block do not follow each other.
    pub fn take_in(&mut self, layer: usize, rows: NewRows<'_>, query: &mut [f32], threads: &Threads) {
        heads::take_in(&self.shape, &mut self.blocks, layer, rows, query, threads);
    }

    /// Rows of queries, `[heads, head_dim]`, attend to their sequences' keys and values in a layer; `attended`, as many
    /// rows without gaps between them, takes what comes of it. A key-value head serves `heads / kv_heads` heads that
    /// stand together.
    pub fn attend(
        &self,
        layer: usize,
        sequences: &[Attending<'_>],
        query: Rows<'_>,
        attended: &mut [f32],
        threads: &Threads,
    ) {
        attend(&self.shape, &self.blocks, layer, sequences, query, attended, threads);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::BLOCK_TOKENS;
    use crate::panels::Panels;

    /// Any numbers, the same for the same place.
    fn number(salt: usize, at: usize) -> f32 {
        let mixed = (at as u32).wrapping_mul(2_654_435_761).wrapping_add(salt as u32 * 40_503) >> 8;
        (mixed % 2001) as f32 / 1000.0 - 1.0
    }

    fn numbers(salt: usize, len: usize) -> Vec<f32> {
        (0..len).map(|at| number(salt, at)).collect()
    }

    fn rows(numbers: &[f32], stride: usize) -> Rows<'_> {
        Rows { numbers, stride }
    }

    /// A sequence: its table, and keys, values and queries of all its tokens.
    struct Case {
        table: Vec<u32>,
        key: Vec<f32>,
        value: Vec<f32>,
        query: Vec<f32>,
    }

    impl Case {
        /// `tokens` tokens in every third block from `first` on, backwards.
        fn new(salt: usize, tokens: usize, first: u32, shape: &Shape, heads: usize) -> Self {
            let num_blocks = tokens.div_ceil(BLOCK_TOKENS) as u32;
            let (kv_width, width) = (shape.num_kv_heads * shape.head_dim, heads * shape.head_dim);
            Self {
                table: (0..num_blocks).rev().map(|block| first + 3 * block).collect(),
                key: numbers(3 * salt, tokens * kv_width),
                value: numbers(3 * salt + 1, tokens * kv_width),
                query: numbers(3 * salt + 2, tokens * width).iter().map(|number| number * 3.0).collect(),
            }
        }

        fn write(&self, store: &mut BlockStore, layer: usize) {
            let width = store.shape.num_kv_heads * store.shape.head_dim;
            let place = |token| Some(Place { block: self.table[token / BLOCK_TOKENS], offset: token % BLOCK_TOKENS });
            let places: Vec<Option<Place>> = (0..self.key.len() / width).map(place).collect();
            store.write(layer, &places, rows(&self.key, width), rows(&self.value, width));
        }

        /// What the tokens from `start` to `end` attend to.
        fn attend(&self, store: &BlockStore, start: usize, end: usize, heads: usize, threads: &Threads) -> Vec<f32> {
            let width = heads * store.shape.head_dim;
            let mut attended = vec![0.0; (end - start) * width];
            let tokens = Attending { table: &self.table, start, num_rows: end - start };
            let query = rows(&self.query[start * width..], width);
            store.attend(1, &[tokens], query, &mut attended, threads);
            attended
        }

        /// What token `at` attends to, by the definition and in float64.
        fn expected(&self, at: usize, heads: usize, shape: &Shape) -> Vec<f64> {
            let (dim, kv_heads) = (shape.head_dim, shape.num_kv_heads);
            let head = |numbers: &[f32], row: usize, width: usize, head: usize| -> Vec<f64> {
                numbers[(row * width + head) * dim..][..dim].iter().map(|number| f64::from(*number)).collect()
            };
            let of_head = |own: usize| {
                let kv_head = own / (heads / kv_heads);
                let query = head(&self.query, at, heads, own);
                let score = |token| {
                    let key = head(&self.key, token, kv_heads, kv_head);
                    query.iter().zip(key).map(|(a, b)| a * b).sum::<f64>() / (dim as f64).sqrt()
                };
                let weights: Vec<f64> = (0..=at).map(|token| score(token).exp()).collect();
                let total: f64 = weights.iter().sum();
                let mut sum = vec![0.0; dim];
                for (token, weight) in weights.iter().enumerate() {
                    for (sum, value) in sum.iter_mut().zip(head(&self.value, token, kv_heads, kv_head)) {
                        *sum += weight / total * value;
                    }
                }
                sum
            };
            (0..heads).flat_map(of_head).collect()
        }
    }

    fn bits(numbers: &[f32]) -> Vec<u32> {
        numbers.iter().map(|number| number.to_bits()).collect()
    }

    /// A store of two layers whose blocks hold what is no number, as those of a broken sequence do.
    fn broken_store(shape: Shape, num_blocks: usize) -> BlockStore {
        let mut store = BlockStore::new(shape);
        store.grow(num_blocks).expect("memory");
        store.blocks.iter_mut().for_each(|block| block.fill(f32::NAN));
        store
    }

    #[test]
    fn attention_is_that_of_its_definition_bit_for_bit_however_it_is_cut() {
        for (heads, num_kv_heads, head_dim) in [(4, 2, 12), (8, 2, 32), (10, 2, 64), (3, 3, 80), (16, 1, 16)] {
            let shape = Shape { num_layers: 2, num_kv_heads, head_dim };
            let lengths = [1, 16, 17, 45, 512, 515, 700];
            let mut store = broken_store(shape, 3 * 44);
            let (alone, two) = (Threads::new(1), Threads::new(3));
            for (salt, length) in lengths.into_iter().enumerate() {
                let case = Case::new(salt, length, salt as u32 % 3, &shape, heads);
                case.write(&mut store, 1);
                let whole = case.attend(&store, 0, length, heads, &two);
                assert_eq!(bits(&whole), bits(&case.attend(&store, 0, length, heads, &alone)));
                let width = heads * head_dim;
                for at in [0, length / 2, length - 1] {
                    let expected = case.expected(at, heads, &shape);
                    for (found, expected) in whole[at * width..].iter().zip(expected) {
                        assert!((f64::from(*found) - expected).abs() < 3e-6, "{heads} {head_dim} {length} {at}");
                    }
                    let one = case.attend(&store, at, at + 1, heads, &two);
                    assert_eq!(bits(&one), bits(&whole[at * width..][..width]), "{heads} {head_dim} {length} {at}");
                }
                let pieces = [0, length / 3, length / 2 + 1, length];
                let pieces = pieces.windows(2).filter(|ends| ends[0] < ends[1]);
                let pieces: Vec<f32> =
                    pieces.flat_map(|ends| case.attend(&store, ends[0], ends[1], heads, &two)).collect();
                assert_eq!(bits(&pieces), bits(&whole), "{heads} {head_dim} {length}");
            }
        }
    }

    #[test]
    fn sequences_of_a_pass_do_not_see_each_other() {
        let shape = Shape { num_layers: 2, num_kv_heads: 2, head_dim: 24 };
        let (heads, width) = (6, 6 * 24);
        let mut store = broken_store(shape, 3 * 12);
        let cases: Vec<Case> = [40, 7, 190]
            .into_iter()
            .enumerate()
            .map(|(at, length)| Case::new(at, length, at as u32, &shape, heads))
            .collect();
        cases.iter().for_each(|case| case.write(&mut store, 1));
        let threads = Threads::new(2);
        let parts = [(0usize, 39usize, 40usize), (1, 0, 7), (2, 120, 190)];
        let alone: Vec<f32> =
            parts.iter().flat_map(|&(at, start, end)| cases[at].attend(&store, start, end, heads, &threads)).collect();
        let query: Vec<f32> =
            parts.iter().flat_map(|&(at, start, end)| cases[at].query[start * width..end * width].to_vec()).collect();
        let sequences =
            parts.map(|(at, start, end)| Attending { table: &cases[at].table, start, num_rows: end - start });
        let mut together = vec![0.0; alone.len()];
        store.attend(1, &sequences, rows(&query, width), &mut together, &threads);
        assert_eq!(bits(&alone), bits(&together));
    }

    #[test]
    fn sequences_that_begin_with_the_same_blocks_attend_as_each_does_alone() {
        for (heads, num_kv_heads, head_dim) in [(4, 2, 24), (8, 1, 16), (6, 3, 40), (10, 2, 64)] {
            let shape = Shape { num_layers: 2, num_kv_heads, head_dim };
            let (width, kv_width) = (heads * head_dim, num_kv_heads * head_dim);
            for num_common in [1, 3, 32, 35] {
                let shared = num_common * BLOCK_TOKENS;
                // The third is another sequence, and the sixth ends within the last block that it shares.
                let lengths = [shared + 1, shared + 40, 33, shared + 3, shared + 530, shared - 5, shared + 16];
                let first = Case::new(0, lengths[0], 0, &shape, heads);
                let mut next_block = num_common as u32;
                let mut case = |(number, length): (usize, usize)| {
                    let mut case = Case::new(number, length, 0, &shape, heads);
                    let num_shared = if number == 2 { 0 } else { shared.min(length) };
                    case.key[..num_shared * kv_width].copy_from_slice(&first.key[..num_shared * kv_width]);
                    case.value[..num_shared * kv_width].copy_from_slice(&first.value[..num_shared * kv_width]);
                    let num_own = length.div_ceil(BLOCK_TOKENS) - num_shared.div_ceil(BLOCK_TOKENS);
                    let own = next_block..next_block + num_own as u32;
                    next_block = own.end;
                    case.table = (0..num_shared.div_ceil(BLOCK_TOKENS) as u32).chain(own).collect();
                    case
                };
                let cases: Vec<Case> = lengths.into_iter().enumerate().map(&mut case).collect();
                let mut store = broken_store(shape, next_block as usize);
                cases.iter().for_each(|case| case.write(&mut store, 1));
                let last = |case: &Case| case.query.len() / width - 1;
                let alone = |case: &Case| case.attend(&store, last(case), last(case) + 1, heads, &Threads::new(1));
                let expected: Vec<f32> = cases.iter().flat_map(alone).collect();
                let query: Vec<f32> = cases.iter().flat_map(|case| case.query[last(case) * width..].to_vec()).collect();
                let sequences: Vec<Attending<'_>> =
                    cases.iter().map(|case| Attending { table: &case.table, start: last(case), num_rows: 1 }).collect();
                for num_threads in [1, 3] {
                    let mut together = vec![0.0; expected.len()];
                    let threads = Threads::new(num_threads);
                    store.attend(1, &sequences, rows(&query, width), &mut together, &threads);
                    assert_eq!(bits(&together), bits(&expected), "{heads} {head_dim} {num_common} {num_threads}");
                }
            }
        }
    }

    #[test]
    fn a_block_is_copied_whole_and_a_row_without_a_place_is_left_out() {
        let shape = Shape { num_layers: 2, num_kv_heads: 1, head_dim: 16 };
        let mut store = BlockStore::new(shape);
        store.grow(5).expect("memory");
        let mut case = Case::new(1, 20, 0, &shape, 2);
        case.write(&mut store, 1);
        let whole = case.attend(&store, 0, 20, 2, &Threads::new(1));
        store.copy(0, 2); // the second of its blocks
        store.copy(4, 0); // zeros
        assert_ne!(bits(&case.attend(&store, 19, 20, 2, &Threads::new(1))), bits(&whole[19 * 32..]));
        case.table = vec![3, 2];
        let ones = [1.0; 16];
        store.write(1, &[None], rows(&ones, 16), rows(&ones, 16));
        assert_eq!(bits(&case.attend(&store, 0, 20, 2, &Threads::new(1))), bits(&whole));
    }

    /// What is rotated by an angle at a time, by its definition.
    #[test]
    fn new_rows_are_normed_rotated_and_written_to_their_blocks() {
        let shape = Shape { num_layers: 2, num_kv_heads: 2, head_dim: 20 };
        let (heads, dim, num_rows) = (4, 20, 23);
        let widths = [heads * dim, 2 * dim, 2 * dim];
        let width: usize = widths.iter().sum();
        let plain = numbers(7, num_rows * width);
        let mut qkv = Panels::default();
        qkv.fill(&plain, width);
        let angles: Vec<f32> = numbers(8, num_rows * dim / 2).iter().map(|number| 3.0 * number).collect();
        let [cos, sin] = [f32::cos, f32::sin].map(|of| angles.iter().map(|angle| of(*angle)).collect::<Vec<_>>());
        let norms = [9, 10].map(|salt| numbers(salt, dim));
        // Rows 0 to 8 are one sequence's, 2 of them cached; the others are sequences of one token or more.
        let block = |row: usize| match row {
            0..9 => Some(Place { block: 5, offset: 3 + row }).filter(|_| row >= 2),
            9..13 => Some(Place { block: 2, offset: row }),
            _ => Some(Place { block: row as u32 - 6, offset: row % 16 }),
        };
        let places: Vec<Option<Place>> = (0..num_rows).map(block).collect();
        for norms in [None, Some([norms[0].as_slice(), norms[1].as_slice()])] {
            let changed = |row: usize, place: usize| -> Vec<f32> {
                let begin = row * width + widths[..place].iter().sum::<usize>();
                let heads = plain[begin..][..widths[place]].chunks(dim);
                let head = |head: &[f32]| {
                    let mut head = head.to_vec();
                    if let Some(norms) = norms {
                        let mean = head.iter().map(|number| number * number).sum::<f32>() / dim as f32;
                        let scaled = head.iter().zip(norms[place]).map(|(x, weight)| x / (mean + 0.1).sqrt() * weight);
                        head = scaled.collect();
                    }
                    let turned = |at: usize| {
                        let angle = angles[row * dim / 2 + at % (dim / 2)];
                        let other = head[(at + dim / 2) % dim];
                        head[at] * angle.cos() + if at < dim / 2 { -other } else { other } * angle.sin()
                    };
                    (0..dim).map(turned).collect::<Vec<f32>>()
                };
                heads.flat_map(head).collect()
            };
            let of_rows = |of: &dyn Fn(usize) -> Vec<f32>| (0..num_rows).flat_map(of).collect::<Vec<f32>>();
            let values = of_rows(&|row| plain[(row + 1) * width - widths[2]..][..widths[2]].to_vec());
            let keys = of_rows(&|row| changed(row, 1));
            let mut expected = broken_store(shape, 20);
            expected.write(1, &places, rows(&keys, widths[1]), rows(&values, widths[2]));
            for num_threads in [1, 3] {
                let mut store = broken_store(shape, 20);
                let mut query = vec![0.0; num_rows * widths[0]];
                let new = NewRows { qkv: &qkv, places: &places, rotation: [&cos, &sin], norms, eps: 0.1 };
                store.take_in(1, new, &mut query, &Threads::new(num_threads));
                let written = store.blocks.iter().flatten().zip(expected.blocks.iter().flatten());
                for (found, expected) in query.iter().zip(&of_rows(&|row| changed(row, 0))).chain(written) {
                    let is_equal = (found - expected).abs() < 1e-5 || found.is_nan() && expected.is_nan();
                    assert!(is_equal, "{found}, not {expected}");
                }
            }
        }
    }
}
