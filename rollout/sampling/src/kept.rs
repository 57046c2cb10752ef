//! The tokens that top-k, top-p and min-p leave, each seeing what the one before it left, as in transformers'
//! `generate`.
//!
//! Nothing is sorted but the few tokens around a border. Top-k takes the k-th largest of the lanes' maxima as a bound
//! that at least k logits reach, and selects among those. Top-p (Holtzman et al., arXiv 1904.09751) keeps the shortest
//! row of the likeliest tokens, of equal ones those with the lower ids, whose mass reaches p; the interval of logits
//! that holds its border is cut until few tokens lie in it. Min-p (arXiv 2407.01082) keeps tokens at least p times as
//! likely as the likeliest. A token that is dropped has no weight.

use std::cmp::Ordering;

use crate::distribution::Distribution;
use crate::passes::{BLOCK, Maxima, Scale, drop_below, drop_lighter, places_between, totals, weight_above, weights};

/// As many tokens around top-p's border are sorted, or fewer.
const FEW: usize = 128;

/// The kept tokens of a row, and memory for finding them.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    /// Ids of the tokens that top-k left, in order; `None` where it left all.
    ids: Option<Vec<u32>>,
    /// Of each of these e to the power of its scaled logit, 0 where it was dropped since.
    weights: Vec<f32>,
    /// Sums of the weights of each block.
    totals: Vec<f64>,
    logits: Vec<f32>,
    places: Vec<u32>,
    values: Vec<f32>,
}

impl Kept {
    /// Finds the tokens that the filters leave of a row, of whose blocks the maxima are known.
    pub(crate) fn find(&mut self, row: &[f32], maxima: &[Maxima], scale: Scale, filters: &Distribution) {
        let Distribution { top_k, top_p, min_p, .. } = *filters;
        let mut logits = row;
        self.ids = None;
        if top_k > 0 && top_k < row.len() {
            self.likeliest(row, maxima, top_k);
            self.ids = Some(self.places.clone());
            self.logits.clear();
            self.logits.extend(self.places.iter().map(|&place| row[place as usize]));
            logits = &self.logits;
        }
        self.weights.resize(logits.len(), 0.0);
        weights(logits, scale, &mut self.weights);
        if top_p < 1.0 {
            Border::of_top_p(logits, &self.weights, scale, top_p, &mut self.places).apply(logits, &mut self.weights);
        }
        if min_p > 0.0 {
            let least = min_p as f32;
            drop_lighter(&mut self.weights, if f64::from(least) < min_p { least.next_up() } else { least });
        }
        self.totals.resize(self.weights.len().div_ceil(BLOCK), 0.0);
        totals(&self.weights, &mut self.totals);
    }

    /// The weight of all kept tokens.
    pub(crate) fn total(&self) -> f64 {
        self.totals.iter().sum()
    }

    /// Ids of the kept tokens, in order.
    pub(crate) fn ids(&self) -> Vec<u32> {
        let places = (0..).zip(&self.weights).filter(|(_, weight)| **weight > 0.0).map(|(place, _)| place);
        places.map(|place: usize| self.id(place)).collect()
    }

    /// The first token at which the sum of the weights exceeds `target`.
    pub(crate) fn first_above(&self, target: f64) -> u32 {
        let (block, before) = block_above(self.totals.iter().copied(), target);
        let start = block * BLOCK;
        let weights = &self.weights[start..self.weights.len().min(start + BLOCK)];
        self.id(start + first_above(weights, before, target))
    }

    fn id(&self, place: usize) -> u32 {
        self.ids.as_ref().map_or(place as u32, |ids| ids[place])
    }

