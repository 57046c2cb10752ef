//! Policy losses against golden values, and what must hold of all of them.

use serde_json::Value;
use tch::{Kind, Tensor};

use super::golden::{Golden, assert_close, leaf, load_json};
use crate::aggregation::{Aggregation, Divisor, Sequences};
use crate::kl::KlEstimator;
use crate::loss_metrics::{LossMetrics, numbers};
use crate::policy_loss::{LossInputs, PolicyLossConfig, PolicyLossKind, policy_loss};
use crate::rollout_correction::RolloutCorrection;

/// The golden file's packed batch, or a run of its completions.
struct Batch {
    policy: Tensor,
    old: Tensor,
    rollout: Tensor,
    reference: Tensor,
    advantages: Tensor,
    mask: Tensor,
    cu_seqlens: Vec<i64>,
}

impl Batch {
    fn load(golden: &Golden, advantages: &str, mask: &str) -> Self {
        let cu_seqlens = numbers(golden.get("cu_seqlens"));
        Self {
            policy: leaf(golden.get("policy_logprobs")),
            old: golden.get("old_logprobs").copy(),
            rollout: golden.get("rollout_logprobs").copy(),
            reference: golden.get("reference_logprobs").copy(),
            advantages: golden.get(advantages).copy(),
            mask: golden.get(mask).to_kind(Kind::Bool),
            cu_seqlens: cu_seqlens.iter().map(|&end| end as i64).collect(),
        }
    }

    /// Completions `first..last` alone, with a leaf of their own.
    fn slice(&self, first: usize, last: usize) -> Self {
        let (start, end) = (self.cu_seqlens[first], self.cu_seqlens[last]);
        let cut = |tensor: &Tensor| tensor.narrow(0, start, end - start);
        let ends = &self.cu_seqlens[first..=last];
        Self {
            policy: leaf(&cut(&self.policy.detach())),
            old: cut(&self.old),
            rollout: cut(&self.rollout),
            reference: cut(&self.reference),
            advantages: cut(&self.advantages),
            mask: cut(&self.mask),
            cu_seqlens: ends.iter().map(|end| end - start).collect(),
        }
    }

    fn divisor(&self) -> Divisor {
        let counts: Vec<i64> = self
            .cu_seqlens
            .windows(2)
            .map(|ends| {
                let tokens = self.mask.narrow(0, ends[0], ends[1] - ends[0]);
                tokens.sum(Kind::Int64).int64_value(&[])
            })
            .collect();
        Divisor::from_counts(counts)
    }

    /// Loss, gradient of the policy's logprobs, metrics.
    fn run(&self, config: &PolicyLossConfig, divisor: &Divisor) -> (Tensor, Tensor, LossMetrics) {
        config.validate().unwrap();
        let sequences = Sequences::from_cu_seqlens(&self.cu_seqlens).unwrap();
        let inputs = LossInputs {
            policy_logprobs: &self.policy,
            old_logprobs: &self.old,
            rollout_logprobs: Some(&self.rollout),
            reference_logprobs: Some(&self.reference),
            advantages: &self.advantages,
            mask: &self.mask,
            sequences: &sequences,
        };
        let output = policy_loss(&inputs, config, divisor).unwrap();
        output.loss.backward();
        (output.loss.detach(), self.policy.grad(), output.metrics)
    }
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

/// The configuration that a golden case describes.
fn config_of(case: &Value, file: &Value) -> PolicyLossConfig {
    let mut config = PolicyLossConfig {
        clip_low: number(&file["clip"][0]),
        clip_high: number(&file["clip"][1]),
        kl_coefficient: number(&case["kl_coefficient"]),
        kl_estimator: KlEstimator::K3,
        ..PolicyLossConfig::default()
    };
    match case["formula"].as_str().unwrap() {
        "clipped" => {}
        "dual_clip" => config.dual_clip = Some(number(&file["dual_clip"])),
        "gspo" => {
            config.kind = PolicyLossKind::Gspo;
            config.clip_low = number(&file["gspo_clip"][0]);
            config.clip_high = number(&file["gspo_clip"][1]);
        }
        "cispo" => {
            config.kind = PolicyLossKind::Cispo;
            config.clip_high = number(&file["cispo_cap"]) - 1.0;
        }
        "cispo_two_sided" => config.kind = PolicyLossKind::CispoTwoSided,
        "reinforce" => config.kind = PolicyLossKind::Reinforce,
        other => panic!("unknown formula {other}"),
    }
    config.aggregation = match case["aggregation"].as_str().unwrap() {
        "token_mean" => Aggregation::TokenMean,
        "sequence_mean_token_mean" => Aggregation::SequenceMean,
        "sequence_mean_token_mean_counting_empty" => Aggregation::SequenceMeanCountingEmpty,
        "constant_length" => Aggregation::Constant { length: number(&file["constant_length"]) as u32 },
        other => panic!("unknown aggregation {other}"),
    };
    let icepop = |mask_only| RolloutCorrection::IcePop {
        low: number(&file["icepop_band"][0]),
        high: number(&file["icepop_band"][1]),
        mask_only,
    };
    config.rollout_correction = match case["rollout_correction"].as_str().unwrap() {
        "none" => RolloutCorrection::None,
        "tis" => RolloutCorrection::Tis { cap: number(&file["tis_cap"]) },
        "icepop" => icepop(false),
        "icepop_mask_only" => icepop(true),
        other => panic!("unknown correction {other}"),
    };
    config
}

/// Every golden case: its name, batch and configuration.
fn cases(golden: &Golden) -> Vec<(String, Batch, PolicyLossConfig)> {
    let file = load_json("policy_losses");
    let cases = file["cases"].as_array().unwrap();
    cases
        .iter()
        .map(|case| {
            let text = |key: &str| case[key].as_str().unwrap();
            let batch = Batch::load(golden, text("advantages"), text("mask"));
            (text("name").to_owned(), batch, config_of(case, &file))
        })
        .collect()
}

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

