//! Parity with transformers on micro models, and identities that hold of any decoder.

#![allow(clippy::single_range_in_vec_init)] // lists of ranges of targets, of which many have one

use std::collections::HashMap;
use std::convert::Infallible;
use std::path::Path;

use policy::{
    Decoder, HeadOptions, LanguageGradient, LanguageHead, LossScope, ModelConfig, Packed, PackedAttention, Placement,
    Policy, Recompute, accumulate_gradient, head_outputs, parameter_shapes,
};
use tch::{Device, Kind, Tensor};

use crate::micro_folder::{MODELS, config_text, golden, micro_folder};

fn expected(name: &str) -> HashMap<String, Tensor> {
    Tensor::read_safetensors(golden(name).join("expected.safetensors")).unwrap().into_iter().collect()
}

fn positions(lengths: &[usize]) -> Tensor {
    Tensor::from_slice(&lengths.iter().flat_map(|length| 0..*length as i64).collect::<Vec<_>>())
}

fn max_difference(a: &Tensor, b: &Tensor) -> f64 {
    (a - b).abs().max().double_value(&[])
}

fn load(name: &str) -> Policy {
    Policy::load(micro_folder(name, &config_text(name)).path(), Placement::CPU).unwrap()
}

#[test]
fn logits_and_logprobs_equal_transformers() {
    for name in MODELS {
        let decoder = load(name).decoder;
        let expected = expected(name);
        let ids = &expected["input_ids"]; // [2, 24]
        let lengths = [24, 24];
        let hidden = tch::no_grad(|| {
            decoder.hidden(&ids.flatten(0, 1), &positions(&lengths), &mut PackedAttention::new(&lengths, Device::Cpu))
        });
        let logits = tch::no_grad(|| decoder.logits(&hidden)).view([2, 24, -1]);
        let difference = max_difference(&logits, &expected["logits"]);
        assert!(difference < 1e-5, "{name}: logits differ by {difference}");

        let hidden = hidden.view([2, 24, -1]).narrow(1, 0, 23).reshape([46, -1]);
        let targets = ids.narrow(1, 1, 23).reshape([46]);
        let head = LanguageHead::new(&decoder, HeadOptions { temperature: 1.0, chunk: 7 });
        let logprobs = head_outputs(&head, &hidden, &targets).logprobs();
        let difference = max_difference(&logprobs.view([2, 23]), &expected["logprobs"]);
        assert!(difference < 1e-5, "{name}: logprobs differ by {difference}");
    }
}

#[test]
fn gradients_equal_transformers() {
    for name in MODELS {
        let mut decoder = load(name).decoder;
        let expected = expected(name);
        let rows: Vec<Vec<i64>> = (0..2).map(|row| Vec::try_from(expected["input_ids"].get(row)).unwrap()).collect();
        let rows: Vec<Vec<u32>> = rows.iter().map(|row| row.iter().map(|id| *id as u32).collect()).collect();
        let targets = std::slice::from_ref(&(1..24));
        let batch = Packed::new(&[(&rows[0], targets), (&rows[1], targets)], Device::Cpu);
        let mut head = LanguageHead::new(&decoder, HeadOptions { temperature: 1.0, chunk: 16 });
        let mean = |targets: std::ops::Range<i64>, _: &_| {
            let logprob = Tensor::full([targets.end - targets.start], -1.0 / 46.0, (Kind::Float, Device::Cpu));
            Ok::<_, Infallible>(LanguageGradient { logprob, entropy: None })
        };
        let Ok(_) = accumulate_gradient(&mut decoder, &mut head, &batch, Recompute::Nothing, LossScope::Token, mean);

        let gradients: HashMap<String, Tensor> = decoder
            .parameters()
            .iter()
            .zip(decoder.store().gradients())
            .flat_map(|(parameter, gradient)| parameter.split(&gradient.unwrap()))
            .collect();
        for (key, value) in &expected {
            let Some(parameter) = key.strip_prefix("gradient.") else { continue };
            let parameter =
                if gradients.contains_key(parameter) { parameter.into() } else { format!("{parameter}.weight") };
            let close = gradients[&parameter].allclose(value, 1e-4, 1e-5, false);
            assert!(
                close,
                "{name}: gradient of {parameter} differs by {}",
                max_difference(&gradients[&parameter], value)
            );
        }
        let norms: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(golden("models.json")).unwrap()).unwrap();
        for (parameter, norm) in norms[name]["gradient_norms"].as_object().unwrap() {
            let (norm, ours) = (norm.as_f64().unwrap(), gradients[parameter].norm().double_value(&[]));
            assert!(
                (norm - ours).abs() <= 1e-4 * norm + 1e-7,
                "{name}: |gradient of {parameter}| is {ours}, not {norm}"
            );
        }
    }
}

