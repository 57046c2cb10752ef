//! Parity with transformers on micro models, and identities that hold of any decoder.

use std::collections::HashMap;
use std::convert::Infallible;
use std::path::Path;

use policy::{
    Decoder, HeadOptions, HeadOutput, ModelConfig, Packed, PackedAttention, Placement, Policy, Recompute,
    accumulate_gradient, head_backward, head_forward, parameter_shapes,
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
        let head = head_forward(&decoder, &hidden, &targets, HeadOptions { temperature: 1.0, chunk: 7 });
        let difference = max_difference(&head.logprobs.view([2, 23]), &expected["logprobs"]);
        assert!(difference < 1e-5, "{name}: logprobs differ by {difference}");
    }
}

#[test]
fn gradients_equal_transformers() {
    for name in MODELS {
        let decoder = load(name).decoder;
        let expected = expected(name);
        let parameters = decoder.parameters();
        for parameter in &parameters {
            let _ = parameter.tensor.set_requires_grad(true);
        }
        let ids = &expected["input_ids"];
        let lengths = [24, 24];
        let hidden =
            decoder.hidden(&ids.flatten(0, 1), &positions(&lengths), &mut PackedAttention::new(&lengths, Device::Cpu));
        let predicting = hidden.view([2, 24, -1]).narrow(1, 0, 23).reshape([46, -1]);
        let targets = ids.narrow(1, 1, 23).reshape([46]);
        let gradient = Tensor::full([46], -1.0 / 46.0, (Kind::Float, Device::Cpu));
        let options = HeadOptions { temperature: 1.0, chunk: 16 };
        let hidden_gradient = head_backward(&decoder, &predicting, &targets, options, &gradient);
        (predicting * hidden_gradient).sum(Kind::Float).backward();

        let gradients: HashMap<String, Tensor> =
            parameters.iter().flat_map(|p| decoder.split(&p.name, &p.tensor.grad())).collect();
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
    let ids = Tensor::randint(128, [lengths.iter().sum::<usize>() as i64], (Kind::Int64, Device::Cpu));
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

#[test]
fn recomputed_gradients_are_autograd_s() {
    for name in MODELS {
        let gradients = |recompute| {
            let decoder = load(name).decoder;
            for parameter in decoder.parameters() {
                let _ = parameter.tensor.set_requires_grad(true);
            }
            let sequences: [(&[u32], usize); 3] = [(&[1, 5, 9, 2, 7], 2), (&[3, 3, 8], 1), (&[4, 1, 2, 6, 8, 9, 1], 3)];
            let batch = Packed::new(&sequences, Device::Cpu);
            assert_eq!(batch.target_lengths, [3, 2, 4]);
            let options = HeadOptions { temperature: 0.7, chunk: 4 };
            let loss_gradient = |output: &HeadOutput| Ok::<_, Infallible>(output.logprobs.exp().neg());
            let Ok(()) = accumulate_gradient(&decoder, &batch, options, recompute, loss_gradient);
            decoder.parameters().into_iter().map(|p| p.tensor.grad()).collect::<Vec<_>>()
        };
        for (plain, recomputed) in gradients(Recompute::Nothing).iter().zip(gradients(Recompute::Blocks)) {
            assert!(plain.norm().double_value(&[]) > 0.0);
            let difference = max_difference(plain, &recomputed);
            assert!(difference <= 1e-6, "{name}: gradients differ by {difference}");
        }
    }
}
