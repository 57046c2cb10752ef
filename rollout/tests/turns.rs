//! Turns: a sequence steps aside at the end of one, and goes on behind what it is told, whenever that is.

use std::collections::{HashMap, VecDeque};

use policy::Policy;
use rollout::{
    CacheTokens, Completion, EndedTurn, Engine, EngineOptions, FinishReason, NextTurn, RepetitionStop, RolloutRequest,
    SamplingParams, Sequence, ThinkingBudget, TokenSource, Unfinished,
};

use crate::support::{assert_same, in_order, params, policy, request, requests};

const RESULT: [u32; 4] = [9, 8, 7, 6];

/// Parameters under which turns end often, and have a mark unless they are empty.
fn calling() -> SamplingParams {
    let turn_marks = (0..128).map(char::from).chain([char::REPLACEMENT_CHARACTER]).map(String::from).collect();
    SamplingParams { stop_ids: (200..240).collect(), turn_marks, ..params() }
}

fn engine(policy: &Policy, options: &EngineOptions) -> Engine {
    Engine::new(policy.decoder.config(), policy.decoder.placement(), options, policy.texts.clone()).expect("an engine")
}

fn goes_on() -> NextTurn {
    NextTurn::GoesOn { ids: RESULT.to_vec(), thinking_open: false }
}

/// Completions of requests whose first two turns are answered by `next`, so many steps after their ends.
fn run(
    policy: &Policy,
    requests: Vec<RolloutRequest>,
    options: &EngineOptions,
    lag: usize,
    next: impl Fn(&EndedTurn) -> NextTurn,
) -> Vec<Completion> {
    run_in_parts(policy, requests, options, lag, usize::MAX, next)
}

/// The same, where another engine goes on with all whenever no sequence is between two turns and so many steps are
/// over.
fn run_in_parts(
    policy: &Policy,
    requests: Vec<RolloutRequest>,
    options: &EngineOptions,
    lag: usize,
    steps_of_part: usize,
    next: impl Fn(&EndedTurn) -> NextTurn,
) -> Vec<Completion> {
    let mut engine = engine(policy, options);
    for request in requests {
        engine.submit(request).expect("a good request");
    }
    let (mut completions, mut waiting, mut answered) = (Vec::new(), VecDeque::new(), Vec::new());
    let mut last_part = 0;
    for step in 0.. {
        if step - last_part >= steps_of_part && waiting.is_empty() {
            last_part = step;
            let withdrawn = engine.withdraw();
            engine = Engine::new(policy.decoder.config(), policy.decoder.placement(), options, policy.texts.clone())
                .expect("an engine");
            let mut renamed = HashMap::new();
            for (before, unfinished) in withdrawn {
                let json = serde_json::to_string(&unfinished).expect("JSON");
                let read: Unfinished = serde_json::from_str(&json).expect("what was written");
                assert_eq!(read, unfinished);
                renamed.insert(before, engine.go_on(read).expect("a good beginning"));
            }
            answered = answered.iter().filter_map(|id| renamed.get(id).copied()).collect();
        }
        let mut finished = engine.step(&policy.decoder, 0).expect("a step");
        waiting.extend(engine.take_turns().into_iter().map(|turn| (step + lag, turn)));
        while waiting.front().is_some_and(|(due, _)| *due <= step) {
            let Some((_, turn)) = waiting.pop_front() else { break };
            let num_before = answered.iter().filter(|id| **id == turn.request).count();
            answered.push(turn.request);
            let next = if num_before < 2 { next(&turn) } else { NextTurn::End };
            finished.extend(engine.answer_turn(turn.request, next));
        }
        completions.extend(finished.into_iter().map(|finished| finished.result.expect("a completion")));
        assert_eq!(engine.num_between_turns(), waiting.len());
        if engine.is_idle() && waiting.is_empty() {
            break;
        }
    }
    in_order(completions)
}

