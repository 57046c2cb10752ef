//! Rows against the distribution as it is defined.

use kernels::Threads;

use crate::adjustment::Adjustment;
use crate::distribution::Distribution;
use crate::row::Row;
use crate::rows::draw_rows;
use crate::token::SampledToken;

const ALL: Distribution = Distribution { temperature: 1.0, top_k: 0, top_p: 1.0, min_p: 0.0 };

fn row(logits: &[f32], distribution: Distribution, uniform: f64) -> Row<'_> {
    Row { logits, distribution, adjustments: &[], uniform, top_logprobs: 0, wants_kept: false }
}

fn one(row: Row<'_>) -> SampledToken {
    draw_rows(&[row], &Threads::new(1)).remove(0)
}

/// Logits of many tokens, some of them likely.
fn logits(length: u32, seed: u32) -> Vec<f32> {
    let number = |at: u32| f64::from((at ^ seed).wrapping_mul(2_654_435_761) >> 8) / f64::from(1u32 << 24);
    (0..length).map(|at| (-(1.0 - number(at)).ln() * 2.5) as f32).collect()
}

fn log_softmax(logits: &[f32], temperature: f64) -> Vec<f64> {
    let scaled: Vec<f64> = logits.iter().map(|&logit| f64::from(logit) / temperature).collect();
    let largest = scaled.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let normaliser = largest + scaled.iter().map(|logit| (logit - largest).exp()).sum::<f64>().ln();
    scaled.iter().map(|logit| logit - normaliser).collect()
}

#[test]
fn a_number_means_the_token_in_whose_stretch_it_falls() {
    for length in [3, 256, 257, 3000] {
        let logits = logits(length, 7);
        for temperature in [0.3, 1.0, 1.7] {
            let probs: Vec<f64> = log_softmax(&logits, temperature).iter().map(|logprob| logprob.exp()).collect();
            for step in 0..200 {
                let uniform = f64::from(step) / 200.0 + 0.001_37;
                let mut cumulative = 0.0;
                let expected = probs.iter().position(|prob| {
                    cumulative += prob;
                    cumulative > uniform
                });
                let token = one(row(&logits, Distribution { temperature, ..ALL }, uniform));
                assert_eq!(Some(token.id as usize), expected, "{length} {temperature} {uniform}");
                assert!((f64::from(token.rollout_logprob) - probs[token.id as usize].ln()).abs() < 1e-6);
            }
        }
    }
}

#[test]
fn logprobs_and_entropy_are_those_of_their_distributions() {
    let logits = logits(5000, 3);
    let distribution = Distribution { temperature: 0.7, top_k: 20, top_p: 0.9, min_p: 0.0 };
    let (raw, scaled) = (log_softmax(&logits, 1.0), log_softmax(&logits, 0.7));
    let entropy: f64 = -scaled.iter().map(|logprob| logprob.exp() * logprob).sum::<f64>();
    for uniform in [0.0, 0.31, 0.77, 1.0 - (-52f64).exp2()] {
        let token = one(Row { wants_kept: true, top_logprobs: 3, ..row(&logits, distribution, uniform) });
        let kept: f64 = token.kept_ids.iter().map(|&id| scaled[id as usize].exp()).sum();
        let at = token.id as usize;
        assert!(token.kept_ids.contains(&token.id) && token.kept_ids.len() < 20);
        assert!((f64::from(token.rollout_logprob) - (scaled[at] - kept.ln())).abs() < 1e-6);
        assert!((f64::from(token.raw_logprob) - raw[at]).abs() < 1e-6);
        assert!((f64::from(token.entropy) - entropy).abs() < 1e-5, "{} {entropy}", token.entropy);
        assert_eq!(token.top_logprobs.len(), 3);
        let mut likeliest: Vec<usize> = (0..raw.len()).collect();
        likeliest.sort_by(|&left, &right| raw[right].total_cmp(&raw[left]));
        for (told, id) in token.top_logprobs.iter().zip(likeliest) {
            assert_eq!(told.id as usize, id);
            assert!((f64::from(told.logprob) - raw[id]).abs() < 1e-6);
        }
    }
}

#[test]
fn draws_follow_the_distribution_and_never_a_dropped_token() {
    const NUM: u32 = 20_000;
    let probs = [0.05f64, 0.0, 0.45, 0.3, 0.2];
    let logits = probs.map(|prob| prob.ln() as f32);
    let mut counts = [0u32; 5];
    for step in 0..NUM {
        counts[one(row(&logits, ALL, f64::from(step) / f64::from(NUM))).id as usize] += 1;
    }
    assert_eq!(counts[1], 0);
    for (count, prob) in counts.into_iter().zip(probs) {
        assert!((f64::from(count) - prob * f64::from(NUM)).abs() < 2.0, "{counts:?}");
    }
}

