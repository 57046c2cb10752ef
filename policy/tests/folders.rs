//! Folders that are loaded and saved: what comes back, what changes, and what is refused.

use std::path::Path;

use policy::{Placement, Policy, RewardModel};
use serde_json::{Value, json};
use tch::{Device, Kind, Tensor};

use crate::micro_folder::{MODELS, config_text, golden, micro_folder};

const BFLOAT16: Placement = Placement { device: Device::Cpu, kind: Kind::BFloat16 };

fn text(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(folder.join(name)).unwrap()
}

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn tensors(folder: &Path) -> Vec<(String, Tensor)> {
    policy::read_tensors(&folder.join("model.safetensors"), Device::Cpu).unwrap()
}

fn assert_same(a: &[(String, Tensor)], b: &[(String, Tensor)]) {
    assert_eq!(a.len(), b.len());
    for ((a_name, a), (b_name, b)) in a.iter().zip(b) {
        assert!(a_name == b_name && a.kind() == b.kind() && a.equal(b), "{a_name} changed");
    }
}

/// Loads a folder as a policy, saves it, and gives the new folder.
fn saved(folder: &Path, placement: Placement) -> tempfile::TempDir {
    let new = tempfile::tempdir().unwrap();
    Policy::load(folder, placement).unwrap().save(new.path()).unwrap();
    new
}

#[test]
fn a_policy_comes_back_as_it_was() {
    for name in MODELS {
        for layout in ["config.json", "config.transformers5.json"] {
            let config = std::fs::read_to_string(golden(name).join(layout)).unwrap();
            let folder = micro_folder(name, &config);
            let new = saved(folder.path(), Placement::CPU);
            assert_eq!(text(new.path(), "config.json"), config, "{name}, {layout}");
            assert_same(&tensors(folder.path()), &tensors(new.path()));
            let before = Policy::load(folder.path(), Placement::CPU).unwrap();
            let again = Policy::load(new.path(), Placement::CPU).unwrap();
            assert_eq!(before.decoder.config(), again.decoder.config());
        }
    }
}

#[test]
fn only_the_word_for_the_dtype_follows_the_weights() {
    for name in MODELS {
        for (layout, field) in [("config.json", "torch_dtype"), ("config.transformers5.json", "dtype")] {
            let config = std::fs::read_to_string(golden(name).join(layout)).unwrap();
            let folder = micro_folder(name, &config);
            let half = saved(folder.path(), BFLOAT16);
            let mut expected = json_of(&config);
            expected[field] = "bfloat16".into();
            assert_eq!(json_of(&text(half.path(), "config.json")), expected, "{name}, {layout}");
            assert!(tensors(half.path()).iter().all(|(_, tensor)| tensor.kind() == Kind::BFloat16));
            let same = saved(half.path(), BFLOAT16);
            assert_eq!(text(same.path(), "config.json"), text(half.path(), "config.json"));
            assert_same(&tensors(half.path()), &tensors(same.path()));
            let full = saved(half.path(), Placement::CPU);
            assert_eq!(json_of(&text(full.path(), "config.json")), json_of(&config));
            assert!(tensors(full.path()).iter().all(|(_, tensor)| tensor.kind() == Kind::Float));
        }
    }
}

