//! What `trainer bench rollout` says: a table for people, JSON for programs.

use std::fmt;

use rollout::EngineWork;
use serde::Serialize;

/// Figures of a run, the median of those that were timed.
#[derive(Debug, Serialize)]
pub(super) struct RolloutReport {
    /// Prompt tokens a second while prefilling.
    pub(super) prefill_tokens_per_second: f64,
    /// New tokens a second while decoding.
    pub(super) decode_tokens_per_second: f64,
    /// New tokens a second over the whole time, prefill included.
    pub(super) total_tokens_per_second: f64,
    /// Least time of the run's own work over its time.
    pub(super) ceiling_fraction: f64,
    /// That least time, and its two parts.
    pub(super) ceiling_seconds: f64,
    pub(super) ceiling_product_seconds: f64,
    pub(super) ceiling_cache_seconds: f64,
    /// Largest resident size of the process, or most memory of tensors on the GPU.
    pub(super) peak_memory_bytes: u64,
    /// Tokens sampled.
    pub(super) new_tokens: usize,
    /// Tokens that were computed before the last one of their sequence; those that begin alike share them.
    pub(super) prefill_tokens: usize,
    /// Times that a sequence gave its place in the cache back before its end.
    pub(super) preemptions: usize,
    /// Mean number of sequences that a decoding pass gave a token.
    pub(super) mean_running: f64,
    /// Tokens that the cache may hold.
    pub(super) cache_tokens: usize,
    /// Seconds of the run by part.
    pub(super) seconds: SecondsByPart,
    /// Seconds of all timed runs, fastest first.
    pub(super) runs: Vec<f64>,
    /// Name of the model's folder.
    pub(super) model: String,
    pub(super) device: String,
    pub(super) dtype: String,
    pub(super) threads: i32,
    pub(super) requests: usize,
    pub(super) in_flight: usize,
    pub(super) mixed: bool,
    pub(super) random_weights: bool,
}

/// Seconds of a run by part ([`EngineWork`]).
#[derive(Debug, Serialize)]
pub(super) struct SecondsByPart {
    pub(super) all: f64,
    pub(super) products: f64,
    pub(super) attention: f64,
    pub(super) head: f64,
    pub(super) sampling: f64,
    pub(super) scheduling: f64,
    /// Token embedding, norms, and what is in no part; where passes are libtorch's rotary and activations too.
    pub(super) rest: f64,
}

impl SecondsByPart {
    pub(super) fn of(work: &EngineWork, all: f64) -> Self {
        let [products, attention, head, sampling, scheduling] =
            [work.products, work.attention, work.head, work.sampling, work.scheduling].map(|part| part.as_secs_f64());
        let rest = (all - products - attention - head - sampling - scheduling).max(0.0);
        Self { all, products, attention, head, sampling, scheduling, rest }
    }
}

impl fmt::Display for RolloutReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = &self.seconds;
        writeln!(f, "{}, {} requests, {} in flight", self.model, self.requests, self.in_flight)?;
        writeln!(f, "new tokens/s             {:.0}", self.total_tokens_per_second)?;
        writeln!(f, "  decoding               {:.0}", self.decode_tokens_per_second)?;
        writeln!(f, "prefill tokens/s         {:.0}", self.prefill_tokens_per_second)?;
        writeln!(f, "share of the ceiling     {:.2}", self.ceiling_fraction)?;
        writeln!(f, "preemptions              {}", self.preemptions)?;
        writeln!(f, "peak memory              {:.0} MiB", self.peak_memory_bytes as f64 / f64::from(1 << 20))?;
        writeln!(f, "seconds                  {:.2}", seconds.all)?;
        let parts = [
            ("products", seconds.products),
            ("attention", seconds.attention),
            ("head", seconds.head),
            ("sampling", seconds.sampling),
            ("scheduling", seconds.scheduling),
            ("rest", seconds.rest),
        ];
        for (place, (name, part)) in parts.into_iter().enumerate() {
            let line = format!("  {name:<22} {part:.2}  {:.0} %", 100.0 * part / seconds.all);
            if place + 1 < parts.len() { writeln!(f, "{line}")? } else { write!(f, "{line}")? }
        }
        Ok(())
    }
}
