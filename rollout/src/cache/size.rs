//! How large the cache may get: a number of tokens, or what is free.

use std::fmt;

use kernels::BLOCK_TOKENS;
use policy::dist::cuda::Gpu;
use policy::{ModelConfig, Placement};
use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use tch::Device;

use crate::free_memory::free_memory;

/// Share of what is free that the cache may take. The rest is for a pass's activations and logits, and for whatever
/// else the machine does.
const SHARE: f64 = 0.8;

/// Most tokens in the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CacheTokens {
    /// As many as fit four fifths of the memory that is free when the first request is begun.
    Auto,
    /// So many.
    Tokens(usize),
}

impl CacheTokens {
    /// The number, where it is one.
    pub fn number(self) -> Option<usize> {
        match self {
            Self::Auto => None,
            Self::Tokens(number) => Some(number),
        }
    }
}

impl fmt::Display for CacheTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("\"auto\""),
            Self::Tokens(number) => number.fmt(f),
        }
    }
}

impl Serialize for CacheTokens {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Auto => serializer.serialize_str("auto"),
            Self::Tokens(number) => number.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for CacheTokens {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl Visitor<'_> for Reader {
            type Value = CacheTokens;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of tokens or \"auto\"")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<CacheTokens, E> {
                match text {
                    "auto" => Ok(CacheTokens::Auto),
                    _ => Err(E::invalid_value(Unexpected::Str(text), &self)),
                }
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<CacheTokens, E> {
                let tokens = usize::try_from(number).map(CacheTokens::Tokens);
                tokens.map_err(|_| E::invalid_value(Unexpected::Unsigned(number), &self))
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<CacheTokens, E> {
                match u64::try_from(number) {
                    Ok(number) => self.visit_u64(number),
                    Err(_) => Err(E::invalid_value(Unexpected::Signed(number), &self)),
                }
            }
        }

        deserializer.deserialize_any(Reader)
    }
}

/// Blocks of a model's or a share's keys and values that the cache of one of `num_processes`, which share a host's
/// memory, may have. None where nobody says what is free.
pub(crate) fn fitting_blocks(config: &ModelConfig, placement: Placement, num_processes: usize) -> Option<usize> {
    let free = match placement.device {
        Device::Cpu => free_memory()? / num_processes.max(1) as u64,
        // What libtorch's allocator has and does not use is free too.
        device => {
            let memory = Gpu::of(device)?.memory().ok()?;
            memory.free + memory.reserved.saturating_sub(memory.allocated)
        }
    };
    let numbers = 2 * config.num_hidden_layers * config.num_key_value_heads * config.head_dim;
    let block = numbers as f64 * placement.kind.elt_size_in_bytes() as f64 * BLOCK_TOKENS as f64;
    Some((free as f64 * SHARE / block) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_and_auto_go_through_json_and_nothing_else_does() {
        for (text, tokens) in [("4096", CacheTokens::Tokens(4096)), ("\"auto\"", CacheTokens::Auto)] {
            assert_eq!(serde_json::from_str::<CacheTokens>(text).unwrap(), tokens);
            assert_eq!(
                (serde_json::to_string(&tokens).unwrap(), tokens.to_string()),
                (text.to_owned(), text.to_owned())
            );
        }
        for text in ["\"all\"", "-1", "1.5", "true"] {
            let error = serde_json::from_str::<CacheTokens>(text).unwrap_err().to_string();
            assert!(error.contains("a number of tokens or \"auto\""), "{error}");
        }
    }

    #[test]
    fn this_machine_says_what_is_free() {
        let json = serde_json::json!({
            "model_type": "llama", "hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 2, "vocab_size": 8,
            "num_attention_heads": 2, "num_key_value_heads": 1, "max_position_embeddings": 4096, "rms_norm_eps": 1e-6,
        });
        let config = ModelConfig::from_json(&json).unwrap();
        let alone = fitting_blocks(&config, Placement::CPU, 1).unwrap();
        let shared = fitting_blocks(&config, Placement::CPU, 4).unwrap();
        // 1 KiB a block of 16 tokens.
        assert!(alone > 1000 && shared < alone, "{alone} {shared}");
    }
}
