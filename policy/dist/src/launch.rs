//! Starts the ranks of a job on one host, watches them, and ends all when one fails.
//!
//! Ends only processes that it has started, by their ids. Knows nothing of what they run.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::process::{CommandExt, ExitStatusExt, parent_id};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::environment::{Environment, LAUNCHER, STORE_SOCKET};
use crate::error::DistError;

/// Exit codes of a rank that was asked to stop, and did: to be started again, or by Ctrl-C.
const STOPPED: i32 = 75;
const INTERRUPTED: i32 = 130;

/// Time between two looks at who has ended.
const LOOK_INTERVAL: Duration = Duration::from_millis(10);

/// Several ranks of one program on this host, to be started.
#[derive(Debug)]
pub struct Launch {
    program: PathBuf,
    num_ranks: usize,
    args: Vec<OsString>,
    envs: Vec<(OsString, OsString)>,
    grace: Duration,
    logs: Option<PathBuf>,
    signals: Option<Receiver<i32>>,
}

/// How a launch ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// 0 where all ranks ended in 0; else that of the rank that failed first, 128 + N where signal N ended it.
    pub exit_code: i32,
    /// The rank that failed first.
    pub first_failed: Option<usize>,
    /// How each rank ended, as [`Outcome::exit_code`] counts.
    pub exit_codes: Vec<i32>,
}

impl Launch {
    /// `num_ranks` processes of `program`.
    pub fn new(program: impl Into<PathBuf>, num_ranks: usize) -> Self {
        let (args, envs) = (Vec::new(), Vec::new());
        let grace = Duration::from_secs(10);
        Self { program: program.into(), num_ranks, args, envs, grace, logs: None, signals: None }
    }

    /// Gives every rank these arguments.
    #[must_use]
    pub fn args(mut self, args: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Gives every rank a variable more; over those of the launch itself where the name is one of theirs.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.envs.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Time from SIGTERM to SIGKILL for the ranks that are left when one has failed, and from rank 0's end to SIGTERM
    /// for those that stay; 10 s unless it is set.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Writes what rank N prints to `rank-N.log` in a folder, instead of to the launcher's own output.
    #[must_use]
    pub fn logs(mut self, folder: impl AsRef<Path>) -> Self {
        self.logs = Some(folder.as_ref().to_owned());
        self
    }

    /// Hands every rank the signals that come through a channel, by their numbers. Each rank then has a process group
    /// of its own, so that what a terminal sends to the launcher's reaches the ranks once, through the launcher.
    #[must_use]
    pub fn relay(mut self, signals: Receiver<i32>) -> Self {
        self.signals = Some(signals);
        self
    }

    /// Starts all ranks and returns when all have ended.
    ///
    /// Rank 0 has the socket of the store as its standard input, listening from before any rank starts, so no other
    /// process can take the port. The store and Gloo stay on the loopback interface, unless `GLOO_SOCKET_IFNAME` says
    /// otherwise.
    ///
    /// # Errors
    /// No port is free, or a process cannot be started; those that were are ended.
    pub fn run(&self) -> Result<Outcome, DistError> {
        let failed = |what: &str, error: std::io::Error| DistError::Launch(format!("{what}: {error}"));
        if self.num_ranks == 0 {
            return Err(DistError::Launch("a job has one rank at least".into()));
        }
        let listener = TcpListener::bind("127.0.0.1:0").map_err(|error| failed("no port for the store", error))?;
        let port = listener.local_addr().map_err(|error| failed("the store's port", error))?.port();
        let mut socket = Some(OwnedFd::from(listener));
        let mut ranks = Ranks { children: Vec::new(), exit_codes: vec![None; self.num_ranks], grace: self.grace };
        for rank in 0..self.num_ranks {
            let mut command = self.command(rank, port)?;
            command.stdin(socket.take().map_or_else(Stdio::null, Stdio::from));
            let child = command.spawn();
            let what = || format!("rank {rank} cannot be started from {}", self.program.display());
            ranks.children.push(child.map_err(|error| failed(&what(), error))?);
        }
        ranks.watch(self.signals.as_ref())
    }

    fn command(&self, rank: usize, port: u16) -> Result<Command, DistError> {
        let mut command = Command::new(&self.program);
        let size = self.num_ranks.to_string();
        command.args(&self.args).env("RANK", rank.to_string()).env("LOCAL_RANK", rank.to_string());
        command.env("WORLD_SIZE", &size).env("LOCAL_WORLD_SIZE", &size);
        command.env("MASTER_ADDR", "127.0.0.1").env("MASTER_PORT", port.to_string());
        command.env(LAUNCHER, std::process::id().to_string());
        for name in ["TORCHELASTIC_USE_AGENT_STORE", "TORCHELASTIC_RUN_ID", "TORCHELASTIC_RESTART_COUNT", STORE_SOCKET]
        {
            command.env_remove(name);
        }
        if rank == 0 {
            command.env(STORE_SOCKET, "0");
        }
        if std::env::var_os("GLOO_SOCKET_IFNAME").is_none() {
            command.env("GLOO_SOCKET_IFNAME", "lo");
        }
        if let Some(folder) = &self.logs {
            let path = folder.join(format!("rank-{rank}.log"));
            let failed = |error: std::io::Error| DistError::Launch(format!("{}: {error}", path.display()));
            let log = File::create(&path).map_err(failed)?;
            command.stderr(log.try_clone().map_err(failed)?).stdout(log);
        }
        if self.signals.is_some() {
            command.process_group(0);
        }
        command.envs(self.envs.iter().map(|(name, value)| (name, value)));
        Ok(command)
    }
}

/// Processes that were started, by rank; those that still run are killed when this is dropped.
struct Ranks {
    children: Vec<Child>,
    exit_codes: Vec<Option<i32>>,
    grace: Duration,
}

impl Ranks {
    /// Returns when all have ended; ends the others once one has failed, and those that do not end when rank 0 has,
    /// which hosts the store and waits for them.
    fn watch(mut self, signals: Option<&Receiver<i32>>) -> Result<Outcome, DistError> {
        let mut first_failed: Option<(usize, Instant)> = None;
        let mut rank_0_ended: Option<Instant> = None;
        let mut is_killed = false;
        loop {
            for rank in 0..self.children.len() {
                if self.exit_codes[rank].is_some() {
                    continue;
                }
                let status = self.children[rank].try_wait();
                let status = status.map_err(|error| DistError::Launch(format!("rank {rank} is lost: {error}")))?;
                self.exit_codes[rank] = status.map(exit_code);
                if let Some(code) = self.exit_codes[rank].filter(|code| *code != 0 && first_failed.is_none()) {
                    first_failed = Some((rank, Instant::now()));
                    // Ranks that stop as they were asked do so together; another signal would cut the others short.
                    if ![STOPPED, INTERRUPTED].contains(&code) {
                        self.signal(Signal::SIGTERM);
                    }
                }
            }
            if self.exit_codes[0].is_some() && first_failed.is_none() {
                let ended = *rank_0_ended.get_or_insert_with(Instant::now);
                let left = self.exit_codes.iter().position(Option::is_none);
                if let Some(rank) = left.filter(|_| ended.elapsed() >= self.grace) {
                    first_failed = Some((rank, Instant::now()));
                    self.signal(Signal::SIGTERM);
                }
            }
            if self.exit_codes.iter().all(Option::is_some) {
                let exit_codes: Vec<i32> = self.exit_codes.iter().copied().flatten().collect();
                let first_failed = first_failed.map(|(rank, _)| rank);
                let exit_code = first_failed.map_or(0, |rank| exit_codes[rank]);
                return Ok(Outcome { exit_code, first_failed, exit_codes });
            }
            for signal in signals.into_iter().flat_map(Receiver::try_iter) {
                self.signal(Signal::try_from(signal).unwrap_or(Signal::SIGTERM));
            }
            if !is_killed && first_failed.is_some_and(|(_, at)| at.elapsed() >= self.grace) {
                self.signal(Signal::SIGKILL);
                is_killed = true;
            }
            thread::sleep(LOOK_INTERVAL);
        }
    }

