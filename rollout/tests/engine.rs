//! An engine between whose steps requests come and go, and weights change.

use policy::{Decoder, ModelConfig, Placement, Policy};
use proptest::prelude::*;
use rollout::{
    CacheTokens, Completion, Engine, EngineOptions, FinishReason, Finished, GenerationStats, RequestId, RolloutError,
    RolloutRequest, SamplingParams, VersionSpan,
};

use crate::support::{assert_same, in_order, params, policy, policy_of, request, requests};

fn engine(policy: &Policy, options: &EngineOptions) -> Engine {
    Engine::new(policy.decoder.config(), policy.decoder.placement(), options, policy.texts.clone()).expect("an engine")
}

fn submit(engine: &mut Engine, requests: Vec<RolloutRequest>) -> Vec<RequestId> {
    requests.into_iter().map(|request| engine.submit(request).expect("a good request")).collect()
}

/// Completions of one step.
fn step(engine: &mut Engine, policy: &Policy) -> Vec<Completion> {
    let finished = engine.step(&policy.decoder, 7).expect("a step");
    finished.into_iter().map(|finished| finished.result.expect("a completion")).collect()
}

/// Steps until nothing is left.
fn drain(engine: &mut Engine, policy: &Policy) -> Vec<Completion> {
    let mut completions = Vec::new();
    while !engine.is_idle() {
        completions.extend(step(engine, policy));
    }
    completions
}

fn all_at_once(policy: &Policy, requests: Vec<RolloutRequest>) -> Vec<Completion> {
    let mut engine = engine(policy, &EngineOptions::default());
    submit(&mut engine, requests);
    in_order(drain(&mut engine, policy))
}

#[test]
fn late_submits_between_steps_change_no_completion() {
    let policy = policy();
    let whole = all_at_once(&policy, requests(&params()));
    for (max_sequences, steps_between) in [(32, 1), (32, 7), (3, 2)] {
        let mut engine = engine(&policy, &EngineOptions { max_sequences, ..EngineOptions::default() });
        let mut completions = Vec::new();
        for request in requests(&params()).into_iter().rev() {
            engine.submit(request).expect("a good request");
            for _ in 0..steps_between {
                completions.extend(step(&mut engine, &policy));
            }
            assert!(engine.num_running() <= max_sequences);
        }
        completions.extend(drain(&mut engine, &policy));
        assert_same(&whole, &in_order(completions));
    }
}

#[test]
fn sequences_that_give_their_place_back_end_as_they_would_otherwise() {
    let policy = policy();
    let free = SamplingParams { ignore_eos: true, ..params() };
    for params in [free.clone(), SamplingParams { temperature: 0.0, ..free }] {
        let whole = all_at_once(&policy, requests(&params));
        // The longest takes five blocks.
        for (blocks, prefill_tokens) in [(5, 4096), (9, 4096), (9, 7)] {
            let cache_tokens = CacheTokens::Tokens(16 * blocks + 5);
            let options = EngineOptions { cache_tokens, prefill_tokens, ..EngineOptions::default() };
            let mut engine = engine(&policy, &options);
            submit(&mut engine, requests(&params));
            assert_same(&whole, &in_order(drain(&mut engine, &policy)));
            let stats = engine.take_stats();
            assert!(stats.num_preemptions > 0, "{stats:?}");
            assert_eq!((stats.num_completions, stats.num_completion_tokens), (12, 12 * 40), "none is sampled twice");
        }
    }
}

#[test]
fn a_prompt_in_pieces_stalls_nobody() {
    let policy = policy();
    let free = SamplingParams { ignore_eos: true, ..params() };
    let short = || request(0, 0, vec![5, 6, 7], &free);
    let long = || request(1, 0, (0..50).collect(), &free);
    let whole = all_at_once(&policy, vec![short(), long()]);
    let mut engine = engine(&policy, &EngineOptions { prefill_tokens: 10, ..EngineOptions::default() });
    submit(&mut engine, vec![short(), long()]);
    // Two tokens before the last of the short one; 49 of the long one in passes of 8, 10, 10, 10, 10 and 1.
    for step_number in 1..=6 {
        assert!(step(&mut engine, &policy).is_empty());
        let stats = engine.take_stats();
        let num_sampled = if step_number == 6 { 2 } else { 1 };
        assert_eq!((stats.num_completion_tokens, stats.num_decode_steps), (num_sampled, 1), "step {step_number}");
    }
    assert_same(&whole, &in_order(drain(&mut engine, &policy)));
    let work = engine.take_work();
    assert_eq!((work.passes[&11], work.passes[&3]), (5, 1));
    assert_eq!((work.sampling_passes[&1], work.sampling_passes[&2]), (5 + 5, 35));
}

