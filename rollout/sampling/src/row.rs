//! One row of logits to one token, by the inverse of the cumulative distribution.
//!
//! The token is the first whose cumulative weight exceeds the row's uniform number times the total. Weights are
//! float32, e to the power (logit - largest) / temperature; their sums are float64 and in the order of the ids. Without
//! a filter a row is read twice, for its largest logit and for its sums, and a block once more, the one that the token
//! is in.
//! This file must not know where the uniform numbers come from, nor which row belongs to which task.

use kernels::Threads;

use crate::adjustment::Adjustment;
use crate::distribution::Distribution;
use crate::kept::{Kept, block_above, first_above};
use crate::passes::{BLOCK, Mass, Maxima, Scale, masses, maxima, weights};
use crate::token::{SampledToken, TokenLogprob};

/// A row of logits, and what is asked of it.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// A logit for each token.
    pub logits: &'a [f32],
    /// What the token is drawn from.
    pub distribution: Distribution,
    /// At most one for each token.
    pub adjustments: &'a [Adjustment],
    /// In `[0, 1)`: decides the token.
    pub uniform: f64,
    /// As many of the likeliest tokens are told with their logprobs.
    pub top_logprobs: usize,
    /// True where the ids of the tokens that could be drawn are told.
    pub wants_kept: bool,
}

/// Memory that a thread keeps from row to row.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    pub(crate) maxima: Vec<Maxima>,
    pub(crate) masses: Vec<Mass>,
    pub(crate) adjusted: Vec<f32>,
    kept: Kept,
}

/// Draws the row's token. The passes over the row are shared by `threads`.
pub(crate) fn draw(row: &Row<'_>, scratch: &mut Scratch, threads: &Threads) -> SampledToken {
    let Scratch { maxima, masses, adjusted, kept } = scratch;
    let raw_largest = largest(row.logits, maxima, threads);
    if !raw_largest.is_finite() {
        return without_token(f32::NAN, f32::NAN);
    }
    let likeliest = match row.top_logprobs {
        0 => Vec::new(),
        count => likeliest(row.logits, kept.likeliest(row.logits, maxima, count), count),
    };
    let temperature = match row.distribution.temperature {
        0.0 => 1.0,
        temperature => temperature,
    };
    let mut scale = Scale { largest: raw_largest, inverse: (1.0 / temperature) as f32 };
    let (logits, raw_total) = if row.adjustments.is_empty() {
        (row.logits, None)
    } else {
        let raw = sums(row.logits, Scale { inverse: 1.0, ..scale }, masses, threads).raw;
        adjusted.clear();
        adjusted.extend_from_slice(row.logits);
        for adjustment in row.adjustments {
            let logit = &mut adjusted[adjustment.id as usize];
            *logit = adjustment.of(*logit);
        }
        scale.largest = largest(adjusted, maxima, threads);
        (adjusted.as_slice(), Some(raw))
    };
    let sums = sums(logits, scale, masses, threads);
    let raw_normaliser = f64::from(raw_largest) + raw_total.unwrap_or(sums.raw).ln();
    let raw_logprob = |id: u32| (f64::from(row.logits[id as usize]) - raw_normaliser) as f32;
    if !scale.largest.is_finite() {
        return without_token(raw_logprob(0), f32::NEG_INFINITY);
    }
    let drawn = match row.distribution.temperature {
        0.0 => Choice::likeliest(logits, maxima, scale.largest),
        _ if row.distribution.has_filter() || row.wants_kept => {
            kept.find(logits, maxima, scale, &row.distribution);
            let total = kept.total();
            Choice { id: kept.first_above(total * row.uniform), total }
        }
        _ => Choice::among_all(logits, scale, masses, row.uniform),
    };
    let logit = logits[drawn.id as usize];
    let is_greedy = row.distribution.temperature == 0.0;
    SampledToken {
        id: drawn.id,
        rollout_logprob: if is_greedy { 0.0 } else { drawn_logprob(logit, scale.largest, temperature, drawn.total) },
        raw_logprob: raw_logprob(drawn.id),
        entropy: (sums.scaled.ln() - sums.weighted / sums.scaled) as f32,
        top_logprobs: likeliest.iter().map(|&id| TokenLogprob { id, logprob: raw_logprob(id) }).collect(),
        kept_ids: match () {
            () if !row.wants_kept => Vec::new(),
            () if is_greedy => vec![drawn.id],
            () => kept.ids(),
        },
    }
}

