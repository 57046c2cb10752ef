//! Two arms over the seeds that both have: Student's t over the seeds' differences, with n - 1 degrees of freedom.
//!
//! The unit is a training run. The claim is for the tasks that were evaluated, not for others like them; that one is
//! [`TwoLevel`](crate::TwoLevel)'s. Where all differences are alike nothing measures their spread: there is no
//! interval, and p is 1 if they are 0 and otherwise absent.

use crate::mean::near_alike;
use crate::student::StudentMean;

/// Student's mean of the differences, second less first, over the seeds whose values both arms have; `None` where there
/// is no such seed. Differences that are alike but for their rounding are alike.
pub fn over_seeds(first: &[Option<f64>], second: &[Option<f64>]) -> Option<StudentMean> {
    let pairs = first.iter().zip(second).filter_map(|(first, second)| Some(((*first)?, (*second)?)));
    let (scale, differences) = pairs.fold((0.0_f64, Vec::new()), |(scale, mut differences), (first, second)| {
        differences.push(second - first);
        (scale.max(first.abs()).max(second.abs()), differences)
    });
    if differences.is_empty() {
        return None;
    }
    let mut student = StudentMean::of(&differences);
    if near_alike(&differences, scale) {
        student.standard_error = student.standard_error.map(|_| 0.0);
    }
    Some(student)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(values: &[f64]) -> Vec<Option<f64>> {
        values.iter().copied().map(Some).collect()
    }

    #[test]
    fn three_seeds_are_as_worked_by_hand() {
        // 2, 1 and 3: mean 2, deviation 1, error 0.577, and 4.303 errors on two degrees of freedom.
        let student = over_seeds(&some(&[0.0; 3]), &some(&[2.0, 1.0, 3.0])).unwrap();
        let [low, high] = student.interval().unwrap();
        assert_eq!((student.mean, student.num), (2.0, 3));
        assert!((low + 0.484).abs() < 1e-3 && (high - 4.484).abs() < 1e-3, "{low} {high}");
    }

    #[test]
    fn only_whole_pairs_count() {
        let (first, second) = ([Some(1.0), None, Some(2.0), Some(9.0)], [Some(2.0), Some(7.0), Some(4.0), None]);
        let student = over_seeds(&first, &second).unwrap();
        assert_eq!((student.mean, student.num), (1.5, 2));
        assert!(over_seeds(&first[1..2], &second[1..2]).is_none());
    }

    #[test]
    fn differences_alike_but_for_rounding_have_no_spread() {
        let student = over_seeds(&some(&[0.41, 0.42, 0.1]), &some(&[0.45, 0.46, 0.14])).unwrap();
        assert_eq!((student.standard_error, student.interval(), student.p_value()), (Some(0.0), None, None));
        let same = over_seeds(&some(&[0.41, 0.42]), &some(&[0.41, 0.42])).unwrap();
        assert_eq!((same.mean, same.p_value(), same.interval()), (0.0, Some(1.0), None));
    }
}