#[test]
fn greedy_takes_the_first_of_the_likeliest_with_logprob_0() {
    let mut logits = vec![0.0f32; 700];
    (logits[300], logits[600]) = (2.0, 2.0);
    let token = one(Row { wants_kept: true, ..row(&logits, Distribution { temperature: 0.0, ..ALL }, 0.9) });
    assert_eq!((token.id, token.rollout_logprob, token.kept_ids.as_slice()), (300, 0.0, [300].as_slice()));
    assert!((f64::from(token.raw_logprob) - log_softmax(&logits, 1.0)[300]).abs() < 1e-6);
}

#[test]
fn adjustments_change_what_is_drawn_and_leave_the_raw_logprob() {
    let logits = [1.0f32, 2.0, 3.0];
    let banned = |id| Adjustment { is_banned: true, ..Adjustment::none(id) };
    let adjustments = [banned(2), Adjustment { bias: 1.5, ..Adjustment::none(0) }];
    for (distribution, uniform, id) in [
        (ALL, 0.0, 0),
        (ALL, 0.99, 1),
        (Distribution { temperature: 0.0, ..ALL }, 0.5, 0),
        (Distribution { top_k: 1, ..ALL }, 0.99, 0),
    ] {
        let token = one(Row { adjustments: &adjustments, wants_kept: true, ..row(&logits, distribution, uniform) });
        assert_eq!(token.id, id);
        assert!(!token.kept_ids.contains(&2));
        assert!((f64::from(token.raw_logprob) - log_softmax(&logits, 1.0)[id as usize]).abs() < 1e-6);
        if distribution == ALL {
            let expected = log_softmax(&[2.5, 2.0], 1.0)[id as usize];
            assert!((f64::from(token.rollout_logprob) - expected).abs() < 1e-6);
        }
    }
}

#[test]
fn no_token_that_is_left_differs_from_logits_that_are_no_numbers() {
    let banned = [0, 1].map(|id| Adjustment { is_banned: true, ..Adjustment::none(id) });
    for temperature in [0.0, 1.0] {
        let distribution = Distribution { temperature, ..ALL };
        let nothing_left = one(Row { adjustments: &banned, ..row(&[1.0, 2.0], distribution, 0.5) });
        assert!(nothing_left.raw_logprob.is_finite() && !nothing_left.rollout_logprob.is_finite());
        for broken in [[0.0, f32::NAN], [0.0, f32::INFINITY], [f32::NEG_INFINITY; 2]] {
            assert!(!one(row(&broken, distribution, 0.5)).raw_logprob.is_finite());
        }
    }
}

#[test]
fn neither_threads_nor_neighbours_change_a_bit() {
    const LENGTH: u32 = 50_123;
    let long = logits(300_001, 9);
    let long = row(&long, Distribution { temperature: 0.7, ..ALL }, 0.77);
    let all: Vec<Vec<f32>> = (0..7).map(|seed| logits(LENGTH, seed)).collect();
    let adjustments = [Adjustment { bias: 3.0, ..Adjustment::none(11) }];
    let kinds = [
        (ALL, &[][..]),
        (Distribution { temperature: 0.7, ..ALL }, &[]),
        (Distribution { temperature: 1.3, top_k: 30, top_p: 0.9, min_p: 0.01 }, &adjustments),
        (Distribution { top_p: 0.9, ..ALL }, &[]),
        (Distribution { temperature: 0.0, ..ALL }, &adjustments),
    ];
    let rows: Vec<Row<'_>> = (0..)
        .zip(&all)
        .map(|(at, logits)| {
            let (distribution, adjustments) = kinds[at % kinds.len()];
            let uniform = 0.137 * (at as f64 + 0.5);
            Row { logits, distribution, adjustments, uniform, top_logprobs: 2, wants_kept: true }
        })
        .collect();
    let alone: Vec<SampledToken> = rows.iter().map(|&row| one(row)).collect();
    for num_threads in [1, 2, 3, 8] {
        let threads = Threads::new(num_threads);
        assert_eq!(draw_rows(&rows, &threads), alone, "{num_threads} threads");
        assert_eq!(draw_rows(&[long], &threads), [one(long)], "{num_threads} threads");
    }
}
