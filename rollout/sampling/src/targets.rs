//! Rows of logits whose tokens are known, as training asks about them: the same sums as those of a draw, in the same
//! order, so that a token's logprob has the bits of the one that was recorded when it was drawn without a filter.

use std::cell::RefCell;

use kernels::Threads;

use crate::passes::{Scale, weights};
use crate::row::{Scratch, drawn_logprob, largest, sums};

/// Rows that are known, each with its token.
#[derive(Debug)]
pub struct Targets<'a> {
    /// `[rows, vocab]`; they become the probabilities at the temperature.
    pub logits: &'a mut [f32],
    /// The token of each row, a column of the logits.
    pub ids: &'a [i64],
    /// Divides the logits, above 0.
    pub temperature: f64,
}

/// What is known of a row's token. Where the row's logits are not finite, the numbers are none.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Target {
    /// Its logprob.
    pub logprob: f32,
    /// Its logit, over the temperature.
    pub logit: f32,
    /// Log of the sum of the exponentials of all logits, over the temperature.
    pub logsumexp: f32,
    /// Entropy of the row's distribution, in nats.
    pub entropy: f32,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Answers for each row. An answer depends on its row alone, not on the others, nor on the threads.
///
/// # Panics
/// The lengths do not go together, or an id is no column.
pub fn measure_targets(targets: Targets<'_>, threads: &Threads) -> Vec<Target> {
    let Targets { logits, ids, temperature } = targets;
    if ids.is_empty() {
        return Vec::new();
    }
    assert!(logits.len().is_multiple_of(ids.len()), "a row for each token");
    let mut measured = vec![Target::default(); ids.len()];
    let vocab = logits.len() / ids.len();
    let rows = logits.chunks_exact_mut(vocab).zip(ids).zip(&mut measured).collect();
    let alone = Threads::new(1);
    threads.run(
        rows,
        || (),
        |((logits, id), measured): ((&mut [f32], &i64), &mut Target), ()| {
            *measured = SCRATCH.with_borrow_mut(|scratch| measure(logits, *id as usize, temperature, scratch, &alone));
        },
    );
    measured
}

fn measure(logits: &mut [f32], id: usize, temperature: f64, scratch: &mut Scratch, alone: &Threads) -> Target {
    let Scratch { maxima, masses, adjusted, .. } = scratch;
    let scale = Scale { largest: largest(logits, maxima, alone), inverse: (1.0 / temperature) as f32 };
    if !scale.largest.is_finite() {
        logits.fill(f32::NAN);
        return Target { logprob: f32::NAN, logit: f32::NAN, logsumexp: f32::NAN, entropy: f32::NAN };
    }
    let sums = sums(logits, scale, masses, alone);
    let logit = f64::from(logits[id]) / temperature;
    let target = Target {
        logprob: drawn_logprob(logits[id], scale.largest, temperature, sums.scaled),
        logit: logit as f32,
        logsumexp: (f64::from(scale.largest) / temperature + sums.scaled.ln()) as f32,
        entropy: (sums.scaled.ln() - sums.weighted / sums.scaled) as f32,
    };
    adjusted.resize(logits.len(), 0.0);
    weights(logits, scale, adjusted);
    let share = (1.0 / sums.scaled) as f32;
    for (probability, weight) in logits.iter_mut().zip(adjusted) {
        *probability = *weight * share;
    }
    target
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::distribution::Distribution;
    use crate::row::Row;
    use crate::rows::draw_rows;

    fn logits(rows: usize, vocab: usize) -> Vec<f32> {
        (0..rows * vocab).map(|at| ((at * at) as f32 * 0.37).sin() * 9.0).collect()
    }

    #[test]
    fn a_token_that_was_drawn_has_the_bits_of_its_draw() {
        for (vocab, temperature) in [(5, 1.0), (300, 0.7), (2049, 1.3), (40_000, 1.0)] {
            let (rows, threads) = (9, Threads::new(2));
            let logits = logits(rows, vocab);
            let distribution = Distribution { temperature, top_k: 0, top_p: 1.0, min_p: 0.0 };
            let uniform = |row: usize| (row as f64 + 0.5) / rows as f64;
            let of_rows = logits.chunks(vocab).enumerate().map(|(at, logits)| Row {
                logits,
                distribution,
                adjustments: &[],
                uniform: uniform(at),
                top_logprobs: 0,
                wants_kept: false,
            });
            let drawn = draw_rows(&of_rows.collect::<Vec<_>>(), &threads);
            let ids: Vec<i64> = drawn.iter().map(|token| i64::from(token.id)).collect();
            let mut probabilities = logits.clone();
            let targets = Targets { logits: &mut probabilities, ids: &ids, temperature };
            let measured = measure_targets(targets, &threads);
            for ((drawn, measured), probabilities) in drawn.iter().zip(&measured).zip(probabilities.chunks(vocab)) {
                assert_eq!(measured.logprob.to_bits(), drawn.rollout_logprob.to_bits());
                assert_eq!(measured.entropy.to_bits(), drawn.entropy.to_bits());
                assert!((measured.logit - measured.logsumexp - measured.logprob).abs() < 1e-5);
                let (total, own) = (probabilities.iter().sum::<f32>(), probabilities[drawn.id as usize]);
                assert!((total - 1.0).abs() < 1e-4 && (own.ln() - measured.logprob).abs() < 1e-5);
            }
        }
    }

    #[test]
    fn a_row_without_numbers_has_no_answer_and_the_others_have() {
        let mut rows = logits(2, 7);
        rows[3] = f32::NAN;
        let measured = measure_targets(Targets { logits: &mut rows, ids: &[0, 1], temperature: 1.0 }, &Threads::new(1));
        assert!(measured[0].logprob.is_nan() && measured[1].logprob.is_finite());
        assert!(rows[..7].iter().all(|number| number.is_nan()) && rows[7..].iter().all(|number| number.is_finite()));
        assert!(measure_targets(Targets { logits: &mut [], ids: &[], temperature: 1.0 }, &Threads::new(1)).is_empty());
    }
}
