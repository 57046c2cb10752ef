//! The families of decoder that this crate computes. What parts one from the others stands in its row here, and
//! nowhere else: the rest of the crate asks the row.

/// The families of decoder that this crate computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)] // their rows say what they are
pub enum Architecture {
    Qwen2,
    Qwen3,
    Llama,
}

/// What a family is beside a Llama, and its names in transformers.
#[derive(Debug)]
pub(crate) struct Family {
    /// `model_type` in `config.json`.
    pub(crate) model_type: &'static str,
    /// Class of a language model, in `architectures`.
    causal_class: &'static str,
    /// Class of the same decoder under a scalar head.
    reward_class: &'static str,
    /// q, k and v have biases.
    pub(crate) qkv_bias: bool,
    /// Each head of q and of k is normalised, before it is rotated.
    pub(crate) qk_norm: bool,
    /// Switches of its configuration in transformers that are off in what this crate computes: written as false.
    pub(crate) switches_off: &'static [&'static str],
    /// Its configuration in transformers has a `head_dim` also where that is hidden size over heads.
    pub(crate) always_head_dim: bool,
}

const QWEN2: Family = Family {
    model_type: "qwen2",
    causal_class: "Qwen2ForCausalLM",
    reward_class: "Qwen2ForSequenceClassification",
    qkv_bias: true,
    qk_norm: false,
    switches_off: &["use_sliding_window"],
    always_head_dim: false,
};

const QWEN3: Family = Family {
    model_type: "qwen3",
    causal_class: "Qwen3ForCausalLM",
    reward_class: "Qwen3ForSequenceClassification",
    qkv_bias: false,
    qk_norm: true,
    switches_off: &["attention_bias", "use_sliding_window"],
    always_head_dim: true,
};

const LLAMA: Family = Family {
    model_type: "llama",
    causal_class: "LlamaForCausalLM",
    reward_class: "LlamaForSequenceClassification",
    qkv_bias: false,
    qk_norm: false,
    switches_off: &["attention_bias", "mlp_bias"],
    always_head_dim: true,
};

impl Architecture {
    /// Every family.
    const ALL: [Self; 3] = [Self::Qwen2, Self::Qwen3, Self::Llama];

    /// The family's row.
    pub(crate) fn family(self) -> &'static Family {
        match self {
            Self::Qwen2 => &QWEN2,
            Self::Qwen3 => &QWEN3,
            Self::Llama => &LLAMA,
        }
    }

    /// The family with this `model_type`. `Err` lists those that there are.
    pub(super) fn from_model_type(word: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|family| family.family().model_type == word).ok_or_else(|| {
            let known: Vec<&str> = Self::ALL.iter().map(|family| family.family().model_type).collect();
            format!("`{word}` is not supported; supported are {}", known.join(", "))
        })
    }

    /// The class name that transformers writes in `architectures` for a language model.
    pub fn causal_class(self) -> &'static str {
        self.family().causal_class
    }

    /// The class name of the same decoder under a scalar head.
    pub fn reward_class(self) -> &'static str {
        self.family().reward_class
    }
}
