//! Floating point operations: those of a model's matrix products, and the rate at which this machine makes such
//! products.
//!
//! A product of `[n, k]` and `[k, m]` has `2 n k m` operations. A backward pass makes two products for each of the
//! forward pass. Causal attention is counted without the half above the diagonal; norms, activations and the optimizer
//! are not counted, nor is what a pass computes a second time.

use std::time::{Duration, Instant};

use policy::{ModelConfig, Placement};
use tch::{Cuda, Device, Tensor};

use super::batch::BatchShape;

/// Products of an update for each of its forward pass: it, the gradient in its input and the one in its weights.
const UPDATE: f64 = 3.0;

/// Rows and columns of the products that the machine is timed with.
const SIDE: i64 = 1024;

/// Least time for which the machine is timed.
const TIMED: Duration = Duration::from_millis(1000);

/// Least number of products that are timed.
const LEAST_PRODUCTS: usize = 5;

/// Operations of one update of the decoder on a batch, without a head.
pub(super) fn decoder_update(config: &ModelConfig, batch: BatchShape) -> f64 {
    let query = (config.num_attention_heads * config.head_dim) as f64;
    let key_value = (config.num_key_value_heads * config.head_dim) as f64;
    let weights = config.hidden_size as f64 * (2.0 * query + 2.0 * key_value + 3.0 * config.intermediate_size as f64);
    // A token attends to (tokens + 1) / 2 on average, once with their keys and once with their values.
    let attention = 2.0 * query * (batch.tokens as f64 + 1.0) / 2.0;
    UPDATE * config.num_hidden_layers as f64 * batch.num_tokens() as f64 * 2.0 * (weights + attention)
}

/// Operations of the language model's head in one update on a batch.
pub(super) fn head_update(config: &ModelConfig, batch: BatchShape) -> f64 {
    let targets = (batch.sequences * batch.targets().len()) as f64;
    UPDATE * 2.0 * targets * config.hidden_size as f64 * config.vocab_size as f64
}

/// Operations a second of the fastest of some square products on this device, in this dtype.
pub(in crate::command) fn matrix_rate(placement: Placement) -> f64 {
    let square = || Tensor::rand([SIDE, SIDE], placement.options());
    let (a, b, product) = (square(), square(), square());
    let (mut fastest, mut num_products) = (f64::INFINITY, 0);
    let begin = Instant::now();
    while num_products < LEAST_PRODUCTS || begin.elapsed() < TIMED {
        let start = Instant::now();
        let _ = a.mm_out(&product, &b);
        wait(placement.device);
        fastest = fastest.min(start.elapsed().as_secs_f64());
        num_products += 1;
    }
    2.0 * (SIDE as f64).powi(3) / fastest
}

/// Waits until a device has done what it was given.
pub(in crate::command) fn wait(device: Device) {
    if let Device::Cuda(index) = device {
        Cuda::synchronize(index as i64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_those_of_the_products() {
        let config = serde_json::json!({
            "model_type": "llama", "vocab_size": 10, "hidden_size": 4, "intermediate_size": 6, "num_hidden_layers": 2,
            "num_attention_heads": 2, "num_key_value_heads": 1, "max_position_embeddings": 8,
        });
        let config = ModelConfig::from_json(&config).unwrap();
        let batch = BatchShape { sequences: 1, tokens: 3, prompt_tokens: 1, samples: 1 };
        // q and o have 16 weights each, k and v 8 each, the feed-forward 72. Three tokens see 1 + 2 + 3 tokens, whose
        // keys and values have 4 numbers for the heads of a query.
        let block = 2.0 * 3.0 * (16.0 + 16.0 + 8.0 + 8.0 + 72.0) + 2.0 * (2.0 * 4.0 * 6.0);
        assert_eq!(decoder_update(&config, batch), 3.0 * 2.0 * block);
        assert_eq!(head_update(&config, batch), 3.0 * 2.0 * 2.0 * 4.0 * 10.0);
    }
}
