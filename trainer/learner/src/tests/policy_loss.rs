//! Policy losses against golden values, and what must hold of all of them.

use tch::{Kind, Tensor};

use super::golden::{Golden, assert_close, leaf};
use super::packed_batch::{Batch, cases};
use crate::aggregation::Sequences;
use crate::loss::ppo_clip::PpoClip;
use crate::loss::{LossInputs, LossMetrics, PolicyLossConfig, PolicyLossKind, policy_loss};
use crate::rollout_correction::RolloutCorrection;

#[test]
fn every_case_equals_its_golden_loss_and_gradient() {
    let golden = Golden::load("policy_losses");
    let cases = cases(&golden);
    assert_eq!(cases.len(), 32);
    for (name, batch, config) in cases {
        let (loss, gradient, _) = batch.run(&config, &batch.divisor());
        let expected = |what: &str| golden.get(&format!("{name}.{what}"));
        assert_close(&name, &loss, expected("loss"), 2e-6, 0.0);
        assert_close(&name, &gradient, expected("gradient"), 2e-7, 0.0);
    }
}

#[test]
fn micro_batches_add_up_to_the_whole_in_every_case() {
    let golden = Golden::load("policy_losses");
    for (name, batch, config) in cases(&golden) {
        let divisor = batch.divisor();
        let (whole_loss, whole_gradient, whole_metrics) = batch.run(&config, &divisor);
        let (mut loss, mut gradients) = (Tensor::from(0f32), Vec::new());
        let mut metrics = LossMetrics::default();
        for (first, last) in [(0, 1), (1, 4), (4, 6)] {
            let (part, gradient, part_metrics) = batch.slice(first, last).run(&config, &divisor);
            loss += part;
            gradients.push(gradient);
            metrics.merge(&part_metrics);
        }
        assert_close(&name, &loss, &whole_loss, 2e-7, 0.0);
        assert_close(&name, &Tensor::cat(&gradients, 0), &whole_gradient, 1e-8, 0.0);
        assert_eq!(metrics.num_tokens, whole_metrics.num_tokens, "{name}");
        assert!((metrics.clip_fraction - whole_metrics.clip_fraction).abs() < 1e-6);
        assert!((metrics.approximate_kl - whole_metrics.approximate_kl).abs() < 1e-6);
        assert_eq!(metrics.ratio_max, whole_metrics.ratio_max, "{name}");
        assert_eq!(metrics.correction_cut_fraction.is_some(), config.rollout_correction != RolloutCorrection::None);
    }
}

#[test]
fn masked_tokens_may_hold_anything() {
    let golden = Golden::load("policy_losses");
    for (name, batch, config) in cases(&golden) {
        let (loss, gradient, metrics) = batch.run(&config, &batch.divisor());
        let masked = batch.mask.logical_not();
        let spoil = |tensor: &Tensor| tensor.detach().masked_fill(&masked, f64::NAN);
        let spoilt = Batch {
            policy: leaf(&spoil(&batch.policy)),
            old: spoil(&batch.old),
            rollout: spoil(&batch.rollout),
            reference: spoil(&batch.reference),
            advantages: spoil(&batch.advantages),
            mask: batch.mask.copy(),
            cu_seqlens: batch.cu_seqlens.clone(),
        };
        let (same_loss, same_gradient, same_metrics) = spoilt.run(&config, &batch.divisor());
        assert_close(&name, &same_loss, &loss, 0.0, 0.0);
        assert_close(&name, &same_gradient, &gradient, 0.0, 0.0);
        assert_eq!(same_metrics, metrics, "{name}");
    }
}

/// One completion of four tokens whose ratios are 0.5, 1, 1.5 and e^1000.
fn four_tokens(advantages: &[f32; 4]) -> Batch {
    Batch {
        policy: leaf(&Tensor::from_slice(&[0.5f32.ln(), 0.0, 1.5f32.ln(), 1000.0])),
        old: Tensor::zeros([4], (Kind::Float, tch::Device::Cpu)),
        rollout: Tensor::zeros([4], (Kind::Float, tch::Device::Cpu)),
        reference: Tensor::zeros([4], (Kind::Float, tch::Device::Cpu)),
        advantages: Tensor::from_slice(advantages),
        mask: Tensor::from_slice(&[true; 4]),
        cu_seqlens: vec![0, 4],
    }
}

