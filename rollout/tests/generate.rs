//! Whole batches on a small random model: their size, order and budget change no completion, and the logprobs recorded
//! while sampling are those that a whole forward pass gives.

use std::sync::atomic::{AtomicBool, Ordering};

use policy::Policy;
use rollout::{
    CacheTokens, Completion, EngineOptions, FinishReason, GenerationStats, RolloutError, RolloutRequest,
    SamplingParams, generate,
};
use tch::Kind;

use crate::support::{MAX_POSITIONS, assert_same, in_order, params, policy, recomputed_logits, request, requests};

fn run(
    policy: &Policy,
    requests: Vec<RolloutRequest>,
    options: &EngineOptions,
) -> Result<(Vec<Completion>, GenerationStats), RolloutError> {
    let mut completions = Vec::new();
    let cancel = AtomicBool::new(false);
    let stats = generate(policy, requests, options, 7, &cancel, |completion| completions.push(completion))?;
    Ok((completions, stats))
}

fn sorted(policy: &Policy, requests: Vec<RolloutRequest>, options: &EngineOptions) -> Vec<Completion> {
    in_order(run(policy, requests, options).expect("a generation").0)
}

#[test]
fn neither_batch_nor_order_nor_budget_changes_a_completion() {
    let policy = policy();
    for params in [params(), SamplingParams { temperature: 0.0, ..params() }, SamplingParams { top_p: 0.8, ..params() }]
    {
        let whole = sorted(&policy, requests(&params), &EngineOptions::default());
        assert_eq!(whole.len(), 12);
        for max_sequences in [1, 2, 5] {
            let options = EngineOptions { max_sequences, ..EngineOptions::default() };
            assert_same(&whole, &sorted(&policy, requests(&params), &options));
        }
        let mut shuffled = requests(&params);
        shuffled.reverse();
        shuffled.swap(1, 7);
        let options = EngineOptions {
            max_sequences: 7,
            cache_tokens: CacheTokens::Tokens(300),
            prefill_tokens: 10,
            ..Default::default()
        };
        assert_same(&whole, &sorted(&policy, shuffled, &options));
    }
}

#[test]
fn samples_of_a_task_differ_and_seeds_differ() {
    let policy = policy();
    let first = sorted(&policy, requests(&params()), &EngineOptions::default());
    assert_ne!(first[0].completion_ids(), first[1].completion_ids());
    let other = SamplingParams { seed: 10, ..params() };
    assert_ne!(
        first[0].completion_ids(),
        sorted(&policy, requests(&other), &EngineOptions::default())[0].completion_ids()
    );
}

#[test]
fn logprobs_are_those_of_a_whole_forward_pass() {
    let policy = policy();
    let params = SamplingParams { temperature: 0.7, ..params() };
    for completion in
        sorted(&policy, requests(&params), &EngineOptions { max_sequences: 5, ..EngineOptions::default() })
    {
        let logits = recomputed_logits(&policy, &completion);
        let raw = logits.log_softmax(-1, Kind::Float);
        let scaled = (logits / params.temperature).log_softmax(-1, Kind::Float);
        let sequence = &completion.sequence;
        let logprobs = sequence.raw_logprobs().zip(sequence.rollout_logprobs());
        for (at, (id, (raw_logprob, rollout_logprob))) in completion.completion_ids().iter().zip(logprobs).enumerate() {
            let place = [at as i64, i64::from(*id)];
            assert!((raw.double_value(&place) - f64::from(raw_logprob)).abs() < 1e-4);
            assert!((scaled.double_value(&place) - f64::from(rollout_logprob)).abs() < 1e-4);
        }
        let entropy = -(scaled.exp() * &scaled).sum(Kind::Double).double_value(&[]) / sequence.num_sampled() as f64;
        assert!((entropy - f64::from(completion.entropy)).abs() < 1e-4);
        let sampled = completion.prompt_ids().len()..sequence.num_tokens();
        assert_eq!(sequence.sampled_ranges(), std::slice::from_ref(&sampled));
        assert!(sequence.policy_versions().all(|version| version == 7));
    }
}

