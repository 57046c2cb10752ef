//! Weights that change while sequences run: what follows is what an engine under the new weights gives that is handed
//! the tokens so far.

use std::cell::Cell;

use policy::Policy;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use rollout::{
    CacheAfterUpdate, CacheTokens, Completion, Engine, EngineOptions, RolloutError, RolloutRequest, SamplingParams,
    Segment, Unfinished, VersionSpan,
};

use crate::support::{assert_same, in_order, params, policy, policy_of, request, requests};

fn engine(policy: &Policy, options: &EngineOptions) -> Engine {
    Engine::new(policy.decoder.config(), policy.decoder.placement(), options, policy.texts.clone()).expect("an engine")
}

/// The first tokens of a segment.
fn beginning(segment: &Segment, num_tokens: usize) -> Segment {
    let mut left = num_tokens;
    let spans = segment.versions.iter().filter_map(|span| {
        let num_tokens = span.num_tokens.min(left);
        left -= num_tokens;
        (num_tokens > 0).then_some(VersionSpan { num_tokens, ..*span })
    });
    Segment {
        versions: spans.collect(),
        ids: segment.ids[..num_tokens].to_vec(),
        rollout_logprobs: segment.rollout_logprobs[..num_tokens].to_vec(),
        raw_logprobs: segment.raw_logprobs[..num_tokens].to_vec(),
        details: segment.details.iter().take(num_tokens).cloned().collect(),
        ..segment.clone()
    }
}

/// The request of a completion with its first tokens.
fn unfinished(completion: &Completion, num_tokens: usize, params: &SamplingParams) -> Unfinished {
    let Completion { draw, sample, .. } = *completion;
    let request = request(draw, sample, completion.prompt_ids().to_vec(), params);
    let sampled = &completion.sequence.segments()[1];
    let segments = if num_tokens > 0 { vec![beginning(sampled, num_tokens)] } else { Vec::new() };
    Unfinished { segments, ..request.into() }
}

/// Completes what is unfinished in an engine of its own.
fn alone(policy: &Policy, version: u64, unfinished: Unfinished) -> Completion {
    let mut engine = engine(policy, &EngineOptions::default());
    engine.go_on(unfinished).expect("a good beginning");
    loop {
        if let Some(finished) = engine.step(&policy.decoder, version).expect("a step").pop() {
            return finished.result.expect("a completion");
        }
    }
}

/// Parameters under which much is known of each token and a completion may end in several ways.
fn told() -> SamplingParams {
    let stop_repetition = Some(rollout::RepetitionStop { pattern_tokens: 2, count: 3 });
    SamplingParams {
        max_new_tokens: 20,
        top_k: 40,
        frequency_penalty: 0.2,
        stop_repetition,
        stop_strings: vec!["zz".into()],
        entropies: true,
        kept_ids: true,
        ..params()
    }
}

#[test]
fn what_is_withdrawn_goes_on_elsewhere_as_if_it_had_stayed() {
    let policy = policy();
    for params in [params(), told()] {
        let complete = |withdrawn_after: Option<usize>| {
            let options = EngineOptions { max_sequences: 5, ..EngineOptions::default() };
            let mut engine = engine(&policy, &options);
            for request in requests(&params) {
                engine.submit(request).expect("a good request");
            }
            let (mut completions, mut num_steps) = (Vec::new(), 0);
            while !engine.is_idle() {
                let finished = engine.step(&policy.decoder, 3).expect("a step");
                completions.extend(finished.into_iter().map(|finished| finished.result.expect("a completion")));
                num_steps += 1;
                if Some(num_steps) == withdrawn_after {
                    let withdrawn = engine.withdraw();
                    assert!(engine.is_idle() && engine.release_cache());
                    assert!(withdrawn.iter().map(|(id, _)| *id).is_sorted(), "in the order of submission");
                    assert!(withdrawn.iter().any(|(_, one)| one.num_sampled() == num_steps.min(5)));
                    for (_, one) in withdrawn {
                        let json = serde_json::to_string(&one).expect("JSON");
                        let read: Unfinished = serde_json::from_str(&json).expect("what was written");
                        assert_eq!(read, one);
                        engine.go_on(read).expect("a good beginning");
                    }
                }
            }
            in_order(completions)
        };
        let whole = complete(None);
        for after in [1, 4, 5] {
            let parts = complete(Some(after));
            assert_same(&whole, &parts);
            for (whole, parts) in whole.iter().zip(&parts) {
                assert!((whole.entropy - parts.entropy).abs() < 1e-4);
                let kept = |completion: &Completion| -> Vec<Vec<u32>> {
                    completion.sequence.details().map(|details| details.kept_ids.clone()).collect()
                };
                assert_eq!(kept(whole), kept(parts));
            }
        }
    }
}

