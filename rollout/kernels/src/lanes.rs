//! Sixteen float32 numbers that are computed with at once: the seam between the arithmetic of attention and a
//! processor's instructions.
//!
//! [`Portable`] leaves them to the compiler; `x86.rs` has the wide ones of x86-64.

/// Numbers of one [`Lanes`].
pub(crate) const WIDTH: usize = 16;

/// Below this power 2^x is taken to be 0: it is the least power of a normal number.
pub(crate) const LEAST_POWER: f32 = -126.0;

/// 2^x - 1 over x, for x in [-1/2, 1/2] and from the highest power on: that of Cephes's `exp2f`, with an error of
/// 2e-7 of 2^x at most.
pub(crate) const EXP2: [f32; 6] =
    [1.535_336_2e-4, 1.339_887_5e-3, 9.618_438e-3, 5.550_332_5e-2, 2.402_264_8e-1, 6.931_472e-1];

/// Sixteen float32 numbers.
pub(crate) trait Lanes: Copy {
    /// Most queries whose sums fit this processor's registers.
    const MOST_QUERIES: usize;
    /// Blocks whose keys are read side by side.
    const BLOCKS: usize;
    /// Most rows whose products with two panels of a matrix fit this processor's registers.
    const MOST_ROWS: usize;
    /// Panels whose sums with [`Self::PANEL_ROWS`] rows fit the registers.
    const PANELS: usize;
    /// Rows of such a product at a time.
    const PANEL_ROWS: usize;

    fn splat(number: f32) -> Self;
    fn load(from: &[f32; WIDTH]) -> Self;
    fn store(self, to: &mut [f32; WIDTH]);
    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn mul(self, other: Self) -> Self;
    fn div(self, other: Self) -> Self;
    /// `other` where one of the two is no number.
    fn max(self, other: Self) -> Self;
    /// self * factor + addend
    fn mul_add(self, factor: Self, addend: Self) -> Self;
    /// The same, rounded once on every processor.
    fn mul_add_once(self, factor: Self, addend: Self) -> Self;
    /// The nearest whole numbers.
    fn round(self) -> Self;
    /// Has the processor fetch the memory of a register, which is read soon.
    fn fetch<T>(from: &[T; WIDTH]);
    /// The same, of what is read only after much else.
    fn fetch_later<T>(from: &[T; WIDTH]);
    /// self * 2^power for whole powers of at least [`LEAST_POWER`]; 0 where `by` is below that.
    fn scale(self, power: Self, by: Self) -> Self;

    /// 2^self, for numbers of at most 126.
    #[inline(always)]
    fn exp2(self) -> Self {
        // In this order what is no number stays none.
        let bounded = Self::splat(LEAST_POWER).max(self);
        let power = bounded.round();
        let rest = bounded.sub(power);
        let mut sum = Self::splat(EXP2[0]);
        for coefficient in &EXP2[1..] {
            sum = sum.mul_add(rest, Self::splat(*coefficient));
        }
        sum.mul_add(rest, Self::splat(1.0)).scale(power, self)
    }

    /// self / (1 + e^-self)
    #[inline(always)]
    fn silu(self) -> Self {
        // Where 2^-126 is taken for less, the quotient is nearly 0 too.
        let power = self.mul(Self::splat(std::f32::consts::LOG2_E)).max(Self::splat(LEAST_POWER));
        self.div(Self::splat(0.0).sub(power).exp2().add(Self::splat(1.0)))
    }

    /// The largest of the numbers.
    #[inline(always)]
    fn largest(self) -> f32 {
        let mut numbers = [0.0; WIDTH];
        self.store(&mut numbers);
        numbers.into_iter().fold(f32::NEG_INFINITY, f32::max)
    }

    /// Their sum, by halves.
    #[inline(always)]
    fn sum(self) -> f32 {
        let mut numbers = [0.0; WIDTH];
        self.store(&mut numbers);
        let mut width = WIDTH / 2;
        while width > 0 {
            for lane in 0..width {
                numbers[lane] += numbers[lane + width];
            }
            width /= 2;
        }
        numbers[0]
    }
}

/// What is computed with lanes whose kind is chosen while the program runs. `run` is inlined where that is known, and
/// plain loops in it become vectors as wide.
pub(crate) trait Computation {
    fn run<L: Lanes>(self);
}

/// Numbers whose instructions the compiler chooses.
#[derive(Clone, Copy)]
pub(crate) struct Portable([f32; WIDTH]);

impl Portable {
    #[inline(always)]
    fn with(self, other: Self, of: impl Fn(f32, f32) -> f32) -> Self {
        Self(std::array::from_fn(|lane| of(self.0[lane], other.0[lane])))
    }
}