#[test]
fn greedy_is_the_argmax_of_a_whole_forward_pass() {
    let policy = policy();
    let greedy = SamplingParams { temperature: 0.0, ..params() };
    for completion in sorted(&policy, requests(&greedy), &EngineOptions::default()) {
        let likeliest = recomputed_logits(&policy, &completion).argmax(-1, false);
        let likeliest: Vec<i64> = Vec::try_from(likeliest).expect("ids");
        assert_eq!(likeliest, completion.completion_ids().iter().map(|&id| i64::from(id)).collect::<Vec<_>>());
        assert!(completion.sequence.rollout_logprobs().all(|logprob| logprob == 0.0));
    }
}

#[test]
fn eos_and_stop_ids_end_a_completion_with_their_token() {
    let policy = policy();
    let free = SamplingParams { ignore_eos: true, ..params() };
    let unstopped = sorted(&policy, requests(&free), &EngineOptions::default());
    assert!(unstopped.iter().all(|completion| completion.finish_reason == FinishReason::Length));
    assert!(unstopped.iter().all(|completion| completion.completion_ids().len() == 40));
    let stop = unstopped[4].completion_ids()[10];
    let stopping = SamplingParams { stop_ids: vec![stop], ..free };
    let mut num_stopped = 0;
    for (stopped, whole) in sorted(&policy, requests(&stopping), &EngineOptions::default()).iter().zip(&unstopped) {
        match whole.completion_ids().iter().position(|&id| id == stop) {
            Some(at) => {
                num_stopped += 1;
                assert_eq!(stopped.completion_ids(), whole.completion_ids()[..=at]);
                assert_eq!(stopped.finish_reason, FinishReason::Stop);
                let text = policy.texts.tokenizer.decode(&whole.completion_ids()[..at], true);
                assert_eq!(stopped.text, text.expect("text"));
            }
            None => assert_eq!(stopped.completion_ids(), whole.completion_ids()),
        }
    }
    assert!(num_stopped > 0);
    let with_eos =
        sorted(&policy, requests(&SamplingParams { temperature: 2.0, ..params() }), &EngineOptions::default());
    assert!(with_eos.iter().all(|completion| {
        let ids = completion.completion_ids();
        let eos = ids.iter().position(|&id| id == 2);
        eos.is_none_or(|at| at + 1 == ids.len() && completion.finish_reason == FinishReason::Stop)
    }));
}

#[test]
fn stop_strings_cut_the_text() {
    let policy = policy();
    let free = SamplingParams { ignore_eos: true, ..params() };
    let unstopped = sorted(&policy, requests(&free), &EngineOptions::default());
    let whole =
        unstopped.iter().find(|completion| completion.text.chars().filter(char::is_ascii_alphanumeric).count() > 2);
    let whole = whole.expect("a completion with letters");
    let at = whole.text.rfind(|character: char| character.is_ascii_alphanumeric()).expect("a letter");
    let stop = whole.text[at..=at].to_owned();
    let stopping = SamplingParams { stop_strings: vec!["never in there".to_owned(), stop.clone()], ..free };
    let mut num_stopped = 0;
    for (stopped, whole) in sorted(&policy, requests(&stopping), &EngineOptions::default()).iter().zip(&unstopped) {
        assert!(whole.completion_ids().starts_with(&stopped.completion_ids()));
        assert!(!stopped.text.contains(&stop));
        if let Some(at) = whole.text.find(&stop) {
            num_stopped += 1;
            assert_eq!(stopped.text, whole.text[..at]);
            assert_eq!(stopped.finish_reason, FinishReason::StopString);
            let ids = stopped.completion_ids();
            let before_last = policy.texts.tokenizer.decode(&ids[..ids.len() - 1], true).expect("text");
            assert!(!before_last.contains(&stop), "it went on past the stop string");
        }
    }
    assert!(num_stopped > 0);
}

