//! Resources of a cell on a cluster, for the jobs that `--emit` writes.

use serde::{Deserialize, Serialize};

/// `[cluster]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClusterSection {
    /// Slurm: hosts of a cell. With several, `base.launcher` starts the trainer on each.
    pub nodes: u32,
    /// GPUs of each host.
    pub gpus: u32,
    /// Cores of each host.
    pub cpus: u32,
    /// Memory of each host, in GiB.
    pub memory_gib: u32,
    /// Longest time of a cell, in hours; 0 leaves it to the cluster.
    pub hours: u32,
    /// Most cells at once; 0 for all.
    pub parallel: u32,
    /// Slurm: further options of `sbatch`, as `--partition=gpu`.
    pub sbatch: Vec<String>,
    /// Slurm: lines of shell before the trainer, as `module load cuda`.
    pub setup: Vec<String>,
    /// The trainer's program, by its path or its name.
    pub trainer: String,
    /// Kubernetes: image with the trainer.
    pub image: String,
    /// Kubernetes: claim of the volume that holds the working folder, with the sweep's file, data and results.
    pub volume_claim: String,
    /// Working folder, to which the sweep's paths are relative; empty for the one where the job is sent off. In
    /// Kubernetes, where the volume is mounted.
    pub work_dir: String,
    /// Starts of a cell whose machine is lost.
    pub attempts: u32,
}

impl Default for ClusterSection {
    fn default() -> Self {
        Self {
            nodes: 1,
            gpus: 0,
            cpus: 2,
            memory_gib: 8,
            hours: 0,
            parallel: 0,
            sbatch: Vec::new(),
            setup: Vec::new(),
            trainer: "trainer".into(),
            image: "ponder-trainer".into(),
            volume_claim: "ponder".into(),
            work_dir: String::new(),
            attempts: 4,
        }
    }
}
