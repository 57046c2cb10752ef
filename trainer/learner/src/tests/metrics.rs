//! Mismatch and loss metrics on numbers that can be checked by hand.

use tch::Tensor;

use crate::loss::LossMetrics;
use crate::mismatch::{Band, Mismatch};

fn logprobs(probabilities: &[f32]) -> Tensor {
    Tensor::from_slice(probabilities).log()
}

#[test]
fn equal_logprobs_have_no_mismatch() {
    let same = logprobs(&[0.1, 0.9]);
    let mask = Tensor::from_slice(&[true, true]);
    let mismatch = Mismatch::measure(&same, &same, &mask, Band::default());
    let none = Mismatch { num_tokens: 2, ..Mismatch::default() };
    assert_eq!(mismatch, none);
}

#[test]
fn mismatch_is_measured_on_trained_tokens_alone() {
    let rollout = logprobs(&[0.5, 0.2, 0.4, 0.9]);
    let policy = logprobs(&[0.5, 0.5, 0.3, 0.0]);
    let mask = Tensor::from_slice(&[true, true, true, false]);
    let mismatch = Mismatch::measure(&rollout, &policy, &mask, Band::default());
    let k3 = |ratio: f64| ratio - 1.0 - ratio.ln();
    assert_eq!(mismatch.num_tokens, 3);
    assert!((mismatch.mean_abs_difference - 0.4 / 3.0).abs() < 1e-6);
    assert!((mismatch.max_abs_difference - 0.3).abs() < 1e-6);
    assert!((mismatch.max_logprob_difference - 2.5f64.ln()).abs() < 1e-6);
    assert!((mismatch.outside_fraction - 1.0 / 3.0).abs() < 1e-6);
    assert!((mismatch.kl - (k3(2.5) + k3(0.75)) / 3.0).abs() < 1e-6);
}

#[test]
fn merging_mismatches_weighs_tokens() {
    let rollout = logprobs(&[0.5, 0.2, 0.4]);
    let policy = logprobs(&[0.6, 0.5, 0.3]);
    let measure = |start: i64, length: i64| {
        let cut = |tensor: &Tensor| tensor.narrow(0, start, length);
        let mask = Tensor::from_slice(&[true, true, true]);
        Mismatch::measure(&cut(&rollout), &cut(&policy), &cut(&mask), Band::default())
    };
    let whole = measure(0, 3);
    let mut merged = Mismatch::default();
    merged.merge(&Mismatch::default());
    merged.merge(&measure(0, 1));
    merged.merge(&measure(1, 2));
    assert_eq!(merged.num_tokens, 3);
    assert!((merged.kl - whole.kl).abs() < 1e-6);
    assert!((merged.mean_abs_difference - whole.mean_abs_difference).abs() < 1e-6);
    assert_eq!(merged.max_abs_difference, whole.max_abs_difference);
    assert_eq!(merged.max_logprob_difference, whole.max_logprob_difference);
}

#[test]
fn an_empty_micro_batch_changes_no_metrics() {
    let mut metrics = LossMetrics { num_tokens: 4, reference_kl: Some(0.5), ratio_max: 0.9, ..LossMetrics::default() };
    let before = metrics.clone();
    metrics.merge(&LossMetrics::default());
    assert_eq!(metrics, before);
}
