//! Kinds of numbers that keys, values and queries are stored as; all is computed in float32.

use crate::lanes::{Lanes, WIDTH};

/// Numbers to read.
#[derive(Clone, Copy, Debug)]
pub enum Numbers<'a> {
    /// float32
    Float(&'a [f32]),
    /// bfloat16, by their bits.
    BFloat16(&'a [u16]),
}

/// Numbers to write.
#[derive(Debug)]
pub enum NumbersMut<'a> {
    /// float32
    Float(&'a mut [f32]),
    /// bfloat16, by their bits.
    BFloat16(&'a mut [u16]),
}

/// Rows of numbers, each of which begins `stride` numbers behind the one before.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    /// From the first row's beginning on.
    pub numbers: Numbers<'a>,
    /// Numbers from a row's beginning to the next one's.
    pub stride: usize,
}

/// How a number is stored.
pub(crate) trait Element: Copy + Default + Send + Sync + 'static {
    fn to_float(self) -> f32;
    fn of_float(number: f32) -> Self;
    fn load<L: Lanes>(from: &[Self; WIDTH]) -> L;
    /// What values are weighted with: numbers of this kind, as libtorch's attention has them.
    fn rounded<L: Lanes>(weights: L) -> L;
    /// The numbers, which are of this kind.
    fn of(numbers: Numbers<'_>) -> &[Self];
    fn of_mut(numbers: NumbersMut<'_>) -> &mut [Self];
}

impl Element for f32 {
    #[inline(always)]
    fn to_float(self) -> f32 {
        self
    }

    #[inline(always)]
    fn of_float(number: f32) -> Self {
        number
    }

    #[inline(always)]
    fn load<L: Lanes>(from: &[Self; WIDTH]) -> L {
        L::load(from)
    }

    #[inline(always)]
    fn rounded<L: Lanes>(weights: L) -> L {
        weights
    }

    fn of(numbers: Numbers<'_>) -> &[Self] {
        match numbers {
            Numbers::Float(numbers) => numbers,
            Numbers::BFloat16(_) => panic!("the store is float32, and the numbers are bfloat16"),
        }
    }

    fn of_mut(numbers: NumbersMut<'_>) -> &mut [Self] {
        match numbers {
            NumbersMut::Float(numbers) => numbers,
            NumbersMut::BFloat16(_) => panic!("the store is float32, and the numbers are bfloat16"),
        }
    }
}

/// The bits of a bfloat16 number.
impl Element for u16 {
    #[inline(always)]
    fn to_float(self) -> f32 {
        f32::from_bits(u32::from(self) << 16)
    }

    /// Rounds to the nearest, and to even between two; what is no number stays none.
    #[inline(always)]
    fn of_float(number: f32) -> Self {
        let bits = number.to_bits();
        if number.is_nan() {
            return (bits >> 16) as u16 | 0x40;
        }
        let is_odd = (bits >> 16) & 1;
        (bits.wrapping_add(0x7fff + is_odd) >> 16) as u16
    }

    #[inline(always)]
    fn load<L: Lanes>(from: &[Self; WIDTH]) -> L {
        L::load_upper(from)
    }

    /// To 8 bits, by Veltkamp's splitting: what stays of a number is what 2^16 + 1 times it loses with it.
    #[inline(always)]
    fn rounded<L: Lanes>(weights: L) -> L {
        let many = weights.mul(L::splat(65_537.0));
        many.sub(many.sub(weights))
    }

    fn of(numbers: Numbers<'_>) -> &[Self] {
        match numbers {
            Numbers::BFloat16(numbers) => numbers,
            Numbers::Float(_) => panic!("the store is bfloat16, and the numbers are float32"),
        }
    }

    fn of_mut(numbers: NumbersMut<'_>) -> &mut [Self] {
        match numbers {
            NumbersMut::BFloat16(numbers) => numbers,
            NumbersMut::Float(_) => panic!("the store is bfloat16, and the numbers are float32"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lanes::Portable;

    #[test]
    fn bfloat16_rounds_to_the_nearest_and_then_to_even() {
        let rounded = |number: f32| u16::of_float(number).to_float();
        assert_eq!(rounded(1.0), 1.0);
        assert_eq!(rounded(1.0 + 0.5 / 128.0), 1.0);
        assert_eq!(rounded(1.0 + 1.5 / 128.0), 1.0 + 2.0 / 128.0);
        assert_eq!(rounded(-1.0 - 0.6 / 128.0), -1.0 - 1.0 / 128.0);
        assert_eq!(rounded(f32::MAX), f32::INFINITY);
        assert_eq!(rounded(f32::NEG_INFINITY), f32::NEG_INFINITY);
        assert!(rounded(f32::from_bits(0x7f80_0001)).is_nan());
    }

    #[test]
    fn weights_round_as_numbers_do() {
        for at in 0..1000 {
            // One that is no normal number is 0 (`Lanes::exp2`).
            let weight = |weight: f32| if weight < f32::MIN_POSITIVE { 0.0 } else { weight };
            let weights: [f32; WIDTH] = std::array::from_fn(|lane| weight((-0.013 * (at * WIDTH + lane) as f32).exp()));
            let mut found = [0.0; WIDTH];
            u16::rounded(Portable::load(&weights)).store(&mut found);
            assert_eq!(found, weights.map(|weight| u16::of_float(weight).to_float()));
        }
    }
}
