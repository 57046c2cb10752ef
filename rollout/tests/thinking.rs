//! Budgets of thinking: where it ends, what is forced, and what follows from that for the tokens behind.

use policy::{PackedAttention, Policy};
use rollout::{
    CacheTokens, Completion, Engine, EngineOptions, FinishReason, GenerationStats, RolloutRequest, SamplingParams,
    ThinkingBudget, TokenSource,
};
use tch::{Device, Kind, Tensor};

use crate::support::{assert_same, in_order, params, policy, request, requests};

/// Ids of `<think>` and `</think>`.
const OPENING: u32 = 3;
const CLOSING: u32 = 4;
const FORCED_TEXT: &str = "\n</think>\n\n";

/// Parameters under which neither a turn nor the thinking ends by itself.
fn free(thinking: Option<ThinkingBudget>) -> SamplingParams {
    SamplingParams { thinking, ignore_eos: true, bad_words: vec![vec![OPENING], vec![CLOSING]], ..params() }
}

fn budget(max_tokens: usize, forced_text: &str) -> Option<ThinkingBudget> {
    Some(ThinkingBudget { max_tokens, forced_text: forced_text.to_owned() })
}

fn thinking(mut requests: Vec<RolloutRequest>) -> Vec<RolloutRequest> {
    requests.iter_mut().for_each(|request| request.thinking_open = true);
    requests
}

fn run_with(
    policy: &Policy,
    requests: Vec<RolloutRequest>,
    options: &EngineOptions,
) -> (Vec<Completion>, GenerationStats) {
    let (config, placement) = (policy.decoder.config(), policy.decoder.placement());
    let mut engine = Engine::new(config, placement, options, policy.texts.clone()).expect("an engine");
    for request in requests {
        engine.submit(request).expect("a good request");
    }
    let mut completions = Vec::new();
    while !engine.is_idle() {
        let finished = engine.step(&policy.decoder, 0).expect("a step");
        completions.extend(finished.into_iter().map(|finished| finished.result.expect("a completion")));
    }
    (in_order(completions), engine.take_stats())
}

fn run(policy: &Policy, requests: Vec<RolloutRequest>) -> Vec<Completion> {
    run_with(policy, requests, &EngineOptions::default()).0
}

fn forced_ids(policy: &Policy) -> Vec<u32> {
    policy.texts.tokenizer.encode(FORCED_TEXT).expect("ids")
}

/// Sources and numbers of tokens behind the prompt.
fn shape(completion: &Completion) -> Vec<(TokenSource, usize)> {
    let segments = &completion.sequence.segments()[1..];
    segments.iter().map(|segment| (segment.source, segment.ids.len())).collect()
}

#[test]
fn a_completion_ends_where_its_budget_does() {
    let policy = policy();
    let whole = run(&policy, requests(&free(None)));
    let open = run(&policy, thinking(requests(&free(budget(6, "")))));
    let answers = run(&policy, requests(&free(budget(6, ""))));
    assert_same(&whole, &answers);
    for (open, whole) in open.iter().zip(&whole) {
        assert_eq!(
            (open.completion_ids().as_slice(), open.finish_reason),
            (&whole.completion_ids()[..6], FinishReason::Length)
        );
    }
}

#[test]
fn a_tag_that_is_sampled_ends_or_begins_the_thinking() {
    let policy = policy();
    let ids = |biased: u32, is_open: bool| {
        let params = SamplingParams { logit_bias: vec![(biased, 1000.0)], ignore_eos: true, ..params() };
        let params = SamplingParams { thinking: budget(6, ""), bad_words: Vec::new(), ..params };
        let request = RolloutRequest { thinking_open: is_open, ..request(0, 0, vec![9, 8], &params) };
        run(&policy, vec![request]).remove(0).completion_ids()
    };
    assert_eq!(ids(CLOSING, true), [CLOSING; 40]);
    assert_eq!(ids(OPENING, false), [OPENING; 7], "the first opens it, and six are thought");
}