#[test]
fn the_clip_counts_only_tokens_that_it_stops() {
    let config = PolicyLossConfig::default();
    // A fall with a positive advantage and a rise with a negative one are not clipped; a rise with a positive one is.
    let batch = four_tokens(&[1.0, 1.0, 1.0, -1.0]);
    let (loss, gradient, metrics) = batch.run(&config, &batch.divisor());
    assert_eq!(metrics.clip_fraction, 0.25);
    assert!(loss.double_value(&[]).is_finite());
    assert_eq!(gradient.double_value(&[2]), 0.0);
    assert_ne!(gradient.double_value(&[0]), 0.0);
    assert_eq!(gradient.double_value(&[3]), 0.0, "past the log ratio's bound");

    let dual = PpoClip { dual_clip: Some(3.0), ..PpoClip::default() };
    let dual = PolicyLossConfig::of_kind(PolicyLossKind::PpoClip(dual));
    let batch = four_tokens(&[1.0, 1.0, 1.0, -1.0]);
    let (loss, ..) = batch.run(&dual, &batch.divisor());
    assert!((loss.double_value(&[]) - (-0.5 - 1.0 - 1.28 + 3.0) / 4.0).abs() < 1e-6);
}

#[test]
fn on_policy_nothing_is_clipped_and_nothing_has_moved() {
    let golden = Golden::load("policy_losses");
    for (name, mut batch, config) in cases(&golden) {
        batch.old = batch.policy.detach();
        let (loss, gradient, metrics) = batch.run(&config, &batch.divisor());
        let alone = leaf(&batch.policy.detach());
        let inputs = LossInputs { old_logprobs: None, ..batch.inputs(&config, &batch.divisor()) };
        let output = policy_loss(&alone, &inputs, &config).unwrap();
        output.loss.backward();
        assert_close(&name, &output.loss, &loss, 0.0, 0.0);
        assert_close(&name, &alone.grad(), &gradient, 0.0, 0.0);
        assert_eq!(output.metrics, metrics, "{name}");
        assert_eq!(metrics.clip_fraction, 0.0, "{name}");
        assert_eq!(metrics.approximate_kl, 0.0, "{name}");
        assert_eq!(metrics.ratio_max, 1.0, "{name}");
    }
}

#[test]
fn missing_or_misshapen_inputs_are_named() {
    let batch = four_tokens(&[1.0; 4]);
    let short = Tensor::from_slice(&[1.0f32; 3]);
    let fails = |config: &PolicyLossConfig, advantages: &Tensor| {
        let inputs = LossInputs {
            rollout_logprobs: None,
            reference_logprobs: None,
            advantages: advantages.shallow_clone(),
            ..batch.inputs(config, &batch.divisor())
        };
        policy_loss(&batch.policy, &inputs, config).err().map(|error| error.to_string())
    };
    let plain = PolicyLossConfig::default();
    let kl = PolicyLossConfig { kl_coefficient: 0.1, ..plain.clone() };
    let tis = PolicyLossConfig { rollout_correction: RolloutCorrection::Tis { cap: 2.0 }, ..plain.clone() };
    assert_eq!(fails(&plain, &batch.advantages), None);
    let message = |config, advantages| fails(config, advantages).unwrap();
    assert!(message(&kl, &batch.advantages).contains("reference"));
    assert!(message(&tis, &batch.advantages).contains("rollout logprobs"));
    assert!(message(&plain, &short).contains("advantages has shape [3]"));
    assert!(Sequences::from_cu_seqlens(&[0]).is_err());
    assert!(Sequences::from_cu_seqlens(&[0, 3, 2]).is_err());
}
