//! The families of decoder that this crate computes, and their names in transformers.

/// The families of decoder that this crate computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Architecture {
    /// Biases on q, k and v.
    Qwen2,
    /// No biases; q and k are normalised per head.
    Qwen3,
    /// No biases.
    Llama,
}

impl Architecture {
    /// The value of `model_type` in `config.json`.
    pub(super) fn model_type(self) -> &'static str {
        match self {
            Self::Qwen2 => "qwen2",
            Self::Qwen3 => "qwen3",
            Self::Llama => "llama",
        }
    }

    /// The class name that transformers writes in `architectures` for a language model.
    pub fn causal_class(self) -> &'static str {
        match self {
            Self::Qwen2 => "Qwen2ForCausalLM",
            Self::Qwen3 => "Qwen3ForCausalLM",
            Self::Llama => "LlamaForCausalLM",
        }
    }

    /// The class name of the same decoder under a scalar head.
    pub fn reward_class(self) -> &'static str {
        match self {
            Self::Qwen2 => "Qwen2ForSequenceClassification",
            Self::Qwen3 => "Qwen3ForSequenceClassification",
            Self::Llama => "LlamaForSequenceClassification",
        }
    }
}
