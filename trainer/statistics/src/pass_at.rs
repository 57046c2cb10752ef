//! pass@j: the probability that at least one of j samples passes, without bias.
//!
//! With c of n samples that pass, a random j of them hold none that passes with probability `C(n - c, j) / C(n, j)`, so
//! pass@j of a task is `1 - C(n - c, j) / C(n, j)` (Chen et al. 2021, "Evaluating Large Language Models Trained on
//! Code", arXiv:2107.03374, equation 1). Samples drawn with replacement would be biased.

/// pass@j of a task with `num_passed` of `num_samples` samples that pass; `None` where it has fewer than j samples.
pub fn pass_at(num_samples: usize, num_passed: usize, j: usize) -> Option<f64> {
    (1..=num_samples).contains(&j).then(|| 1.0 - share_of_subsets(num_samples, num_samples - num_passed, j))
}

/// The probability that j samples pass, all of them: `C(c, j) / C(n, j)`; `None` where the task has fewer than j.
pub fn all_pass_at(num_samples: usize, num_passed: usize, j: usize) -> Option<f64> {
    (1..=num_samples).contains(&j).then(|| share_of_subsets(num_samples, num_passed, j))
}

/// Share of the subsets of `j` of `count` things that lie within `within` of them.
fn share_of_subsets(count: usize, within: usize, j: usize) -> f64 {
    // A factor of 0 stands in the product wherever j is more than `within`.
    (0..j).map(|index| within.saturating_sub(index) as f64 / (count - index) as f64).product()
}
