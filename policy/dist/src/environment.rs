//! What a launcher tells a process through its environment: the variables of torchrun, which other launchers set too,
//! and where those are absent, Slurm's.
//!
//! A pure function of a lookup. Opens nothing, and knows neither the store nor the groups.
//!
//! Source of the names: <https://docs.pytorch.org/docs/stable/elastic/run.html#environment-variables> and `srun(1)`,
//! "OUTPUT ENVIRONMENT VARIABLES".

use crate::error::DistError;
use crate::slurm;
use crate::variables::{Address, Variables};

/// Variable by which [`Launch`](crate::Launch) hands rank 0 the socket on which the store is to listen.
pub(crate) const STORE_SOCKET: &str = "PONDER_STORE_SOCKET";
/// Variable by which [`Launch`](crate::Launch) tells its ranks its process id.
pub(crate) const LAUNCHER: &str = "PONDER_LAUNCHER";

/// This process's place in a job of several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// Number of this process in the job, from 0.
    pub rank: usize,
    /// Number of processes in the job, from 1.
    pub world_size: usize,
    /// Number of this process on its host, from 0.
    pub local_rank: usize,
    /// Number of the job's processes on this host, from 1.
    pub local_world_size: usize,
    /// Where the store is.
    pub store: Address,
    /// True where the launcher's agent hosts the store already, so that rank 0 does not.
    pub agent_store: bool,
    /// Prefix of every key: another one after each restart, so that a job does not read what an earlier one left.
    pub prefix: String,
    /// Socket that listens at `store` already, for rank 0 to host the store on.
    pub store_socket: Option<i32>,
    /// Process id of the launcher that is this process's parent and wants its ranks to end with it.
    pub launcher: Option<u32>,
}

impl Environment {
    /// Reads the environment of this process; `None` where it runs by itself.
    ///
    /// # Errors
    /// As [`Environment::read`].
    pub fn of_process() -> Result<Option<Self>, DistError> {
        Self::read(|name| std::env::var_os(name).map(|value| value.to_string_lossy().into_owned()))
    }

    /// Reads an environment from a lookup by name; `None` where no launcher's variables are set.
    ///
    /// `RANK`, `WORLD_SIZE`, `LOCAL_RANK`, `LOCAL_WORLD_SIZE`, `MASTER_ADDR` and `MASTER_PORT` go together. Slurm's
    /// variables are read where none of the first four is set and `MASTER_ADDR` and `MASTER_PORT` are. An empty value
    /// counts as none.
    ///
    /// # Errors
    /// A variable is missing, is no such number, or contradicts another.
    pub fn read(lookup: impl Fn(&str) -> Option<String>) -> Result<Option<Self>, DistError> {
        let variables = Variables::new(&lookup);
        let environment = if let Some(set) = RANKS.into_iter().find(|name| variables.text(name).is_some()) {
            Self::torchrun(&variables, set)?
        } else {
            let Some(task) = slurm::read(&variables)? else { return Ok(None) };
            Self {
                rank: task.rank,
                world_size: task.num_tasks,
                local_rank: task.local_rank,
                local_world_size: task.num_local_tasks,
                store: task.store,
                agent_store: false,
                prefix: task.prefix,
                store_socket: None,
                launcher: None,
            }
        };
        environment.verify(&variables)?;
        Ok(Some(environment))
    }

    /// Reads torchrun's variables, of which `set` is there.
    fn torchrun(variables: &Variables<'_>, set: &str) -> Result<Self, DistError> {
        let remedy = format!("{set} is set, so the launcher must set it too (torchrun does)");
        let agent_store = variables.flag("TORCHELASTIC_USE_AGENT_STORE")?;
        let run = variables.text("TORCHELASTIC_RUN_ID").unwrap_or_else(|| "none".into());
        let restart = variables.number("TORCHELASTIC_RESTART_COUNT")?.unwrap_or(0usize);
        let store_socket = variables.number::<u16>(STORE_SOCKET)?.map(i32::from);
        let launcher = variables.number(LAUNCHER)?;
        Ok(Self {
            rank: variables.required("RANK", &remedy)?,
            world_size: variables.required("WORLD_SIZE", &remedy)?,
            local_rank: variables.required("LOCAL_RANK", &remedy)?,
            local_world_size: variables.required("LOCAL_WORLD_SIZE", &remedy)?,
            store: variables.address(&remedy)?,
            agent_store,
            prefix: format!("ponder/{run}/{restart}/"),
            store_socket,
            launcher,
        })
    }

    /// Holds the numbers against each other.
    fn verify(&self, variables: &Variables<'_>) -> Result<(), DistError> {
        let refuse = |names: [&str; 2], value: usize, reason: String| {
            let name = names.into_iter().find(|name| variables.text(name).is_some()).unwrap_or(names[0]);
            Err(DistError::environment(name, Some(&value.to_string()), reason))
        };
        let Self { rank, world_size, local_rank, local_world_size, .. } = *self;
        if world_size == 0 {
            return refuse(["WORLD_SIZE", "SLURM_NTASKS"], 0, "a job has one rank at least".into());
        }
        if rank >= world_size {
            let reason = format!("ranks go from 0 to {}, for there are {world_size} of them", world_size - 1);
            return refuse(["RANK", "SLURM_PROCID"], rank, reason);
        }
        if local_world_size == 0 || local_world_size > world_size {
            let reason = format!("a host has from 1 to {world_size} of the job's {world_size} ranks");
            return refuse(["LOCAL_WORLD_SIZE", "SLURM_NTASKS_PER_NODE"], local_world_size, reason);
        }
        if local_rank >= local_world_size {
            let reason = format!("ranks of this host go from 0 to {}", local_world_size - 1);
            return refuse(["LOCAL_RANK", "SLURM_LOCALID"], local_rank, reason);
        }
        if local_rank > rank {
            let reason = format!("the rank in the job is {rank}, and at most {rank} ranks of this host come before it");
            return refuse(["LOCAL_RANK", "SLURM_LOCALID"], local_rank, reason);
        }
        Ok(())
    }
}

/// Variables of which one alone says that a launcher is at work.
const RANKS: [&str; 4] = ["RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE"];