    /// The places of the `count` largest logits, and of any equal to the last of them, in order.
    pub(crate) fn likeliest(&mut self, row: &[f32], maxima: &[Maxima], count: usize) -> &[u32] {
        self.values.clear();
        if 2 * count <= maxima.len() {
            self.values.extend(maxima.iter().map(|lanes| lanes.iter().copied().fold(f32::NEG_INFINITY, f32::max)));
        } else {
            self.values.extend(maxima.as_flattened());
        }
        let bound = nth_largest(&mut self.values, count).unwrap_or(f32::MIN);
        self.places.clear();
        places_between(row, bound.max(f32::MIN), f32::INFINITY, &mut self.places);
        self.values.clear();
        self.values.extend(self.places.iter().map(|&place| row[place as usize]));
        if let Some(bound) = nth_largest(&mut self.values, count) {
            self.places.retain(|&place| row[place as usize] >= bound);
        }
        &self.places
    }
}

/// The first block at whose end a sum over blocks exceeds `target`, the last where none does, and the sum before it.
pub(crate) fn block_above(totals: impl ExactSizeIterator<Item = f64>, target: f64) -> (usize, f64) {
    let last = totals.len().saturating_sub(1);
    let mut before = 0.0;
    for (block, total) in totals.enumerate() {
        if block == last || before + total > target {
            return (block, before);
        }
        before += total;
    }
    (0, before)
}

/// The first place where the sum of `before` and the weights exceeds `target`. Where rounding keeps the sum from it,
/// the last that has a weight.
pub(crate) fn first_above(weights: &[f32], before: f64, target: f64) -> usize {
    let mut cumulative = before;
    let found = weights.iter().position(|&weight| {
        cumulative += f64::from(weight);
        cumulative > target
    });
    found.or_else(|| weights.iter().rposition(|&weight| weight > 0.0)).unwrap_or(0)
}

/// The `count`-th largest of some numbers, which are put in another order; `None` where there are fewer.
fn nth_largest(values: &mut [f32], count: usize) -> Option<f32> {
    (count <= values.len()).then(|| *values.select_nth_unstable_by(count - 1, |left, right| right.total_cmp(left)).1)
}

/// Where top-p cuts.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Border {
    /// The least likely logit that is kept.
    bound: f32,
    /// How many of the tokens that have it are kept.
    num_equal: usize,
    /// How many of them are not.
    num_dropped: usize,
}

impl Border {
    /// Top-p's border among tokens in the order of their ids. `places` is memory.
    fn of_top_p(logits: &[f32], weights: &[f32], scale: Scale, top_p: f64, places: &mut Vec<u32>) -> Self {
        let mut interval = Interval::of_all(logits, weights);
        let wanted = top_p * interval.weight_low;
        let mut distance = 4.0;
        for step in 0.. {
            if !interval.is_long() {
                break;
            }
            // Guesses until one lies below the border; then by the weights, or by halves, which always ends.
            let has_low = interval.low > in_order(f32::NEG_INFINITY);
            let middle = match step % 2 {
                _ if !has_low && distance < 100.0 => scale.largest - distance / scale.inverse,
                0 if has_low => interval.interpolated(scale.largest, wanted),
                _ => value(interval.low + (interval.high - interval.low) / 2),
            };
            distance *= 2.0;
            interval.cut(middle, logits, weights, wanted);
        }
        places.clear();
        places_between(logits, value(interval.low), value(interval.high), places);
        let logit = |place: u32| logits[place as usize];
        places.sort_by(|&left, &right| logit(right).partial_cmp(&logit(left)).unwrap_or(Ordering::Equal));
        let (mut weight, mut num_kept) = (interval.weight_high, 0);
        while num_kept < places.len() && (num_kept == 0 || weight < wanted) {
            weight += f64::from(weights[places[num_kept] as usize]);
            num_kept += 1;
        }
        let (kept, dropped) = places.split_at(num_kept);
        let bound = kept.last().map_or(f32::NEG_INFINITY, |&last| logit(last));
        let num_equal = |places: &[u32]| places.iter().filter(|&&place| logit(place) == bound).count();
        Self { bound, num_equal: num_equal(kept), num_dropped: num_equal(dropped) }
    }

    /// Takes their weight from the tokens beyond.
    fn apply(self, logits: &[f32], weights: &mut [f32]) {
        drop_below(logits, self.bound, weights);
        if self.num_dropped > 0 {
            let equal = logits.iter().zip(weights).filter(|(logit, _)| **logit == self.bound);
            equal.skip(self.num_equal).for_each(|(_, weight)| *weight = 0.0);
        }
    }
}