#[test]
fn behind_a_result_sampling_goes_on_as_behind_a_prompt_that_has_it() {
    let policy = policy();
    let greedy = SamplingParams { temperature: 0.0, ..calling() };
    let completions = run(&policy, requests(&greedy), &EngineOptions::default(), 3, |_| goes_on());
    let mut num_results = 0;
    for completion in completions {
        let segments = completion.sequence.segments();
        let mut before = segments[0].ids.clone();
        for pair in segments[1..].windows(2) {
            let is_result = pair[0].source == TokenSource::Tool;
            before.extend(&pair[0].ids);
            assert!(!is_result || pair[0].ids == RESULT);
            if is_result {
                num_results += 1;
                let params =
                    SamplingParams { max_new_tokens: pair[1].ids.len(), turn_marks: Vec::new(), ..greedy.clone() };
                let again =
                    run(&policy, vec![request(0, 0, before.clone(), &params)], &EngineOptions::default(), 0, |_| {
                        NextTurn::End
                    });
                assert_eq!(again[0].completion_ids(), pair[1].ids);
            }
        }
        if completion.finish_reason == FinishReason::Stop {
            let last = &segments[segments.len() - 1].ids;
            let text = policy.texts.tokenizer.decode(&last[..last.len() - 1], true).expect("text");
            assert_eq!(completion.text, text, "the last turn's");
        }
        assert!(completion.sequence.num_sampled() <= 40);
    }
    assert!(num_results > 6, "{num_results}");
}

#[test]
fn when_a_turn_is_answered_changes_no_completion() {
    let policy = policy();
    let whole = run(&policy, requests(&calling()), &EngineOptions::default(), 0, |_| goes_on());
    assert!(whole.iter().any(|completion| completion.sequence.num_tokens_of(TokenSource::Tool) == 8));
    let small =
        |blocks: usize| EngineOptions { cache_tokens: CacheTokens::Tokens(16 * blocks), ..EngineOptions::default() };
    let few = EngineOptions { max_sequences: 2, ..EngineOptions::default() };
    for (options, lag) in [(EngineOptions::default(), 5), (few, 4), (small(6), 1), (small(6), 9), (small(9), 60)] {
        assert_same(&whole, &run(&policy, requests(&calling()), &options, lag, |_| goes_on()));
    }
}

#[test]
fn a_rollout_may_go_on_as_another_sequence() {
    let policy = policy();
    let anew =
        |turn: &EndedTurn| NextTurn::Anew { prompt_ids: vec![turn.draw as u32 + 50, 51, 52], thinking_open: false };
    let whole = run(&policy, requests(&calling()), &EngineOptions::default(), 2, anew);
    let one_turn = run(&policy, requests(&calling()), &EngineOptions::default(), 2, |_| NextTurn::End);
    let mut num_anew = 0;
    for (completion, first) in whole.iter().zip(&one_turn) {
        let Some(earlier) = completion.earlier_sequences.first() else { continue };
        num_anew += 1;
        assert_eq!(earlier.ids(), first.sequence.ids());
        assert_eq!(completion.prompt_ids(), [completion.draw as u32 + 50, 51, 52]);
        let num_earlier: usize = completion.earlier_sequences.iter().map(|sequence| sequence.num_sampled()).sum();
        assert!(num_earlier + completion.sequence.num_sampled() <= 40);
    }
    assert!(num_anew > 3, "{num_anew}");
    let again = run(&policy, requests(&calling()), &EngineOptions { max_sequences: 3, ..Default::default() }, 0, anew);
    assert_same(&whole, &again);
}

