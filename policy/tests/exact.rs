//! Exact numerics against libtorch's: the same logits and gradients up to rounding.

use std::ops::Range;

use policy::{
    Decoder, HeadOptions, LanguageGradient, LanguageHead, LanguageOutput, LossScope, Numerics, Packed, Placement,
    Policy, Recompute, accumulate_gradient,
};
use tch::{Device, Kind, Tensor};

use crate::micro_folder::{MODELS, config_text, micro_folder};

fn load(name: &str, numerics: Numerics) -> Decoder {
    let folder = micro_folder(name, &config_text(name));
    let mut decoder = Policy::load(folder.path(), Placement::CPU).expect("a policy").decoder;
    decoder.set_numerics(numerics).expect("float32 on a CPU");
    decoder
}

/// Three sequences of unlike lengths.
fn batch() -> Packed {
    let sequences: [Vec<u32>; 3] = [19u32, 33, 5].map(|length| (0..length).map(|at| (at * 7 + length) % 64).collect());
    let ranges: [&[Range<usize>]; 3] = [&[3..9, 12..19], &[1..8, 9..33], &[2..3, 4..5]];
    let sequences: Vec<(&[u32], &[Range<usize>])> =
        sequences.iter().zip(ranges).map(|(ids, ranges)| (ids.as_slice(), ranges)).collect();
    Packed::new(&sequences, Device::Cpu)
}

fn assert_near(found: &Tensor, expected: &Tensor, what: &str) {
    let distance = (found - expected).abs().max().double_value(&[]);
    let scale = expected.abs().max().double_value(&[]);
    assert!(distance <= 2e-5 * scale, "{what}: {distance} of {scale}");
}

#[test]
fn outputs_and_gradients_are_those_of_libtorch_up_to_rounding() {
    for name in MODELS {
        for (recompute, scope) in [(Recompute::Nothing, LossScope::Token), (Recompute::Blocks, LossScope::Batch)] {
            let run = |numerics| {
                let mut decoder = load(name, numerics);
                let mut head = LanguageHead::new(&decoder, HeadOptions { temperature: 0.7, chunk: 7 });
                let loss = |_: Range<i64>, output: &LanguageOutput| {
                    let logprob = output.logprobs().exp() - 0.3;
                    let entropy = Some(output.entropy.ones_like() * 0.1);
                    Ok::<_, std::convert::Infallible>(LanguageGradient { logprob, entropy })
                };
                let Ok(output) = accumulate_gradient(&mut decoder, &mut head, &batch(), recompute, scope, loss);
                let gradients: Vec<Tensor> = decoder.store().gradients().into_iter().map(Option::unwrap).collect();
                (output, gradients, decoder)
            };
            let (expected, expected_gradients, _) = run(Numerics::Fast);
            let (found, gradients, decoder) = run(Numerics::Exact);
            assert_near(&found.logprobs(), &expected.logprobs(), name);
            assert_near(&found.target_logit, &expected.target_logit, name);
            assert_near(&found.logsumexp, &expected.logsumexp, name);
            assert_near(&found.entropy, &expected.entropy, name);
            for ((parameter, found), expected) in decoder.parameters().iter().zip(&gradients).zip(&expected_gradients) {
                assert_near(found, expected, &format!("{name}: {:?}", parameter.tensor.size()));
            }
        }
    }
}

#[test]
fn what_is_not_float32_cannot_be_exact() {
    let folder = micro_folder("qwen2", &config_text("qwen2"));
    let placement = Placement { kind: Kind::BFloat16, ..Placement::CPU };
    let mut decoder = Policy::load(folder.path(), placement).expect("a policy").decoder;
    let error = decoder.set_numerics(Numerics::Exact).expect_err("bfloat16").to_string();
    assert!(error.contains("the weights are not float32") && error.contains("on the CPU of one process"), "{error}");
    assert!(decoder.set_numerics(Numerics::Fast).is_ok());
}
