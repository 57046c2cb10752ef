//! What a bench computes with: device, dtype and threads.

use anyhow::Result;
use clap::Args;
use policy::Placement;

use crate::config::RunSection;

/// Arguments that say what a bench computes with.
#[derive(Debug, Args)]
pub(super) struct ComputeArgs {
    /// Threads that libtorch computes with on a CPU; 0 leaves it to libtorch.
    #[arg(long, value_name = "N", default_value_t = 0)]
    threads: usize,
    /// auto, cpu or cuda:N.
    #[arg(long, default_value = "cpu")]
    pub(super) device: String,
    /// float32 or bfloat16.
    #[arg(long, default_value = "float32")]
    pub(super) dtype: String,
}

impl ComputeArgs {
    /// Where and in what kind of number is computed; libtorch's threads are set.
    ///
    /// # Errors
    /// The device is not there, or the dtype is none that is computed in.
    pub(super) fn resolve(&self) -> Result<Placement> {
        let section = RunSection {
            device: self.device.clone(),
            dtype: self.dtype.clone(),
            num_threads: self.threads,
            ..RunSection::default()
        };
        section.resolve()
    }
}
