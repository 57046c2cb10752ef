//! One run in each way: what is started where, with which variables.
//!
//! Source of the names: <https://docs.pytorch.org/docs/stable/elastic/run.html#environment-variables> and `srun(1)`,
//! "OUTPUT ENVIRONMENT VARIABLES".

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::agreement::agree;
use super::hosts::{ADDRESSES, Hosts, INTERFACE};
use super::processes::{Processes, kill_the_one_with};
use super::way::Way;
use crate::handover;
use crate::kills::{log_of, micro, remains};

/// Number of ranks of a run.
const NUM_RANKS: usize = 4;
/// Number of ranks of each host, where there are two.
const OF_A_HOST: usize = NUM_RANKS / 2;
/// Setting of every run: a key's bias has no gradient but rounding, which AdamW would make a step of.
const STEADY: &str = "optimizer.eps=1e-5";
/// Setting of the runs on several ranks: a copy of the weights on each host, cut over its ranks.
const COPIES: &str = "parallel.replicate=2";
/// Folder of the run on one rank, and of that on several which the launcher of this project starts.
const COMPARED: [&str; 2] = ["one", "nproc"];

/// Where the runs are, and what makes them.
#[derive(Debug)]
pub(super) struct Bench<'a> {
    pub root: &'a Path,
    pub trainer: PathBuf,
    pub dir: PathBuf,
}

