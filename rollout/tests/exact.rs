//! Exact numerics: a completion's logprobs have the same bits whatever stands beside it, and training computes them.

use std::ops::Range;

use policy::{
    HeadOptions, LanguageGradient, LanguageHead, LossScope, Numerics, Placement, Policy, Recompute,
    accumulate_gradient, outputs,
};
use rollout::{CacheTokens, Completion, Engine, EngineOptions, SamplingParams, ThinkingBudget, TokenSource};
use tch::{Device, Kind, Tensor};

use crate::support::{in_order, packed, params, policy_of_config, requests};

const FAMILIES: [&str; 3] = ["qwen2", "qwen3", "llama"];

fn exact_policy(family: &str) -> Policy {
    let others = serde_json::json!({ "model_type": family, "head_dim": 12 });
    let mut policy = policy_of_config(&others, 11, Placement::CPU);
    policy.decoder.set_numerics(Numerics::Exact).expect("float32 on a CPU");
    policy
}

fn engine(policy: &Policy, options: &EngineOptions) -> Engine {
    Engine::new(policy.decoder.config(), policy.decoder.placement(), options, policy.texts.clone()).expect("an engine")
}

/// Completions of all requests, a new one between each `every` steps.
fn sampled(policy: &Policy, params: &SamplingParams, options: &EngineOptions, every: usize) -> Vec<Completion> {
    let mut engine = engine(policy, options);
    let (mut waiting, mut completions) = (requests(params), Vec::new());
    while !waiting.is_empty() || !engine.is_idle() {
        let submitted = if every == 0 { waiting.len() } else { 1.min(waiting.len()) };
        for request in waiting.drain(waiting.len() - submitted..) {
            engine.submit(request).expect("a good request");
        }
        for _ in 0..every.max(1) {
            let finished = engine.step(&policy.decoder, 7).expect("a step");
            completions.extend(finished.into_iter().map(|finished| finished.result.expect("a completion")));
        }
    }
    in_order(completions)
}

/// Ids, and the bits of logprobs.
fn bits(completions: &[Completion]) -> Vec<(Vec<u32>, Vec<[u32; 2]>)> {
    let of_tokens = |completion: &Completion| {
        let sequence = &completion.sequence;
        let numbers = sequence.rollout_logprobs().zip(sequence.raw_logprobs());
        numbers.map(|(rollout, raw)| [rollout, raw].map(f32::to_bits)).collect()
    };
    completions.iter().map(|completion| (completion.sequence.ids(), of_tokens(completion))).collect()
}

fn one_at_a_time() -> EngineOptions {
    EngineOptions { max_sequences: 1, ..EngineOptions::default() }
}

#[test]
fn batches_admission_pieces_and_memory_change_no_bit_of_a_logprob() {
    for family in FAMILIES {
        let policy = exact_policy(family);
        let params = SamplingParams { ignore_eos: true, ..params() };
        let alone = bits(&sampled(&policy, &params, &one_at_a_time(), 0));
        let default = EngineOptions::default();
        for (what, options, every) in [
            ("all at once", default.clone(), 0),
            ("one after the other", default.clone(), 3),
            ("five at most", EngineOptions { max_sequences: 5, ..default.clone() }, 1),
            ("prompts in pieces", EngineOptions { prefill_tokens: 3, ..default.clone() }, 2),
            ("weights not packed", EngineOptions { packed_weights: false, ..default.clone() }, 0),
            ("little memory", EngineOptions { cache_tokens: CacheTokens::Tokens(16 * 7), ..default.clone() }, 0),
        ] {
            assert_eq!(bits(&sampled(&policy, &params, &options, every)), alone, "{family}, {what}");
        }
    }
}

#[test]
fn neighbours_that_leave_change_no_bit_of_a_logprob() {
    let policy = exact_policy("qwen2");
    let params = SamplingParams { ignore_eos: true, ..params() };
    let alone = bits(&sampled(&policy, &params, &one_at_a_time(), 0));
    let mut engine = engine(&policy, &EngineOptions::default());
    let ids: Vec<_> = requests(&params).into_iter().map(|request| engine.submit(request).unwrap()).collect();
    let mut kept = Vec::new();
    for step in 0.. {
        // Every second one leaves, one a step from the fifth on.
        if let Some(id) = ids.get(2 * step).filter(|_| step >= 3) {
            assert!(engine.abort(*id).is_some());
        }
        kept.extend(engine.step(&policy.decoder, 7).unwrap().into_iter().map(|finished| finished.result.unwrap()));
        if engine.is_idle() {
            break;
        }
    }
    assert_eq!(kept.len(), 9);
    for (place, own) in bits(&in_order(kept)).iter().enumerate() {
        assert!(alone.contains(own), "completion {place}");
    }
}

