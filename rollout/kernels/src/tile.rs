//! Some queries of one head that attend together, so that a key that is read serves all of them.
//!
//! The softmax is computed as the tokens go by, a stretch at a time, with the largest score so far (Milakov and
//! Gimelshein 2018, arXiv 1805.02867). Stretches begin at multiples of their length from the sequence's beginning; so a
//! query's sums have an order that depends on its place alone. A token that a query does not see weighs 0 and is added
//! as such, which changes no bit.
//!
//! Queries may be those of several sequences whose first blocks are the same ones: there they attend together, and
//! behind them each sequence's on their own (Hydragen, arXiv 2402.05099, has the former for the whole prefix).

use std::ops::Range;

use crate::lanes::{Lanes, WIDTH};
use crate::layout::{BLOCK_TOKENS, Head};

/// Blocks, and tokens, of a stretch.
const STRETCH_BLOCKS: usize = 32;
const STRETCH: usize = STRETCH_BLOCKS * BLOCK_TOKENS;
/// Most queries of a tile on any processor.
pub(crate) const MOST_QUERIES: usize = 12;
/// Keys or values of so many blocks are fetched from memory ahead of those that are computed with.
const AHEAD: usize = 4;

/// One query.
pub(crate) struct Query<'a> {
    pub(crate) numbers: &'a [f32],
    /// Tokens that it sees, from the sequence's beginning.
    pub(crate) num_seen: usize,
    /// Takes what comes of it.
    pub(crate) attended: &'a mut [f32],
}

/// A sequence that has queries in a tile.
#[derive(Clone, Copy)]
pub(crate) struct Sequence<'a> {
    /// Its blocks, in its order.
    pub(crate) table: &'a [u32],
    pub(crate) num_queries: usize,
}

/// Memory that a thread computes in.
#[derive(Default)]
pub(crate) struct Scratch {
    /// `[head_dim, queries]` of each span, scaled.
    queries: Vec<f32>,
    /// Scores of a stretch and then weights, a row for each query.
    weights: Vec<[f32; STRETCH]>,
    /// `[queries, value_lanes]`
    sums: Vec<[f32; WIDTH]>,
    spans: Vec<Span>,
    /// What a tile reads, in its order.
    units: Vec<Unit>,
}

/// Queries that attend to the same blocks.
struct Span {
    queries: Range<usize>,
    /// Number of a sequence whose table has the blocks, and their places in it.
    sequence: usize,
    blocks: Range<usize>,
    /// Place of the scaled queries.
    scaled: usize,
}

impl Span {
    /// Places in the table of its blocks in a stretch.
    fn blocks_in(&self, stretch: usize) -> Range<usize> {
        let begin = stretch * STRETCH_BLOCKS;
        let (start, end) = (self.blocks.start.max(begin), self.blocks.end.min(begin + STRETCH_BLOCKS));
        if start < end { start..end } else { 0..0 }
    }
}

/// The keys of a block, or its values.
#[derive(Clone, Copy)]
struct Unit {
    block: u32,
    is_values: bool,
}

/// What is read, of which the later part is fetched ahead.
struct Reading<'a> {
    head: Head<'a>,
    /// Whose units are read behind this head's.
    next: Head<'a>,
    units: &'a [Unit],
    at: usize,
}

impl<'a> Reading<'a> {
    /// What is to be fetched while the next unit is computed with, `[tokens, value_lanes]` lines.
    #[inline(always)]
    fn ahead(&mut self) -> &'a [[f32; WIDTH]] {
        let place = self.at + AHEAD;
        self.at += 1;
        match self.units.get(place) {
            Some(unit) => self.head.lines(unit.block, unit.is_values),
            None => {
                let unit = self.units[(place - self.units.len()).min(self.units.len() - 1)];
                self.next.lines(unit.block, unit.is_values)
            }
        }
    }
}

/// Calls a function of as many queries as there are.
macro_rules! with_queries {
    ($number:expr, $function:ident::<L, N>($($argument:expr),* $(,)?)) => {
        match $number {
            1 => $function::<L, 1>($($argument),*),
            2 => $function::<L, 2>($($argument),*),
            3 => $function::<L, 3>($($argument),*),
            4 => $function::<L, 4>($($argument),*),
            5 => $function::<L, 5>($($argument),*),
            6 => $function::<L, 6>($($argument),*),
            7 => $function::<L, 7>($($argument),*),
            8 => $function::<L, 8>($($argument),*),
            9 => $function::<L, 9>($($argument),*),
            10 => $function::<L, 10>($($argument),*),
            11 => $function::<L, 11>($($argument),*),
            _ => $function::<L, 12>($($argument),*),
        }
    };
}

