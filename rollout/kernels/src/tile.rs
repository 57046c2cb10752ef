//! Some queries of one head that attend together, so that a key that is read serves all of them.
//!
//! The softmax is computed as the tokens go by, a stretch at a time, with the largest score so far (Milakov and
//! Gimelshein 2018, arXiv 1805.02867). Stretches begin at multiples of their length from the sequence's beginning; so a
//! query's sums have an order that depends on its place alone. A token that a query does not see weighs 0 and is added
//! as such, which changes no bit.

use crate::lanes::{Lanes, WIDTH};
use crate::layout::{BLOCK_TOKENS, Head};

/// Blocks, and tokens, of a stretch.
const STRETCH_BLOCKS: usize = 32;
const STRETCH: usize = STRETCH_BLOCKS * BLOCK_TOKENS;
/// Most queries of a tile on any processor.
const MOST_QUERIES: usize = 8;

/// One query.
pub(crate) struct Query<'a> {
    pub(crate) numbers: &'a [f32],
    /// Tokens that it sees, from the sequence's beginning.
    pub(crate) num_seen: usize,
    /// Takes what comes of it.
    pub(crate) attended: &'a mut [f32],
}

/// Memory that a thread computes in.
#[derive(Default)]
pub(crate) struct Scratch {
    /// `[head_dim, queries]`, scaled.
    queries: Vec<f32>,
    /// Scores of a stretch and then weights, a row for each query.
    weights: Vec<[f32; STRETCH]>,
    /// `[queries, value_lanes]`
    sums: Vec<[f32; WIDTH]>,
}

/// Attends with any number of queries of one head and sequence.
#[inline(always)]
pub(crate) fn attend_with<L: Lanes>(head: Head<'_>, table: &[u32], queries: &mut [Query<'_>], scratch: &mut Scratch) {
    const { assert!(L::MOST_QUERIES <= MOST_QUERIES) };
    for tile in queries.chunks_mut(L::MOST_QUERIES) {
        match tile.len() {
            1 => attend_tile::<L, 1>(head, table, tile, scratch),
            2 => attend_tile::<L, 2>(head, table, tile, scratch),
            3 => attend_tile::<L, 3>(head, table, tile, scratch),
            4 => attend_tile::<L, 4>(head, table, tile, scratch),
            5 => attend_tile::<L, 5>(head, table, tile, scratch),
            6 => attend_tile::<L, 6>(head, table, tile, scratch),
            7 => attend_tile::<L, 7>(head, table, tile, scratch),
            _ => attend_tile::<L, 8>(head, table, tile, scratch),
        }
    }
}