#[test]
fn what_begins_as_an_earlier_request_is_not_computed_again() {
    let policy = policy();
    let greedy = SamplingParams { temperature: 0.0, max_new_tokens: 20, ignore_eos: true, ..params() };
    let first: Vec<u32> = (0..30).collect();
    let mut engine = engine(&policy, &EngineOptions::default());
    submit(&mut engine, vec![request(0, 0, first.clone(), &greedy)]);
    let turn = drain(&mut engine, &policy).remove(0);
    assert_eq!(engine.take_stats().num_prefill_tokens, 29);
    // All of the first turn but its last token, which was sampled and not computed.
    let second = [turn.sequence.ids(), vec![9, 8, 7]].concat();
    let requests = || vec![request(1, 0, first.clone(), &greedy), request(2, 0, second.clone(), &greedy)];
    submit(&mut engine, requests());
    let completions = in_order(drain(&mut engine, &policy));
    assert_eq!(engine.take_stats().num_prefill_tokens, 3);
    assert_same(&all_at_once(&policy, requests()), &completions);
    assert!(engine.release_cache());
    submit(&mut engine, requests());
    drain(&mut engine, &policy);
    assert_eq!(engine.take_stats().num_prefill_tokens, 29 + 52 - 16, "of what is under way a whole block is shared");
}

#[test]
fn a_cache_takes_its_size_from_what_is_free() {
    let policy = policy();
    let whole = all_at_once(&policy, requests(&params()));
    let options = EngineOptions { cache_tokens: CacheTokens::Auto, ..EngineOptions::default() };
    let mut engine = engine(&policy, &options).beside(2);
    submit(&mut engine, requests(&params()));
    assert_same(&whole, &in_order(drain(&mut engine, &policy)));
    submit(&mut engine, requests(&params()));
    assert_same(&whole, &in_order(drain(&mut engine, &policy)));
    // A machine with as many processes leaves none of them a block.
    let mut engine = Engine::new(policy.decoder.config(), policy.decoder.placement(), &options, policy.texts.clone())
        .expect("an engine")
        .beside(usize::MAX);
    submit(&mut engine, vec![request(0, 0, vec![5], &SamplingParams { max_new_tokens: 9, ..params() })]);
    submit(&mut engine, vec![request(1, 0, vec![5], &params())]);
    let refused = engine.step(&policy.decoder, 7).expect("a step");
    let [Finished { result: Err(error), .. }] = &refused[..] else { panic!("{refused:?}") };
    assert!(error.to_string().starts_with("draw 1, sample 0: prompt and completion may take 48 tokens"), "{error}");
    assert_eq!(drain(&mut engine, &policy).len(), 1, "what fits a block goes on");
    assert!(engine.submit(request(2, 0, vec![5], &params())).is_err(), "the size is known now");
}

#[test]
fn an_aborted_neighbour_changes_nothing() {
    let policy = policy();
    let free = SamplingParams { ignore_eos: true, ..params() };
    let whole = all_at_once(&policy, requests(&free));
    let mut engine = engine(&policy, &EngineOptions { max_sequences: 6, ..EngineOptions::default() });
    let ids = submit(&mut engine, requests(&free));
    for _ in 0..2 {
        assert!(step(&mut engine, &policy).is_empty());
    }
    assert_eq!((engine.num_running(), engine.num_waiting()), (6, 6));
    let dropped = [0, 4, 5, 11]; // the first and the last that run, one between, and one that waits
    let aborted: Vec<Completion> = dropped
        .iter()
        .map(|&at| {
            let finished = engine.abort(ids[at]).expect("it is there");
            assert_eq!(finished.request, ids[at]);
            finished.result.expect("a completion")
        })
        .collect();
    for (completion, at) in aborted.iter().zip(dropped) {
        assert_eq!(completion.finish_reason, FinishReason::Aborted);
        let so_far = if at == 11 { 0 } else { 2 };
        assert_eq!(completion.completion_ids(), whole[at].completion_ids()[..so_far]);
        assert_eq!(completion.prompt_ids(), whole[at].prompt_ids());
    }
    assert_eq!((engine.num_running(), engine.num_waiting()), (3, 5));
    assert!(engine.abort(ids[0]).is_none(), "it is gone");
    let kept: Vec<Completion> = (0..12).filter(|at| !dropped.contains(at)).map(|at| whole[at].clone()).collect();
    assert_same(&kept, &in_order(drain(&mut engine, &policy)));
    assert!(engine.abort(ids[1]).is_none(), "it has finished");
    let stats = engine.take_stats();
    assert_eq!((stats.num_aborted, stats.num_completions), (4, 8));
    assert_eq!(engine.take_stats(), GenerationStats::default());
}