/// An interval of logits that holds top-p's border: the weight of all logits from `low` reaches what is wanted, that of
/// those from `high` does not.
struct Interval {
    /// Logits by [`in_order`].
    low: i64,
    high: i64,
    /// Tokens from `low`, and from `high`.
    num_low: usize,
    num_high: usize,
    /// Their weights.
    weight_low: f64,
    weight_high: f64,
}

impl Interval {
    fn of_all(logits: &[f32], weights: &[f32]) -> Self {
        let (low, high) = (in_order(f32::NEG_INFINITY), in_order(f32::INFINITY));
        let (weight_low, num_low) = weight_above(logits, weights, f32::NEG_INFINITY);
        Self { low, high, num_low, num_high: 0, weight_low, weight_high: 0.0 }
    }

    /// True where more than a few tokens lie in it that are not all equal.
    fn is_long(&self) -> bool {
        self.num_low - self.num_high > FEW && self.high - self.low > 1
    }

    /// Where the border is if weight and logit grow alike within it; `largest` is the largest logit.
    fn interpolated(&self, largest: f32, wanted: f64) -> f32 {
        let (low, high) = (value(self.low), value(self.high).min(largest));
        let share = (wanted - self.weight_high) / (self.weight_low - self.weight_high);
        high - (high - low) * share as f32
    }

    /// Leaves the part below or above `middle` that holds the border; a middle outside is moved inside.
    fn cut(&mut self, middle: f32, logits: &[f32], weights: &[f32], wanted: f64) {
        let middle = in_order(middle).clamp(self.low + 1, self.high - 1);
        let (weight, num_tokens) = weight_above(logits, weights, value(middle));
        if weight >= wanted {
            (self.low, self.num_low, self.weight_low) = (middle, num_tokens, weight);
        } else {
            (self.high, self.num_high, self.weight_high) = (middle, num_tokens, weight);
        }
    }
}

/// A whole number for each float32, in their order.
fn in_order(value: f32) -> i64 {
    let bits = value.to_bits() as i32;
    i64::from(if bits < 0 { bits ^ i32::MAX } else { bits })
}

