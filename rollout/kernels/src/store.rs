//! The memory of blocks: each is one allocation with the keys and values of all layers, as `layout.rs` says.

use std::collections::TryReserveError;

use crate::attend::{Attending, attend};
use crate::element::{Element, NumbersMut, Rows};
use crate::lanes::WIDTH;
use crate::layout::{BLOCK_TOKENS, Shape};
use crate::threads::Threads;

/// Place of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its block.
    pub block: u32,
    /// Its number in the block.
    pub offset: usize,
}

/// Keys and values of blocks, by their numbers.
#[derive(Debug)]
pub struct BlockStore {
    shape: Shape,
    blocks: Blocks,
}

#[derive(Debug)]
enum Blocks {
    Float(Vec<Box<[f32]>>),
    BFloat16(Vec<Box<[u16]>>),
}

impl BlockStore {
    /// A store of float32 numbers without blocks.
    pub fn float(shape: Shape) -> Self {
        Self { shape, blocks: Blocks::Float(Vec::new()) }
    }

    /// A store of bfloat16 numbers without blocks. All is computed in float32; weights and what comes out are rounded.
    pub fn bfloat16(shape: Shape) -> Self {
        Self { shape, blocks: Blocks::BFloat16(Vec::new()) }
    }

    /// Number of blocks that there is memory for.
    pub fn num_blocks(&self) -> usize {
        match &self.blocks {
            Blocks::Float(blocks) => blocks.len(),
            Blocks::BFloat16(blocks) => blocks.len(),
        }
    }

    /// Makes it hold so many blocks, the new ones zero. It never shrinks.
    ///
    /// # Errors
    /// There is no memory for them.
    pub fn grow(&mut self, num_blocks: usize) -> Result<(), TryReserveError> {
        let len = self.shape.block_len();
        match &mut self.blocks {
            Blocks::Float(blocks) => grow(blocks, num_blocks, len),
            Blocks::BFloat16(blocks) => grow(blocks, num_blocks, len),
        }
    }

    /// Makes block `to` what block `from` is.
    pub fn copy(&mut self, from: u32, to: u32) {
        match &mut self.blocks {
            Blocks::Float(blocks) => copy(blocks, from, to),
            Blocks::BFloat16(blocks) => copy(blocks, from, to),
        }
    }

    /// Writes rows of keys and of values, `[kv_heads, head_dim]` each, at their places in a layer; a row without a
    /// place is left out.
    pub fn write(&mut self, layer: usize, places: &[Option<Place>], key: Rows<'_>, value: Rows<'_>) {
        match &mut self.blocks {
            Blocks::Float(blocks) => write(&self.shape, blocks, layer, places, [key, value]),
            Blocks::BFloat16(blocks) => write(&self.shape, blocks, layer, places, [key, value]),
        }
    }