#[test]
fn completions_arrive_as_they_finish_and_are_counted() {
    let policy = policy();
    let options = EngineOptions { max_sequences: 4, ..EngineOptions::default() };
    let (completions, stats) = run(&policy, requests(&params()), &options).expect("a generation");
    assert_eq!(stats.num_completions, 12);
    assert_eq!(stats.num_prompt_tokens, 3 * (1 + 9 + 17 + 25));
    let num_sampled = completions.iter().map(|completion| completion.sequence.num_sampled()).sum::<usize>();
    assert_eq!((stats.num_completion_tokens, stats.num_sequence_steps), (num_sampled, num_sampled));
    assert!(stats.mean_running() > 2.0 && stats.mean_running() <= 4.0, "{stats:?}");
    assert!(stats.num_decode_steps < stats.num_completion_tokens);
    assert!(stats.prefill_seconds > 0.0 && stats.decode_seconds > 0.0 && stats.tokens_per_second() > 0.0);
    let (_, together) = run(&policy, requests(&params()), &EngineOptions::default()).expect("a generation");
    assert_eq!(together.num_prefill_tokens, 8 + 16 + 24, "the completions of a prompt share its prefill");
}

#[test]
fn positions_end_a_completion() {
    let policy = policy();
    let prompt_ids = vec![5; MAX_POSITIONS - 3];
    let free = SamplingParams { ignore_eos: true, ..params() };
    let completions = sorted(&policy, vec![request(0, 0, prompt_ids, &free)], &EngineOptions::default());
    assert_eq!((completions[0].completion_ids().len(), completions[0].finish_reason), (3, FinishReason::Length));
}

#[test]
fn bad_requests_are_refused_before_anything_runs() {
    let policy = policy();
    let refused = |prompt_ids: Vec<u32>, params: &SamplingParams, options: &EngineOptions| {
        let mut requests = requests(params);
        requests.push(request(9, 0, prompt_ids, params));
        run(&policy, requests, options).expect_err("a refusal")
    };
    let options = EngineOptions::default();
    assert!(matches!(refused(vec![], &params(), &options), RolloutError::EmptyPrompt { .. }));
    let too_long = refused(vec![5; MAX_POSITIONS], &params(), &options);
    assert!(matches!(too_long, RolloutError::PromptTooLong { num_tokens: 96, max_positions: 96, .. }));
    let outside = refused(vec![5, 272], &params(), &options);
    assert!(matches!(outside, RolloutError::TokenOutOfRange { index: 1, id: 272, .. }));
    let small = EngineOptions { cache_tokens: CacheTokens::Tokens(32), ..options.clone() };
    assert!(matches!(refused(vec![5], &params(), &small), RolloutError::CacheTooSmall { .. }));
    let hot = SamplingParams { temperature: f64::INFINITY, ..params() };
    assert!(matches!(refused(vec![5], &hot, &options), RolloutError::InvalidField { field: "temperature", .. }));
}

#[test]
fn cancelling_stops_between_steps() {
    let policy = policy();
    let cancel = AtomicBool::new(false);
    let mut num_delivered = 0;
    let options = EngineOptions { max_sequences: 2, ..EngineOptions::default() };
    let result = generate(&policy, requests(&params()), &options, 0, &cancel, |_| {
        num_delivered += 1;
        cancel.store(true, Ordering::Relaxed);
    });
    let Err(RolloutError::Cancelled { num_unfinished }) = result else { panic!("{result:?}") };
    assert_eq!(num_unfinished + num_delivered, 12);
    assert!((1..=2).contains(&num_delivered));
}

#[test]
fn broken_weights_are_an_error() {
    let policy = policy();
    let _ = tch::no_grad(|| policy.decoder.store().head().fill_(f64::NAN));
    let error = run(&policy, requests(&params()), &EngineOptions::default()).expect_err("no logits");
    assert!(matches!(error, RolloutError::NotFinite { position: 0, .. }), "{error}");
}