#[test]
fn turns_and_forced_texts_go_on_in_another_engine() {
    let policy = policy();
    let budget = ThinkingBudget { max_tokens: 7, forced_text: "so</think>".into() };
    let stop_repetition = Some(RepetitionStop { pattern_tokens: 2, count: 3 });
    let thinking = SamplingParams { thinking: Some(budget), ..calling() };
    let told = SamplingParams {
        stop_strings: vec!["zz".into()],
        frequency_penalty: 0.2,
        stop_repetition,
        entropies: true,
        ..thinking.clone()
    };
    let goes_on = |_: &EndedTurn| NextTurn::GoesOn { ids: RESULT.to_vec(), thinking_open: true };
    let anew = |turn: &EndedTurn| NextTurn::Anew { prompt_ids: vec![turn.draw as u32 + 50, 51], thinking_open: true };
    type Next<'a> = &'a dyn Fn(&EndedTurn) -> NextTurn;
    let cases: [(&SamplingParams, Next<'_>); 3] = [(&thinking, &goes_on), (&thinking, &anew), (&told, &goes_on)];
    for (params, next) in cases {
        let mut all = requests(params);
        all.iter_mut().for_each(|request| request.thinking_open = request.sample == 0);
        let options = EngineOptions::default();
        let whole = run(&policy, all.clone(), &options, 0, next);
        let num_of = |source| whole.iter().map(|completion| completion.sequence.num_tokens_of(source)).sum::<usize>();
        assert!(num_of(TokenSource::Forced) > 20, "{}", num_of(TokenSource::Forced));
        for steps_of_part in [1, 3, 8] {
            assert_same(&whole, &run_in_parts(&policy, all.clone(), &options, 0, steps_of_part, next));
        }
        let parts = run_in_parts(&policy, all, &options, 0, 1, next);
        for (whole, parts) in whole.iter().zip(&parts) {
            let earlier = |one: &Completion| one.earlier_sequences.iter().map(Sequence::ids).collect::<Vec<_>>();
            assert_eq!(earlier(whole), earlier(parts));
            assert!((whole.entropy - parts.entropy).abs() < 1e-4);
        }
    }
}

#[test]
fn a_sequence_between_two_turns_may_end_or_be_dropped() {
    let policy = policy();
    let stops = SamplingParams { logit_bias: vec![(2, 1000.0)], min_new_tokens: 6, ..calling() };
    let submit = |engine: &mut Engine| {
        let id = engine.submit(request(0, 0, vec![5, 6, 7], &stops)).expect("a good request");
        while engine.num_between_turns() == 0 {
            assert!(engine.step(&policy.decoder, 0).expect("a step").is_empty());
        }
        assert!(engine.is_idle() && !engine.release_cache(), "it keeps its blocks");
        let turns = engine.take_turns();
        assert_eq!((turns.len(), turns[0].request, turns[0].stop_id), (1, id, 2));
        id
    };
    let reason = |next: NextTurn| {
        let mut engine = engine(&policy, &EngineOptions::default());
        let id = submit(&mut engine);
        let finished = engine.answer_turn(id, next).expect("an end");
        assert!(engine.answer_turn(id, NextTurn::End).is_none(), "it is gone");
        assert!(engine.release_cache());
        finished.result.map(|completion| (completion.finish_reason, completion.sequence.num_sampled()))
    };
    assert_eq!(reason(NextTurn::End).expect("a completion"), (FinishReason::Stop, 7));
    let long = |num: usize| NextTurn::GoesOn { ids: vec![9; num], thinking_open: false };
    assert_eq!(reason(long(96 - 10)).expect("a completion"), (FinishReason::Length, 7));
    for (ids, problem) in [(vec![], "is empty"), (vec![9, 272], "token 1 is 272")] {
        let error = reason(NextTurn::GoesOn { ids, thinking_open: false }).expect_err("an error").to_string();
        assert!(error.contains(problem), "{error}");
    }
    let mut engine = engine(&policy, &EngineOptions::default());
    let id = submit(&mut engine);
    let aborted = engine.abort(id).expect("a request").result.expect("a completion");
    assert_eq!((aborted.finish_reason, engine.num_between_turns()), (FinishReason::Aborted, 0));
    // One token fits behind 96 - 11 others.
    let id = submit(&mut engine);
    assert!(engine.answer_turn(id, long(96 - 11)).is_none());
    let finished = engine.step(&policy.decoder, 0).expect("a step").remove(0).result.expect("a completion");
    assert_eq!((finished.sequence.num_tokens(), finished.sequence.num_sampled()), (96, 8));
}