#[test]
fn both_layouts_of_config_are_one_model() {
    for name in MODELS {
        let mut four = ModelConfig::from_file(&golden(name).join("config.json")).unwrap();
        let five = ModelConfig::from_file(&golden(name).join("config.transformers5.json")).unwrap();
        four.initializer_range = five.initializer_range;
        assert_eq!(four, five);
    }
}

#[test]
fn packing_changes_nothing() {
    let decoder = load("qwen2").decoder;
    let lengths = [9usize, 1, 24, 23, 5, 9];
    let num_tokens = lengths.iter().sum::<usize>() as i64;
    let ids = (Tensor::arange(num_tokens, (Kind::Int64, Device::Cpu)) * 37 + 5).remainder(128);
    let run = |ids: &Tensor, lengths: &[usize]| {
        tch::no_grad(|| decoder.hidden(ids, &positions(lengths), &mut PackedAttention::new(lengths, Device::Cpu)))
    };
    let packed = run(&ids, &lengths);
    let mut start = 0;
    for length in lengths {
        let alone = run(&ids.narrow(0, start, length as i64), &[length]);
        let difference = max_difference(&packed.narrow(0, start, length as i64), &alone);
        assert!(difference < 1e-5, "a sequence of {length} tokens differs by {difference}");
        start += length as i64;
    }
}

#[test]
fn broken_folders_are_named() {
    let policy = load("qwen2");
    let error_after = |change: &dyn Fn(&Path)| {
        let folder = tempfile::tempdir().unwrap();
        policy.save(folder.path()).unwrap();
        change(folder.path());
        Policy::load(folder.path(), Placement::CPU).unwrap_err().to_string()
    };
    let truncated = error_after(&|folder| {
        let path = folder.join("model.safetensors");
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() / 2]).unwrap();
    });
    assert!(truncated.contains("model.safetensors") && truncated.contains("truncated"), "{truncated}");
    let missing = error_after(&|folder| std::fs::remove_file(folder.join("model.safetensors")).unwrap());
    assert!(missing.contains("holds neither"), "{missing}");
    let edit = |folder: &Path, field: &str, value: serde_json::Value| {
        let path = folder.join("config.json");
        let mut config: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        config[field] = value;
        std::fs::write(&path, config.to_string()).unwrap();
    };
    for (field, value) in [
        ("model_type", "mamba".into()),
        ("hidden_act", "gelu".into()),
        ("use_sliding_window", true.into()),
        ("final_logit_softcapping", 30.0.into()),
        ("rope_scaling", serde_json::json!({"rope_type": "longrope", "factor": 2.0})),
    ] {
        let error = error_after(&|folder| edit(folder, field, value.clone()));
        assert!(error.contains(field), "{error}");
    }
    let small = error_after(&|folder| edit(folder, "vocab_size", 64.into()));
    assert!(small.contains("model.safetensors") && small.contains("[128, 64]"), "{small}");
}

#[test]
fn qwq_32b_has_the_published_parameters() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/qwq-32b/config.json");
    let config = ModelConfig::from_file(&path).unwrap();
    let shapes = parameter_shapes(&config);
    let shape = |name: &str| shapes.iter().find(|p| p.name == name).unwrap_or_else(|| panic!("{name}")).shape.clone();
    assert_eq!(shape("model.embed_tokens.weight"), [152064, 5120]);
    assert_eq!(shape("model.layers.63.self_attn.k_proj.weight"), [1024, 5120]);
    assert_eq!(shape("model.layers.0.self_attn.q_proj.bias"), [5120]);
    assert_eq!(shape("model.layers.0.mlp.down_proj.weight"), [5120, 27648]);
    assert_eq!(shape("lm_head.weight"), [152064, 5120]);
    assert_eq!(shapes.len(), 64 * 12 + 3);
    let count: i64 = shapes.iter().map(|p| p.shape.iter().product::<i64>()).sum();
    assert_eq!(count, 32_763_876_352); // the 32.8B of the model's card
}

#[test]
fn shapes_by_arithmetic_are_the_decoder_s() {
    for name in MODELS {
        let config = ModelConfig::from_file(&golden(name).join("config.json")).unwrap();
        let decoder = Decoder::random(&config, 7, Placement::CPU);
        let sorted = |mut list: Vec<(String, Vec<i64>)>| {
            list.sort();
            list
        };
        let decoder: Vec<_> = decoder.state().iter().map(|(name, tensor)| (name.clone(), tensor.size())).collect();
        let arithmetic: Vec<_> = parameter_shapes(&config).into_iter().map(|p| (p.name, p.shape)).collect();
        assert_eq!(sorted(decoder), sorted(arithmetic));
    }
}