#[test]
fn all_may_be_aborted_and_others_follow() {
    let policy = policy();
    let whole = all_at_once(&policy, requests(&params()));
    let mut engine = engine(&policy, &EngineOptions::default());
    let ids = submit(&mut engine, requests(&params()));
    step(&mut engine, &policy);
    assert!(!engine.release_cache(), "the running sequences need it");
    assert!(ids.iter().filter(|&&id| engine.abort(id).is_some()).count() > 0 && engine.is_idle());
    assert!(engine.step(&policy.decoder, 7).expect("an idle step").is_empty());
    for _ in 0..2 {
        submit(&mut engine, requests(&params()));
        assert_same(&whole, &in_order(drain(&mut engine, &policy)));
        assert!(engine.release_cache());
    }
}

#[test]
fn requests_of_other_parameters_share_a_batch() {
    let policy = policy();
    let kinds = [
        params(),
        SamplingParams { temperature: 0.0, ..params() },
        SamplingParams { top_p: 0.8, seed: 3, ..params() },
        SamplingParams { temperature: 1.5, max_new_tokens: 11, ignore_eos: true, ..params() },
    ];
    let alone: Vec<Vec<Completion>> = kinds.iter().map(|kind| all_at_once(&policy, requests(kind))).collect();
    let kind_of = |at: usize| at * 5 % kinds.len();
    let mixed = (0..12).map(|at| requests(&kinds[kind_of(at)]).swap_remove(at)).collect();
    let expected: Vec<Completion> = (0..12).map(|at| alone[kind_of(at)][at].clone()).collect();
    assert_same(&expected, &all_at_once(&policy, mixed));
}

#[test]
fn a_bad_request_is_its_own_error_and_the_others_go_on() {
    let policy = policy();
    let whole = all_at_once(&policy, requests(&params()));
    let mut engine = engine(&policy, &EngineOptions::default());
    let hot = SamplingParams { temperature: -1.0, ..params() };
    let bad = [request(9, 0, vec![], &params()), request(9, 1, vec![272], &params()), request(9, 2, vec![5], &hot)];
    for (at, good) in requests(&params()).into_iter().enumerate() {
        engine.submit(good).expect("a good request");
        engine.submit(bad[at % bad.len()].clone()).expect_err("a refusal");
    }
    assert_same(&whole, &in_order(drain(&mut engine, &policy)));
    let named = RolloutRequest { label: Some("task sum".to_owned()), ..request(9, 3, vec![], &params()) };
    let message = engine.submit(named).expect_err("a refusal").to_string();
    assert!(message.starts_with("draw 9, sample 3 (task sum): the prompt is empty"), "{message}");
}

#[test]
fn a_request_whose_logits_are_not_finite_leaves_its_slot_clean() {
    // A sequence's activations are not finite from this token on.
    const BROKEN: u32 = 200;
    let policy = policy();
    let embedding = policy.decoder.store().embedding();
    let _ = tch::no_grad(|| embedding.get(i64::from(BROKEN)).fill_(f64::NAN));
    let params = SamplingParams { temperature: 0.0, max_new_tokens: 8, ..params() };
    let good = || request(0, 0, vec![5, 6, 7], &params);
    let expected = all_at_once(&policy, vec![good()]);
    let broken = (0..20).chain([BROKEN]).chain(20..30).collect();
    let mut engine = engine(&policy, &EngineOptions { max_sequences: 1, ..EngineOptions::default() });
    submit(&mut engine, vec![request(1, 0, broken, &params), good()]);
    let finished = engine.step(&policy.decoder, 7).expect("a step");
    assert!(matches!(finished[..], [Finished { result: Err(RolloutError::NotFinite { .. }), .. }]), "{finished:?}");
    assert_same(&expected, &drain(&mut engine, &policy));
}

