//! KL estimators and their gradients against golden values.

use tch::{Kind, Tensor};

use super::golden::{Golden, assert_close, leaf};
use crate::kl::KlEstimator;

#[test]
fn kl_estimators_equal_their_golden_values_and_gradients() {
    let golden = Golden::load("kl");
    let mask = golden.get("mask");
    for (name, estimator) in [("k1", KlEstimator::K1), ("k2", KlEstimator::K2), ("k3", KlEstimator::K3)] {
        let policy = leaf(golden.get("policy_logprobs"));
        let values = estimator.estimate(&policy, golden.get("reference_logprobs"));
        let mean = (&values * mask).sum(Kind::Float) / mask.sum(Kind::Float);
        mean.backward();
        let expected = |what: &str| golden.get(&format!("{name}.{what}"));
        assert_close(name, &values, expected("values"), 2e-6, 0.0);
        assert_close(name, &mean, expected("mean"), 2e-6, 0.0);
        assert_close(name, &policy.grad(), expected("gradient"), 2e-7, 0.0);
    }
}

#[test]
fn kl_of_hopeless_tokens_is_finite() {
    let policy = Tensor::from_slice(&[-1e4f32, 0.0]);
    let reference = Tensor::from_slice(&[0.0f32, -1e4]);
    for estimator in [KlEstimator::K1, KlEstimator::K2, KlEstimator::K3] {
        let values = estimator.estimate(&policy, &reference);
        assert_eq!(values.isfinite().all().int64_value(&[]), 1, "{estimator:?}");
    }
}
