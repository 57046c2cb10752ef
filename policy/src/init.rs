//! Random weights: a parameter's values depend on the seed and its name alone, not on the order of drawing.

use crate::config::ModelConfig;
use crate::decoder::Decoder;
use crate::placement::Placement;

impl Decoder {
    /// A decoder with matrices drawn from N(0, `initializer_range`²), norms 1 and biases 0, as transformers
    /// initialises.
    ///
    /// Each parameter has a stream of its own, keyed by `seed` and its name.
    pub fn random(config: &ModelConfig, seed: u64, placement: Placement) -> Self {
        let decoder = Self::empty(config, true, placement);
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