impl Lanes for Portable {
    const MOST_QUERIES: usize = 4;
    const BLOCKS: usize = 1;
    const MOST_ROWS: usize = 3;
    const PANELS: usize = 1;
    const PANEL_ROWS: usize = 4;

    #[inline(always)]
    fn splat(number: f32) -> Self {
        Self([number; WIDTH])
    }

    #[inline(always)]
    fn load(from: &[f32; WIDTH]) -> Self {
        Self(*from)
    }

    #[inline(always)]
    fn store(self, to: &mut [f32; WIDTH]) {
        *to = self.0;
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        self.with(other, |a, b| a + b)
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        self.with(other, |a, b| a - b)
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        self.with(other, |a, b| a * b)
    }

    #[inline(always)]
    fn div(self, other: Self) -> Self {
        self.with(other, |a, b| a / b)
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        self.with(other, |a, b| if a > b { a } else { b })
    }

    #[inline(always)]
    fn mul_add(self, factor: Self, addend: Self) -> Self {
        self.mul(factor).add(addend)
    }

    #[inline(always)]
    fn mul_add_once(self, factor: Self, addend: Self) -> Self {
        Self(std::array::from_fn(|lane| self.0[lane].mul_add(factor.0[lane], addend.0[lane])))
    }

    #[inline(always)]
    fn fetch<T>(_from: &[T; WIDTH]) {}

    #[inline(always)]
    fn fetch_later<T>(_from: &[T; WIDTH]) {}

    #[inline(always)]
    fn round(self) -> Self {
        // Added to this, a number below 2^22 keeps no bit behind the point.
        const WHOLE: f32 = 12_582_912.0;
        Self(self.0.map(|number| (number + WHOLE) - WHOLE))
    }

    #[inline(always)]
    fn scale(self, power: Self, by: Self) -> Self {
        let scaled = self.with(power, |number, power| number * f32::from_bits(((power as i32 + 127) << 23) as u32));
        scaled.with(by, |number, by| if by < LEAST_POWER { 0.0 } else { number })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Each operation against the same of single numbers.
    pub(crate) fn check<L: Lanes>() {
        let numbers = |from: f32, by: f32| -> [f32; WIDTH] { std::array::from_fn(|lane| from + by * lane as f32) };
        let all = |lanes: L| {
            let mut numbers = [0.0; WIDTH];
            lanes.store(&mut numbers);
            numbers
        };
        let (a, b) = (numbers(-3.0, 0.7), numbers(2.0, -0.3));
        let (x, y) = (L::load(&a), L::load(&b));
        for lane in 0..WIDTH {
            assert_eq!(all(x.add(y))[lane], a[lane] + b[lane]);
            assert_eq!(all(x.sub(y))[lane], a[lane] - b[lane]);
            assert_eq!(all(x.mul(y))[lane], a[lane] * b[lane]);
            assert_eq!(all(x.div(y))[lane], a[lane] / b[lane]);
            assert_eq!(all(x.max(y))[lane], a[lane].max(b[lane]));
            assert_eq!(all(x.round())[lane], a[lane].round_ties_even());
            assert!((all(x.mul_add(y, L::splat(1.0)))[lane] - (a[lane] * b[lane] + 1.0)).abs() < 1e-5);
            assert_eq!(all(x.mul_add_once(y, L::splat(1.0)))[lane], a[lane].mul_add(b[lane], 1.0));
        }
        assert_eq!(x.largest(), a[WIDTH - 1]);
        assert!((x.sum() - a.iter().sum::<f32>()).abs() < 1e-4);
        for from in [126.0f32, 1.03, 0.0, -0.4, -5.03, -63.0, -125.9, -140.0, -1e4, f32::NEG_INFINITY] {
            let powers = numbers(from, -0.071);
            for (power, found) in powers.into_iter().zip(all(L::load(&powers).exp2())) {
                let expected = if power < LEAST_POWER { 0.0 } else { f64::from(power).exp2() };
                assert!((f64::from(found) - expected).abs() <= 3e-7 * expected, "2^{power}: {found}, not {expected}");
            }
        }
        assert_eq!(all(L::splat(0.0).exp2())[0], 1.0);
        for from in [-100.0f32, -20.0, -1.0, 0.0, 3.0, 88.0, 1e30] {
            let numbers = numbers(from, 0.13);
            for (number, found) in numbers.into_iter().zip(all(L::load(&numbers).silu())) {
                let expected = f64::from(number) / (1.0 + (-f64::from(number)).exp());
                let error = (f64::from(found) - expected).abs();
                assert!(error <= 1e-6 * expected.abs() + 1e-35, "silu({number}): {found}, not {expected}");
            }
        }
        assert!(all(L::splat(f32::NAN).silu())[0].is_nan());
    }

    #[test]
    fn the_portable_numbers_are_right() {
        check::<Portable>();
    }
}