/// Loss of the tests below: it depends on the logprob and the entropy of each target.
fn loss_gradient(output: &policy::LanguageOutput) -> LanguageGradient {
    LanguageGradient { logprob: output.logprobs().exp().neg(), entropy: Some(output.entropy.cos()) }
}

#[test]
fn every_way_through_the_blocks_and_the_head_gives_one_gradient() {
    for name in MODELS {
        // A nearly flat distribution's entropy has a gradient that is a small difference of larger numbers.
        for (with_entropy, bound) in [(false, 5e-6), (true, 2e-5)] {
            check_every_way(name, with_entropy, bound);
        }
    }
}

fn check_every_way(name: &str, with_entropy: bool, bound: f64) {
    let gradients = |recompute, scope, chunk, pieces: &[std::ops::Range<usize>]| {
        let mut decoder = load(name).decoder;
        let sequences: [(&[u32], &[std::ops::Range<usize>]); 3] =
            [(&[1, 5, 9, 2, 7], &[2..3, 4..5]), (&[3, 3, 8], &[0..1, 1..3]), (&[4, 1, 2, 6, 8, 9, 1], &[3..4, 4..7])];
        let mut head = LanguageHead::new(&decoder, HeadOptions { temperature: 0.7, chunk });
        for piece in pieces {
            let batch = Packed::new(&sequences[piece.clone()], Device::Cpu);
            let loss = |_, output: &_| {
                let gradient = loss_gradient(output);
                let entropy = gradient.entropy.filter(|_| with_entropy);
                Ok::<_, Infallible>(LanguageGradient { entropy, ..gradient })
            };
            let Ok(_) = accumulate_gradient(&mut decoder, &mut head, &batch, recompute, scope, loss);
        }
        decoder.store().gradients().into_iter().map(Option::unwrap).collect::<Vec<_>>()
    };
    let plain = gradients(Recompute::Nothing, LossScope::Batch, 100, std::slice::from_ref(&(0..3)));
    for recompute in [Recompute::Nothing, Recompute::Blocks] {
        for (scope, chunk) in [(LossScope::Token, 4), (LossScope::Batch, 4), (LossScope::Token, 1)] {
            for pieces in [std::slice::from_ref(&(0..3)), &[0..1, 1..3], &[0..1, 1..2, 2..3]] {
                let other = gradients(recompute, scope, chunk, pieces);
                for (one, other) in plain.iter().zip(&other) {
                    let size = one.norm().double_value(&[]);
                    let difference = (one - other).norm().double_value(&[]) / size;
                    assert!(size > 0.0 && difference <= bound, "{name} {recompute:?} {scope:?} {chunk}: {difference}");
                }
            }
        }
    }
}

#[test]
fn the_head_s_gradient_is_autograd_s() {
    let decoder = load("qwen2").decoder;
    let mut head = LanguageHead::new(&decoder, HeadOptions { temperature: 0.7, chunk: 3 });
    // Far from regular, and of a normal variable's size.
    let hidden = (Tensor::arange(5 * 64, (Kind::Float, Device::Cpu)).square() * 0.7).sin().view([5, 64]) * 1.4;
    let targets = Tensor::from_slice(&[3i64, 99, 0, 127, 3]);
    let leaf = hidden.detach().set_requires_grad(true);
    let log_softmax = (decoder.logits(&leaf) / 0.7).log_softmax(-1, Kind::Float);
    let logprobs = log_softmax.gather(1, &targets.unsqueeze(1), false).squeeze_dim(1);
    let entropy = (log_softmax.exp() * &log_softmax).sum_dim_intlist(-1, false, Kind::Float).neg();
    let output = head_outputs(&head, &hidden, &targets);
    assert!(max_difference(&output.logprobs(), &logprobs) < 1e-6 && max_difference(&output.entropy, &entropy) < 1e-5);
    let gradient = loss_gradient(&output);
    let loss = (logprobs * &gradient.logprob).sum(Kind::Float)
        + (entropy * gradient.entropy.as_ref().unwrap()).sum(Kind::Float);
    loss.backward();
    let (_, saved) = policy::Head::forward(&head, &hidden, &targets);
    let ours = policy::Head::backward(&mut head, saved, &hidden, &targets, &gradient);
    assert!(max_difference(&ours, &leaf.grad()) < 1e-6);
}