#[test]
fn preempted_sequences_and_found_beginnings_are_among_what_was_compared() {
    let policy = exact_policy("qwen2");
    let params = SamplingParams { ignore_eos: true, ..params() };
    let mut small = engine(&policy, &EngineOptions { cache_tokens: CacheTokens::Tokens(16 * 7), ..Default::default() });
    for request in requests(&params) {
        small.submit(request).unwrap();
    }
    while !small.is_idle() {
        small.step(&policy.decoder, 7).unwrap();
    }
    let stats = small.take_stats();
    assert!(stats.num_preemptions > 0, "{stats:?}");
    let mut large = engine(&policy, &EngineOptions::default());
    for request in requests(&params) {
        large.submit(request).unwrap();
    }
    while !large.is_idle() {
        large.step(&policy.decoder, 7).unwrap();
    }
    let stats = large.take_stats();
    assert!(stats.num_prefill_tokens < stats.num_prompt_tokens - 12, "{stats:?}");
}

fn float_bits(logprobs: &Tensor) -> Vec<u32> {
    Vec::<f32>::try_from(logprobs).expect("flat float32").into_iter().map(f32::to_bits).collect()
}

fn recorded_bits(completions: &[Completion]) -> Vec<u32> {
    completions.iter().flat_map(|completion| completion.sequence.rollout_logprobs().map(f32::to_bits)).collect()
}

#[test]
fn what_is_sampled_behind_forced_text_is_trained_on_the_same_bits() {
    let policy = exact_policy("qwen2");
    let budget = ThinkingBudget { max_tokens: 6, forced_text: "\n</think>\n\n".into() };
    let params = SamplingParams { thinking: Some(budget), ignore_eos: true, ..params() };
    let mut engine = engine(&policy, &EngineOptions { prefill_tokens: 5, ..EngineOptions::default() });
    for mut request in requests(&params) {
        request.thinking_open = true;
        engine.submit(request).expect("a good request");
    }
    let mut completions = Vec::new();
    while !engine.is_idle() {
        let finished = engine.step(&policy.decoder, 7).expect("a step");
        completions.extend(finished.into_iter().map(|finished| finished.result.expect("a completion")));
    }
    let has_forced = |completion: &Completion| {
        completion.sequence.segments().iter().any(|segment| segment.source == TokenSource::Forced)
    };
    assert!(completions.iter().filter(|completion| has_forced(completion)).count() > 6, "too few forced texts to tell");
    let head = LanguageHead::new(&policy.decoder, HeadOptions { temperature: 1.0, chunk: 64 });
    let trained = outputs(&policy.decoder, &head, &packed(&completions)).logprobs();
    assert_eq!(float_bits(&trained), recorded_bits(&completions));
}

#[test]
fn training_computes_the_bits_that_were_recorded_while_sampling() {
    for family in FAMILIES {
        let mut policy = exact_policy(family);
        for temperature in [1.0, 0.7] {
            let params = SamplingParams { temperature, ..params() };
            let completions = sampled(&policy, &params, &EngineOptions::default(), 2);
            let recorded = recorded_bits(&completions);
            assert!(recorded.len() > 100, "too few tokens to tell");
            let batch = packed(&completions);
            for chunk in [5, 1024] {
                let mut head = LanguageHead::new(&policy.decoder, HeadOptions { temperature, chunk });
                let of_pass = outputs(&policy.decoder, &head, &batch).logprobs();
                assert_eq!(float_bits(&of_pass), recorded, "{family} at {temperature}");
                for (recompute, scope) in
                    [(Recompute::Nothing, LossScope::Token), (Recompute::Blocks, LossScope::Batch)]
                {
                    let nothing = |range: Range<i64>, _: &_| {
                        let logprob = Tensor::zeros([range.end - range.start], (Kind::Float, Device::Cpu));
                        Ok::<_, std::convert::Infallible>(LanguageGradient { logprob, entropy: None })
                    };
                    let decoder = &mut policy.decoder;
                    let Ok(output) = accumulate_gradient(decoder, &mut head, &batch, recompute, scope, nothing);
                    assert_eq!(float_bits(&output.logprobs()), recorded, "{family} at {temperature}, {recompute:?}");
                }
            }
            // Each sequence alone in its batch.
            let head = LanguageHead::new(&policy.decoder, HeadOptions { temperature, chunk: 64 });
            let alone = completions.iter().flat_map(|completion| {
                float_bits(&outputs(&policy.decoder, &head, &packed(std::slice::from_ref(completion))).logprobs())
            });
            assert_eq!(alone.collect::<Vec<u32>>(), recorded, "{family} at {temperature}");
        }
    }
}