#[test]
fn a_beginning_that_does_not_fit_its_request_is_refused() {
    let policy = policy();
    let free = SamplingParams { ignore_eos: true, ..params() };
    let whole = alone(&policy, 0, request(0, 0, vec![5, 6], &free).into());
    let good = unfinished(&whole, 7, &free);
    type Change = fn(&mut Unfinished);
    let cases: [(Change, &str); 6] = [
        (|one| one.request.params = std::sync::Arc::new(SamplingParams { max_new_tokens: 7, ..params() }), "7 tokens"),
        (|one| one.segments[0].ids[3] = 272, "token 272"),
        (|one| one.segments[0].raw_logprobs.truncate(6), "raw_logprobs is for 6 tokens"),
        (|one| one.segments.push(one.segments[0].clone()), "sampled tokens in two segments"),
        (|one| one.segments.push(Segment::given(rollout::TokenSource::Prompt, vec![3])), "a second prompt"),
        (|one| one.segments[0].details.resize_with(7, Default::default), "details"),
    ];
    let mut engine = engine(&policy, &EngineOptions::default());
    for (change, expected) in cases {
        let mut wrong = good.clone();
        change(&mut wrong);
        let error = engine.go_on(wrong).expect_err(expected);
        assert!(matches!(error, RolloutError::NotUnfinished { .. }) && error.to_string().contains(expected), "{error}");
    }
    assert!(engine.is_idle());
    // A later turn takes the room that is left in a cache, and needs one place.
    let answered = |num_tokens: usize| {
        let mut one = good.clone();
        one.segments.push(Segment::given(rollout::TokenSource::Tool, vec![3; num_tokens]));
        one
    };
    let small = EngineOptions { cache_tokens: CacheTokens::Tokens(32), ..EngineOptions::default() };
    let mut engine = self::engine(&policy, &small);
    let error = engine.go_on(answered(23)).expect_err("no room").to_string();
    assert!(error.contains("32 tokens already, and may have 32"), "{error}");
    engine.go_on(answered(22)).expect("room for a token");
    let finished = engine.step(&policy.decoder, 0).expect("a step").remove(0).result.expect("a completion");
    assert_eq!((finished.sequence.num_tokens(), finished.sequence.num_sampled()), (32, 8));
    assert_eq!(alone(&policy, 0, good).completion_ids(), whole.completion_ids());
}

/// What a caller may do between two steps.
#[derive(Debug, Clone)]
enum Action {
    Submit,
    /// Aborts one of the requests submitted so far.
    Abort(usize),
    Steps(usize),
    /// Other weights from the next step on.
    Swap,
    /// Takes all out, and gives it back.
    Withdraw,
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        4 => Just(Action::Submit),
        1 => (0..12usize).prop_map(Action::Abort),
        4 => (1..9usize).prop_map(Action::Steps),
        3 => Just(Action::Swap),
        1 => Just(Action::Withdraw),
    ]
}

