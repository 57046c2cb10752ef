//! A small random model and requests to it.

use std::ops::Range;
use std::sync::Arc;

use policy::{Decoder, ModelConfig, Packed, PackedAttention, Placement, Policy};
use rollout::{Completion, RolloutRequest, SamplingParams};
use tch::{Device, Kind, Tensor};

pub(crate) const MAX_POSITIONS: usize = 96;

/// Wide random weights, so that distributions are far from flat, and a byte-level tokenizer.
pub(crate) fn policy() -> Policy {
    policy_of(11)
}

/// The same with the weights of another seed.
pub(crate) fn policy_of(seed: u64) -> Policy {
    policy_on(seed, Placement::CPU)
}

/// The same with the weights of a seed in this place and dtype.
pub(crate) fn policy_on(seed: u64, placement: Placement) -> Policy {
    policy_of_config(&serde_json::json!({}), seed, placement)
}

/// The same with other fields in its configuration.
pub(crate) fn policy_of_config(others: &serde_json::Value, seed: u64, placement: Placement) -> Policy {
    tch::set_num_threads(1); // matrices too small to share, and tests already run side by side
    let mut json = serde_json::json!({
        "model_type": "qwen2", "hidden_size": 48, "intermediate_size": 64, "num_hidden_layers": 2, "vocab_size": 272,
        "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": MAX_POSITIONS,
        "rms_norm_eps": 1e-6, "rope_theta": 1e4, "initializer_range": 0.3, "eos_token_id": 2,
    });
    for (field, value) in others.as_object().expect("fields") {
        json[field] = value.clone();
    }
    let config = ModelConfig::from_json(&json).expect("a config");
    let decoder = Decoder::random(&config, seed, Placement::CPU);
    let tokenizer = policy::train_tokenizer(["one two three"].into_iter(), 261).expect("a tokenizer");
    let folder = tempfile::tempdir().expect("a folder");
    policy::write_folder(folder.path(), &decoder, &tokenizer, policy::CHAT_TEMPLATE, "<|im_end|>").expect("written");
    Policy::load(folder.path(), placement).expect("a policy")
}

/// A request to sample by these parameters.
pub(crate) fn request(draw: u64, sample: u64, prompt_ids: Vec<u32>, params: &SamplingParams) -> RolloutRequest {
    RolloutRequest { draw, sample, label: None, prompt_ids, thinking_open: false, params: Arc::new(params.clone()) }
}

/// Four draws with prompts of 1 to 25 tokens, three completions each.
pub(crate) fn requests(params: &SamplingParams) -> Vec<RolloutRequest> {
    let shared = Arc::new(params.clone());
    (0..4u32)
        .flat_map(|draw| (0..3u64).map(move |sample| (draw, sample)))
        .map(|(draw, sample)| RolloutRequest {
            draw: u64::from(draw),
            sample,
            label: Some(format!("task-{draw}")),
            prompt_ids: (0..1 + 8 * draw).map(|at| (at * 31 + draw * 17 + 5) % 272).collect(),
            thinking_open: false,
            params: shared.clone(),
        })
        .collect()
}

pub(crate) fn params() -> SamplingParams {
    SamplingParams { max_new_tokens: 40, seed: 9, ..SamplingParams::default() }
}

/// Completions in the order of their addresses.
pub(crate) fn in_order(mut completions: Vec<Completion>) -> Vec<Completion> {
    completions.sort_by_key(|completion| (completion.draw, completion.sample));
    completions
}

/// Completions packed as in training; the targets are what was sampled.
pub(crate) fn packed(completions: &[Completion]) -> Packed {
    let ids: Vec<Vec<u32>> = completions.iter().map(|completion| completion.sequence.ids()).collect();
    let ranges: Vec<Vec<Range<usize>>> =
        completions.iter().map(|completion| completion.sequence.sampled_ranges()).collect();
    let sequences: Vec<(&[u32], &[Range<usize>])> =
        ids.iter().zip(&ranges).map(|(ids, ranges)| (ids.as_slice(), ranges.as_slice())).collect();
    Packed::new(&sequences, Device::Cpu)
}

/// Asserts that completions are equal up to the rounding of their logprobs.
pub(crate) fn assert_same(left: &[Completion], right: &[Completion]) {
    assert_eq!(left.len(), right.len());
    for (left, right) in left.iter().zip(right) {
        assert_eq!((left.draw, left.sample), (right.draw, right.sample));
        assert_eq!(left.sequence.ids(), right.sequence.ids(), "{} {}", left.draw, left.sample);
        assert_eq!((&left.text, left.finish_reason), (&right.text, right.finish_reason));
        for (left, right) in left.sequence.rollout_logprobs().zip(right.sequence.rollout_logprobs()) {
            assert!((left - right).abs() < 1e-4);
        }
    }
}

/// Logits `[completion, vocab]` that a whole forward pass gives where each token of the completion was sampled.
pub(crate) fn recomputed_logits(policy: &Policy, completion: &Completion) -> Tensor {
    let _guard = tch::no_grad_guard();
    let ids: Vec<i64> = completion.sequence.ids().into_iter().map(i64::from).collect();
    let length = ids.len() as i64;
    let positions = Tensor::arange(length, (Kind::Int64, Device::Cpu));
    let mut attention = PackedAttention::new(&[ids.len()], Device::Cpu);
    let hidden = policy.decoder.hidden(&Tensor::from_slice(&ids), &positions, &mut attention);
    let num_sampled = completion.sequence.num_sampled() as i64;
    policy.decoder.logits(&hidden.narrow(0, length - 1 - num_sampled, num_sampled))
}
