//! The random number by which a token is sampled, looked up by the token's address.
//!
//! A token's number depends on the seed, the draw (a place in the walk over the data), the sample (one of the draw's
//! completions) and the token's position among the sampled tokens, on nothing else: neither the batch, nor the step,
//! nor the worker, nor a restart changes a completion.

use crate::mix::{GOLDEN, mix};
use crate::philox::{philox, words};

/// Keeps these keys apart from those of other uses of the generator: the bytes of `sampling`.
const DOMAIN: u64 = u64::from_be_bytes(*b"sampling");

/// The address of one completion's random numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SampleAddress {
    /// The seed of what samples: a run, an evaluation.
    pub seed: u64,
    /// The place in the walk over the data, from 0. A task that is drawn again has another.
    pub draw: u64,
    /// The number of the completion among the draw's, from 0.
    pub sample: u64,
}

impl SampleAddress {
    /// The numbers of the completion's tokens.
    ///
    /// Seed and draw make Philox's key, sample and position its counter. Under one seed no two draws share a key: each
    /// step from the draw to the key can be undone.
    pub fn numbers(&self) -> SampleNumbers {
        let scramble = |value: u64| mix(value.wrapping_add(GOLDEN));
        let key = scramble(scramble(self.seed ^ DOMAIN) ^ self.draw);
        SampleNumbers { key: words(key), sample: self.sample }
    }
}

/// One uniform number for each position of a completion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SampleNumbers {
    key: [u32; 2],
    sample: u64,
}

impl SampleNumbers {
    /// The number of the sampled token at `position`: in `[0, 1)`, a multiple of 2^-52, so that a product with a total
    /// below 2 stays below that total in float64.
    pub fn at(&self, position: u64) -> f64 {
        let [low, high] = words(position);
        let [sample_low, sample_high] = words(self.sample);
        let block = philox([low, high, sample_low, sample_high], self.key);
        let bits = u64::from(block[0]) << 32 | u64::from(block[1]);
        (bits >> 12) as f64 * (-52f64).exp2()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn number([seed, draw, sample, position]: [u64; 4]) -> f64 {
        SampleAddress { seed, draw, sample }.numbers().at(position)
    }

    #[test]
    fn every_part_of_the_address_counts_in_its_own_place() {
        // All addresses of four small parts, those with the same parts in another order among them.
        let mut numbers = HashSet::new();
        for index in 0..6u64.pow(4) {
            let address = [index / 216, index / 36 % 6, index / 6 % 6, index % 6];
            assert_eq!(number(address), number(address));
            numbers.insert(number(address).to_bits());
        }
        assert_eq!(numbers.len(), 6usize.pow(4));
        let base = [1, 2, 3, 4];
        for part in 0..4 {
            let mut high = base;
            high[part] |= 1 << 40;
            assert_ne!(number(base), number(high), "the upper half of part {part} is lost");
        }
    }

    #[test]
    fn keys_are_apart_from_those_without_the_domain() {
        let bare = |seed: u64, draw: u64| mix(mix(seed.wrapping_add(GOLDEN)) ^ draw);
        let keys: HashSet<[u32; 2]> = (0..64).map(|i| words(bare(i / 8, i % 8))).collect();
        for index in 0..64 {
            let numbers = SampleAddress { seed: index / 8, draw: index % 8, sample: 0 }.numbers();
            assert!(!keys.contains(&numbers.key));
        }
    }

    #[test]
    fn numbers_stay_what_they_are() {
        // Saved runs depend on these values; a second implementation of the formula gave them too.
        let numbers = [[0, 0, 0, 0], [17, 3, 1, 5]].map(|address| (number(address) * 52f64.exp2()) as u64);
        assert_eq!(numbers, [113_617_577_004_384, 2_674_952_826_623_343]);
    }

    #[test]
    fn numbers_are_uniform() {
        const NUM: usize = 20_000;
        let mut counts = [0usize; 10];
        let mut sum = 0.0;
        for index in 0..NUM as u64 {
            let value = number([7, index / 1000, index / 100 % 10, index % 100]);
            assert!((0.0..1.0).contains(&value));
            sum += value;
            counts[(value * 10.0) as usize] += 1;
        }
        // Standard errors: 0.002 of the mean, 42 of a count of 2,000.
        assert!((sum / NUM as f64 - 0.5).abs() < 0.01);
        assert!(counts.iter().all(|count| count.abs_diff(NUM / 10) < 210), "{counts:?}");
    }
}