    let dual = PolicyLossConfig { dual_clip: Some(3.0), ..config };
    let batch = four_tokens(&[1.0, 1.0, 1.0, -1.0]);
    let (loss, _, metrics) = batch.run(&dual, &batch.divisor());
    assert_eq!(metrics.dual_clip_fraction, 0.25);
    assert!((loss.double_value(&[]) - (-0.5 - 1.0 - 1.28 + 3.0) / 4.0).abs() < 1e-6);
}

#[test]
fn on_policy_nothing_is_clipped_and_nothing_has_moved() {
    let golden = Golden::load("policy_losses");
    for (name, mut batch, config) in cases(&golden) {
        batch.old = batch.policy.detach();
        let (_, _, metrics) = batch.run(&config, &batch.divisor());
        assert_eq!(metrics.clip_fraction, 0.0, "{name}");
        assert_eq!(metrics.approximate_kl, 0.0, "{name}");
        assert_eq!((metrics.ratio_mean, metrics.ratio_max), (1.0, 1.0), "{name}");
    }
}

#[test]
fn missing_or_misshapen_inputs_are_named() {
    let batch = four_tokens(&[1.0; 4]);
    let sequences = Sequences::from_cu_seqlens(&batch.cu_seqlens).unwrap();
    let short = Tensor::from_slice(&[1.0f32; 3]);
    let fails = |config: &PolicyLossConfig, advantages: &Tensor| {
        let inputs = LossInputs {
            policy_logprobs: &batch.policy,
            old_logprobs: &batch.old,
            rollout_logprobs: None,
            reference_logprobs: None,
            advantages,
            mask: &batch.mask,
            sequences: &sequences,
        };
        let result = policy_loss(&inputs, config, &batch.divisor());
        result.err().map(|error| error.to_string())
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

#[test]
fn config_reads_from_toml_and_refuses_nonsense() {
    let text = "kind = \"gspo\"\nclip_low = 3e-4\nclip_high = 4e-4\naggregation.constant.length = 32\n\
                rollout_correction.icepop.low = 0.4\nkl_estimator = \"k2\"";
    let config: PolicyLossConfig = toml::from_str(text).unwrap();
    assert_eq!(config.kind, PolicyLossKind::Gspo);
    assert_eq!(config.aggregation, Aggregation::Constant { length: 32 });
    let icepop = RolloutCorrection::IcePop { low: 0.4, high: 5.0, mask_only: false };
    assert_eq!(config.rollout_correction, icepop);
    let written = toml::to_string(&config).unwrap();
    assert_eq!(toml::from_str::<PolicyLossConfig>(&written).unwrap(), config);

    assert!(toml::from_str::<PolicyLossConfig>("clip_hihg = 0.3").is_err());
    for bad in [
        "clip_low = 1.5",
        "clip_high = -0.1",
        "dual_clip = 0.9",
        "kind = \"cispo\"\ndual_clip = 3.0",
        "kl_coefficient = nan",
        "aggregation.constant.length = 0",
        "rollout_correction.tis.cap = 0.0",
        "rollout_correction.icepop.low = 9.0",
    ] {
        let config: PolicyLossConfig = toml::from_str(bad).unwrap();
        assert!(config.validate().is_err(), "{bad}");
    }
}
