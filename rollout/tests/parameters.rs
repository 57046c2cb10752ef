//! What a request's parameters do to its completion, held against whole forward passes and the parameters' formulas.

use policy::Policy;
use rollout::{
    Completion, Engine, EngineOptions, FinishReason, RepetitionStop, RolloutError, RolloutRequest, SamplingParams,
};

use crate::support::{assert_same, in_order, params, policy, recomputed_logits, request, requests};

const VOCAB: u32 = 272;

fn engine(policy: &Policy) -> Engine {
    let (config, placement) = (policy.decoder.config(), policy.decoder.placement());
    Engine::new(config, placement, &EngineOptions::default(), policy.texts.clone()).expect("an engine")
}

/// The completions of requests, and the errors of those that have none.
fn run(policy: &Policy, requests: Vec<RolloutRequest>) -> (Vec<Completion>, Vec<RolloutError>) {
    let mut engine = engine(policy);
    let (mut completions, mut errors) = (Vec::new(), Vec::new());
    for request in requests {
        errors.extend(engine.submit(request).err());
    }
    while !engine.is_idle() {
        for finished in engine.step(&policy.decoder, 0).expect("a step") {
            match finished.result {
                Ok(completion) => completions.push(completion),
                Err(error) => errors.push(error),
            }
        }
    }
    (in_order(completions), errors)
}

fn completions(policy: &Policy, params: &SamplingParams) -> Vec<Completion> {
    let (completions, errors) = run(policy, requests(params));
    assert!(errors.is_empty(), "{errors:?}");
    completions
}

/// The logits of each token of a completion, `[completion][vocab]`.
fn rows(policy: &Policy, completion: &Completion) -> Vec<Vec<f32>> {
    let logits = recomputed_logits(policy, completion);
    (0..logits.size()[0]).map(|row| Vec::try_from(logits.get(row)).expect("a row")).collect()
}

fn log_softmax(logits: &[f64]) -> Vec<f64> {
    let largest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let normaliser = largest + logits.iter().map(|logit| (logit - largest).exp()).sum::<f64>().ln();
    logits.iter().map(|logit| logit - normaliser).collect()
}

/// A row's logits behind `before`, of which the last are the completion's, as the parameters change them.
fn changed(logits: &[f32], params: &SamplingParams, stop_ids: &[u32], before: &[u32], num_sampled: usize) -> Vec<f64> {
    let sampled = &before[before.len() - num_sampled..];
    let change = |(id, &logit): (u32, &f32)| {
        let mut logit = f64::from(logit);
        logit += params.logit_bias.iter().filter(|(biased, _)| *biased == id).map(|(_, bias)| bias).sum::<f64>();
        if before.contains(&id) {
            logit = if logit < 0.0 { logit * params.repetition_penalty } else { logit / params.repetition_penalty };
        }
        let count = sampled.iter().filter(|&&other| other == id).count() as f64;
        logit -= count * params.frequency_penalty + if count > 0.0 { params.presence_penalty } else { 0.0 };
        let ends_bad = params.bad_words.iter().any(|word| [before, &[id]].concat().ends_with(word));
        let ends_early = num_sampled < params.min_new_tokens && stop_ids.contains(&id);
        if ends_bad || ends_early { f64::NEG_INFINITY } else { logit / params.temperature }
    };
    (0..).zip(logits).map(change).collect()
}

