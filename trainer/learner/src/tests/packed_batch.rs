//! The golden file's packed batch, and the cases of losses on it.

use serde_json::Value;
use tch::{Kind, Tensor};

use super::golden::{Golden, leaf, load_json};
use crate::aggregation::{Aggregation, Divisor, Sequences};
use crate::kl::KlEstimator;
use crate::loss::cispo::Cispo;
use crate::loss::cispo_two_sided::CispoTwoSided;
use crate::loss::gspo::Gspo;
use crate::loss::ppo_clip::PpoClip;
use crate::loss::reinforce::Reinforce;
use crate::loss::{LossInputs, LossMetrics, PolicyLossConfig, PolicyLossKind, policy_loss};
use crate::masked_statistics::numbers;
use crate::rollout_correction::RolloutCorrection;

/// The golden file's packed batch, or a run of its completions.
pub(super) struct Batch {
    pub policy: Tensor,
    pub old: Tensor,
    pub rollout: Tensor,
    pub reference: Tensor,
    pub advantages: Tensor,
    pub mask: Tensor,
    pub cu_seqlens: Vec<i64>,
}

impl Batch {
    pub(super) fn load(golden: &Golden, advantages: &str, mask: &str) -> Self {
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
    pub(super) fn slice(&self, first: usize, last: usize) -> Self {
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

    pub(super) fn divisor(&self) -> Divisor {
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

    /// Places of the completions.
    pub(super) fn sequences(&self) -> Sequences {
        Sequences::from_cu_seqlens(&self.cu_seqlens).unwrap()
    }

    /// Everything but the policy's logprobs, as part of a minibatch that `divisor` counts.
    pub(super) fn inputs(&self, config: &PolicyLossConfig, divisor: &Divisor) -> LossInputs {
        let sequences = self.sequences();
        LossInputs {
            old_logprobs: Some(self.old.shallow_clone()),
            rollout_logprobs: Some(self.rollout.shallow_clone()),
            reference_logprobs: Some(self.reference.shallow_clone()),
            advantages: self.advantages.shallow_clone(),
            mask: self.mask.shallow_clone(),
            weights: config.aggregation.token_weights(&self.mask, &sequences, divisor),
            sequences,
        }
    }

    /// Loss, gradient of the policy's logprobs, metrics.
    pub(super) fn run(&self, config: &PolicyLossConfig, divisor: &Divisor) -> (Tensor, Tensor, LossMetrics) {
        config.validate().unwrap();
        let output = policy_loss(&self.policy, &self.inputs(config, divisor), config).unwrap();
        output.loss.backward();
        (output.loss.detach(), self.policy.grad(), output.metrics)
    }
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

/// The configuration that a golden case describes.
fn config_of(case: &Value, file: &Value) -> PolicyLossConfig {
    let pair = |key: &str| (number(&file[key][0]), number(&file[key][1]));
    let (clip_low, clip_high) = pair("clip");
    let clipped = |dual_clip| PolicyLossKind::PpoClip(PpoClip { clip_low, clip_high, dual_clip });
    let kind = match case["formula"].as_str().unwrap() {
        "clipped" => clipped(None),
        "dual_clip" => clipped(Some(number(&file["dual_clip"]))),
        "gspo" => {
            let (clip_low, clip_high) = pair("gspo_clip");
            PolicyLossKind::Gspo(Gspo { clip_low, clip_high })
        }
        "cispo" => PolicyLossKind::Cispo(Cispo { clip_high: number(&file["cispo_cap"]) - 1.0 }),
        "cispo_two_sided" => PolicyLossKind::CispoTwoSided(CispoTwoSided { clip_low, clip_high }),
        "reinforce" => PolicyLossKind::Reinforce(Reinforce {}),
        other => panic!("unknown formula {other}"),
    };
    let mut config = PolicyLossConfig {
        kl_coefficient: number(&case["kl_coefficient"]),
        kl_estimator: KlEstimator::K3,
        ..PolicyLossConfig::of_kind(kind)
    };
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
pub(super) fn cases(golden: &Golden) -> Vec<(String, Batch, PolicyLossConfig)> {
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
