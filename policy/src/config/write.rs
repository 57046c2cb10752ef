//! A model's configuration as the `config.json` that transformers reads.

use serde_json::Value;

use super::architecture::Architecture;
use super::model::ModelConfig;

impl ModelConfig {
    /// The `config.json` that transformers reads back to the same model.
    pub fn to_json(&self, class: &str, num_labels: Option<i64>) -> Value {
        let mut json = serde_json::json!({
            "architectures": [class],
            "model_type": self.architecture.model_type(),
            "vocab_size": self.vocab_size,
            "hidden_size": self.hidden_size,
            "intermediate_size": self.intermediate_size,
            "num_hidden_layers": self.num_hidden_layers,
            "num_attention_heads": self.num_attention_heads,
            "num_key_value_heads": self.num_key_value_heads,
            "hidden_act": "silu",
            "max_position_embeddings": self.max_position_embeddings,
            "initializer_range": self.initializer_range,
            "rms_norm_eps": self.rms_norm_eps,
            "rope_theta": self.rope_theta,
            "rope_scaling": self.rope_scaling,
            "tie_word_embeddings": self.tie_word_embeddings,
            "attention_dropout": 0.0,
            "use_cache": true,
            "bos_token_id": self.bos_token_id,
            "torch_dtype": "float32",
        });
        let object = json.as_object_mut().expect("an object literal");
        object.insert(
            "eos_token_id".into(),
            match self.eos_token_ids.as_slice() {
                [] => Value::Null,
                [one] => Value::from(*one),
                many => Value::from(many.to_vec()),
            },
        );
        match self.architecture {
            Architecture::Qwen2 => {
                object.insert("use_sliding_window".into(), false.into());
            }
            Architecture::Qwen3 => {
                object.insert("head_dim".into(), self.head_dim.into());
                object.insert("attention_bias".into(), false.into());
                object.insert("use_sliding_window".into(), false.into());
            }
            Architecture::Llama => {
                object.insert("head_dim".into(), self.head_dim.into());
                object.insert("attention_bias".into(), false.into());
                object.insert("mlp_bias".into(), false.into());
            }
        }
        if let Some(num_labels) = num_labels {
            let labels = (0..num_labels).map(|label| (label.to_string(), Value::from(format!("LABEL_{label}"))));
            object.insert("id2label".into(), Value::Object(labels.collect()));
        }
        json
    }
}
