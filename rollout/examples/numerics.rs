//! What exact numerics cost and change, with a model of random weights or a Hugging Face folder:
//!
//! `cargo run --release -p rollout --example numerics -- CONFIG_OR_FOLDER [REQUESTS] [TOKENS]`
//!
//! For each way of rounding it samples REQUESTS completions of TOKENS tokens (32 of 64), eight at a time, and runs a
//! forward and backward pass over them as training does, each three times of which the fastest counts; once in float16,
//! which takes minutes on a CPU. Prompts are questions where the folder's tokenizer has words, and else ids. Then the
//! share of tokens whose ratio of probabilities leaves a band: sampled against trained, and against what is sampled one
//! sequence at a time, as far as both completions have the same tokens.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use policy::{
    Decoder, HeadOptions, LanguageGradient, LanguageHead, LanguageOutput, LossScope, ModelConfig, Numerics, Packed,
    Placement, Policy, Recompute, accumulate_gradient,
};
use rollout::{Completion, EngineOptions, RolloutRequest, SamplingParams, generate};
use tch::{Device, Kind};

const PROMPT_TOKENS: u32 = 16;
/// Sequences that are sampled at a time.
const BATCH: usize = 8;
const REPETITIONS: usize = 3;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let path = Path::new(arguments.first().expect("a config.json or a folder"));
    let number = |place: usize, default: usize| {
        arguments.get(place).map_or(default, |text| text.parse().expect("a whole number"))
    };
    let (num_requests, num_tokens) = (number(1, 32), number(2, 64));
    for (name, kind, numerics) in [
        ("fast", Kind::Float, Numerics::Fast),
        ("exact", Kind::Float, Numerics::Exact),
        ("bfloat16", Kind::BFloat16, Numerics::Fast),
        ("float16", Kind::Half, Numerics::Fast),
    ] {
        let placement = Placement { kind, ..Placement::CPU };
        let mut policy = policy(path, placement);
        policy.decoder.set_numerics(numerics).expect("exact numerics in float32 alone");
        let requests = requests(&policy, num_requests, num_tokens);
        let sample = |max_sequences| {
            let options = EngineOptions { max_sequences, ..EngineOptions::default() };
            sampled(&policy, &requests, &options)
        };
        let repetitions = if kind == Kind::Half { 1 } else { REPETITIONS };
        let (completions, sampling) = fastest(repetitions, || sample(BATCH));
        let alone = sample(1);
        let batch = packed(&completions);
        let (trained, training) = fastest(repetitions, || train(&mut policy.decoder, &batch));
        let count: usize = completions.iter().map(|completion| completion.sequence.num_sampled()).sum();
        println!(
            "{name}: {:.0} tokens/s sampled, {:.2} s for forward and backward over {} tokens",
            count as f64 / sampling,
            training,
            batch.ids.size()[0]
        );
        let recorded = completions.iter().flat_map(|completion| completion.sequence.rollout_logprobs());
        let trained: Vec<(f32, f32)> = recorded.zip(trained).collect();
        print_shares("rollout against training", &trained);
        print_shares("eight at a time against one", &common(&completions, &alone));
    }
}

fn policy(path: &Path, placement: Placement) -> Policy {
    if path.is_dir() {
        return Policy::load(path, placement).expect("a policy");
    }
    let config = ModelConfig::from_file(path).expect("a config.json");
    let tokenizer = policy::train_tokenizer(["one two three"].into_iter(), 261).expect("a tokenizer");
    let folder = tempfile::tempdir().expect("a folder");
    let decoder = Decoder::random(&config, 5, Placement::CPU);
    policy::write_folder(folder.path(), &decoder, &tokenizer, policy::CHAT_TEMPLATE, "<|im_end|>").expect("written");
    Policy::load(folder.path(), placement).expect("a policy")
}

