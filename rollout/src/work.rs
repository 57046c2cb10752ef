//! Where an engine's time goes, and what work it did: enough to say what the same work would take at the least.

use std::collections::BTreeMap;
use std::time::Duration;

/// Work of an engine and its time by part. On a GPU, where work is queued, times are those of queuing, and what waits
/// for it counts as sampling.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EngineWork {
    /// Passes by their number of tokens, of prompts and of sequences that decode.
    pub passes: BTreeMap<usize, usize>,
    /// Passes that sampled, by their number of sequences that got a token.
    pub sampling_passes: BTreeMap<usize, usize>,
    /// Cached tokens that passes attended to, those that several sequences share once a pass: as many must be read by
    /// each block.
    pub num_attended: u64,
    /// Attention: writing keys and values, reading them, and what comes of it; by the kernels of cores rotating too.
    pub attention: Duration,
    /// The blocks' matrix products; by the kernels of cores with what is computed in their registers: biases, gates,
    /// residual sums.
    pub products: Duration,
    /// The head's product.
    pub head: Duration,
    /// From logits to tokens.
    pub sampling: Duration,
    /// Choosing what runs, taking tokens in, stop conditions.
    pub scheduling: Duration,
}