#[test]
fn behind_a_forced_text_sampling_goes_on_as_behind_a_prompt_that_has_it() {
    let policy = policy();
    let forced = forced_ids(&policy);
    assert!(forced.len() > 1 && forced.contains(&CLOSING));
    let greedy = |thinking| SamplingParams { temperature: 0.0, ..free(thinking) };
    let completions = run(&policy, thinking(requests(&greedy(budget(7, FORCED_TEXT)))));
    for completion in &completions {
        let expected = [(TokenSource::Sampled, 7), (TokenSource::Forced, forced.len()), (TokenSource::Sampled, 33)];
        assert_eq!(shape(completion), expected);
        assert_eq!((completion.finish_reason, completion.sequence.num_sampled()), (FinishReason::Length, 40));
        assert_eq!(completion.sequence.segments()[2].ids, forced);
        assert!(completion.text.contains(FORCED_TEXT), "{:?}", completion.text);
        let ids = completion.sequence.ids();
        let given = completion.prompt_ids().len() + 7 + forced.len();
        let params = SamplingParams { max_new_tokens: 33, ..greedy(None) };
        let again = run(&policy, vec![request(0, 0, ids[..given].to_vec(), &params)]).remove(0);
        assert_eq!(again.completion_ids(), ids[given..]);
        let logprobs =
            |completion: &Completion, skipped| completion.sequence.raw_logprobs().skip(skipped).collect::<Vec<_>>();
        for (left, right) in logprobs(completion, 7).into_iter().zip(logprobs(&again, 0)) {
            assert!((left - right).abs() < 1e-4);
        }
    }
}

#[test]
fn logprobs_behind_a_forced_text_are_those_of_the_whole_sequence() {
    let policy = policy();
    let params = free(budget(5, FORCED_TEXT));
    let whole = run(&policy, requests(&SamplingParams { thinking: None, ..params.clone() }));
    for (completion, whole) in run(&policy, thinking(requests(&params))).iter().zip(&whole) {
        assert_eq!(completion.completion_ids()[..5], whole.completion_ids()[..5]);
        let sequence = &completion.sequence;
        let ids: Vec<i64> = sequence.ids().into_iter().map(i64::from).collect();
        let logprobs = tch::no_grad(|| {
            let positions = Tensor::arange(ids.len() as i64, (Kind::Int64, Device::Cpu));
            let mut attention = PackedAttention::new(&[ids.len()], Device::Cpu);
            let hidden = policy.decoder.hidden(&Tensor::from_slice(&ids), &positions, &mut attention);
            policy.decoder.logits(&hidden).log_softmax(-1, Kind::Float) // [tokens, vocab]
        });
        let places = sequence.sampled_ranges().into_iter().flatten();
        for (place, raw) in places.zip(sequence.raw_logprobs()) {
            let expected = logprobs.double_value(&[place as i64 - 1, ids[place]]);
            assert!((expected - f64::from(raw)).abs() < 1e-4, "{place}");
        }
    }
}

#[test]
fn forced_text_is_the_same_however_it_is_computed() {
    let policy = policy();
    let params = free(budget(5, FORCED_TEXT));
    let (whole, stats) = run_with(&policy, thinking(requests(&params)), &EngineOptions::default());
    assert_eq!(stats.num_forced_tokens, 12 * forced_ids(&policy).len());
    assert_eq!(stats.num_completion_tokens, 12 * 40);
    for (cache_tokens, prefill_tokens) in [(65_536, 2), (16 * 6, 4096), (16 * 6, 3)] {
        let cache_tokens = CacheTokens::Tokens(cache_tokens);
        let options = EngineOptions { cache_tokens, prefill_tokens, ..EngineOptions::default() };
        let (completions, again) = run_with(&policy, thinking(requests(&params)), &options);
        assert_same(&whole, &completions);
        assert_eq!(again.num_forced_tokens, stats.num_forced_tokens);
    }
}

#[test]
fn a_text_for_which_there_is_no_room_is_not_forced() {
    let policy = policy();
    let num_forced = forced_ids(&policy).len();
    let sampled = |max_tokens: usize, max_new_tokens: usize, num_prompt: u32| {
        let params = SamplingParams { max_new_tokens, ..free(budget(max_tokens, FORCED_TEXT)) };
        let requests = thinking(vec![request(0, 0, (0..num_prompt).map(|at| at + 9).collect(), &params)]);
        let completion = run(&policy, requests).remove(0);
        assert_eq!(completion.finish_reason, FinishReason::Length);
        shape(&completion)
    };
    // Of 96 positions.
    let room = 96 - num_forced as u32;
    assert_eq!(sampled(5, 40, room - 5), [(TokenSource::Sampled, 5)]);
    let forced = (TokenSource::Forced, num_forced);
    assert_eq!(sampled(5, 40, room - 6), [(TokenSource::Sampled, 5), forced, (TokenSource::Sampled, 1)]);
    assert_eq!(sampled(5, 5, 3), [(TokenSource::Sampled, 5)], "nothing may be sampled behind it");
}
