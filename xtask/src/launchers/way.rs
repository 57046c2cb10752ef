//! The ways to start ranks, by name. How each is done is in `bench.rs`.

/// A way to start the ranks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// torchrun's variables; rank 0 hosts the store.
    Variables,
    /// torchrun's variables; the store is another process's.
    AgentStore,
    /// Slurm's variables.
    Slurm,
    /// torchrun on one host; a rank is killed, and torchrun starts all anew.
    TorchrunKilled,
    /// torchrun on two hosts.
    TorchrunTwoHosts,
}

impl Way {
    /// Every way, in the order in which they are tried.
    pub(super) const ALL: [Self; 5] =
        [Self::Variables, Self::AgentStore, Self::Slurm, Self::TorchrunKilled, Self::TorchrunTwoHosts];

    /// Words for a reader.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Variables => "two hosts, torchrun's variables",
            Self::AgentStore => "two hosts, torchrun's variables, an agent's store",
            Self::Slurm => "two hosts, Slurm's variables",
            Self::TorchrunKilled => "torchrun, a rank killed and all started anew",
            Self::TorchrunTwoHosts => "torchrun on two hosts",
        }
    }

    /// Name of the run's folder.
    pub(super) fn folder(self) -> &'static str {
        match self {
            Self::Variables => "variables",
            Self::AgentStore => "agent-store",
            Self::Slurm => "slurm",
            Self::TorchrunKilled => "torchrun-killed",
            Self::TorchrunTwoHosts => "torchrun-two-hosts",
        }
    }

    /// Port of the store; each has its own, for the last one's may still be waited for.
    pub(super) fn port(self) -> u16 {
        29_501 + self as u16
    }
}
