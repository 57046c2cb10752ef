//! A model's configuration as the `config.json` that transformers reads.
//!
//! A configuration that was read from a file goes back as it was written, but for what saving changes: the class of the
//! model, the dtype of its weights, and what a scalar head needs. One that was made here is written in full.

use serde_json::{Map, Value, json};

use super::model::ModelConfig;

/// What stands on top of the decoder that is saved, by transformers' names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ModelClass {
    /// `…ForCausalLM`.
    CausalLm,
    /// `…ForSequenceClassification` with one label.
    SequenceClassification {
        /// Token that fills up shorter sequences of a batch, for a configuration that names none: transformers scores
        /// no batch without.
        pad_token_id: Option<u32>,
    },
}

impl ModelConfig {
    /// The text of the `config.json` that transformers reads back to the same model; `dtype` is that of the weights
    /// (`bfloat16`). The text is the one that was read where nothing in it is to change.
    pub(crate) fn to_file(&self, class: ModelClass, dtype: &str) -> String {
        let read = self.as_written.text().map(|text| (text, parse(text)));
        let mut config = read.as_ref().map_or_else(|| self.in_full(), |(_, config)| config.clone());
        let name = match class {
            ModelClass::CausalLm => self.architecture.causal_class(),
            ModelClass::SequenceClassification { .. } => self.architecture.reward_class(),
        };
        config.insert("architectures".into(), json!([name]));
        for field in ["torch_dtype", "dtype"] {
            if let Some(word) = config.get_mut(field).filter(|word| !word.is_null()) {
                *word = dtype.into();
            }
        }
        if let ModelClass::SequenceClassification { pad_token_id } = class {
            classify(&mut config, pad_token_id);
        }
        match read {
            Some((text, before)) if before == config => text.to_owned(),
            _ => serde_json::to_string_pretty(&config).expect("JSON values serialise") + "\n",
        }
    }

    /// Every field of a configuration that no file holds yet.
    fn in_full(&self) -> Map<String, Value> {
        let family = self.architecture.family();
        let eos_token_id = match self.eos_token_ids.as_slice() {
            [] => Value::Null,
            [one] => Value::from(*one),
            many => Value::from(many.to_vec()),
        };
        let json = json!({
            "architectures": null,
            "model_type": family.model_type,
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
            "rope_scaling": self.rope_scaling.as_ref().map(|scaling| scaling.to_json()),
            "tie_word_embeddings": self.tie_word_embeddings,
            "attention_dropout": 0.0,
            "use_cache": true,
            "bos_token_id": self.bos_token_id,
            "torch_dtype": "",
            "eos_token_id": eos_token_id,
        });
        let Value::Object(mut object) = json else { unreachable!("an object literal") };
        for switch in family.switches_off {
            object.insert((*switch).into(), false.into());
        }
        if family.always_head_dim || self.head_dim * self.num_attention_heads != self.hidden_size {
            object.insert("head_dim".into(), self.head_dim.into());
        }
        object
    }
}

/// Makes the configuration that of a scalar head: one label, a token to pad with, nothing on generating.
fn classify(config: &mut Map<String, Value>, pad_token_id: Option<u32>) {
    let labels = config.get("id2label").filter(|labels| !labels.is_null());
    let num_labels = labels.map_or_else(
        || config.get("num_labels").and_then(Value::as_u64),
        |labels| labels.as_object().map(|labels| labels.len() as u64),
    );
    if num_labels != Some(1) {
        config.shift_remove("num_labels");
        config.insert("id2label".into(), json!({"0": "LABEL_0"}));
        config.insert("label2id".into(), json!({"LABEL_0": 0}));
    }
    config.shift_remove("task_specific_params");
    if let Some(id) = pad_token_id.filter(|_| config.get("pad_token_id").is_none_or(Value::is_null)) {
        config.insert("pad_token_id".into(), id.into());
    }
}

/// The object of a `config.json` that was parsed once already.
fn parse(text: &str) -> Map<String, Value> {
    serde_json::from_str(text).expect("a ModelConfig was read from this text")
}