/// The float32 of [`in_order`]'s number.
fn value(number: i64) -> f32 {
    let number = number as i32;
    f32::from_bits(if number < 0 { number ^ i32::MAX } else { number } as u32)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::passes::{BLOCK, maxima};

    const ALL: Distribution = Distribution { temperature: 1.0, top_k: 0, top_p: 1.0, min_p: 0.0 };

    fn kept(row: &[f32], filters: Distribution) -> Vec<u32> {
        let mut blocks = vec![Maxima::default(); row.len().div_ceil(BLOCK)];
        assert!(maxima(row, &mut blocks));
        let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let mut kept = Kept::default();
        kept.find(row, &blocks, Scale { largest, inverse: (1.0 / filters.temperature) as f32 }, &filters);
        kept.ids()
    }

    /// The filters as they are defined, by sorting everything, in float64.
    fn by_sorting(row: &[f32], filters: Distribution) -> Vec<u32> {
        let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let weight = |id: usize| (f64::from(row[id] - largest) / filters.temperature).exp();
        let mut order: Vec<usize> = (0..row.len()).filter(|&id| row[id] > f32::NEG_INFINITY).collect();
        order.sort_by(|&left, &right| row[right].total_cmp(&row[left]));
        if filters.top_k > 0 && filters.top_k < order.len() {
            let bound = row[order[filters.top_k - 1]];
            order.retain(|&id| row[id] >= bound);
        }
        if filters.top_p < 1.0 {
            let total: f64 = order.iter().map(|&id| weight(id)).sum();
            let mut before = 0.0;
            order.retain(|&id| {
                let is_kept = before < filters.top_p * total;
                before += weight(id);
                is_kept
            });
        }
        order.retain(|&id| weight(id) >= filters.min_p);
        let mut ids: Vec<u32> = order.into_iter().map(|id| id as u32).collect();
        ids.sort_unstable();
        ids
    }

    #[test]
    fn of_equal_tokens_top_k_keeps_all_and_top_p_those_with_the_lower_ids() {
        let row = [1.0, 2.0, 1.0, f32::NEG_INFINITY, 1.0, 2.0];
        assert_eq!(kept(&row, Distribution { top_k: 3, ..ALL }), [0, 1, 2, 4, 5]);
        assert_eq!(kept(&row, Distribution { top_p: 0.75, ..ALL }), [0, 1, 5]);
        let equal = vec![0.5; 1000];
        assert_eq!(kept(&equal, Distribution { top_p: 0.2505, ..ALL }), (0..251).collect::<Vec<_>>());
        assert_eq!(kept(&equal, Distribution { top_k: 10, top_p: 0.2505, ..ALL }), (0..251).collect::<Vec<_>>());
    }

    #[test]
    fn what_is_ruled_out_is_never_kept() {
        let mut row = vec![f32::NEG_INFINITY; 600];
        (row[3], row[590]) = (-4.0, -5.0);
        for filters in [
            Distribution { top_k: 20, ..ALL },
            Distribution { top_p: 0.9999, ..ALL },
            Distribution { min_p: 1e-9, ..ALL },
            Distribution { top_k: 20, top_p: 0.9999, min_p: 1e-9, ..ALL },
        ] {
            assert_eq!(kept(&row, filters), [3, 590], "{filters:?}");
        }
    }

    #[test]
    fn flat_and_steep_rows_are_cut_as_by_sorting() {
        for spread in [1e-3f32, 0.5, 3.0, 20.0] {
            let row: Vec<f32> =
                (0..30_000u32).map(|at| ((at * 7919 % 30_011) as f32 / 30_011.0 - 0.5) * spread).collect();
            for filters in [
                Distribution { top_p: 0.901_37, ..ALL },
                Distribution { top_p: 0.013_37, temperature: 0.3, ..ALL },
                Distribution { top_p: 0.999_37, temperature: 2.0, ..ALL },
                Distribution { top_k: 1, ..ALL },
                Distribution { top_k: 50, ..ALL },
                Distribution { top_k: 5000, top_p: 0.701_37, ..ALL },
                Distribution { min_p: 0.051_37, ..ALL },
                Distribution { top_k: 700, top_p: 0.951_37, min_p: 0.101_37, temperature: 0.7 },
            ] {
                assert_eq!(kept(&row, filters), by_sorting(&row, filters), "{spread} {filters:?}");
            }
        }
    }

    /// Few numbers, so that many are equal, and some that are ruled out.
    fn logit() -> impl Strategy<Value = f32> {
        let number = (-40i8..40).prop_map(|logit| f32::from(logit) * 0.37);
        prop_oneof![9 => number, 1 => Just(f32::NEG_INFINITY)]
    }

    proptest! {
        #[test]
        fn rows_are_cut_as_by_sorting(
            row in prop::collection::vec(logit(), 2..700),
            top_k in 0usize..40,
            top_p in prop_oneof![Just(1.0), 0.01..0.999],
            min_p in prop_oneof![Just(0.0), 0.001..0.9],
            temperature in 0.2..3.0,
        ) {
            let filters = Distribution { temperature, top_k, top_p, min_p };
            prop_assume!(row.iter().any(|logit| logit.is_finite()));
            // One whose weight is nearly 0 in float32, or is, may be kept or not: it is not drawn.
            let largest = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let has_weight = |id: &u32| f64::from(row[*id as usize] - largest) / temperature > -86.0;
            let drawn = |ids: Vec<u32>| ids.into_iter().filter(has_weight).collect::<Vec<_>>();
            prop_assert_eq!(drawn(kept(&row, filters)), drawn(by_sorting(&row, filters)));
        }

        #[test]
        fn numbers_stand_in_the_order_of_their_float32(left in -1e30f32..1e30, right in -1e30f32..1e30) {
            prop_assert_eq!(in_order(left) < in_order(right), left < right);
            prop_assert_eq!(value(in_order(left)), left);
        }
    }
}