    /// Sends a signal to the ranks that run.
    fn signal(&self, signal: Signal) {
        for (child, exit_code) in self.children.iter().zip(&self.exit_codes) {
            // A child that is not waited for keeps its id, so the signal reaches nobody else.
            if exit_code.is_none() {
                let _ = kill(Pid::from_raw(child.id().cast_signed()), signal);
            }
        }
    }
}

impl Drop for Ranks {
    fn drop(&mut self) {
        self.signal(Signal::SIGKILL);
        for (child, exit_code) in self.children.iter_mut().zip(&self.exit_codes) {
            if exit_code.is_none() {
                let _ = child.wait();
            }
        }
    }
}

fn exit_code(status: ExitStatus) -> i32 {
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
}

impl Environment {
    /// Has the kernel end this process when the launcher that started it ends, however that happens, for as long as the
    /// calling thread lives: call it from one that does. Nothing happens where the launcher does not ask for it, nor at
    /// a second call: each thread that asked would have a signal of its own.
    ///
    /// # Errors
    /// The launcher is gone already, or the system refuses.
    pub fn end_with_launcher(&self) -> Result<(), DistError> {
        match self.launcher {
            Some(launcher) if !IS_ASKED.swap(true, Ordering::Relaxed) => end_with(launcher),
            _ => Ok(()),
        }
    }
}

/// True once a thread of this process has asked.
static IS_ASKED: AtomicBool = AtomicBool::new(false);

/// prctl(2), `PR_SET_PDEATHSIG`.
fn end_with(launcher: u32) -> Result<(), DistError> {
    if parent_id() != launcher {
        return Err(DistError::environment(
            LAUNCHER,
            Some(&launcher.to_string()),
            format!("is not this process's parent, {}: the launcher has ended; unset the variable", parent_id()),
        ));
    }
    set_pdeathsig(Signal::SIGTERM).map_err(|error| DistError::Launch(format!("prctl: {error}")))?;
    // A launcher that ended before the call sends nothing.
    if parent_id() != launcher {
        return Err(DistError::Launch("the launcher has ended".into()));
    }
    Ok(())
}
