//! e to a power that is not positive, as arithmetic that a compiler turns into vectors.
//!
//! The power is split into n ln 2 + r with |r| <= ln 2 / 2; e^r is the polynomial of Cephes' `expf` (Moshier, 1992),
//! and 2^n is put together from bits. Products and sums are rounded one by one, never fused, so that every processor
//! has the same bits. The relative error is below 1.1e-7 down to e^-87; below e^-87.7 the result is 0.

/// Powers are raised to this one; its result is 0.
pub const LEAST: f32 = -88.0;

/// 1.5 x 2^23: a sum with it has the nearest whole number in its last bits.
const ROUNDING: f32 = 12_582_912.0;
/// ln 2 in two parts; a product of the first with a whole number of seven bits is exact.
const LN_2_HIGH: f32 = 0.693_359_4;
const LN_2_LOW: f32 = -2.121_944_4e-4;

/// e to the power `x`, which lies in [`LEAST`] to 0.
#[inline(always)]
pub fn exponential(x: f32) -> f32 {
    let rounded = x * std::f32::consts::LOG2_E + ROUNDING;
    let whole = rounded - ROUNDING;
    let rest = (x - whole * LN_2_HIGH) - whole * LN_2_LOW;
    let mut sum = 1.987_569_1e-4;
    sum = sum * rest + 1.398_199_9e-3;
    sum = sum * rest + 8.333_452e-3;
    sum = sum * rest + 4.166_579_6e-2;
    sum = sum * rest + 1.666_666_5e-1;
    sum = sum * rest + 0.5;
    let of_rest = (sum * (rest * rest) + rest) + 1.0;
    // The whole number's last eight bits become the exponent; at -127 nothing is left of it.
    let scale = f32::from_bits((rounded.to_bits() << 23).wrapping_add(127 << 23));
    of_rest * scale
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_is_what_is_stated() {
        let mut worst = 0f64;
        // Every 61st float32 from -87 to -1e-9.
        let (first, last) = (1e-9f32.to_bits(), 87f32.to_bits());
        for bits in (first..=last).step_by(61) {
            let x = -f32::from_bits(bits);
            let exact = f64::from(x).exp();
            worst = worst.max((f64::from(exponential(x)) / exact - 1.0).abs());
        }
        assert!(worst < 1.1e-7, "{worst:e}");
        assert!(worst > 5e-8, "{worst:e}: the stated error can be lowered");
    }

    #[test]
    fn its_ends_are_exact() {
        assert_eq!(exponential(0.0), 1.0);
        assert_eq!(exponential(LEAST), 0.0);
        assert!(exponential(-87.3) > 0.0 && exponential(-87.3) < 1.3e-38);
    }
}
