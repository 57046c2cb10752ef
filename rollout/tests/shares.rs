//! Engines of ranks that have a share of the model each, held against that of one process.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use dist::{Backend, Environment, Fingerprint, GraphGroup, Job};
use policy::{Decoder, ModelConfig, PackedAttention, Placement, Policy, TensorCut, TensorParallel};
use random::SampleAddress;
use rollout::{Completion, Engine, EngineOptions, RolloutError, RolloutRequest, SamplingParams, generate};
use tch::{Device, Kind, Tensor};

use crate::ranks::succeed;
use crate::support::{assert_same, in_order, params, policy_of_config, request, requests};

const TIMEOUT: Duration = Duration::from_secs(20);

#[test]
fn ranks_with_a_share_each_complete_what_one_process_does() {
    for (role, num_ranks) in [("completions qwen2", 2), ("completions qwen3", 4)] {
        succeed(role, num_ranks);
    }
}

#[test]
fn the_step_of_a_rank_that_is_left_alone_is_an_error() {
    succeed("a rank leaves", 2);
}

fn start() -> Job {
    let environment = Environment::of_process().unwrap().unwrap();
    Job::start(&environment, &Fingerprint::default().with("version", "1"), TIMEOUT).unwrap()
}

/// A policy whose vocabulary does not divide.
fn policy(model_type: &str, is_tied: bool) -> Policy {
    policy_of_config(
        &serde_json::json!({"model_type": model_type, "vocab_size": 275, "tie_word_embeddings": is_tied}),
        11,
        Placement::CPU,
    )
}

/// This rank's share of a policy.
fn share_of(whole: &Policy, job: &Job) -> Policy {
    let ranks = (0..job.world_size()).collect();
    let group = GraphGroup::new(job.group("tensor", ranks, Backend::Gloo, TIMEOUT).unwrap());
    let tensor = TensorParallel::new(whole.decoder.config(), &group).unwrap();
    let store = TensorCut::cut(&whole.decoder, tensor, None);
    Policy { decoder: Decoder::with_store(whole.decoder.config(), Box::new(store)), texts: whole.texts.clone() }
}

fn completions(policy: &Policy, requests: Vec<RolloutRequest>, options: &EngineOptions) -> Vec<Completion> {
    let mut completions = Vec::new();
    let cancel = AtomicBool::new(false);
    generate(policy, requests, options, 7, &cancel, |completion| completions.push(completion)).unwrap();
    in_order(completions)
}

/// Ids and the bits of all logprobs.
fn bits(completions: &[Completion]) -> Vec<u8> {
    let number = |value: f32| value.to_bits().to_le_bytes();
    let of = |completion: &Completion| {
        let sequence = &completion.sequence;
        let numbers = sequence.rollout_logprobs().chain(sequence.raw_logprobs()).chain([completion.entropy]);
        let ids = sequence.ids().into_iter().flat_map(u32::to_le_bytes);
        ids.chain(numbers.flat_map(number)).collect::<Vec<u8>>()
    };
    completions.iter().flat_map(of).collect()
}

pub(crate) fn play(model_type: &str) {
    let job = start();
    let all = job.group("all", (0..job.world_size()).collect(), Backend::Gloo, TIMEOUT).unwrap();
    let params = || SamplingParams { max_new_tokens: 16, ..params() };
    let kinds = [
        params(),
        SamplingParams { temperature: 0.7, ..params() },
        SamplingParams { temperature: 0.0, ..params() },
        SamplingParams { temperature: 1.3, top_k: 20, top_p: 0.9, min_p: 0.01, ..params() },
        SamplingParams { logit_bias: vec![(7, 2.5)], frequency_penalty: 0.5, min_new_tokens: 6, ..params() },
        SamplingParams { repetition_penalty: 1.3, temperature: 0.0, top_logprobs: 2, ..params() },
        SamplingParams { bad_words: vec![vec![9], vec![3, 4]], top_k: 8, kept_ids: true, ..params() },
    ];
    let whole = policy(model_type, model_type == "qwen3");
    let policy = share_of(&whole, &job);
    let mixed = (0..12).map(|place| request(place, 0, vec![5, 9, place as u32], &kinds[place as usize % 4]));
    let batches = kinds.iter().map(requests).chain([mixed.collect()]);
    for (place, batch) in batches.enumerate() {
        let what = format!("{model_type} batch {place}");
        let options = EngineOptions { max_sequences: if place == 0 { 5 } else { 32 }, ..EngineOptions::default() };
        let expected = completions(&whole, batch.clone(), &options);
        let ours = completions(&policy, batch, &options);
        assert_same(&expected, &ours);
        for (expected, ours) in expected.iter().zip(&ours) {
            assert!((expected.entropy - ours.entropy).abs() < 1e-4, "{what}");
            let mut raw = expected.sequence.raw_logprobs().zip(ours.sequence.raw_logprobs());
            assert!(raw.all(|(expected, ours)| (expected - ours).abs() < 1e-4), "{what}");
        }
        let of_ranks = all.all_gather_bytes(&bits(&ours)).unwrap();
        assert!(of_ranks.iter().all(|bits| *bits == of_ranks[0]), "{what}: not the same on all ranks");
    }
    check_draws(&whole, &policy);
    check_other_shares(&whole, &policy);
    drop(all);
    job.finish(TIMEOUT);
}