impl Bench<'_> {
    /// Makes the data and the cold start, and the runs that others are compared with.
    ///
    /// # Errors
    /// One of them fails, or several ranks do not agree with one.
    pub(super) fn prepare(&self) -> Result<()> {
        micro::write(&self.dir, "float32")?;
        let program = || handover::program(&self.trainer, self.root);
        let mut recipe = program();
        recipe.args(["recipe", "--config"]).arg(self.dir.join("recipe.toml")).env("OMP_NUM_THREADS", "1");
        self.succeed("recipe", [recipe])?;
        let [one, several] = COMPARED;
        self.succeed(one, [self.with_run(program(), one)])?;
        let mut launcher = self.with_ranks(program(), several);
        launcher.args(["--nproc", &NUM_RANKS.to_string()]);
        self.succeed(several, [launcher])?;
        agree(&self.dir.join(one), &self.dir.join(several)).context("several ranks of one host, and one")
    }

    /// What a run leaves that `trainer --nproc` does not, and the other way round.
    ///
    /// # Errors
    /// A file cannot be read.
    pub(super) fn differences(&self, way: Way) -> Result<Vec<String>> {
        let [expected, found] = [COMPARED[1], way.folder()].map(|name| remains::of(&self.dir.join(name)));
        Ok(remains::differences(&expected?, &found?))
    }

    /// torchrun's variables; rank 0 hosts the store.
    ///
    /// # Errors
    /// A rank fails.
    pub(super) fn by_variables(&self, hosts: &Hosts) -> Result<()> {
        self.succeed(Way::Variables.folder(), self.ranks(hosts, Way::Variables))
    }

    /// torchrun's variables, and a store of another process.
    ///
    /// # Errors
    /// A rank fails.
    pub(super) fn with_agent(&self, hosts: &Hosts) -> Result<()> {
        // Rank 0 of another job hosts a store for as long as it waits for its peer, which never comes.
        let mut agent = self.with_ranks(hosts.program(0, &self.trainer, self.root), "agent");
        agent.envs([("RANK", "0"), ("LOCAL_RANK", "0"), ("LOCAL_WORLD_SIZE", "1")]);
        agent.env("WORLD_SIZE", "4").env("MASTER_ADDR", ADDRESSES[0]);
        agent.env("MASTER_PORT", Way::AgentStore.port().to_string());
        let _agent = Processes::start([agent], &log_of(&self.dir.join("agent")))?;
        let of_job = [("TORCHELASTIC_USE_AGENT_STORE", "True"), ("TORCHELASTIC_RUN_ID", "with-agent")];
        let ranks = self.ranks(hosts, Way::AgentStore).into_iter().map(|mut command| {
            command.envs(of_job);
            command
        });
        self.succeed(Way::AgentStore.folder(), ranks)
    }

    /// Slurm's variables.
    ///
    /// # Errors
    /// A rank fails.
    pub(super) fn by_slurm(&self, hosts: &Hosts) -> Result<()> {
        let ranks = (0..NUM_RANKS).map(|rank| {
            let (host, local) = (rank / OF_A_HOST, rank % OF_A_HOST);
            let mut command = self.on_host(hosts, host, Way::Slurm);
            command.envs([("SLURM_JOB_ID", "7"), ("SLURM_STEP_TASKS_PER_NODE", "2(x2)")]);
            let numbers = [
                ("SLURM_PROCID", rank),
                ("SLURM_LOCALID", local),
                ("SLURM_NODEID", host),
                ("SLURM_NTASKS", NUM_RANKS),
                ("SLURM_STEP_NUM_TASKS", NUM_RANKS),
            ];
            command.envs(numbers.map(|(name, number)| (name, number.to_string())));
            command
        });
        self.succeed(Way::Slurm.folder(), ranks)
    }

    /// torchrun on one host; after the first step a rank is killed, and torchrun starts all anew.
    ///
    /// # Errors
    /// torchrun fails, or the rank cannot be killed.
    pub(super) fn torchrun_killed(&self, torchrun: &Path) -> Result<()> {
        let name = Way::TorchrunKilled.folder();
        let mut command = handover::program(torchrun, self.root);
        command.args(["--no-python", "--nnodes", "1", "--nproc-per-node", &NUM_RANKS.to_string()]);
        command.args(["--max-restarts", "1", "--rdzv-backend", "c10d", "--rdzv-endpoint", "127.0.0.1:0"]);
        command.args(["--rdzv-id", name]).arg(&self.trainer).env("GLOO_SOCKET_IFNAME", "lo");
        let command = self.with_ranks(command, name);
        let dir = self.dir.join(name);
        let mut processes = Processes::start([command], &log_of(&dir))?;
        let has_step =
            || std::fs::read_to_string(dir.join("metrics.jsonl")).is_ok_and(|text| text.contains("\"step\":1,"));
        processes.until("the first step is done", has_step)?;
        kill_the_one_with(&["RANK=1".to_owned(), format!("TORCHELASTIC_RUN_ID={name}")])?;
        processes.succeed()
    }

    /// torchrun on two hosts.
    ///
    /// # Errors
    /// torchrun fails.
    pub(super) fn torchrun_on_hosts(&self, hosts: &Hosts, torchrun: &Path) -> Result<()> {
        let way = Way::TorchrunTwoHosts;
        let agents = [0, 1].map(|host| {
            let mut command = hosts.program(host, torchrun, self.root);
            command.args(["--no-python", "--nnodes", "2", "--nproc-per-node", &OF_A_HOST.to_string()]);
            command.args(["--node-rank", &host.to_string(), "--local-addr", ADDRESSES[host]]);
            command.args(["--rdzv-backend", "c10d", "--rdzv-id", way.folder()]);
            // torchrun hosts its store where the host's name stands for the endpoint; here both have one name.
            command.arg(format!("--rdzv-conf=is_host={}", host == 0));
            command.arg(format!("--rdzv-endpoint={}:{}", ADDRESSES[0], way.port()));
            command.arg(&self.trainer).env("GLOO_SOCKET_IFNAME", INTERFACE);
            self.with_ranks(command, way.folder())
        });
        self.succeed(way.folder(), agents)
    }

    /// The ranks of a run, each with torchrun's variables and on its host.
    fn ranks(&self, hosts: &Hosts, way: Way) -> Vec<Command> {
        let rank_on_host = |rank: usize| {
            let (host, local) = (rank / OF_A_HOST, rank % OF_A_HOST);
            let mut command = self.on_host(hosts, host, way);
            let numbers =
                [("RANK", rank), ("WORLD_SIZE", NUM_RANKS), ("LOCAL_RANK", local), ("LOCAL_WORLD_SIZE", OF_A_HOST)];
            command.envs(numbers.map(|(name, number)| (name, number.to_string())));
            command
        };
        (0..NUM_RANKS).map(rank_on_host).collect()
    }

    /// The trainer on a host, told where the store is.
    fn on_host(&self, hosts: &Hosts, host: usize, way: Way) -> Command {
        let mut command = self.with_ranks(hosts.program(host, &self.trainer, self.root), way.folder());
        command.env("MASTER_ADDR", ADDRESSES[0]).env("MASTER_PORT", way.port().to_string());
        command.env("GLOO_SOCKET_IFNAME", INTERFACE);
        command
    }

    /// A trainer's command, or one that starts it, with the arguments of the run in the folder `name`.
    fn with_run(&self, mut command: Command, name: &str) -> Command {
        command.args(["--stage", "1", "--resume", "auto", "--config"]).arg(self.dir.join("stage-1.toml"));
        command.arg("--run-dir").arg(self.dir.join(name));
        command.args(["--set", STEADY]);
        command.env("OMP_NUM_THREADS", "1").env("TORCH_CPP_LOG_LEVEL", "ERROR").env_remove("RUST_LOG");
        command
    }

    /// The same with what is said to several ranks.
    fn with_ranks(&self, command: Command, name: &str) -> Command {
        let mut command = self.with_run(command, name);
        command.args(["--set", COPIES]);
        command
    }

    fn succeed(&self, name: &str, commands: impl IntoIterator<Item = Command>) -> Result<()> {
        Processes::start(commands, &log_of(&self.dir.join(name)))?.succeed()
    }
}
