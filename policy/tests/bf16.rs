//! Identities in bfloat16: what holds to the bit, what up to float32's rounding, and what up to bfloat16's.
//!
//! bfloat16 keeps 8 significant bits: one rounding changes a number by up to `2^-9` of itself. Tolerances are multiples
//! of that where activations are rounded, and float32's where the architecture says float32.

use std::convert::Infallible;
use std::ops::Range;

use policy::{
    Decoder, HeadOptions, LanguageGradient, LanguageHead, LanguageOutput, LossScope, Packed, Placement, Policy,
    Recompute, RewardModel, ScalarHead, accumulate_gradient, head_outputs, outputs,
};
use tch::{Device, Kind, Tensor, no_grad};

use crate::micro_folder::{MODELS, config_text, micro_folder};

const BFLOAT16: Placement = Placement { device: Device::Cpu, kind: Kind::BFloat16 };

/// Largest relative change of a number that is rounded to bfloat16 once.
const ROUNDING: f64 = 1.0 / 512.0;

/// Bound of float32's rounding in a sum of a few hundred terms, relative to the sum's norm.
const FLOAT_ROUNDING: f64 = 1e-6;

/// Sequences of unlike lengths, so that some are padded in attention.
const SEQUENCES: [(&[u32], &[Range<usize>]); 5] = [
    (&[1, 5, 9, 2, 7, 90, 31, 4, 77], &[2..3, 4..9]),
    (&[3, 3, 8], &[1..2, 2..3]),
    (&[4, 1, 2, 6, 8, 9, 1, 60], &[3..5, 5..7]),
    (&[100, 101, 7, 7, 7, 7, 20, 21, 22, 23, 24, 25], &[1..4, 4..12]),
    (&[50, 51, 3], &[1..2, 2..3]),
];

fn load(name: &str) -> Decoder {
    Policy::load(micro_folder(name, &config_text(name)).path(), BFLOAT16).unwrap().decoder
}

/// A float32 decoder with the same weights, which are rounded already.
fn widened(decoder: &Decoder) -> Decoder {
    let wide = Decoder::random(decoder.config(), 0, Placement::CPU);
    for ((_, mut target), (_, source)) in wide.state().into_iter().zip(decoder.state()) {
        no_grad(|| target.copy_(&source));
    }
    wide
}

/// Norm of `a - b` over the norm of `b`, in float64.
fn distance(a: &Tensor, b: &Tensor) -> f64 {
    let (a, b) = (a.to_kind(Kind::Double), b.to_kind(Kind::Double));
    (a - &b).norm().double_value(&[]) / b.norm().double_value(&[])
}

fn max_difference(a: &Tensor, b: &Tensor) -> f64 {
    (a - b).abs().max().double_value(&[])
}

fn rounded(tensor: &Tensor) -> Tensor {
    tensor.to_kind(Kind::BFloat16).to_kind(tensor.kind())
}

fn hidden(decoder: &Decoder, batch: &Packed) -> Tensor {
    no_grad(|| decoder.hidden(&batch.ids, &batch.positions, &mut batch.attention()))
}

fn language_head(decoder: &Decoder, chunk: i64) -> LanguageHead {
    LanguageHead::new(decoder, HeadOptions { temperature: 0.7, chunk })
}

#[test]
fn a_packed_sequence_is_the_sequence_alone() {
    for name in MODELS {
        let decoder = load(name);
        let batch = Packed::new(&SEQUENCES, Device::Cpu);
        let packed = hidden(&decoder, &batch);
        let mut start = 0;
        for sequence in SEQUENCES {
            let length = sequence.0.len() as i64;
            let alone = hidden(&decoder, &Packed::new(&[sequence], Device::Cpu));
            assert_eq!(alone.kind(), Kind::BFloat16);
            // Equal bits where a product's rows do not depend on their number; kernels may round a few otherwise.
            let difference = distance(&packed.narrow(0, start, length), &alone);
            assert!(difference <= 2.0 * ROUNDING, "{name}: {length} tokens differ by {difference}");
            start += length;
        }
        // A handful of roundings in each of the few blocks lie between the two types.
        let wide = widened(&decoder);
        let difference = distance(&packed, &hidden(&wide, &batch));
        assert!(difference > 0.0 && difference <= 16.0 * ROUNDING, "{name}: from float32 by {difference}");
        let logprobs = |decoder: &Decoder| outputs(decoder, &language_head(decoder, 7), &batch).logprobs();
        let difference = max_difference(&logprobs(&decoder), &logprobs(&wide));
        assert!(difference <= 0.1, "{name}: logprobs from float32's by {difference} nats");
    }
}

