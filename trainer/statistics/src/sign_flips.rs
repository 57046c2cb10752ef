//! The exact test over sign flips: how often would the differences of the tasks, each with a random sign, sum to as
//! much?
//!
//! If neither result is better, a task's difference is as likely to be turned round (Fisher 1935, "The Design of
//! Experiments"). All 2^n patterns are counted through the distribution of their sums, in whole units, so that ties are
//! ties. With one sample a task this is McNemar's exact test.

/// Most steps of the count: tasks times the units of all differences.
const MOST_STEPS: u64 = 100_000_000;

/// Share of all sign patterns whose sum is at least as far from 0, two-sided. `differences` are in a common unit.
/// `None` where they are so many or so large that counting would take seconds.
pub fn sign_flips(differences: &[i64]) -> Option<f64> {
    let unit = differences.iter().fold(0, |unit, difference| greatest_divisor(unit, difference.unsigned_abs())).max(1);
    let sizes: Vec<u64> = differences.iter().map(|difference| difference.unsigned_abs() / unit).collect();
    let total = sizes.iter().try_fold(0_u64, |total, size| total.checked_add(*size))?;
    if (sizes.len() as u64).checked_mul(total)? > MOST_STEPS {
        return None;
    }
    // `chances[s]`: probability that the differences with a positive sign sum to s.
    let mut chances = vec![0.0; total as usize + 1];
    chances[0] = 1.0;
    let mut reached = 0;
    for size in sizes.into_iter().filter(|size| *size > 0).map(|size| size as usize) {
        reached += size;
        for sum in (0..=reached).rev() {
            let with = if sum >= size { chances[sum - size] } else { 0.0 };
            chances[sum] = (chances[sum] + with) / 2.0;
        }
    }
    // |2 s - total| >= |observed| holds at both ends, which are alike.
    let gained: u64 =
        differences.iter().filter(|difference| **difference > 0).map(|gain| gain.unsigned_abs() / unit).sum();
    let observed = gained.abs_diff(total - gained);
    let tail = ((total - observed) / 2) as usize;
    let lower: f64 = chances[..=tail].iter().sum();
    Some((2.0 * lower).min(1.0))
}

/// The greatest common divisor; 0 of two zeros.
pub(crate) fn greatest_divisor(left: u64, right: u64) -> u64 {
    if right == 0 { left } else { greatest_divisor(right, left % right) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_counted_in_the_largest_common_unit() {
        // +-3 +-1: sums of 4, 2, -2, -4, of which two are as far out as 4 and all as far as 2.
        assert_eq!((sign_flips(&[3, 1]), sign_flips(&[3, -1])), (Some(0.5), Some(1.0)));
        assert_eq!(sign_flips(&[3_000_000_000_000, 1_000_000_000_000]), Some(0.5));
        assert_eq!((sign_flips(&[]), sign_flips(&[0, 0])), (Some(1.0), Some(1.0)));
    }

    #[test]
    fn what_would_take_long_is_left() {
        assert_eq!(sign_flips(&[i64::MAX, i64::MAX - 1, i64::MIN]), None);
        assert_eq!(sign_flips(&[1_000_003, 500_000_009, 1]), None);
    }
}