fn requests(policy: &Policy, num_requests: usize, num_tokens: usize) -> Vec<RolloutRequest> {
    let vocab = policy.decoder.config().vocab_size as u32;
    let params = SamplingParams { max_new_tokens: num_tokens, ignore_eos: true, seed: 3, ..SamplingParams::default() };
    let params = Arc::new(params);
    let has_words = policy.texts.tokenizer.encode("question").is_ok_and(|ids| ids.len() == 1);
    let prompt = |draw: u32| -> Vec<u32> {
        if has_words {
            let question = format!("Question: how much is {} times {}? Let us think.\n", draw + 12, draw % 7 + 3);
            return policy.texts.tokenizer.encode(&question).expect("ids of a question");
        }
        (0..PROMPT_TOKENS).map(|at| (at * 131 + draw * 977 + 7) % vocab).collect()
    };
    let request = |draw: u32| RolloutRequest {
        draw: u64::from(draw),
        sample: 0,
        label: None,
        prompt_ids: prompt(draw),
        thinking_open: false,
        params: params.clone(),
    };
    (0..num_requests as u32).map(request).collect()
}

fn sampled(policy: &Policy, requests: &[RolloutRequest], options: &EngineOptions) -> Vec<Completion> {
    let mut completions = Vec::new();
    let cancel = AtomicBool::new(false);
    let take = |completion| completions.push(completion);
    generate(policy, requests.iter().cloned(), options, 0, &cancel, take).expect("a generation");
    completions.sort_by_key(|completion| completion.draw);
    completions
}

fn packed(completions: &[Completion]) -> Packed {
    let ids: Vec<Vec<u32>> = completions.iter().map(|completion| completion.sequence.ids()).collect();
    let ranges: Vec<Vec<Range<usize>>> =
        completions.iter().map(|completion| completion.sequence.sampled_ranges()).collect();
    let sequences: Vec<(&[u32], &[Range<usize>])> =
        ids.iter().zip(&ranges).map(|(ids, ranges)| (ids.as_slice(), ranges.as_slice())).collect();
    Packed::new(&sequences, Device::Cpu)
}

/// A forward and a backward pass; returns the logprobs.
fn train(decoder: &mut Decoder, batch: &Packed) -> Vec<f32> {
    decoder.store_mut().clear_gradients();
    let mut head = LanguageHead::new(decoder, HeadOptions { temperature: 1.0, chunk: 1024 });
    let loss = |_: Range<i64>, output: &LanguageOutput| {
        let logprob = output.logprobs().ones_like() * -1.0;
        Ok::<_, std::convert::Infallible>(LanguageGradient { logprob, entropy: None })
    };
    let Ok(output) = accumulate_gradient(decoder, &mut head, batch, Recompute::Nothing, LossScope::Token, loss);
    Vec::try_from(output.logprobs()).expect("float32 numbers")
}

/// Logprobs in both of the tokens with which both completions of a request begin.
fn common(left: &[Completion], right: &[Completion]) -> Vec<(f32, f32)> {
    let of_request = |(left, right): (&Completion, &Completion)| {
        let [left, right] = [left, right].map(|completion| {
            let ids = completion.sequence.completion_ids();
            ids.into_iter().zip(completion.sequence.rollout_logprobs()).collect::<Vec<(u32, f32)>>()
        });
        let both = left.into_iter().zip(right).take_while(|(left, right)| left.0 == right.0);
        both.map(|(left, right)| (left.1, right.1)).collect::<Vec<_>>()
    };
    left.iter().zip(right).flat_map(of_request).collect()
}

fn print_shares(what: &str, pairs: &[(f32, f32)]) {
    let outside = |band: f64| {
        let leaves = |(left, right): &&(f32, f32)| ((f64::from(*left) - f64::from(*right)).exp() - 1.0).abs() > band;
        100.0 * pairs.iter().filter(leaves).count() as f64 / pairs.len() as f64
    };
    let unequal = pairs.iter().filter(|(left, right)| left.to_bits() != right.to_bits()).count();
    let largest = pairs.iter().map(|(left, right)| (left - right).abs()).fold(0.0, f32::max);
    println!(
        "  {what}: {:.3} % outside 0.1, {:.3} % outside 0.001, {unequal} of {} unequal, {largest:e} nats at most",
        outside(0.1),
        outside(0.001),
        pairs.len()
    );
}

/// What the work gave at last of so many times, and the seconds of the fastest.
fn fastest<T>(repetitions: usize, mut work: impl FnMut() -> T) -> (T, f64) {
    let mut best = f64::INFINITY;
    let mut last = None;
    for _ in 0..repetitions {
        let started = Instant::now();
        last = Some(work());
        best = best.min(started.elapsed().as_secs_f64());
    }
    (last.expect("at least one time"), best)
}
