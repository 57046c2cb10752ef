//! The language model's head over targets that were drawn among few ids: held against autograd, and against the head
//! without such sets where all ids are kept.

use std::convert::Infallible;
use std::ops::Range;

use policy::{
    Decoder, HeadOptions, LanguageGradient, LanguageHead, LanguageOutput, LossScope, ModelConfig, Packed, Placement,
    Recompute, accumulate_gradient,
};
use tch::{Device, Kind, Tensor};

const VOCAB: u32 = 37;
const TEMPERATURE: f64 = 0.7;
const IDS: [&[u32]; 2] = [&[3, 9, 27, 7, 21, 26], &[4, 12, 36, 34]];

fn decoder() -> Decoder {
    let config = ModelConfig::from_json(&serde_json::json!({
        "model_type": "qwen2", "vocab_size": VOCAB, "hidden_size": 16, "intermediate_size": 24,
        "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1, "max_position_embeddings": 32,
        "initializer_range": 0.4, "tie_word_embeddings": false,
    }))
    .unwrap();
    Decoder::random(&config, 3, Placement::CPU)
}

fn packed() -> Packed {
    let ranges: Vec<Range<usize>> = IDS.iter().map(|ids| 2..ids.len()).collect();
    let sequences: Vec<_> = IDS.iter().zip(&ranges).map(|(ids, range)| (*ids, std::slice::from_ref(range))).collect();
    Packed::new(&sequences, Device::Cpu)
}

/// The targets in order.
fn targets() -> Vec<u32> {
    IDS.iter().flat_map(|ids| ids[2..].iter().copied()).collect()
}

/// Of each target itself and some others, in order; of one itself alone.
fn kept() -> Vec<Vec<u32>> {
    let set = |(place, target): (usize, u32)| {
        let mut ids: Vec<u32> = (0..place as u32 * 2).map(|at| (at * 11 + 5) % VOCAB).chain([target]).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    };
    targets().into_iter().enumerate().map(set).collect()
}

/// The output and the gradient of every parameter, of a loss of logprobs and entropies.
fn gradients(batch: &Packed, scope: LossScope) -> (LanguageOutput, Vec<(String, Tensor)>) {
    let mut decoder = decoder();
    let mut head = LanguageHead::new(&decoder, HeadOptions { temperature: TEMPERATURE, chunk: 2 });
    let loss = |_: Range<i64>, output: &LanguageOutput| {
        let (logprob, entropy) = (output.logprobs().exp().neg(), Some(output.entropy.exp() * 0.1));
        Ok::<_, Infallible>(LanguageGradient { logprob, entropy })
    };
    let Ok(output) = accumulate_gradient(&mut decoder, &mut head, batch, Recompute::Nothing, scope, loss);
    let parameters = decoder.parameters();
    let named = parameters.iter().zip(decoder.store().gradients());
    (output, named.flat_map(|(parameter, gradient)| parameter.split(&gradient.unwrap())).collect())
}

fn assert_close(what: &str, ours: &Tensor, expected: &Tensor) {
    let (difference, size) = (ours - expected, expected.norm().double_value(&[]));
    let difference = difference.norm().double_value(&[]);
    assert!(difference <= 1e-5 * size.max(1.0), "{what}: {difference} of {size}");
}

#[test]
fn a_target_among_all_ids_is_as_one_without_a_set() {
    let all: Vec<u32> = (0..VOCAB).collect();
    let sets: Vec<&[u32]> = targets().iter().map(|_| all.as_slice()).collect();
    for scope in [LossScope::Token, LossScope::Batch] {
        let (expected, expected_gradients) = gradients(&packed(), scope);
        let (output, gradients) = gradients(&packed().among(&sets), scope);
        assert_close("logprobs", &output.logprobs(), &expected.logprobs());
        assert_close("entropies", &output.entropy, &expected.entropy);
        for ((name, gradient), (_, expected)) in gradients.iter().zip(&expected_gradients) {
            assert_close(name, gradient, expected);
        }
    }
}

#[test]
fn the_softmax_over_kept_ids_is_that_of_autograd() {
    let (decoder, batch, sets) = (decoder(), packed(), kept());
    let hidden = tch::no_grad(|| decoder.hidden(&batch.ids, &batch.positions, &mut batch.attention()));
    let hidden = hidden.index_select(0, &batch.predicting).set_requires_grad(true);
    let weight = decoder.store().head().detach().copy().set_requires_grad(true);
    let logits = hidden.matmul(&weight.tr()) / TEMPERATURE;
    let (mut logprobs, mut entropies) = (Vec::new(), Vec::new());
    for (row, (target, set)) in targets().iter().zip(&sets).enumerate() {
        let ids: Vec<i64> = set.iter().map(|id| i64::from(*id)).collect();
        let all = logits.get(row as i64).index_select(0, &Tensor::from_slice(&ids)).log_softmax(-1, Kind::Float);
        let place = set.iter().position(|id| id == target).unwrap();
        logprobs.push(all.get(place as i64));
        entropies.push(-(all.exp() * &all).sum(Kind::Float));
    }
    let (logprobs, entropies) = (Tensor::stack(&logprobs, 0), Tensor::stack(&entropies, 0));
    // Of the loss whose gradient `gradients` hands to the head.
    let loss = -logprobs.exp().sum(Kind::Float) + entropies.exp().sum(Kind::Float) * 0.1;
    loss.backward();

    let sets: Vec<&[u32]> = sets.iter().map(Vec::as_slice).collect();
    for scope in [LossScope::Token, LossScope::Batch] {
        let (output, gradients) = gradients(&packed().among(&sets), scope);
        assert_close("logprobs", &output.logprobs(), &logprobs.detach());
        assert_close("entropies", &output.entropy, &entropies.detach());
        let (_, of_head) = gradients.iter().find(|(name, _)| name == "lm_head.weight").unwrap();
        assert_close("lm_head.weight", of_head, &weight.grad());
        let untouched = (0..VOCAB).find(|id| sets.iter().all(|set| !set.contains(id))).unwrap();
        assert_eq!(of_head.get(i64::from(untouched)).abs().max().double_value(&[]), 0.0);
    }
    assert_eq!(logprobs.double_value(&[0]), 0.0, "a target alone is certain");
}
