//! The wide numbers of x86-64: one register of AVX-512, or two of AVX2.
//!
//! All of the crate's `unsafe` is here. Its one condition is that the processor has the instructions: the numbers are
//! made inside [`with_avx512`] and [`with_avx2`] alone, which are called once that was asked.
#![allow(unsafe_code)]

use std::arch::x86_64::{
    __m256, __m512, _CMP_LT_OQ, _CMP_NLT_UQ, _MM_FROUND_NO_EXC, _MM_FROUND_TO_NEAREST_INT, _MM_HINT_T0, _MM_HINT_T1,
    _mm_prefetch, _mm256_add_epi32, _mm256_add_ps, _mm256_andnot_ps, _mm256_castsi256_ps, _mm256_cmp_ps,
    _mm256_cvtps_epi32, _mm256_div_ps, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_max_ps, _mm256_mul_ps, _mm256_round_ps,
    _mm256_set1_epi32, _mm256_set1_ps, _mm256_slli_epi32, _mm256_storeu_ps, _mm256_sub_ps, _mm512_add_ps,
    _mm512_cmp_ps_mask, _mm512_cvtss_f32, _mm512_div_ps, _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_maskz_mov_ps,
    _mm512_max_ps, _mm512_mul_ps, _mm512_permute_ps, _mm512_roundscale_ps, _mm512_scalef_ps, _mm512_set1_ps,
    _mm512_shuffle_f32x4, _mm512_storeu_ps, _mm512_sub_ps,
};

use crate::lanes::{Computation, LEAST_POWER, Lanes, WIDTH};

/// The widest instructions that this processor has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Instructions {
    Avx512,
    Avx2,
    /// None of these.
    Base,
}

impl Instructions {
    /// Those of this processor; std remembers what was asked.
    pub(crate) fn of_processor() -> Self {
        if is_x86_feature_detected!("avx512f") {
            Self::Avx512
        } else if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            Self::Avx2
        } else {
            Self::Base
        }
    }
}

/// Runs a computation with the widest instructions there are. Returns it where there are none.
pub(crate) fn run_wide<C: Computation>(computation: C) -> Result<(), C> {
    run_with(Instructions::of_processor(), computation)
}

/// Runs a computation with instructions that this processor has. Returns it where they are none of the wide ones.
fn run_with<C: Computation>(instructions: Instructions, computation: C) -> Result<(), C> {
    match instructions {
        // SAFETY: the processor has AVX-512F.
        Instructions::Avx512 => unsafe { with_avx512(computation) },
        // SAFETY: the processor has AVX2 and FMA.
        Instructions::Avx2 => unsafe { with_avx2(computation) },
        Instructions::Base => return Err(computation),
    }
    Ok(())
}

/// # Safety
/// The processor has AVX-512F.
#[target_feature(enable = "avx512f")]
unsafe fn with_avx512<C: Computation>(computation: C) {
    computation.run::<Avx512>();
}

/// # Safety
/// The processor has AVX2 and FMA.
#[target_feature(enable = "avx2,fma")]
unsafe fn with_avx2<C: Computation>(computation: C) {
    computation.run::<Avx2>();
}

/// One register of AVX-512F.
#[derive(Clone, Copy)]
struct Avx512(__m512);

impl Lanes for Avx512 {
    const MOST_QUERIES: usize = 12;
    const BLOCKS: usize = 2;
    const MOST_ROWS: usize = 12;
    const PANELS: usize = 3;
    const PANEL_ROWS: usize = 8;

    #[inline(always)]
    fn splat(number: f32) -> Self {
        // SAFETY: this type is used inside `with_avx512` alone; so everywhere below.
        Self(unsafe { _mm512_set1_ps(number) })
    }

    #[inline(always)]
    fn load(from: &[f32; WIDTH]) -> Self {
        // SAFETY: as above, and sixteen numbers are there.
        Self(unsafe { _mm512_loadu_ps(from.as_ptr()) })
    }