#[test]
fn numbers_and_fields_that_nobody_reads_keep_their_form() {
    let llama = config_text("llama_tied_llama3_rope").replacen(
        '{',
        r#"{"pad_token_id": 0, "head_dim": 16, "torch_dtype_note": null, "_name_or_path": "some/model","#,
        1,
    );
    let folder =
        micro_folder("llama_tied_llama3_rope", &llama.replace(r#""use_cache": true"#, r#""use_cache": false"#));
    let new = text(saved(folder.path(), BFLOAT16).path(), "config.json");
    for kept in [
        r#""rms_norm_eps": 1e-05"#,
        r#""original_max_position_embeddings": 64"#,
        r#""rope_theta": 10000.0"#,
        r#""pad_token_id": 0"#,
        r#""torch_dtype_note": null"#,
        r#""_name_or_path": "some/model""#,
        r#""use_cache": false"#,
        r#""torch_dtype": "bfloat16""#,
    ] {
        assert!(new.contains(kept), "{kept} is not in {new}");
    }
    let yarn = micro_folder("qwen2_yarn_without_original", &config_text("qwen2_yarn_without_original"));
    let new = json_of(&text(saved(yarn.path(), BFLOAT16).path(), "config.json"));
    assert_eq!(new["rope_scaling"], json!({"type": "yarn", "factor": 4.0}));
}

#[test]
fn a_reward_model_is_its_policy_but_for_class_and_labels() {
    let mut config = json_of(&config_text("qwen2"));
    config["pad_token_id"] = 7.into();
    config["id2label"] = json!({"0": "no", "1": "yes"});
    config["label2id"] = json!({"no": 0, "yes": 1});
    config["task_specific_params"] = json!({"text-generation": {"max_length": 50}});
    let folder = micro_folder("qwen2", &config.to_string());
    let new = tempfile::tempdir().unwrap();
    RewardModel::from_policy_folder(folder.path(), Placement::CPU).unwrap().save(new.path()).unwrap();
    config["architectures"] = json!(["Qwen2ForSequenceClassification"]);
    config["id2label"] = json!({"0": "LABEL_0"});
    config["label2id"] = json!({"LABEL_0": 0});
    config.as_object_mut().unwrap().remove("task_specific_params");
    assert_eq!(json_of(&text(new.path(), "config.json")), config);
    let mut expected = tensors(folder.path());
    expected.retain(|(name, _)| name != "lm_head.weight");
    expected.push(("score.weight".into(), Tensor::zeros([1, 64], (Kind::Float, Device::Cpu))));
    assert_same(&expected, &tensors(new.path()));
}

#[test]
fn a_reward_model_comes_back_as_it_was() {
    let golden = golden("../reward_model");
    for layout in ["config.json", "config.transformers5.json"] {
        let config = std::fs::read_to_string(golden.join(layout)).unwrap().replace("LABEL_0", "how_good");
        let folder = micro_folder("qwen2", &config);
        std::fs::copy(golden.join("model.safetensors"), folder.path().join("model.safetensors")).unwrap();
        let new = tempfile::tempdir().unwrap();
        RewardModel::load(folder.path(), Placement::CPU).unwrap().save(new.path()).unwrap();
        assert_eq!(text(new.path(), "config.json"), config);
        assert_same(&tensors(folder.path()), &tensors(new.path()));
    }
}

#[test]
fn a_reward_model_pads_with_its_tokenizer_s_token_where_its_policy_names_none() {
    let pad_of = |pad_token: &str| {
        let folder = micro_folder("qwen2", &config_text("qwen2"));
        let tokenizer = json!({"pad_token": pad_token}).to_string();
        std::fs::write(folder.path().join("tokenizer_config.json"), tokenizer).unwrap();
        let new = tempfile::tempdir().unwrap();
        RewardModel::from_policy_folder(folder.path(), Placement::CPU).unwrap().save(new.path()).unwrap();
        json_of(&text(new.path(), "config.json")).get("pad_token_id").cloned()
    };
    assert_eq!(pad_of("<pad>"), Some(json!(1)));
    // transformers scores the last token that is not padding: with this one it would score the token before the last.
    assert_eq!(pad_of("</s>"), None);
    assert_eq!(pad_of("<unknown>"), None);
}

#[test]
fn files_beside_the_weights_come_along_byte_for_byte() {
    let folder = micro_folder("qwen2", &config_text("qwen2"));
    let carried = [
        "tokenizer.model",
        "special_tokens_map.json",
        "added_tokens.json",
        "generation_config.json",
        "vocab.json",
        "merges.txt",
        "LICENSE",
        "license.txt",
        "NOTICE.md",
        "USE_POLICY.md",
        "tokenization_own.py",
        "additional_chat_templates/tool_use.jinja",
    ];
    let left = ["README.md", "pytorch_model.bin", "training_args.bin", "model.gguf", "additional_chat_templates/a.txt"];
    std::fs::create_dir(folder.path().join("additional_chat_templates")).unwrap();
    std::fs::create_dir(folder.path().join("LICENSES")).unwrap();
    for name in carried.iter().chain(&left) {
        let content = if name.ends_with(".json") { "{\"eos_token_id\":2 ,\"top_k\": 1.50}\n" } else { "\u{feff}a\r\n" };
        std::fs::write(folder.path().join(name), content).unwrap();
    }
    std::fs::write(folder.path().join("tokenizer.model"), [0, 159, 146, 150]).unwrap();
    let new = saved(folder.path(), Placement::CPU);
    for name in carried.iter().chain(&["tokenizer.json", "chat_template.jinja"]) {
        let read = |folder: &Path| std::fs::read(folder.join(name)).unwrap();
        assert_eq!(read(new.path()), read(folder.path()), "{name}");
    }
    for name in left {
        assert!(!new.path().join(name).exists(), "{name}");
    }
}

#[test]
fn of_how_to_generate_only_the_tokens_that_end_a_turn_change() {
    let folder = micro_folder("qwen2", &config_text("qwen2"));
    let generation = r#"{"top_k": 20, "eos_token_id": 1, "temperature": 0.60}"#;
    std::fs::write(folder.path().join("generation_config.json"), generation).unwrap();
    let new = text(saved(folder.path(), Placement::CPU).path(), "generation_config.json");
    assert_eq!(json_of(&new), json_of(r#"{"top_k": 20, "eos_token_id": [2, 1], "temperature": 0.60}"#));
}

#[test]
fn a_file_of_how_to_generate_that_is_no_object_is_named() {
    // The token that ends a turn is 2, which the file has to name then.
    let config = config_text("qwen2").replace(r#""eos_token_id": 2"#, r#""eos_token_id": 1"#);
    let folder = micro_folder("qwen2", &config);
    for generation in ["[1]", "7", "null"] {
        std::fs::write(folder.path().join("generation_config.json"), generation).unwrap();
        let error = Policy::load(folder.path(), Placement::CPU).unwrap_err().to_string();
        assert!(error.contains("generation_config.json") && error.contains("no JSON object"), "{error}");
    }
}

#[test]
fn the_classes_of_a_folder_say_whether_it_scores() {
    let mut config = json_of(&config_text("qwen2"));
    config["_name_or_path"] = "Qwen2ForSequenceClassification".into();
    let folder = micro_folder("qwen2", &config.to_string());
    let scorer = RewardModel::load_any(folder.path(), Placement::CPU).unwrap();
    assert_eq!(scorer.head.parameter().tensor.abs().max().double_value(&[]), 0.0, "a language model has no head of it");
    let weight = scorer.head.parameter().tensor;
    let _ = tch::no_grad(|| weight.shallow_clone().fill_(0.5));
    let new = tempfile::tempdir().unwrap();
    scorer.save(new.path()).unwrap();
    let again = RewardModel::load_any(new.path(), Placement::CPU).unwrap();
    assert!(again.head.parameter().tensor.equal(&weight));
}

#[test]
fn saving_over_shards_leaves_one_model() {
    let folder = micro_folder("qwen2", &config_text("qwen2"));
    let policy = Policy::load(folder.path(), Placement::CPU).unwrap();
    let index = folder.path().join("model.safetensors.index.json");
    std::fs::write(&index, r#"{"weight_map": {"model.norm.weight": "model-00001-of-00002.safetensors"}}"#).unwrap();
    std::fs::write(folder.path().join("model-00001-of-00002.safetensors"), "old").unwrap();
    policy.save(folder.path()).unwrap();
    assert!(!index.exists() && !folder.path().join("model-00001-of-00002.safetensors").exists());
    Policy::load(folder.path(), Placement::CPU).unwrap();
}
