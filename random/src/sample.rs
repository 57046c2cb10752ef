//! The random number by which a token is sampled, looked up by the token's address.
//!
//! A token's number depends on the seed, the task, the index of the completion among the task's samples, and the
//! token's position in the completion, on nothing else: neither the batch, nor the worker, nor a restart changes a
//! completion.

use crate::mix::{GOLDEN, fnv1a, mix};
use crate::philox::{philox, words};

/// The address of one completion's random numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SampleAddress<'a> {
    /// The seed of what samples, such as a step of a run or an evaluation.
    pub seed: u64,
    /// The id of the task that the completion answers.
    pub task_id: &'a str,
    /// The index of the completion among the task's completions, from 0.
    pub sample_index: u64,
}

impl SampleAddress<'_> {
    /// The numbers of the completion's tokens.
    pub fn numbers(&self) -> SampleNumbers {
        let scramble = |value: u64| mix(value.wrapping_add(GOLDEN));
        let key = scramble(scramble(self.seed) ^ fnv1a(self.task_id.bytes()));
        SampleNumbers { key: words(key), sample_index: self.sample_index }
    }
}

/// One uniform number for each position of a completion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SampleNumbers {
    key: [u32; 2],
    sample_index: u64,
}

impl SampleNumbers {
    /// The number of the token at `position`: in `[0, 1)`, a multiple of 2^-52, so that a product with a total below 2
    /// stays below that total in float64.
    pub fn at(&self, position: u64) -> f64 {
        let [low, high] = words(position);
        let [sample_low, sample_high] = words(self.sample_index);
        let block = philox([low, high, sample_low, sample_high], self.key);
        let bits = u64::from(block[0]) << 32 | u64::from(block[1]);
        (bits >> 12) as f64 * (-52f64).exp2()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_of_the_address_counts() {
        let number = |seed, task_id, sample_index, position| {
            SampleAddress { seed, task_id, sample_index }.numbers().at(position)
        };
        let base = number(1, "a", 2, 3);
        assert_eq!(base, number(1, "a", 2, 3));
        for other in [number(0, "a", 2, 3), number(1, "b", 2, 3), number(1, "a", 3, 3), number(1, "a", 2, 4)] {
            assert_ne!(base, other);
        }
        assert_ne!(number(1, "a", 2, 3), number(1, "a", 3, 2));
    }

    #[test]
    fn numbers_are_uniform() {
        const NUM: usize = 20_000;
        let mut counts = [0usize; 10];
        let mut sum = 0.0;
        for index in 0..NUM as u64 {
            let address = SampleAddress { seed: 7, task_id: "task", sample_index: index / 100 };
            let value = address.numbers().at(index % 100);
            assert!((0.0..1.0).contains(&value));
            sum += value;
            counts[(value * 10.0) as usize] += 1;
        }
        // Standard errors: 0.002 of the mean, 42 of a count of 2,000.
        assert!((sum / NUM as f64 - 0.5).abs() < 0.01);
        assert!(counts.iter().all(|count| count.abs_diff(NUM / 10) < 210), "{counts:?}");
    }
}