#[test]
fn tokens_come_from_the_logits_as_the_formulas_change_them() {
    let policy = policy();
    let free = params();
    let unchanged = completions(&policy, &free);
    let word = unchanged[3].completion_ids()[4..6].to_vec();
    let often = unchanged[3].completion_ids()[1];
    let kinds = [
        SamplingParams { logit_bias: vec![(often, -3.0), (60, 4.0)], ..free.clone() },
        SamplingParams { repetition_penalty: 1.4, temperature: 0.8, ..free.clone() },
        SamplingParams { presence_penalty: 1.5, frequency_penalty: 0.5, ..free.clone() },
        SamplingParams { frequency_penalty: -2.0, ..free.clone() },
        SamplingParams { bad_words: vec![word.clone(), vec![often]], ..free.clone() },
        SamplingParams { min_new_tokens: 20, stop_ids: vec![often, 60], ..free },
    ];
    for params in kinds {
        let completions = completions(&policy, &params);
        assert!(completions != unchanged);
        let stop_ids = [params.stop_ids.as_slice(), &policy.texts.eos_ids].concat();
        for completion in completions {
            let (ids, num_prompt) = (completion.sequence.ids(), completion.prompt_ids().len());
            let logprobs: Vec<f32> = completion.sequence.rollout_logprobs().collect();
            for (at, row) in rows(&policy, &completion).iter().enumerate() {
                let end = num_prompt + at;
                let expected = log_softmax(&changed(row, &params, &stop_ids, &ids[..end], at))[ids[end] as usize];
                assert!((expected - f64::from(logprobs[at])).abs() < 1e-4, "{params:?} {at}");
            }
            let ends_early =
                completion.finish_reason == FinishReason::Stop && ids.len() - num_prompt <= params.min_new_tokens;
            assert!(!ends_early);
            for bad in &params.bad_words {
                assert!((num_prompt..ids.len()).all(|end| !ids[..=end].ends_with(bad)), "{bad:?}");
            }
        }
    }
}

#[test]
fn what_is_asked_for_is_told_of_each_token() {
    let policy = policy();
    let asking = SamplingParams {
        temperature: 0.8,
        top_k: 12,
        top_p: 0.9,
        top_logprobs: 4,
        entropies: true,
        kept_ids: true,
        ..params()
    };
    let silent = SamplingParams { top_logprobs: 0, entropies: false, kept_ids: false, ..asking.clone() };
    let told = completions(&policy, &asking);
    assert_same(&told, &completions(&policy, &silent));
    assert_eq!(completions(&policy, &silent)[0].sequence.details().count(), 0);
    for completion in told {
        let ids = completion.completion_ids();
        assert_eq!(completion.sequence.details().count(), ids.len());
        let rows = rows(&policy, &completion);
        for ((details, id), row) in completion.sequence.details().zip(ids).zip(rows) {
            let raw = log_softmax(&row.iter().map(|&logit| f64::from(logit)).collect::<Vec<_>>());
            let scaled = log_softmax(&row.iter().map(|&logit| f64::from(logit) / 0.8).collect::<Vec<_>>());
            let mut likeliest: Vec<usize> = (0..row.len()).collect();
            likeliest.sort_by(|&left, &right| row[right].total_cmp(&row[left]));
            assert_eq!(details.top_logprobs.len(), 4);
            for (told, &likely) in details.top_logprobs.iter().zip(&likeliest) {
                assert_eq!(told.id as usize, likely);
                assert!((f64::from(told.logprob) - raw[likely]).abs() < 1e-4);
            }
            let entropy: f64 = -scaled.iter().map(|logprob| logprob.exp() * logprob).sum::<f64>();
            assert!((f64::from(details.entropy.expect("an entropy")) - entropy).abs() < 1e-4);
            // Top-p's border is at a rounded sum: what is likelier than the least likely kept one is kept.
            let num_kept = details.kept_ids.len();
            assert!((1..=12).contains(&num_kept) && details.kept_ids.contains(&id));
            let mut expected: Vec<u32> = likeliest[..num_kept].iter().map(|&id| id as u32).collect();
            expected.sort_unstable();
            assert_eq!(details.kept_ids, expected);
        }
        let json = serde_json::to_string(&completion).expect("json");
        assert_eq!(serde_json::from_str::<Completion>(&json).expect("a completion"), completion);
    }
}