    #[inline(always)]
    fn store(self, to: &mut [f32; WIDTH]) {
        // SAFETY: as above, and there is room for sixteen numbers.
        unsafe { _mm512_storeu_ps(to.as_mut_ptr(), self.0) }
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: as in `splat`.
        Self(unsafe { _mm512_add_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        // SAFETY: as in `splat`.
        Self(unsafe { _mm512_sub_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        // SAFETY: as in `splat`.
        Self(unsafe { _mm512_mul_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn div(self, other: Self) -> Self {
        // SAFETY: as in `splat`.
        Self(unsafe { _mm512_div_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        // SAFETY: as in `splat`.
        Self(unsafe { _mm512_max_ps(self.0, other.0) })
    }

    #[inline(always)]
    fn mul_add(self, factor: Self, addend: Self) -> Self {
        // SAFETY: as in `splat`.
        Self(unsafe { _mm512_fmadd_ps(self.0, factor.0, addend.0) })
    }

    #[inline(always)]
    fn mul_add_once(self, factor: Self, addend: Self) -> Self {
        self.mul_add(factor, addend)
    }

    #[inline(always)]
    fn fetch<T>(from: &[T; WIDTH]) {
        // SAFETY: nothing is read for the program, and the place is there.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(from.as_ptr().cast()) }
    }

    #[inline(always)]
    fn fetch_later<T>(from: &[T; WIDTH]) {
        // SAFETY: as in `fetch`.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(from.as_ptr().cast()) }
    }

    #[inline(always)]
    fn round(self) -> Self {
        // SAFETY: as in `splat`.
        Self(unsafe { _mm512_roundscale_ps::<0>(self.0) })
    }

    #[inline(always)]
    fn scale(self, power: Self, by: Self) -> Self {
        // SAFETY: as in `splat`.
        Self(unsafe {
            let is_kept = _mm512_cmp_ps_mask::<_CMP_NLT_UQ>(by.0, _mm512_set1_ps(LEAST_POWER));
            _mm512_maskz_mov_ps(is_kept, _mm512_scalef_ps(self.0, power.0))
        })
    }

    #[inline(always)]
    fn largest(self) -> f32 {
        self.by_halves(Self::max)
    }

    #[inline(always)]
    fn sum(self) -> f32 {
        self.by_halves(Self::add)
    }
}

impl Avx512 {
    /// The first number once each half is taken to the other, down to halves of one.
    #[inline(always)]
    fn by_halves(self, of: impl Fn(Self, Self) -> Self) -> f32 {
        // SAFETY: as in `splat`.
        unsafe {
            let eighths = of(self, Self(_mm512_shuffle_f32x4::<0b01_00_11_10>(self.0, self.0)));
            let quarters = of(eighths, Self(_mm512_shuffle_f32x4::<0b10_11_00_01>(eighths.0, eighths.0)));
            let pairs = of(quarters, Self(_mm512_permute_ps::<0b01_00_11_10>(quarters.0)));
            let last = of(pairs, Self(_mm512_permute_ps::<0b10_11_00_01>(pairs.0)));
            _mm512_cvtss_f32(last.0)
        }
    }
}

/// Two registers of AVX2.
#[derive(Clone, Copy)]
struct Avx2(__m256, __m256);

impl Avx2 {
    #[inline(always)]
    fn with(self, other: Self, of: impl Fn(__m256, __m256) -> __m256) -> Self {
        Self(of(self.0, other.0), of(self.1, other.1))
    }
}

impl Lanes for Avx2 {
    const MOST_QUERIES: usize = 4;
    const BLOCKS: usize = 1;
    const MOST_ROWS: usize = 3;
    const PANELS: usize = 1;
    const PANEL_ROWS: usize = 4;

    #[inline(always)]
    fn splat(number: f32) -> Self {
        // SAFETY: this type is used inside `with_avx2` alone; so everywhere below.
        let half = unsafe { _mm256_set1_ps(number) };
        Self(half, half)
    }

    #[inline(always)]
    fn load(from: &[f32; WIDTH]) -> Self {
        // SAFETY: as above, and sixteen numbers are there.
        unsafe { Self(_mm256_loadu_ps(from.as_ptr()), _mm256_loadu_ps(from[WIDTH / 2..].as_ptr())) }
    }

    #[inline(always)]
    fn store(self, to: &mut [f32; WIDTH]) {
        let (low, high) = to.split_at_mut(WIDTH / 2);
        // SAFETY: as above, and there is room for eight numbers in each.
        unsafe {
            _mm256_storeu_ps(low.as_mut_ptr(), self.0);
            _mm256_storeu_ps(high.as_mut_ptr(), self.1);
        }
    }

    #[inline(always)]
    fn add(self, other: Self) -> Self {
        // SAFETY: as in `splat`.
        self.with(other, |a, b| unsafe { _mm256_add_ps(a, b) })
    }

    #[inline(always)]
    fn sub(self, other: Self) -> Self {
        // SAFETY: as in `splat`.
        self.with(other, |a, b| unsafe { _mm256_sub_ps(a, b) })
    }

    #[inline(always)]
    fn mul(self, other: Self) -> Self {
        // SAFETY: as in `splat`.
        self.with(other, |a, b| unsafe { _mm256_mul_ps(a, b) })
    }

    #[inline(always)]
    fn div(self, other: Self) -> Self {
        // SAFETY: as in `splat`.
        self.with(other, |a, b| unsafe { _mm256_div_ps(a, b) })
    }

    #[inline(always)]
    fn max(self, other: Self) -> Self {
        // SAFETY: as in `splat`.
        self.with(other, |a, b| unsafe { _mm256_max_ps(a, b) })
    }

    #[inline(always)]
    fn mul_add(self, factor: Self, addend: Self) -> Self {
        // SAFETY: as in `splat`.
        unsafe { Self(_mm256_fmadd_ps(self.0, factor.0, addend.0), _mm256_fmadd_ps(self.1, factor.1, addend.1)) }
    }

    #[inline(always)]
    fn mul_add_once(self, factor: Self, addend: Self) -> Self {
        self.mul_add(factor, addend)
    }

    #[inline(always)]
    fn fetch<T>(from: &[T; WIDTH]) {
        // SAFETY: nothing is read for the program, and the place is there.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(from.as_ptr().cast()) }
    }

    #[inline(always)]
    fn fetch_later<T>(from: &[T; WIDTH]) {
        // SAFETY: as in `fetch`.
        unsafe { _mm_prefetch::<_MM_HINT_T1>(from.as_ptr().cast()) }
    }

    #[inline(always)]
    fn round(self) -> Self {
        const NEAREST: i32 = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
        // SAFETY: as in `splat`.
        unsafe { Self(_mm256_round_ps::<NEAREST>(self.0), _mm256_round_ps::<NEAREST>(self.1)) }
    }

    #[inline(always)]
    fn scale(self, power: Self, by: Self) -> Self {
        let half = |number: __m256, power: __m256, by: __m256| {
            // SAFETY: as in `splat`.
            unsafe {
                let exponent = _mm256_add_epi32(_mm256_cvtps_epi32(power), _mm256_set1_epi32(127));
                let scaled = _mm256_mul_ps(number, _mm256_castsi256_ps(_mm256_slli_epi32::<23>(exponent)));
                _mm256_andnot_ps(_mm256_cmp_ps::<_CMP_LT_OQ>(by, _mm256_set1_ps(LEAST_POWER)), scaled)
            }
        };
        Self(half(self.0, power.0, by.0), half(self.1, power.1, by.1))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::lanes::Portable;
    use crate::lanes::tests::check;

    /// Kinds of instructions that this processor has.
    pub(crate) fn kinds() -> Vec<Instructions> {
        let kinds = [Instructions::Avx512, Instructions::Avx2, Instructions::Base];
        let widest = Instructions::of_processor();
        kinds.into_iter().skip_while(|kind| *kind != widest).collect()
    }

    /// Runs a computation with instructions of one of the [`kinds`].
    pub(crate) fn run_kind<C: Computation>(kind: Instructions, computation: C) {
        if let Err(computation) = run_with(kind, computation) {
            computation.run::<Portable>();
        }
    }

    struct Check;

    impl Computation for Check {
        fn run<L: Lanes>(self) {
            check::<L>();
        }
    }

    #[test]
    fn the_wide_numbers_of_this_processor_are_right() {
        let instructions = Instructions::of_processor();
        if instructions == Instructions::Avx512 {
            // SAFETY: the processor has AVX-512F.
            unsafe { with_avx512(Check) };
        }
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            // SAFETY: the processor has AVX2 and FMA.
            unsafe { with_avx2(Check) };
        }
        assert_eq!(run_wide(Check).is_err(), instructions == Instructions::Base);
    }
}
