//! The passes over a row of logits, each compiled for the processor's widest vectors and chosen when it runs.
//!
//! A row is cut into blocks and a block into sixteen lanes; sums are float64, of each lane, then over the lanes and
//! then over the blocks, always in that order. So a result depends on the row alone: not on the processor, not on
//! threads, and not on the rows beside it. This file must not know what a filter or a draw is.

use kernels::{LEAST, exponential};

/// Tokens of a block.
pub(crate) const BLOCK: usize = 256;
const LANES: usize = 16;

/// The largest logit of each lane of a block.
pub(crate) type Maxima = [f32; LANES];

/// What a block adds to the sums of its row, over e to the power (logit - largest) / temperature.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Mass {
    /// The sum.
    pub(crate) scaled: f64,
    /// The sum, each weighed by its power.
    pub(crate) weighted: f64,
    /// The sum at temperature 1.
    pub(crate) raw: f64,
}

/// What the powers of a row are measured from and divided by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale {
    /// The row's largest logit.
    pub(crate) largest: f32,
    /// One over the temperature.
    pub(crate) inverse: f32,
}

/// Makes a function of one that is written over lanes, which the compiler turns into vectors of each width.
macro_rules! vectors {
    ($(#[$doc:meta])* $name:ident, $lanes:ident, ($($argument:ident: $type:ty),*) -> $result:ty) => {
        $(#[$doc])*
        #[allow(unsafe_code)]
        pub(crate) fn $name($($argument: $type),*) -> $result {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f")]
                fn of_512_bits($($argument: $type),*) -> $result {
                    $lanes($($argument),*)
                }
                #[target_feature(enable = "avx2")]
                fn of_256_bits($($argument: $type),*) -> $result {
                    $lanes($($argument),*)
                }
                if is_x86_feature_detected!("avx512f") {
                    // SAFETY: the processor has what the function is compiled for, which is all that it asks.
                    return unsafe { of_512_bits($($argument),*) };
                }
                if is_x86_feature_detected!("avx2") {
                    // SAFETY: as above.
                    return unsafe { of_256_bits($($argument),*) };
                }
            }
            $lanes($($argument),*)
        }
    };
}

vectors!(
    /// The largest logits of a row's blocks, one entry a block. Returns false where one is not a number.
    maxima, maxima_of_lanes, (row: &[f32], blocks: &mut [Maxima]) -> bool
);
vectors!(
    /// The sums of a row's blocks, one entry a block.
    masses, masses_of_lanes, (row: &[f32], scale: Scale, blocks: &mut [Mass]) -> ()
);
vectors!(
    /// e to the power of each logit, scaled.
    weights, weights_of_lanes, (logits: &[f32], scale: Scale, weights: &mut [f32]) -> ()
);
vectors!(
    /// The weight of the tokens whose logit is at least `bound`, and their number.
    weight_above, weight_above_of_lanes, (logits: &[f32], weights: &[f32], bound: f32) -> (f64, usize)
);
vectors!(
    /// Appends the places of the logits from `low` to below `high`, in order.
    places_between, places_between_of_lanes, (logits: &[f32], low: f32, high: f32, places: &mut Vec<u32>) -> ()
);
vectors!(
    /// Takes their weight from the tokens whose logit is below `bound`.
    drop_below, drop_below_of_lanes, (logits: &[f32], bound: f32, weights: &mut [f32]) -> ()
);
vectors!(
    /// Takes their weight from the tokens that have less than `least`.
    drop_lighter, drop_lighter_of_lanes, (weights: &mut [f32], least: f32) -> ()
);
vectors!(
    /// The weight of each block.
    totals, totals_of_lanes, (weights: &[f32], blocks: &mut [f64]) -> ()
);

#[inline(always)]
fn maxima_of_lanes(row: &[f32], blocks: &mut [Maxima]) -> bool {
    // Without its sign a float32 is a number where its bits are at most those of infinity.
    let mut bits = [0u32; LANES];
    for (block, maxima) in row.chunks(BLOCK).zip(blocks) {
        let mut largest = [f32::NEG_INFINITY; LANES];
        let (vectors, rest) = block.as_chunks::<LANES>();
        for vector in vectors {
            for lane in 0..LANES {
                largest[lane] = if vector[lane] > largest[lane] { vector[lane] } else { largest[lane] };
                bits[lane] = bits[lane].max(vector[lane].to_bits() & 0x7fff_ffff);
            }
        }
        for (lane, &logit) in rest.iter().enumerate() {
            largest[lane] = largest[lane].max(logit);
            bits[lane] = bits[lane].max(logit.to_bits() & 0x7fff_ffff);
        }
        *maxima = largest;
    }
    bits.iter().all(|&bits| bits <= f32::INFINITY.to_bits())
}

#[inline(always)]
fn masses_of_lanes(row: &[f32], scale: Scale, blocks: &mut [Mass]) {
    if scale.inverse == 1.0 {
        masses_of(row, scale, blocks, |_, scaled| scaled);
    } else {
        masses_of(row, scale, blocks, |power, _| exponential(above_least(power)));
    }
}

/// `raw` makes e to the power at temperature 1 of that power and of the one that is scaled. A step does one thing to
/// all of a block, so that the compiler keeps what it needs for it in registers.
#[inline(always)]
fn masses_of(row: &[f32], scale: Scale, blocks: &mut [Mass], raw: impl Fn(f32, f32) -> f32) {
    let [mut weights, mut weighted, mut raws] = [const { Aligned([0f32; BLOCK]) }; 3];
    for (block, mass) in row.chunks(BLOCK).zip(blocks) {
        let length = block.len();
        for (((&logit, weight), weighted), raw_weight) in
            block.iter().zip(&mut weights.0).zip(&mut weighted.0).zip(&mut raws.0)
        {
            let power = logit - scale.largest;
            let scaled_power = above_least(power * scale.inverse);
            *weight = exponential(scaled_power);
            *weighted = *weight * scaled_power;
            *raw_weight = raw(power, *weight);
        }
        let scaled = total(&weights.0[..length]);
        let raw = if scale.inverse == 1.0 { scaled } else { total(&raws.0[..length]) };
        *mass = Mass { scaled, weighted: total(&weighted.0[..length]), raw };
    }
}

/// Numbers of a block, where a vector of any width reads and writes within one line of the cache.
#[repr(align(64))]
struct Aligned([f32; BLOCK]);

/// The sum in float64, lane by lane.
#[inline(always)]
fn total(values: &[f32]) -> f64 {
    let mut sums = [0f64; LANES];
    let (vectors, rest) = values.as_chunks::<LANES>();
    for vector in vectors {
        for lane in 0..LANES {
            sums[lane] += f64::from(vector[lane]);
        }
    }
    for (sum, &value) in sums.iter_mut().zip(rest) {
        *sum += f64::from(value);
    }
    sum(&sums)
}

#[inline(always)]
fn weights_of_lanes(logits: &[f32], scale: Scale, weights: &mut [f32]) {
    for (&logit, weight) in logits.iter().zip(weights) {
        *weight = exponential(above_least((logit - scale.largest) * scale.inverse));
    }
}

#[inline(always)]
fn weight_above_of_lanes(logits: &[f32], weights: &[f32], bound: f32) -> (f64, usize) {
    let mut kept = Aligned([0f32; BLOCK]);
    let (mut weight, mut count) = (0.0, 0);
    for (logits, weights) in logits.chunks(BLOCK).zip(weights.chunks(BLOCK)) {
        let length = logits.len();
        let mut num_above = 0u32;
        for ((&logit, &weight), kept) in logits.iter().zip(weights).zip(&mut kept.0) {
            *kept = if logit >= bound { weight } else { 0.0 };
            num_above += u32::from(logit >= bound);
        }
        weight += total(&kept.0[..length]);
        count += num_above as usize;
    }
    (weight, count)
}

#[inline(always)]
fn places_between_of_lanes(logits: &[f32], low: f32, high: f32, places: &mut Vec<u32>) {
    const WIDTH: usize = 4 * LANES;
    let (vectors, rest) = logits.as_chunks::<WIDTH>();
    let mut start = 0;
    for vector in vectors {
        let mut num_between = 0u32;
        for &logit in vector {
            num_between += u32::from((logit >= low) & (logit < high));
        }
        if num_between > 0 {
            push_places(vector, low, high, start, places);
        }
        start += WIDTH as u32;
    }
    push_places(rest, low, high, start, places);
}

#[inline(always)]
fn push_places(logits: &[f32], low: f32, high: f32, start: u32, places: &mut Vec<u32>) {
    for (&logit, place) in logits.iter().zip(start..) {
        if logit >= low && logit < high {
            places.push(place);
        }
    }
}

#[inline(always)]
fn drop_below_of_lanes(logits: &[f32], bound: f32, weights: &mut [f32]) {
    for (&logit, weight) in logits.iter().zip(weights) {
        *weight = if logit >= bound { *weight } else { 0.0 };
    }
}

#[inline(always)]
fn drop_lighter_of_lanes(weights: &mut [f32], least: f32) {
    for weight in weights {
        *weight = if *weight >= least { *weight } else { 0.0 };
    }
}

#[inline(always)]
fn totals_of_lanes(weights: &[f32], blocks: &mut [f64]) {
    for (weights, block) in weights.chunks(BLOCK).zip(blocks) {
        *block = total(weights);
    }
}

/// A power, or the least one that has a meaning where it is below that.
#[inline(always)]
fn above_least(power: f32) -> f32 {
    if power > LEAST { power } else { LEAST }
}

/// The sum of the lanes, as a tree.
#[inline(always)]
fn sum(lanes: &[f64; LANES]) -> f64 {
    let mut sums = *lanes;
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            sums[lane] += sums[lane + width];
        }
        width /= 2;
    }
    sums[0]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(length: usize) -> Vec<f32> {
        (0..length).map(|at| (at as f32 * 0.37).sin() * 9.0).collect()
    }

    fn blocks(row: &[f32]) -> usize {
        row.len().div_ceil(BLOCK)
    }

    const SCALE: Scale = Scale { largest: 9.0, inverse: 1.0 / 0.7 };

    #[test]
    fn vectors_of_every_width_have_the_same_bits() {
        for length in [1, 15, 16, 255, 256, 1000] {
            let row = row(length);
            let mut both = [vec![Mass::default(); blocks(&row)], vec![Mass::default(); blocks(&row)]];
            masses(&row, SCALE, &mut both[0]);
            masses_of_lanes(&row, SCALE, &mut both[1]);
            assert_eq!(both[0], both[1]);
            let mut both = [vec![0f32; length], vec![0f32; length]];
            weights(&row, SCALE, &mut both[0]);
            weights_of_lanes(&row, SCALE, &mut both[1]);
            assert_eq!(both[0], both[1]);
            assert_eq!(weight_above(&row, &both[0], 3.0), weight_above_of_lanes(&row, &both[0], 3.0));
        }
    }

    #[test]
    fn sums_are_those_of_the_formula() {
        let row = row(1003);
        let mut blocks = vec![Mass::default(); blocks(&row)];
        masses(&row, SCALE, &mut blocks);
        let power = |logit: f32| (f64::from(logit) - 9.0) / 0.7;
        let expected = Mass {
            scaled: row.iter().map(|&logit| power(logit).exp()).sum(),
            weighted: row.iter().map(|&logit| power(logit).exp() * power(logit)).sum(),
            raw: row.iter().map(|&logit| (f64::from(logit) - 9.0).exp()).sum(),
        };
        let found = |part: fn(&Mass) -> f64| blocks.iter().map(part).sum::<f64>();
        for (found, expected) in [
            (found(|mass| mass.scaled), expected.scaled),
            (found(|mass| mass.weighted), expected.weighted),
            (found(|mass| mass.raw), expected.raw),
        ] {
            assert!((found / expected - 1.0).abs() < 2e-7, "{found} {expected}");
        }
    }

    #[test]
    fn what_is_ruled_out_adds_nothing() {
        let row = [0.0, f32::NEG_INFINITY, -1e30];
        let mut blocks = [Mass::default()];
        masses(&row, Scale { largest: 0.0, inverse: 2.0 }, &mut blocks);
        assert_eq!(blocks, [Mass { scaled: 1.0, weighted: 0.0, raw: 1.0 }]);
    }

    #[test]
    fn maxima_are_found_and_what_is_no_number_shows() {
        let mut row = row(700);
        let mut found = vec![[0f32; LANES]; blocks(&row)];
        assert!(maxima(&row, &mut found));
        for (block, maxima) in row.chunks(BLOCK).zip(&found) {
            let largest = block.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            assert_eq!(maxima.iter().copied().fold(f32::NEG_INFINITY, f32::max), largest);
        }
        row[699] = -f32::NAN;
        assert!(!maxima(&row, &mut found));
        row[699] = f32::INFINITY;
        assert!(maxima(&row, &mut found));
    }

    #[test]
    fn bounds_are_included_at_the_low_end() {
        let number = |at: u32| (at * 7) % 150;
        let logits: Vec<f32> = (0..150).map(|at| number(at) as f32).collect();
        let mut places = Vec::new();
        places_between(&logits, 47.0, 50.0, &mut places);
        assert_eq!(places, (0..150).filter(|&at| (47..50).contains(&number(at))).collect::<Vec<u32>>());
        assert_eq!(weight_above(&logits, &[0.5; 150], 147.0), (1.5, 3));
        let mut weights = logits.clone();
        drop_below(&logits, 147.0, &mut weights);
        assert_eq!(weight_above(&logits, &weights, 0.0).0, 147.0 + 148.0 + 149.0);
        drop_lighter(&mut weights, 148.0);
        let mut blocks = [0.0];
        totals(&weights, &mut blocks);
        assert_eq!(blocks, [148.0 + 149.0]);
    }
}
