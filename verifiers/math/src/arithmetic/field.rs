//! Arithmetic modulo two primes near 2^61: the ground of identity testing (Schwartz and Zippel). Two rational functions
//! of degree d that differ agree at a random point of one field with probability at most d / 2^61.

use super::rational::Rational;

/// The two largest primes below 2^61 that are 1 modulo 4, so that -1 has a root in both fields.
const PRIMES: [u64; 2] = [2_305_843_009_213_693_921, 2_305_843_009_213_693_693];

/// A root of -1 for each of [`PRIMES`].
const IMAGINARY_UNIT: [u64; 2] = [583_529_827_753_931_384, 966_685_122_347_009_555];

/// A residue for each of [`PRIMES`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Residues(pub(crate) [u64; 2]);

fn mul_mod(a: u64, b: u64, prime: u64) -> u64 {
    (u128::from(a) * u128::from(b) % u128::from(prime)) as u64
}

fn pow_mod(mut base: u64, mut exponent: u64, prime: u64) -> u64 {
    let mut result = 1;
    while exponent > 0 {
        if exponent & 1 == 1 {
            result = mul_mod(result, base, prime);
        }
        base = mul_mod(base, base, prime);
        exponent >>= 1;
    }
    result
}

impl Residues {
    pub(crate) const ZERO: Self = Self([0, 0]);
    pub(crate) const ONE: Self = Self([1, 1]);
    pub(crate) const I: Self = Self(IMAGINARY_UNIT);

    fn each(self, other: Self, operation: impl Fn(u64, u64, u64) -> u64) -> Self {
        Self([0, 1].map(|k| operation(self.0[k], other.0[k], PRIMES[k])))
    }

    pub(crate) fn of_integer(n: i128) -> Self {
        Self(PRIMES.map(|prime| n.rem_euclid(i128::from(prime)) as u64))
    }

    /// The residues of a quotient; `None` where the divisor is 0 modulo one of the primes.
    pub(crate) fn of_rational(value: Rational) -> Option<Self> {
        Self::of_integer(value.num).div(Self::of_integer(value.den))
    }

    /// A value that depends on nothing but `seed`.
    pub(crate) fn of_seed(seed: u64) -> Self {
        Self([mix(seed) % PRIMES[0], mix(seed ^ 0x5bd1_e995_7b93_17a1) % PRIMES[1]])
    }

    pub(crate) fn add(self, other: Self) -> Self {
        self.each(other, |a, b, prime| (a + b) % prime)
    }

    pub(crate) fn sub(self, other: Self) -> Self {
        self.add(other.neg())
    }

    pub(crate) fn neg(self) -> Self {
        Self([0, 1].map(|k| (PRIMES[k] - self.0[k]) % PRIMES[k]))
    }

    pub(crate) fn mul(self, other: Self) -> Self {
        self.each(other, mul_mod)
    }

    /// `None` where the divisor is 0 modulo one of the primes.
    pub(crate) fn div(self, other: Self) -> Option<Self> {
        if other.0.contains(&0) {
            return None;
        }
        if other == Self::ONE {
            return Some(self);
        }
        Some(self.each(other, |a, b, prime| mul_mod(a, pow_mod(b, prime - 2, prime), prime)))
    }

    /// An integer power of any size; 0 has no negative power.
    pub(crate) fn pow(self, exponent: i128) -> Option<Self> {
        if self.0.contains(&0) && exponent <= 0 {
            return None;
        }
        Some(Self([0, 1].map(|k| {
            let reduced = exponent.rem_euclid(i128::from(PRIMES[k] - 1)) as u64;
            if self.0[k] == 0 { 0 } else { pow_mod(self.0[k], reduced, PRIMES[k]) }
        })))
    }

    /// A hash of `self`, `other` and `tag`, for terms that are compared but not computed.
    pub(crate) fn entangle(self, other: Self, tag: u64) -> Self {
        Self([0, 1].map(|k| {
            let first = mix(self.0[k] ^ mix(tag));
            mix(first.rotate_left(17) ^ other.0[k]) % PRIMES[k]
        }))
    }
}

/// SplitMix64's finaliser.
pub(crate) fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