#[test]
fn after_a_change_of_weights_tokens_are_those_of_an_engine_that_was_handed_the_earlier_ones() {
    let policies = [policy(), policy_of(12)];
    let of = |version: u64| &policies[version as usize % 2];
    let short = SamplingParams { max_new_tokens: 24, ignore_eos: true, ..params() };
    let requests: Vec<RolloutRequest> = requests(&short);
    // One seed, under which there are changes and preemptions enough.
    let rng_seed = RngSeed::Fixed(1);
    let config = ProptestConfig { cases: 24, rng_seed, failure_persistence: None, ..ProptestConfig::default() };
    let bounds = (1..8usize, 4..20usize, 1..40usize);
    let (num_changes, num_preemptions) = (Cell::new(0), Cell::new(0));
    proptest!(config, |(actions in prop::collection::vec(action(), 1..30), bounds in bounds, keeps: bool)| {
        let (max_sequences, blocks, prefill_tokens) = bounds;
        let cache_tokens = CacheTokens::Tokens(16 * blocks);
        let cache_after_update = if keeps { CacheAfterUpdate::Keep } else { CacheAfterUpdate::Recompute };
        let options =
            EngineOptions { max_sequences, cache_tokens, prefill_tokens, cache_after_update, ..Default::default() };
        let mut engine = engine(&policies[0], &options);
        let (mut waiting, mut ids, mut num_aborted) = (requests.iter().cloned(), Vec::new(), 0);
        let mut begun = Vec::new(); // the version at which each was submitted
        let (mut completions, mut version) = (Vec::new(), 0);
        let step = |engine: &mut Engine, version: u64, completions: &mut Vec<Completion>| {
            let finished = engine.step(&of(version).decoder, version).expect("a step");
            completions.extend(finished.into_iter().map(|finished| finished.result.expect("a completion")));
        };
        for action in actions {
            match action {
                Action::Submit => {
                    ids.extend(waiting.next().map(|next| engine.submit(next).expect("a good request")));
                    begun.resize(ids.len(), version);
                }
                Action::Abort(at) => {
                    num_aborted += usize::from(ids.get(at).is_some_and(|id| engine.abort(*id).is_some()));
                }
                Action::Steps(num) => (0..num).for_each(|_| step(&mut engine, version, &mut completions)),
                Action::Swap => version += 1,
                Action::Withdraw => {
                    for (id, one) in engine.withdraw() {
                        let new = engine.go_on(one).expect("a good beginning");
                        ids.iter_mut().filter(|known| **known == id).for_each(|known| *known = new);
                    }
                }
            }
        }
        ids.extend(waiting.map(|next| engine.submit(next).expect("a good request")));
        begun.resize(ids.len(), version);
        while !engine.is_idle() {
            step(&mut engine, version, &mut completions);
        }
        num_preemptions.set(num_preemptions.get() + engine.take_stats().num_preemptions);
        prop_assert_eq!(completions.len() + num_aborted, 12, "each ends once");
        for completion in &completions {
            let sampled = &completion.sequence.segments()[1];
            prop_assert_eq!(sampled.ids.len(), 24);
            let mut num_before = 0;
            for span in &sampled.versions {
                // Keys that are kept are those of other weights, those of a prompt too whose computing had begun; a
                // sequence that begins later reads none of these.
                let is_its = |it: &RolloutRequest| (it.draw, it.sample) == (completion.draw, completion.sample);
                let number = requests.iter().position(is_its);
                let is_begun = num_before == 0 && number.map(|number| begun[number]) == Some(span.policy_version);
                if is_begun || !keeps {
                    let expected = alone(of(span.policy_version), 0, unfinished(completion, num_before, &short));
                    let end = num_before + span.num_tokens;
                    let found = &expected.sequence.segments()[1];
                    prop_assert_eq!(&found.ids[num_before..end], &sampled.ids[num_before..end]);
                    for at in num_before..end {
                        prop_assert!((found.rollout_logprobs[at] - sampled.rollout_logprobs[at]).abs() < 1e-4);
                    }
                }
                num_before += span.num_tokens;
            }
            num_changes.set(num_changes.get() + sampled.versions.len() - 1);
        }
    });
    let (num_changes, num_preemptions) = (num_changes.get(), num_preemptions.get());
    assert!(num_changes > 20 && num_preemptions > 0, "{num_changes} changes, {num_preemptions} preemptions");
}

#[test]
fn keys_that_are_kept_are_those_of_the_weights_that_computed_them() {
    let (old, new) = (policy(), policy_of(12));
    let free = SamplingParams { ignore_eos: true, temperature: 0.0, ..params() };
    let of = |cache_after_update| {
        let mut engine = engine(&old, &EngineOptions { cache_after_update, ..EngineOptions::default() });
        engine.submit(request(0, 0, (0..30).collect(), &free)).expect("a good request");
        (0..5).for_each(|_| assert!(engine.step(&old.decoder, 1).expect("a step").is_empty()));
        engine.take_stats();
        loop {
            if let Some(finished) = engine.step(&new.decoder, 2).expect("a step").pop() {
                return (finished.result.expect("a completion"), engine.take_stats());
            }
        }
    };
    let [(kept, kept_stats), (computed, stats)] = [CacheAfterUpdate::Keep, CacheAfterUpdate::Recompute].map(of);
    assert_eq!((kept_stats.num_prefill_tokens, stats.num_prefill_tokens), (0, 34));
    assert_eq!((stats.num_preemptions, kept_stats.num_preemptions), (0, 0));
    let versions = |completion: &Completion| completion.sequence.policy_versions().collect::<Vec<_>>();
    assert_eq!(versions(&kept), versions(&computed));
    assert_eq!(kept.completion_ids()[..5], computed.completion_ids()[..5]);
    let differs = kept.sequence.raw_logprobs().zip(computed.sequence.raw_logprobs()).any(|(one, other)| one != other);
    assert!(differs, "the old weights' keys change what follows");
}