/// Attends with any number of queries of one head and sequence, or with a tile's of several sequences, whose first
/// `num_common` blocks are the same. `next` is the head of the same sequences that is computed next.
#[inline(always)]
pub(crate) fn attend_with<L: Lanes>(
    [head, next]: [Head<'_>; 2],
    sequences: &[Sequence<'_>],
    queries: &mut [Query<'_>],
    num_common: usize,
    scratch: &mut Scratch,
) {
    const { assert!(L::MOST_QUERIES <= MOST_QUERIES) };
    for tile in queries.chunks_mut(L::MOST_QUERIES) {
        scratch.spans.clear();
        if sequences.len() == 1 {
            scratch.spans.push(Span { queries: 0..tile.len(), sequence: 0, blocks: 0..num_blocks(tile), scaled: 0 });
        } else {
            let common = Span { queries: 0..tile.len(), sequence: 0, blocks: 0..num_common, scaled: 0 };
            scratch.spans.push(common);
            let mut first = 0;
            for (sequence, &Sequence { num_queries, .. }) in sequences.iter().enumerate() {
                let queries = first..first + num_queries;
                let blocks = num_common..num_blocks(&tile[queries.clone()]);
                let scaled = (tile.len() + first) * head.shape.head_dim;
                first = queries.end;
                scratch.spans.push(Span { queries, sequence, blocks, scaled });
            }
        }
        attend_tile::<L>([head, next], sequences, tile, scratch);
    }
}

/// Blocks that some queries see.
fn num_blocks(queries: &[Query<'_>]) -> usize {
    num_seen(queries).div_ceil(BLOCK_TOKENS)
}

fn num_seen(queries: &[Query<'_>]) -> usize {
    queries.iter().map(|query| query.num_seen).max().unwrap_or(0)
}

#[inline(always)]
fn attend_tile<L: Lanes>(
    [head, next]: [Head<'_>; 2],
    sequences: &[Sequence<'_>],
    queries: &mut [Query<'_>],
    scratch: &mut Scratch,
) {
    let lanes = head.shape.value_lanes();
    let Scratch { queries: scaled, weights, sums, spans, units } = scratch;
    scale_queries(spans, queries, head.shape.head_dim, scaled);
    weights.resize(MOST_QUERIES, [0.0; STRETCH]);
    sums.clear();
    sums.resize(queries.len() * lanes, [0.0; WIDTH]);
    let (mut largest, mut totals) = ([f32::NEG_INFINITY; MOST_QUERIES], [0.0; MOST_QUERIES]);
    let num_stretches = num_seen(queries).div_ceil(STRETCH);
    units.clear();
    for stretch in 0..num_stretches {
        for is_values in [false, true] {
            for span in &*spans {
                let blocks = &sequences[span.sequence].table[span.blocks_in(stretch)];
                units.extend(blocks.iter().map(|&block| Unit { block, is_values }));
            }
        }
    }
    let mut reading = Reading { head, next, units, at: 0 };
    let own_spans = &spans[usize::from(sequences.len() > 1)..]; // behind that of what several have in common
    for stretch in 0..num_stretches {
        let (begin, first_block) = (stretch * STRETCH, stretch * STRETCH_BLOCKS);
        for span in &*spans {
            let (blocks, number) = (span.blocks_in(stretch), span.queries.len());
            let place = blocks.start.saturating_sub(first_block);
            let scaled = &scaled[span.scaled..][..number * head.shape.head_dim];
            let rows = &mut weights[span.queries.clone()];
            let blocks = &sequences[span.sequence].table[blocks];
            with_queries!(number, score::<L, N>(head, blocks, place, scaled, rows, &mut reading));
        }
        for span in own_spans {
            let num_blocks = span.blocks.end.saturating_sub(first_block).min(STRETCH_BLOCKS);
            for place in span.queries.clone() {
                let (query, row) = (&queries[place], &mut weights[place]);
                let tokens = num_blocks * BLOCK_TOKENS;
                row[query.num_seen.saturating_sub(begin).min(tokens)..tokens].fill(f32::NEG_INFINITY);
                let row = &mut row.as_chunks_mut::<WIDTH>().0[..num_blocks];
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
        }
        for span in &*spans {
            let (blocks, number) = (span.blocks_in(stretch), span.queries.len());
            let num_seen = num_seen(&queries[span.queries.clone()]);
            let num_tokens = num_seen.saturating_sub(blocks.start * BLOCK_TOKENS).min(blocks.len() * BLOCK_TOKENS);
            let place = blocks.start.saturating_sub(first_block);
            let blocks = &sequences[span.sequence].table[blocks];
            let weighing = Weighing { head, blocks, num_tokens, place };
            let sums = &mut sums[span.queries.start * lanes..][..number * lanes];
            let rows = &weights[span.queries.clone()];
            with_queries!(number, weigh_lanes::<L, N>(weighing, rows, sums, &mut reading));
        }
    }
    for (place, query) in queries.iter_mut().enumerate() {
        let row = sums[place * lanes..][..lanes].as_flattened();
        for (attended, sum) in query.attended.iter_mut().zip(row) {
            *attended = sum / totals[place];
        }
    }
}

/// The queries of each span by their dimension, `[head_dim, queries]`, scaled so that powers of two are those of e.
#[inline(always)]
fn scale_queries(spans: &[Span], queries: &[Query<'_>], head_dim: usize, scaled: &mut Vec<f32>) {
    let scale = std::f32::consts::LOG2_E / (head_dim as f32).sqrt();
    let num_scaled: usize = spans.iter().map(|span| span.queries.len() * head_dim).sum();
    scaled.resize(num_scaled, 0.0);
    for span in spans {
        let number = span.queries.len();
        for (place, query) in queries[span.queries.clone()].iter().enumerate() {
            let scaled = scaled[span.scaled + place..].iter_mut().step_by(number);
            for (scaled, dimension) in scaled.zip(query.numbers) {
                *scaled = dimension * scale;
            }
        }
    }
}

/// Products of all queries with all keys of some blocks, whose scores begin at the `place`-th of a stretch.
#[inline(always)]
fn score<L: Lanes, const N: usize>(
    head: Head<'_>,
    blocks: &[u32],
    mut place: usize,
    scaled: &[f32],
    scores: &mut [[f32; STRETCH]],
    reading: &mut Reading<'_>,
) {
    let scores: &mut [[f32; STRETCH]; N] = scores.first_chunk_mut().expect("a row of scores a query");
    let (pairs, last) = if L::BLOCKS == 2 { blocks.as_chunks::<2>() } else { ([].as_slice(), blocks) };
    for pair in pairs {
        score_blocks::<L, N, 2>(head, pair, place, scaled, scores, reading);
        place += 2;
    }
    for block in last {
        score_blocks::<L, N, 1>(head, &[*block], place, scaled, scores, reading);
        place += 1;
    }
}

/// The same of `B` blocks.
#[inline(always)]
fn score_blocks<L: Lanes, const N: usize, const B: usize>(
    head: Head<'_>,
    blocks: &[u32; B],
    place: usize,
    scaled: &[f32],
    scores: &mut [[f32; STRETCH]; N],
    reading: &mut Reading<'_>,
) {
    let (scaled, _) = scaled.as_chunks::<N>();
    let keys = blocks.map(|block| &head.lines(block, false)[..scaled.len()]);
    let ahead = blocks.map(|_| &reading.ahead()[..scaled.len()]);
    let mut sums = [[L::splat(0.0); B]; N];
    for (dimension, numbers) in scaled.iter().enumerate() {
        let mut key = [L::splat(0.0); B];
        for block in 0..B {
            L::fetch(&ahead[block][dimension]);
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

/// Values that are weighed.
#[derive(Clone, Copy)]
struct Weighing<'a> {
    head: Head<'a>,
    blocks: &'a [u32],
    /// Tokens of the blocks that any query sees.
    num_tokens: usize,
    /// Place of the first block in the stretch.
    place: usize,
}

/// Adds the weighted values of some blocks to `sums` `[queries, value_lanes]`.
#[inline(always)]
fn weigh_lanes<L: Lanes, const N: usize>(
    weighing: Weighing<'_>,
    weights: &[[f32; STRETCH]],
    sums: &mut [[f32; WIDTH]],
    reading: &mut Reading<'_>,
) {
    let weights: &[[f32; STRETCH]; N] = weights.first_chunk().expect("a row of weights a query");
    let lanes = weighing.head.shape.value_lanes();
    let (mut lane, begin) = (0, reading.at);
    while lane < lanes {
        reading.at = begin;
        lane += match lanes - lane {
            4.. if N <= 2 => weigh::<L, N, 4>(weighing, lane, weights, sums, reading),
            2.. => weigh::<L, N, 2>(weighing, lane, weights, sums, reading),
            _ => weigh::<L, N, 1>(weighing, lane, weights, sums, reading),
        };
    }
}

/// The same of `W` registers of each value from `lane` on. Returns their number.
#[inline(always)]
fn weigh<L: Lanes, const N: usize, const W: usize>(
    weighing: Weighing<'_>,
    lane: usize,
    weights: &[[f32; STRETCH]; N],
    sums: &mut [[f32; WIDTH]],
    reading: &mut Reading<'_>,
) -> usize {
    let Weighing { head, blocks, num_tokens, place } = weighing;
    let lanes = head.shape.value_lanes();
    let mut own = [[L::splat(0.0); W]; N];
    for query in 0..N {
        for at in 0..W {
            own[query][at] = L::load(&sums[query * lanes + lane + at]);
        }
    }
    for (number, block) in blocks.iter().enumerate() {
        let begin = (place + number) * BLOCK_TOKENS;
        let values = head.lines(*block, true).chunks_exact(lanes).zip(reading.ahead().chunks_exact(lanes));
        for (token, (values, ahead)) in values.take(num_tokens - number * BLOCK_TOKENS).enumerate() {
            let values: &[[f32; WIDTH]; W] = values[lane..].first_chunk().expect("registers of a value");
            let ahead: &[[f32; WIDTH]; W] = ahead[lane..].first_chunk().expect("as many");
            let mut value = [L::splat(0.0); W];
            for at in 0..W {
                L::fetch(&ahead[at]);
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
