//! Random weights: a parameter's values depend on the seed and its name alone, not on the order of drawing.

use std::sync::{Mutex, PoisonError};

use crate::config::ModelConfig;
use crate::decoder::Decoder;
use crate::placement::Placement;

/// Held while a decoder is drawn: libtorch has one generator for all threads, and two decoders drawn at once would take
/// each other's numbers.
static GENERATOR: Mutex<()> = Mutex::new(());

impl Decoder {
    /// A decoder with matrices drawn from N(0, `initializer_range`²), norms 1 and biases 0, as transformers
    /// initialises.
    ///
    /// Each parameter has a stream of its own, keyed by `seed` and its name.
    pub fn random(config: &ModelConfig, seed: u64, placement: Placement) -> Self {
        let decoder = Self::empty(config, true, placement);
        let _held = GENERATOR.lock().unwrap_or_else(PoisonError::into_inner);
        tch::no_grad(|| {
            for (name, mut tensor) in decoder.state() {
                if tensor.dim() == 2 {
                    tch::manual_seed(stream(seed, &name) as i64);
                    let _ = tensor.normal_(0.0, config.initializer_range);
                }
            }
        });
        decoder
    }
}

/// The key of a parameter's stream of random numbers: FNV-1a over the seed's bytes and the name's.
fn stream(seed: u64, name: &str) -> u64 {
    random::fnv1a(seed.to_le_bytes().into_iter().chain(name.bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decoders_drawn_at_once_are_those_drawn_alone() {
        let config = ModelConfig::from_json(&serde_json::json!({
            "model_type": "qwen2", "vocab_size": 64, "hidden_size": 16, "intermediate_size": 32,
            "num_hidden_layers": 8, "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 64,
        }))
        .unwrap();
        let draw = |seed| Decoder::random(&config, seed, Placement::CPU).state();
        let alone: Vec<_> = (0..4).map(draw).collect();
        for _ in 0..8 {
            let at_once: Vec<_> = std::thread::scope(|scope| {
                let drawn: Vec<_> = (0..4).map(|seed| scope.spawn(move || draw(seed))).collect();
                drawn.into_iter().map(|thread| thread.join().unwrap()).collect()
            });
            for ((name, alone), (_, at_once)) in alone.iter().flatten().zip(at_once.iter().flatten()) {
                assert!(alone.equal(at_once), "{name} is another");
            }
        }
    }
}
