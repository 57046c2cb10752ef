//! Where an engine's time goes, and what work it did: enough to say what the same work would take at the least.

use std::collections::BTreeMap;
use std::time::Duration;

/// Work of an engine and its time by part. On a GPU, where work is queued, times are those of queuing, and what waits
/// for it counts as sampling.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EngineWork {
    /// Passes that decode, by their number of sequences.
    pub decode_passes: BTreeMap<usize, usize>,
    /// Passes that prefill, by their number of tokens.
    pub prefill_passes: BTreeMap<usize, usize>,
    /// Cached tokens that sequences attended to while decoding, summed over passes: each is read once by each block.
    pub num_attended: u64,
    /// Attention: writing keys and values, reading them, and what comes of it.
    pub attention: Duration,
    /// The blocks' matrix products.
    pub products: Duration,
    /// The head's product.
    pub head: Duration,
    /// From logits to tokens.
    pub sampling: Duration,
    /// Choosing what runs, taking tokens in, stop conditions.
    pub scheduling: Duration,
}
