//! What `trainer bench update` says: a table for people, JSON for programs.

use std::fmt;

use policy::dist::cuda::GpuMemory;
use serde::Serialize;

/// Figures of a model's updates. Memory is the process's own, but for that of `gpu`.
#[derive(Debug, Serialize)]
pub(super) struct UpdateReport {
    /// Tokens of an update, prompts too, by the median update.
    pub(super) tokens_per_second: f64,
    /// Largest resident size of the process.
    pub(super) peak_memory_bytes: u64,
    /// Largest resident size, less what was resident before the model was loaded.
    pub(super) measured_memory_bytes: u64,
    /// Memory of the GPU with its peaks since the model was loaded, where one is used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) gpu: Option<GpuMemory>,
    /// Operations of the model a second, over those of a large matrix product.
    pub(super) flops_fraction: f64,
    /// Operations of the model in an update, each counted once though it be computed again.
    pub(super) operations_per_update: f64,
    /// Operations a second of a large matrix product, measured in the same process.
    pub(super) matrix_operations_per_second: f64,
    /// Seconds by part.
    pub(super) seconds: UpdateSeconds,
    /// Name of the model's folder.
    pub(super) model: String,
    /// `policy` or `reward model`.
    pub(super) trains: &'static str,
    pub(super) device: String,
    pub(super) dtype: String,
    pub(super) threads: i32,
    pub(super) streamed: bool,
    pub(super) sequences: usize,
    pub(super) tokens: usize,
    pub(super) prompt_tokens: usize,
    pub(super) samples: usize,
    pub(super) micro_batch_tokens: usize,
    pub(super) head_chunk: usize,
}

/// Seconds of the parts of a bench.
#[derive(Debug, Serialize)]
pub(super) struct UpdateSeconds {
    /// Loading the model, and the optimizer's memory.
    pub(super) load: f64,
    /// The first update, which does not count.
    pub(super) first_update: f64,
    /// Each update that counts.
    pub(super) updates: Vec<f64>,
    /// An update of two tokens a sequence, two sequences: what takes its time whatever the number of tokens, such as
    /// clipping and AdamW.
    pub(super) smallest_update: f64,
}

impl fmt::Display for UpdateReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        let update = (self.sequences * self.tokens) as f64 / self.tokens_per_second;
        writeln!(f, "{}, {}, [{} x {}]", self.model, self.trains, self.sequences, self.tokens)?;
        writeln!(f, "tokens/s                 {:.0}", self.tokens_per_second)?;
        writeln!(f, "seconds an update        {update:.3}")?;
        writeln!(f, "  of the smallest        {:.3}", self.seconds.smallest_update)?;
        writeln!(f, "peak memory              {:.0} MiB", mib(self.peak_memory_bytes))?;
        writeln!(f, "  since before loading   {:.0} MiB", mib(self.measured_memory_bytes))?;
        if let Some(gpu) = &self.gpu {
            writeln!(f, "peak memory of the GPU   {:.0} MiB of tensors", mib(gpu.peak_allocated))?;
            writeln!(f, "  held by the allocator  {:.0} MiB", mib(gpu.peak_reserved))?;
        }
        let rate = self.matrix_operations_per_second / 1e9;
        write!(f, "share of product rate    {:.2} of {rate:.0} GFLOP/s", self.flops_fraction)
    }
}