/// Float64's product of rounded hidden states and the rounded head, `[tokens, vocab]`.
fn exact_logits(hidden: &Tensor, decoder: &Decoder) -> Tensor {
    hidden.to_kind(Kind::Double).mm(&decoder.store().head().to_kind(Kind::Double).tr())
}

#[test]
fn logits_are_float32_from_the_product_on() {
    for name in MODELS {
        let decoder = load(name);
        // Logits around 20, where bfloat16's numbers are 1/8 apart.
        let _ = no_grad(|| decoder.store().head().g_mul_scalar_(32.0));
        let batch = Packed::new(&SEQUENCES, Device::Cpu);
        let hidden = hidden(&decoder, &batch).index_select(0, &batch.predicting);
        let exact = exact_logits(&hidden, &decoder);
        let size = exact.abs().max().double_value(&[]);
        let bound = FLOAT_ROUNDING * size;
        let logits = no_grad(|| decoder.logits(&hidden));
        assert_eq!(logits.kind(), Kind::Float);
        assert!(max_difference(&logits, &exact) <= bound, "{name}: {}", max_difference(&logits, &exact));
        assert!(max_difference(&rounded(&exact), &exact) > 100.0 * bound, "{name}: this test could not fail");

        let output = head_outputs(&language_head(&decoder, 3), &hidden, &batch.targets);
        let exact = exact / 0.7;
        let of_targets = exact.gather(1, &batch.targets.unsqueeze(1), false).squeeze_dim(1);
        let logprobs = &of_targets - exact.logsumexp([-1], false);
        assert!(max_difference(&output.target_logit, &of_targets) <= 2.0 * bound, "{name}");
        assert!(max_difference(&output.logprobs(), &logprobs) <= 4.0 * bound, "{name}");
    }
}

#[test]
fn a_scalar_head_ranks_what_bfloat16_would_tie() {
    let head = ScalarHead::zeros(64, Device::Cpu);
    let weight = head.parameter().tensor;
    let _ = no_grad(|| weight.shallow_clone().fill_(0.25));
    let lower = Tensor::ones([1, 64], (Kind::BFloat16, Device::Cpu)); // score 16, where bfloat16's next is 16.125
    let higher = lower.copy();
    let _ = no_grad(|| higher.get(0).get(5).fill_(1.0 + 1.0 / 128.0)); // the next number in bfloat16
    let hidden = Tensor::cat(&[&lower, &higher], 0);
    let short = hidden.mm(&weight.to_kind(Kind::BFloat16).tr()).squeeze_dim(1);
    assert_eq!(short.double_value(&[0]), short.double_value(&[1]), "they tie where the product is rounded");
    let scores = head.values(&hidden);
    assert_eq!(scores.kind(), Kind::Float);
    assert!((scores.double_value(&[1]) - scores.double_value(&[0]) - 0.25 / 128.0).abs() < 1e-5);
}

#[test]
fn scores_of_a_bfloat16_reward_model_are_float32() {
    let folder = micro_folder("qwen2", &config_text("qwen2"));
    let model = RewardModel::from_policy_folder(folder.path(), BFLOAT16).unwrap();
    let weight = model.head.parameter().tensor;
    let values = Tensor::arange(64, (Kind::Float, Device::Cpu)).sin().view([1, 64]);
    no_grad(|| weight.shallow_clone().copy_(&values));
    let sequences: Vec<&[u32]> = SEQUENCES.iter().map(|(ids, _)| *ids).collect();
    let batch = Packed::at_ends(&sequences, Device::Cpu);
    let ends = hidden(&model.decoder, &batch).index_select(0, &batch.predicting);
    let exact = ends.to_kind(Kind::Double).mm(&values.to_kind(Kind::Double).tr()).squeeze_dim(1);
    let scores = model.score(&sequences).unwrap();
    assert_eq!((scores.kind(), model.decoder.kind()), (Kind::Float, Kind::BFloat16));
    assert!(max_difference(&scores, &exact) <= 1e-5 && max_difference(&rounded(&exact), &exact) > 1e-3);

    let saved = tempfile::tempdir().unwrap();
    model.save(saved.path()).unwrap();
    let again = RewardModel::load(saved.path(), BFLOAT16).unwrap();
    let head = again.head.parameter().tensor;
    assert!(head.kind() == Kind::Float && head.equal(&weight), "the head was saved in its own type");
    assert!(again.score(&sequences).unwrap().equal(&scores));
    assert_eq!(again.score(&[]).unwrap().size(), [0]);
    let error = again.score(&[&[1, 2], &[]]).unwrap_err().to_string();
    assert!(error.starts_with("sequence 1 of 2 is empty"), "{error}");
}