/// The logprob of a token with this logit, which was drawn among tokens of this total weight.
pub(crate) fn drawn_logprob(logit: f32, largest: f32, temperature: f64, total: f64) -> f32 {
    ((f64::from(logit) - f64::from(largest)) / temperature - total.ln()) as f32
}

fn without_token(raw_logprob: f32, rollout_logprob: f32) -> SampledToken {
    let (top_logprobs, kept_ids) = (Vec::new(), Vec::new());
    SampledToken { id: 0, rollout_logprob, raw_logprob, entropy: f32::NAN, top_logprobs, kept_ids }
}

/// A token, and the weight of all that it was drawn from.
struct Choice {
    id: u32,
    total: f64,
}

impl Choice {
    /// The first of the largest logits.
    fn likeliest(logits: &[f32], maxima: &[Maxima], largest: f32) -> Self {
        let block = maxima.iter().position(|lanes| lanes.contains(&largest)).unwrap_or(0);
        let start = block * BLOCK;
        let within = logits[start..].iter().position(|&logit| logit == largest).unwrap_or(0);
        Self { id: (start + within) as u32, total: 1.0 }
    }

    /// By the masses of a row's blocks, and the weights within one.
    fn among_all(logits: &[f32], scale: Scale, masses: &[Mass], uniform: f64) -> Self {
        let total: f64 = masses.iter().map(|mass| mass.scaled).sum();
        let target = total * uniform;
        let (block, before) = block_above(masses.iter().map(|mass| mass.scaled), target);
        let start = block * BLOCK;
        let logits = &logits[start..logits.len().min(start + BLOCK)];
        let mut of_block = [0f32; BLOCK];
        weights(logits, scale, &mut of_block[..logits.len()]);
        let place = first_above(&of_block[..logits.len()], before, target);
        Self { id: (start + place) as u32, total }
    }
}

/// Of the places of the likeliest tokens as many as asked for, the likeliest first.
fn likeliest(logits: &[f32], places: &[u32], count: usize) -> Vec<u32> {
    let mut ids = places.to_vec();
    ids.sort_by(|&left, &right| logits[right as usize].total_cmp(&logits[left as usize]));
    ids.truncate(count);
    ids
}

/// The largest logit; not a number where one is none.
pub(crate) fn largest(logits: &[f32], blocks: &mut Vec<Maxima>, threads: &Threads) -> f32 {
    blocks.resize(logits.len().div_ceil(BLOCK), Default::default());
    let are_numbers = in_parts(logits, blocks, threads, maxima);
    let largest = blocks.as_flattened().iter().copied().fold(f32::NEG_INFINITY, f32::max);
    if are_numbers.into_iter().all(|are_numbers| are_numbers) { largest } else { f32::NAN }
}

/// The sums over a row, whose blocks' are left in `blocks`.
pub(crate) fn sums(logits: &[f32], scale: Scale, blocks: &mut Vec<Mass>, threads: &Threads) -> Mass {
    blocks.resize(logits.len().div_ceil(BLOCK), Mass::default());
    in_parts(logits, blocks, threads, |logits, blocks| masses(logits, scale, blocks));
    blocks.iter().fold(Mass::default(), |sum, block| Mass {
        scaled: sum.scaled + block.scaled,
        weighted: sum.weighted + block.weighted,
        raw: sum.raw + block.raw,
    })
}

/// Does a pass over a row in as many parts as there are threads, each of whole blocks.
fn in_parts<B: Send, R: Send>(
    logits: &[f32],
    blocks: &mut [B],
    threads: &Threads,
    pass: impl Fn(&[f32], &mut [B]) -> R + Sync,
) -> Vec<R> {
    let num_blocks = blocks.len().div_ceil(threads.num_threads()).max(1);
    let mut results: Vec<Option<R>> = Vec::new();
    let parts = logits.chunks(num_blocks * BLOCK).zip(blocks.chunks_mut(num_blocks));
    results.resize_with(parts.len(), || None);
    let parts: Vec<_> = parts.zip(&mut results).collect();
    threads.run(parts, || (), |((logits, blocks), result), ()| *result = Some(pass(logits, blocks)));
    results.into_iter().flatten().collect()
}
