//! What is sampled in bfloat16 against what training computes of it.
//!
//! Decoding attends over the cache with other kernels, and multiplies matrices of other shapes, than a whole pass does.
//! In bfloat16 their rounding is seen: two batches may give a request two completions, which part where a random number
//! falls between two tokens. What holds is that the recorded logprobs are those of training, up to the rounding of
//! activations.

use std::sync::atomic::AtomicBool;

use policy::{HeadOptions, LanguageHead, LanguageOutput, Placement, Policy, outputs};
use rollout::{Completion, EngineOptions, SamplingParams, Sequence, generate};
use tch::{Kind, Tensor};

use crate::support::{in_order, packed, params, policy_on, requests};

fn policy() -> Policy {
    policy_on(11, Placement { kind: Kind::BFloat16, ..Placement::CPU })
}

fn sampled(policy: &Policy, params: &SamplingParams, options: &EngineOptions) -> Vec<Completion> {
    let mut completions = Vec::new();
    let cancel = AtomicBool::new(false);
    generate(policy, requests(params), options, 0, &cancel, |completion| completions.push(completion))
        .expect("a generation");
    in_order(completions)
}

/// The head's output of every sampled token of all completions, as training computes it.
fn trained(policy: &Policy, completions: &[Completion], temperature: f64) -> LanguageOutput {
    let head = LanguageHead::new(&policy.decoder, HeadOptions { temperature, chunk: 64 });
    outputs(&policy.decoder, &head, &packed(completions))
}

/// Numbers of every sampled token of all completions, as they were recorded while sampling.
fn recorded<'a, N: Iterator<Item = f32>>(completions: &'a [Completion], numbers: fn(&'a Sequence) -> N) -> Tensor {
    let numbers: Vec<f32> = completions.iter().flat_map(|completion| numbers(&completion.sequence)).collect();
    Tensor::from_slice(&numbers)
}

/// Asserts that logprobs `[tokens]` agree. On weights this wide a rounding grows on its way through the blocks: a
/// single token's logprob may differ by some hundredths of a nat, the mean by thousandths.
fn assert_agree(recorded: &Tensor, trained: &Tensor, what: &str) {
    let difference = (recorded - trained).abs();
    let (mean, max) = (difference.mean(Kind::Float).double_value(&[]), difference.max().double_value(&[]));
    assert!(mean <= 0.005 && max <= 0.1, "{what}: {mean} nats in the mean and {max} at most");
    let of_probabilities = (recorded.exp() - trained.exp()).abs().max().double_value(&[]);
    assert!(of_probabilities <= 0.02, "{what}: probabilities differ by {of_probabilities}");
}

#[test]
fn logprobs_recorded_while_sampling_are_those_of_training() {
    let policy = policy();
    for temperature in [1.0, 0.7] {
        for max_sequences in [1, 5, 32] {
            let params = SamplingParams { temperature, ..params() };
            let options = EngineOptions { max_sequences, ..EngineOptions::default() };
            let completions = sampled(&policy, &params, &options);
            let what = format!("temperature {temperature}, {max_sequences} at a time");
            let output = trained(&policy, &completions, temperature);
            assert!(output.target_logit.size()[0] > 300, "too few tokens to tell");
            assert_agree(&recorded(&completions, Sequence::rollout_logprobs), &output.logprobs(), &what);
            let raw = trained(&policy, &completions, 1.0).logprobs();
            assert_agree(&recorded(&completions, Sequence::raw_logprobs), &raw, &what);
        }
    }
}

#[test]
fn greedy_takes_a_likeliest_token_up_to_rounding() {
    let policy = policy();
    let greedy = SamplingParams { temperature: 0.0, ..params() };
    let completions = sampled(&policy, &greedy, &EngineOptions::default());
    let raw = trained(&policy, &completions, 1.0).logprobs();
    assert_agree(&recorded(&completions, Sequence::raw_logprobs), &raw, "greedy");
    assert_eq!(recorded(&completions, Sequence::rollout_logprobs).abs().max().double_value(&[]), 0.0);
    let packed = packed(&completions);
    let logits = tch::no_grad(|| {
        let hidden = policy.decoder.hidden(&packed.ids, &packed.positions, &mut packed.attention());
        policy.decoder.logits(&hidden.index_select(0, &packed.predicting))
    });
    let chosen = logits.gather(1, &packed.targets.unsqueeze(1), false).squeeze_dim(1);
    let behind = (logits.amax([-1], false) - chosen).max().double_value(&[]);
    assert!(behind <= 0.1, "a token {behind} nats behind the likeliest was taken");
}
