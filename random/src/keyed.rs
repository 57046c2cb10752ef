//! A generator that gives the random numbers of a key, in their order.
//!
//! The key is absorbed part by part into 128 bits; number `i` of a key is
//! `mix(mix(low + i * GOLDEN) ^ high)`, with the finaliser of SplitMix64 as `mix` (Steele, Lea
//! and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014). Not for secrets.

use crate::key::Key;
use crate::mix::{GOLDEN, mix};

/// The random numbers of one key, from the first on.
#[derive(Clone, Debug)]
pub struct KeyedRng {
    low: u64,
    high: u64,
    counter: u64,
}

impl KeyedRng {
    /// A generator that stands at the first number of a key. Parts are told apart: `["a", "b"]` is
    /// not `["ab"]`, and the number 1 is not the text `"1"`.
    pub fn new(key: &[Key<'_>]) -> Self {
        let mut state = Absorber { low: GOLDEN, high: !GOLDEN };
        for part in key {
            match part {
                Key::Number(number) => state.absorb(1, *number),
                Key::Text(text) => {
                    state.absorb(2, text.len() as u64);
                    for chunk in text.as_bytes().chunks(8) {
                        let mut bytes = [0; 8];
                        bytes[..chunk.len()].copy_from_slice(chunk);
                        state.absorb(3, u64::from_le_bytes(bytes));
                    }
                }
            }
        }
        Self { low: state.low, high: state.high, counter: 0 }
    }

    /// The next number, uniform over all of `u64`.
    pub fn next_u64(&mut self) -> u64 {
        let step = self.counter.wrapping_mul(GOLDEN);
        self.counter = self.counter.wrapping_add(1);
        mix(mix(self.low.wrapping_add(step)) ^ self.high)
    }

    /// A number in `[0, 1)`, a multiple of 2^-53.
    pub fn uniform(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
    }

    /// A number in `0..bound`, without bias (Lemire, "Fast random integer generation in an
    /// interval", 2019).
    ///
    /// # Panics
    /// `bound` is 0: there is nothing to choose from.
    pub fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "below(0): there is no number below 0");
        let threshold = bound.wrapping_neg() % bound;
        loop {
            let product = u128::from(self.next_u64()) * u128::from(bound);
            if product as u64 >= threshold {
                return (product >> 64) as u64;
            }
        }
    }

    /// True with the given probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.uniform() < probability
    }

    /// One of the items, all equally likely.
    ///
    /// # Panics
    /// There are no items.
    pub fn choose<T: Copy>(&mut self, items: &[T]) -> T {
        items[self.below(items.len() as u64) as usize]
    }

    /// Puts the items into a random order, all orders equally likely (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = self.below(last as u64 + 1) as usize;
            items.swap(last, other);
        }
    }
}

struct Absorber {
    low: u64,
    high: u64,
}

impl Absorber {
    fn absorb(&mut self, tag: u64, word: u64) {
        self.low = mix(self.low ^ word).wrapping_add(tag.wrapping_mul(GOLDEN));
        self.high = mix(self.high.wrapping_add(word).rotate_left(32) ^ self.low);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn first(key: &[Key<'_>]) -> u64 {
        KeyedRng::new(key).next_u64()
    }

    #[test]
    fn a_key_is_an_address() {
        let key = [Key::from(17_u64), "maths".into(), 3_u64.into()];
        let mut one = KeyedRng::new(&key);
        let mut two = KeyedRng::new(&key);
        let numbers: Vec<u64> = (0..100).map(|_| one.next_u64()).collect();
        assert!(numbers.iter().all(|&number| number == two.next_u64()));
    }

    #[test]
    fn numbers_stay_what_they_are() {
        // Saved runs depend on these values: a change of the generator changes every dataset.
        let mut rng = KeyedRng::new(&[17_u64.into(), "maths".into(), 3_u64.into()]);
        let numbers = [rng.next_u64(), rng.next_u64(), rng.below(1000)];
        assert_eq!(numbers, [13257063399992002664, 18161683663346114744, 392]);
    }

    #[test]
    fn parts_are_told_apart() {
        let keys: [&[Key<'_>]; 9] = [
            &[],
            &["".into()],
            &["ab".into()],
            &["a".into(), "b".into()],
            &["b".into(), "a".into()],
            &["a\0".into()],
            &["a".into()],
            &[1_u64.into()],
            &["1".into()],
        ];
        let values: HashSet<u64> = keys.iter().map(|key| first(key)).collect();
        assert_eq!(values.len(), keys.len());
    }

    #[test]
    fn neighbouring_keys_are_independent() {
        let firsts: HashSet<u64> = (0..20_000_u64).map(|index| first(&[1_u64.into(), index.into()])).collect();
        assert_eq!(firsts.len(), 20_000);
        // One changed bit in the key changes about half of the number's bits.
        let flipped: u32 = (0..1000_u64)
            .map(|index| (first(&[(2 * index).into()]) ^ first(&[(2 * index + 1).into()])).count_ones())
            .sum();
        assert!((31_000..33_000).contains(&flipped), "{flipped}");
    }

    #[test]
    fn draws_are_even() {
        let mut rng = KeyedRng::new(&["even".into()]);
        let mut counts = [0_u32; 7];
        let mut sum = 0.0;
        for _ in 0..70_000 {
            counts[rng.below(7) as usize] += 1;
            sum += rng.uniform();
        }
        assert!(counts.iter().all(|&count| (9_600..10_400).contains(&count)), "{counts:?}");
        assert!((sum / 70_000.0 - 0.5).abs() < 0.005, "{sum}");
    }

    #[test]
    fn shuffle_is_a_permutation_and_even() {
        let mut places = [[0_u32; 4]; 4];
        for round in 0..8_000_u64 {
            let mut items = [0, 1, 2, 3];
            KeyedRng::new(&["shuffle".into(), round.into()]).shuffle(&mut items);
            for (place, &item) in items.iter().enumerate() {
                places[item][place] += 1;
            }
        }
        for row in places {
            assert_eq!(row.iter().sum::<u32>(), 8_000);
            assert!(row.iter().all(|&count| (1_850..2_150).contains(&count)), "{places:?}");
        }
    }
}