    /// Rows of queries, `[heads, head_dim]`, attend to their sequences' keys and values in a layer; `attended`, as many
    /// rows without gaps between them, takes what comes of it. A key-value head serves `heads / kv_heads` heads that
    /// stand together.
    pub fn attend(
        &self,
        layer: usize,
        sequences: &[Attending<'_>],
        query: Rows<'_>,
        attended: NumbersMut<'_>,
        threads: &Threads,
    ) {
        match &self.blocks {
            Blocks::Float(blocks) => attend(&self.shape, blocks, layer, sequences, query, attended, threads),
            Blocks::BFloat16(blocks) => attend(&self.shape, blocks, layer, sequences, query, attended, threads),
        }
    }
}

fn grow<E: Element>(blocks: &mut Vec<Box<[E]>>, num_blocks: usize, len: usize) -> Result<(), TryReserveError> {
    blocks.try_reserve(num_blocks.saturating_sub(blocks.len()))?;
    while blocks.len() < num_blocks {
        let mut block = Vec::new();
        block.try_reserve_exact(len)?;
        block.resize(len, E::default());
        blocks.push(block.into_boxed_slice());
    }
    Ok(())
}

fn copy<E: Element>(blocks: &mut [Box<[E]>], from: u32, to: u32) {
    let [from, to] = blocks.get_disjoint_mut([from as usize, to as usize]).expect("a block is copied to another one");
    to.copy_from_slice(from);
}

fn write<E: Element>(
    shape: &Shape,
    blocks: &mut [Box<[E]>],
    layer: usize,
    places: &[Option<Place>],
    rows: [Rows<'_>; 2],
) {
    let head_dim = shape.head_dim;
    let [(keys, key_stride), (values, value_stride)] = rows.map(|rows| (E::of(rows.numbers), rows.stride));
    for (row, place) in places.iter().enumerate() {
        let Some(Place { block, offset }) = *place else { continue };
        let block = &mut blocks[block as usize];
        for kv_head in 0..shape.num_kv_heads {
            let key = &keys[row * key_stride + kv_head * head_dim..][..head_dim];
            let value = &values[row * value_stride + kv_head * head_dim..][..head_dim];
            let head = &mut block[shape.head_at(layer, kv_head)..][..shape.head_len()];
            let (head_keys, head_values) = head.split_at_mut(BLOCK_TOKENS * head_dim);
            for (number, tokens) in key.iter().zip(head_keys.chunks_exact_mut(BLOCK_TOKENS)) {
                tokens[offset] = *number;
            }
            head_values[offset * shape.value_lanes() * WIDTH..][..head_dim].copy_from_slice(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::element::Numbers;

    /// Any numbers, the same for the same place.
    fn number(salt: usize, at: usize) -> f32 {
        let mixed = (at as u32).wrapping_mul(2_654_435_761).wrapping_add(salt as u32 * 40_503) >> 8;
        (mixed % 2001) as f32 / 1000.0 - 1.0
    }

    fn numbers(salt: usize, len: usize) -> Vec<f32> {
        (0..len).map(|at| number(salt, at)).collect()
    }

    fn rows(numbers: &[f32], stride: usize) -> Rows<'_> {
        Rows { numbers: Numbers::Float(numbers), stride }
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
            store.attend(1, &[tokens], query, NumbersMut::Float(&mut attended), threads);
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
        let mut store = BlockStore::float(shape);
        store.grow(num_blocks).expect("memory");
        let Blocks::Float(blocks) = &mut store.blocks else { unreachable!("a store of float32") };
        blocks.iter_mut().for_each(|block| block.fill(f32::NAN));
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
        store.attend(1, &sequences, rows(&query, width), NumbersMut::Float(&mut together), &threads);
        assert_eq!(bits(&alone), bits(&together));
    }

    #[test]
    fn bfloat16_is_read_as_it_is_and_computed_in_float32() {
        let shape = Shape { num_layers: 2, num_kv_heads: 2, head_dim: 40 };
        let heads = 4;
        let rounded = |numbers: &mut Vec<f32>| -> Vec<u16> {
            let short: Vec<u16> = numbers.iter().map(|number| u16::of_float(*number)).collect();
            *numbers = short.iter().map(|number| number.to_float()).collect();
            short
        };
        let mut case = Case::new(5, 150, 0, &shape, heads);
        let [key, value, query] = [&mut case.key, &mut case.value, &mut case.query].map(rounded);
        let (mut long, mut short) = (broken_store(shape, 30), BlockStore::bfloat16(shape));
        short.grow(30).expect("memory");
        case.write(&mut long, 1);
        let place = |token| Some(Place { block: case.table[token / BLOCK_TOKENS], offset: token % BLOCK_TOKENS });
        let places: Vec<Option<Place>> = (0..150).map(place).collect();
        let rows = |numbers, stride| Rows { numbers: Numbers::BFloat16(numbers), stride };
        short.write(1, &places, rows(&key, 80), rows(&value, 80));
        let threads = Threads::new(1);
        let expected = case.attend(&long, 0, 150, heads, &threads);
        let mut attended = vec![0; expected.len()];
        let tokens = Attending { table: &case.table, start: 0, num_rows: 150 };
        short.attend(1, &[tokens], rows(&query, 160), NumbersMut::BFloat16(&mut attended), &threads);
        for (found, expected) in attended.iter().zip(&expected) {
            // Each weight and the result are rounded to 8 bits; values lie between -1 and 1.
            assert!((found.to_float() - expected).abs() <= 1.0 / 256.0, "{} {expected}", found.to_float());
        }
    }

    #[test]
    fn a_block_is_copied_whole_and_a_row_without_a_place_is_left_out() {
        let shape = Shape { num_layers: 2, num_kv_heads: 1, head_dim: 16 };
        let mut store = BlockStore::float(shape);
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
}