#[inline(always)]
fn attend_tile<L: Lanes, const N: usize>(
    head: Head<'_>,
    table: &[u32],
    queries: &mut [Query<'_>],
    scratch: &mut Scratch,
) {
    let lanes = head.shape.value_lanes();
    let Scratch { queries: scaled, weights, sums } = scratch;
    scale_queries::<N>(queries, head.shape.head_dim, scaled);
    weights.resize(MOST_QUERIES, [0.0; STRETCH]);
    let weights: &mut [[f32; STRETCH]; N] = weights.first_chunk_mut().expect("as many rows as queries");
    sums.clear();
    sums.resize(N * lanes, [0.0; WIDTH]);
    let (mut largest, mut totals) = ([f32::NEG_INFINITY; N], [0.0; N]);
    let num_seen = queries.iter().map(|query| query.num_seen).max().unwrap_or(0);
    let table = &table[..num_seen.div_ceil(BLOCK_TOKENS)];
    for (stretch, blocks) in table.chunks(STRETCH_BLOCKS).enumerate() {
        let begin = stretch * STRETCH;
        score::<L, N>(head, &table[stretch * STRETCH_BLOCKS..], scaled, weights);
        for (place, query) in queries.iter().enumerate() {
            let row = &mut weights[place];
            let tokens = blocks.len() * BLOCK_TOKENS;
            row[query.num_seen.saturating_sub(begin).min(tokens)..tokens].fill(f32::NEG_INFINITY);
            let row = &mut row.as_chunks_mut::<WIDTH>().0[..blocks.len()];
            let most = largest_of::<L>(row, largest[place]);
            let kept = (largest[place] - most).exp2();
            totals[place] = totals[place] * kept + exponentials::<L>(row, most);
            largest[place] = most;
            if stretch > 0 {
                for sum in &mut sums[place * lanes..][..lanes] {
                    L::load(sum).mul(L::splat(kept)).store(sum);
                }
            }
        }
        let num_tokens = (num_seen - begin).min(STRETCH);
        let mut lane = 0;
        while lane < lanes {
            lane += match lanes - lane {
                4.. if N <= 2 => weigh::<L, N, 4>(head, blocks, num_tokens, lane, weights, sums),
                2.. => weigh::<L, N, 2>(head, blocks, num_tokens, lane, weights, sums),
                _ => weigh::<L, N, 1>(head, blocks, num_tokens, lane, weights, sums),
            };
        }
    }
    for (place, query) in queries.iter_mut().enumerate() {
        let row = sums[place * lanes..][..lanes].as_flattened();
        for (attended, sum) in query.attended.iter_mut().zip(row) {
            *attended = sum / totals[place];
        }
    }
}

/// Queries by their dimension `[head_dim, N]`, scaled so that powers of two are those of e.
#[inline(always)]
fn scale_queries<const N: usize>(queries: &[Query<'_>], head_dim: usize, scaled: &mut Vec<f32>) {
    let scale = std::f32::consts::LOG2_E / (head_dim as f32).sqrt();
    scaled.clear();
    scaled.resize(head_dim * N, 0.0);
    for (place, query) in queries.iter().enumerate() {
        for (dimension, number) in query.numbers.iter().enumerate() {
            scaled[dimension * N + place] = number * scale;
        }
    }
}

/// Products of all queries with all keys of a stretch, the first of `blocks`.
#[inline(always)]
fn score<L: Lanes, const N: usize>(head: Head<'_>, blocks: &[u32], scaled: &[f32], scores: &mut [[f32; STRETCH]; N]) {
    let num_blocks = blocks.len().min(STRETCH_BLOCKS);
    let mut place = 0;
    if L::BLOCKS == 2 {
        while place + 2 <= num_blocks {
            score_blocks::<L, N, 2>(head, blocks, scaled, scores, place);
            place += 2;
        }
    }
    while place < num_blocks {
        score_blocks::<L, N, 1>(head, blocks, scaled, scores, place);
        place += 1;
    }
}

/// The same of `B` blocks. Meanwhile their values come from memory, and the keys of as many blocks behind them.
#[inline(always)]
fn score_blocks<L: Lanes, const N: usize, const B: usize>(
    head: Head<'_>,
    blocks: &[u32],
    scaled: &[f32],
    scores: &mut [[f32; STRETCH]; N],
    place: usize,
) {
    let (scaled, _) = scaled.as_chunks::<N>();
    let (mut keys, mut values, mut next) = ([[].as_slice(); B], [[].as_slice(); B], [[].as_slice(); B]);
    for at in 0..B {
        let block = blocks[place + at];
        keys[at] = &head.keys(block)[..scaled.len()];
        values[at] = &head.values(block)[..scaled.len()];
        next[at] = &head.keys(*blocks.get(place + B + at).unwrap_or(&block))[..scaled.len()];
    }
    let mut sums = [[L::splat(0.0); B]; N];
    for (dimension, numbers) in scaled.iter().enumerate() {
        let mut key = [L::splat(0.0); B];
        for block in 0..B {
            L::fetch(&values[block][dimension]);
            L::fetch(&next[block][dimension]);
            key[block] = L::load(&keys[block][dimension]);
        }
        for query in 0..N {
            let number = L::splat(numbers[query]);
            for block in 0..B {
                sums[query][block] = number.mul_add(key[block], sums[query][block]);
            }
        }
    }
    for query in 0..N {
        let (rows, _) = scores[query].as_chunks_mut::<WIDTH>();
        for block in 0..B {
            sums[query][block].store(&mut rows[place + block]);
        }
    }
}

/// The largest of some scores and of `so_far`.
#[inline(always)]
fn largest_of<L: Lanes>(scores: &[[f32; WIDTH]], so_far: f32) -> f32 {
    let mut largest = L::splat(so_far);
    for scores in scores {
        largest = largest.max(L::load(scores));
    }
    largest.largest()
}

/// Makes weights of scores, powers of two from `most` down; returns their sum.
#[inline(always)]
fn exponentials<L: Lanes>(scores: &mut [[f32; WIDTH]], most: f32) -> f32 {
    let most = L::splat(most);
    let mut sum = L::splat(0.0);
    for scores in scores {
        let weights = L::load(scores).sub(most).exp2();
        weights.store(scores);
        sum = sum.add(weights);
    }
    sum.sum()
}

/// Adds the weighted values of some blocks' first `num_tokens` tokens to `sums`, `W` registers of each value from
/// `lane` on. Returns their number.
#[inline(always)]
fn weigh<L: Lanes, const N: usize, const W: usize>(
    head: Head<'_>,
    blocks: &[u32],
    num_tokens: usize,
    lane: usize,
    weights: &[[f32; STRETCH]; N],
    sums: &mut [[f32; WIDTH]],
) -> usize {
    let lanes = head.shape.value_lanes();
    let mut own = [[L::splat(0.0); W]; N];
    for query in 0..N {
        for at in 0..W {
            own[query][at] = L::load(&sums[query * lanes + lane + at]);
        }
    }
    for (place, block) in blocks.iter().enumerate() {
        let begin = place * BLOCK_TOKENS;
        let values = head.values(*block).chunks_exact(lanes).take(num_tokens - begin);
        for (token, values) in values.enumerate() {
            let values: &[[f32; WIDTH]; W] = values[lane..].first_chunk().expect("registers of a value");
            let mut value = [L::splat(0.0); W];
            for at in 0..W {
                value[at] = L::load(&values[at]);
            }
            for query in 0..N {
                let weight = L::splat(weights[query][begin + token]);
                for at in 0..W {
                    own[query][at] = weight.mul_add(value[at], own[query][at]);
                }
            }
        }
    }
    for query in 0..N {
        for at in 0..W {
            own[query][at].store(&mut sums[query * lanes + lane + at]);
        }
    }
    W
}