/// How a gradient is gathered.
#[derive(Clone, Copy, Debug)]
struct Way {
    recompute: Recompute,
    scope: LossScope,
    chunk: i64,
    /// Number of sequences that go through the decoder at a time.
    sequences: usize,
}

const WHOLE: Way = Way { recompute: Recompute::Nothing, scope: LossScope::Batch, chunk: 100, sequences: 5 };

/// Adds the gradient of `factor` times a loss whose slope depends on each target's logprob.
fn add_gradient(decoder: &mut Decoder, way: Way, factor: f64) {
    let mut head = language_head(decoder, way.chunk);
    for piece in SEQUENCES.chunks(way.sequences) {
        let batch = Packed::new(piece, Device::Cpu);
        let loss = |_, output: &LanguageOutput| {
            let logprob = output.logprobs().exp() * -factor;
            Ok::<_, Infallible>(LanguageGradient { logprob, entropy: None })
        };
        let Ok(_) = accumulate_gradient(decoder, &mut head, &batch, way.recompute, way.scope, loss);
    }
}

/// The gradients gathered so far, by the names of the parameters.
fn gathered(decoder: &Decoder) -> Vec<(String, Tensor)> {
    let gradients = decoder.store().gradients().into_iter().map(Option::unwrap);
    decoder.parameters().into_iter().map(|parameter| parameter.name).zip(gradients).collect()
}

fn gradients(mut decoder: Decoder, way: Way) -> Vec<(String, Tensor)> {
    add_gradient(&mut decoder, way, 1.0);
    gathered(&decoder)
}

#[test]
fn streamed_gradients_are_those_of_the_full_graph_bit_for_bit() {
    for name in MODELS {
        for way in [WHOLE, Way { scope: LossScope::Token, chunk: 4, sequences: 2, ..WHOLE }] {
            let full = gradients(load(name), way);
            let streamed = gradients(load(name), Way { recompute: Recompute::Blocks, ..way });
            for ((parameter, full), (_, streamed)) in full.iter().zip(&streamed) {
                assert_eq!(full.kind(), Kind::Float);
                assert!(full.equal(streamed) && full.abs().max().double_value(&[]) > 0.0, "{name}: {parameter}");
            }
        }
    }
}

#[test]
fn neither_chunks_nor_micro_batches_change_a_gradient() {
    for name in MODELS {
        let whole = gradients(load(name), WHOLE);
        let bound = |way: Way, parameter: &str| match way.sequences {
            // Hidden states are equal, and the head's sums are float32.
            5 if parameter == "lm_head.weight" => FLOAT_ROUNDING,
            // Their last bits may turn a few roundings of the hidden states' gradient, which every block hands on
            // rounded; and autograd hands over a block's gradient rounded once in each micro-batch, where a sum in
            // which micro-batches cancel is smaller than what was rounded.
            _ => 3.0 * ROUNDING,
        };
        for (chunk, sequences) in [(1, 5), (4, 5), (100, 2), (1, 2), (7, 1)] {
            for scope in [LossScope::Token, LossScope::Batch] {
                let way = Way { scope, chunk, sequences, recompute: Recompute::Blocks };
                for ((parameter, one), (_, other)) in whole.iter().zip(gradients(load(name), way)) {
                    let difference = distance(&other, one);
                    assert!(difference <= bound(way, parameter), "{name} {parameter} {way:?}: {difference}");
                }
            }
        }
    }
}

#[test]
fn many_small_gradients_are_not_lost_beside_a_large_one() {
    const SMALL: f64 = 1.0 / 512.0; // less than half of bfloat16's step at 1
    let mut decoder = load("qwen2");
    add_gradient(&mut decoder, WHOLE, 1.0);
    let large: Vec<Tensor> = gathered(&decoder).into_iter().map(|(_, gradient)| gradient.copy()).collect();
    for _ in 0..64 {
        add_gradient(&mut decoder, WHOLE, SMALL);
    }
    // Powers of two scale without rounding, so the sum is known exactly.
    for ((name, sum), large) in gathered(&decoder).into_iter().zip(&large) {
        let difference = distance(&sum, &(large * (1.0 + 64.0 * SMALL)));
        assert!(difference <= 4.0 * FLOAT_ROUNDING, "{name}: {difference}");
        let in_bfloat16 =
            (0..64).fold(large.to_kind(Kind::BFloat16), |sum, _| sum + (large * SMALL).to_kind(Kind::BFloat16));
        let lost = distance(&in_bfloat16, &(large * (1.0 + 64.0 * SMALL)));
        assert!(lost > 0.05, "{name}: this test could not fail, bfloat16 loses {lost}");
    }
}