#[test]
fn a_completion_that_repeats_itself_ends() {
    let policy = policy();
    let looping = SamplingParams { logit_bias: vec![(60, 1e4)], ignore_eos: true, ..params() };
    let stop_repetition = Some(RepetitionStop { pattern_tokens: 4, count: 5 });
    for completion in completions(&policy, &SamplingParams { stop_repetition, ..looping.clone() }) {
        assert_eq!(completion.completion_ids(), [60; 5]);
        assert_eq!(completion.finish_reason, FinishReason::Repetition);
    }
    for completion in completions(&policy, &looping) {
        assert_eq!((completion.completion_ids().len(), completion.finish_reason), (40, FinishReason::Length));
    }
}

#[test]
fn parameters_that_do_not_fit_the_model_are_their_requests_errors() {
    let policy = policy();
    let good = params();
    let long: Vec<u32> = (0..90).collect();
    let bad = [
        ("logit_bias names token 272", SamplingParams { logit_bias: vec![(VOCAB, 1.0)], ..good.clone() }),
        ("bad_words names token 300", SamplingParams { bad_words: vec![vec![1, 300]], ..good.clone() }),
        ("bad_words = [[]]", SamplingParams { bad_words: vec![vec![]], ..good.clone() }),
        ("bad_words = [[2]]", SamplingParams { bad_words: vec![vec![2]], ..good.clone() }),
        ("stop_ids names token 272", SamplingParams { stop_ids: vec![VOCAB], ..good.clone() }),
        ("repetition_penalty = -1", SamplingParams { repetition_penalty: -1.0, ..good.clone() }),
        ("draw 9, sample 0: min_new_tokens = 20", SamplingParams { min_new_tokens: 20, ..good.clone() }),
    ];
    let mut all = requests(&good);
    all.extend(bad.iter().map(|(_, params)| request(9, 0, long.clone(), params)));
    let (completions, errors) = run(&policy, all);
    assert_same(&completions, &run(&policy, requests(&good)).0);
    assert_eq!(errors.len(), bad.len());
    for ((begin, _), error) in bad.iter().zip(errors) {
        assert!(error.to_string().starts_with(begin), "{error} does not start with {begin}");
    }
}

#[test]
fn a_request_without_a_token_left_is_its_own_error() {
    let policy = policy();
    let eos_ids = &policy.texts.eos_ids;
    let all_but_eos = (0..VOCAB).filter(|id| !eos_ids.contains(id)).map(|id| vec![id]).collect();
    let nothing = SamplingParams { bad_words: all_but_eos, ..params() };
    let (ends_at_once, errors) = run(&policy, vec![request(9, 0, vec![5], &nothing)]);
    assert!(errors.is_empty());
    let completion = &ends_at_once[0];
    assert!(completion.completion_ids().len() == 1 && eos_ids.contains(&completion.completion_ids()[0]));
    assert_eq!((completion.finish_reason, completion.text.as_str()), (FinishReason::Stop, ""));
    let nothing = SamplingParams { min_new_tokens: 1, ..nothing };
    let mut all = requests(&params());
    all.push(request(9, 1, vec![5], &nothing));
    let (completions, errors) = run(&policy, all);
    assert_same(&completions, &run(&policy, requests(&params())).0);
    assert!(errors[0].to_string().starts_with("draw 9, sample 1: no token is left to sample"), "{}", errors[0]);
}

#[test]
fn a_kept_set_above_its_bound_is_an_error() {
    let policy = policy();
    // A norm of nothing makes every logit 0: all tokens are equal, and top-k keeps them all.
    for (name, mut tensor) in policy.decoder.state() {
        if name == "model.norm.weight" {
            let _ = tch::no_grad(|| tensor.zero_());
        }
    }
    let asking = SamplingParams { top_k: 5, kept_ids: true, ..params() };
    let (completions, errors) = run(&policy, vec![request(0, 0, vec![5], &asking)]);
    assert!(completions.is_empty());
    assert!(
        errors[0].to_string().contains("272 tokens are kept at completion token 0, more than top_k = 5"),
        "{}",
        errors[0]
    );
}