/// Many draws of one token: the id of one process, but where the number falls on an edge between two tokens.
fn check_draws(whole: &Policy, share: &Policy) {
    const EDGE: f64 = 1e-5;
    let prompt = [5u32, 9, 40];
    let one = SamplingParams { max_new_tokens: 1, temperature: 1.5, ..params() };
    let requests: Vec<RolloutRequest> = (0..500).map(|draw| request(draw, 0, prompt.to_vec(), &one)).collect();
    let options = EngineOptions { max_sequences: 100, ..EngineOptions::default() };
    let expected = completions(whole, requests.clone(), &options);
    let ours = completions(share, requests, &options);
    let cumulative = tch::no_grad(|| {
        let ids = Tensor::from_slice(&prompt.map(i64::from));
        let positions = Tensor::from_slice(&[0i64, 1, 2]);
        let mut attention = PackedAttention::new(&[3], Device::Cpu);
        let hidden = whole.decoder.hidden(&ids, &positions, &mut attention).narrow(0, 2, 1);
        (whole.decoder.logits(&hidden) / one.temperature).softmax(-1, Kind::Double).get(0).cumsum(0, Kind::Double)
    });
    let mut num_others = 0;
    for (expected, ours) in expected.iter().zip(&ours) {
        let (expected_id, id) = (expected.sequence.ids()[3], ours.sequence.ids()[3]);
        let address = SampleAddress { seed: one.seed, draw: ours.draw, sample: 0 };
        let uniform = address.numbers().at(0);
        let edge = (&cumulative - uniform).abs().min().double_value(&[]);
        assert!(id == expected_id || edge <= EDGE, "draw {}: {id}, not {expected_id}, {edge} off", ours.draw);
        num_others += usize::from(id != expected_id);
    }
    assert!(num_others < 10, "{num_others} of 500 draws are others");
    let distinct: std::collections::BTreeSet<u32> =
        ours.iter().map(|completion| completion.sequence.ids()[3]).collect();
    assert!(distinct.len() > 20, "too few tokens to tell");
}

/// A share is another model than the whole to an engine under way, and not to an idle one.
fn check_other_shares(whole: &Policy, share: &Policy) {
    let mut engine =
        Engine::new(whole.decoder.config(), whole.decoder.placement(), &EngineOptions::default(), whole.texts.clone())
            .unwrap();
    engine.submit(request(0, 0, vec![5, 9], &params())).unwrap();
    engine.step(&share.decoder, 0).unwrap();
    assert!(matches!(engine.step(&whole.decoder, 0), Err(RolloutError::OtherModel)));
    engine.step(&share.decoder, 0).unwrap();
}

pub(crate) fn play_departure() {
    let job = start();
    let policy = share_of(&policy("qwen2", false), &job);
    let config: &ModelConfig = policy.decoder.config();
    let mut engine =
        Engine::new(config, policy.decoder.placement(), &EngineOptions::default(), policy.texts.clone()).unwrap();
    engine.submit(request(0, 0, vec![5, 9], &params())).unwrap();
    engine.step(&policy.decoder, 0).unwrap();
    if job.rank() == 0 {
        let error = engine.step(&policy.decoder, 0).unwrap_err();
        assert!(matches!(error, RolloutError::Ranks(_)), "{error:?}");
        assert!(error.to_string().contains("`tensor`"), "{error}");
        assert!(engine.is_idle());
    }
    drop(policy);
    job.finish(TIMEOUT);
}