#[test]
fn each_token_knows_the_weights_that_gave_it() {
    let (old, new) = (policy(), policy_of(12));
    let free = SamplingParams { ignore_eos: true, ..params() };
    let prompt: Vec<u32> = (0..20).collect();
    let mut engine = engine(&old, &EngineOptions::default());
    submit(&mut engine, vec![request(0, 0, prompt.clone(), &free)]);
    for _ in 0..3 {
        assert!(engine.step(&old.decoder, 4).expect("a step").is_empty());
    }
    // The same prompt under other weights must not take the keys that the old ones computed.
    submit(&mut engine, vec![request(1, 0, prompt.clone(), &free)]);
    let mut completions = Vec::new();
    while !engine.is_idle() {
        let finished = engine.step(&new.decoder, 5).expect("a step");
        completions.extend(finished.into_iter().map(|finished| finished.result.expect("a completion")));
    }
    let completions = in_order(completions);
    let span = |policy_version, num_tokens| VersionSpan { policy_version, num_tokens };
    assert_eq!(completions[0].sequence.segments()[1].versions, [span(4, 3), span(5, 37)]);
    assert_eq!(completions[1].sequence.segments()[1].versions, [span(5, 40)]);
    assert_same(&all_at_once(&new, vec![request(1, 0, prompt, &free)]), &completions[1..]);
}

#[test]
fn a_decoder_of_another_shape_is_refused() {
    let policy = policy();
    let mut engine = engine(&policy, &EngineOptions::default());
    submit(&mut engine, vec![request(0, 0, vec![5], &params())]);
    let json = serde_json::json!({
        "model_type": "qwen2", "hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "vocab_size": 272,
        "num_attention_heads": 2, "num_key_value_heads": 1, "max_position_embeddings": 96,
    });
    let other = Decoder::random(&ModelConfig::from_json(&json).expect("a config"), 0, Placement::CPU);
    assert!(matches!(engine.step(&other, 7), Err(RolloutError::OtherModel)));
    assert_eq!(drain(&mut engine, &policy).len(), 1, "the request is still there");
}

#[test]
fn one_prompt_is_sampled_anew_for_each_draw_and_sample() {
    let policy = policy();
    let prompt: Vec<u32> = (0..9).collect();
    let addresses = [(0, 0), (0, 1), (1, 0), (1 << 40, 0)];
    let requests = addresses.map(|(draw, sample)| request(draw, sample, prompt.clone(), &params()));
    let completions = all_at_once(&policy, requests.to_vec());
    for (at, one) in completions.iter().enumerate() {
        assert!(completions[..at].iter().all(|other| other.completion_ids() != one.completion_ids()));
    }
}

/// What a caller may do between two steps.
#[derive(Debug, Clone)]
enum Action {
    Submit,
    /// Aborts one of the requests submitted so far.
    Abort(usize),
    Steps(usize),
    Release,
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        4 => Just(Action::Submit),
        2 => (0..12usize).prop_map(Action::Abort),
        3 => (1..12usize).prop_map(Action::Steps),
        1 => Just(Action::Release),
    ]
}

#[test]
fn whatever_happens_between_steps_a_request_ends_once_and_as_it_would_alone() {
    let policy = policy();
    let short = SamplingParams { max_new_tokens: 16, ..params() };
    let whole = all_at_once(&policy, requests(&short));
    let config = ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() };
    let bounds = (1..8usize, 3..20usize, 1..20usize);
    proptest!(config, |(actions in prop::collection::vec(action(), 1..40), bounds in bounds)| {
        let (max_sequences, blocks, prefill_tokens) = bounds;
        let cache_tokens = CacheTokens::Tokens(16 * blocks);
        let options = EngineOptions { max_sequences, cache_tokens, prefill_tokens, ..Default::default() };
        let mut engine = engine(&policy, &options);
        let (mut waiting, mut ids, mut aborted) = (requests(&short).into_iter(), Vec::new(), vec![false; 12]);
        let mut completions = Vec::new();
        for action in actions {
            match action {
                Action::Submit => ids.extend(waiting.next().map(|next| engine.submit(next).expect("a good request"))),
                Action::Abort(at) => {
                    if let Some(&id) = ids.get(at) {
                        aborted[at] |= engine.abort(id).is_some();
                    }
                }
                Action::Steps(num) => (0..num).for_each(|_| completions.extend(step(&mut engine, &policy))),
                Action::Release => prop_assert_eq!(engine.release_cache(), engine.num_running() == 0),
            }
            prop_assert!(engine.num_running() <= max_sequences);
        }
        ids.extend(submit(&mut engine, waiting.collect()));
        completions.extend(drain(&mut engine, &policy));
        let kept: Vec<Completion> = (0..12).filter(|&at| !aborted[at]).map(|at| whole[at].clone()).collect();
        assert_same(&kept, &in_order(completions));
    });
}
