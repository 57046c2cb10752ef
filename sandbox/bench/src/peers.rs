//! Peers: other ways to run a Python program on this machine, which a trainer would use without this server.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::process::Command;
use tokio::task::JoinSet;

use super::error::BenchError;
use super::programs::TRIVIAL;
use super::report::PeerFigures;
use super::times::{Times, median};

/// Time that a program may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A way to run a program, with its times so far.
#[derive(Debug)]
pub(super) struct Peer {
    name: &'static str,
    way: Arc<Way>,
    trivial: Vec<f64>,
    rates: Vec<f64>,
}

/// The way in which an interpreter is started.
#[derive(Debug, Clone, Copy)]
pub(super) enum Start {
    /// With no option, as usual.
    Plain,
    /// Isolated and without `site`: the machine's own packages may take most of a plain start.
    Bare,
}

impl Start {
    pub(crate) const ALL: [Self; 2] = [Self::Plain, Self::Bare];

    fn arguments(self) -> Vec<String> {
        let arguments: &[&str] = match self {
            Start::Plain => &["-c", TRIVIAL],
            Start::Bare => &["-I", "-S", "-c", TRIVIAL],
        };
        arguments.iter().map(|argument| (*argument).to_owned()).collect()
    }
}

/// The command that runs the trivial program.
#[derive(Debug)]
struct Way {
    program: PathBuf,
    arguments: Vec<String>,
}

impl Peer {
    /// A plain subprocess with a time-out.
    pub(crate) fn python(interpreter: &Path, start: Start) -> Self {
        let name = match start {
            Start::Plain => "python3 subprocess",
            Start::Bare => "python3 -I -S subprocess",
        };
        Self::new(name, interpreter.to_owned(), start.arguments())
    }

    /// bubblewrap with every namespace.
    ///
    /// # Errors
    /// The reason why it cannot be timed.
    pub(crate) async fn bubblewrap(interpreter: &Path, start: Start) -> Result<Self, String> {
        let name = match start {
            Start::Plain => "bubblewrap",
            Start::Bare => "bubblewrap, python3 -I -S",
        };
        let fixed = ["--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp"];
        let mut arguments: Vec<String> = fixed.map(str::to_owned).to_vec();
        arguments.extend(["--unshare-all", "--die-with-parent", "--clearenv", "--new-session"].map(str::to_owned));
        arguments.push(interpreter.display().to_string());
        arguments.extend(start.arguments());
        let peer = Self::new(name, "bwrap".into(), arguments);
        peer.way.run().await.map_err(|error| error.to_string())?;
        Ok(peer)
    }

    fn new(name: &'static str, program: PathBuf, arguments: Vec<String>) -> Self {
        Self { name, way: Arc::new(Way { program, arguments }), trivial: Vec::new(), rates: Vec::new() }
    }

    /// Times one run.
    pub(crate) async fn time_trivial(&mut self) -> Result<(), BenchError> {
        let seconds = self.way.run().await.map_err(|error| self.broken(&error))?;
        self.trivial.push(seconds);
        Ok(())
    }

    /// Times the rate of runs with `at_once` at a time.
    pub(crate) async fn time_rate(&mut self, num_runs: usize, at_once: usize) -> Result<(), BenchError> {
        let began = Instant::now();
        let mut tasks: JoinSet<io::Result<f64>> = JoinSet::new();
        for _ in 0..num_runs {
            if tasks.len() >= at_once
                && let Some(ended) = tasks.join_next().await
            {
                ended?.map_err(|error| self.broken(&error))?;
            }
            let way = self.way.clone();
            tasks.spawn(async move { way.run().await });
        }
        while let Some(ended) = tasks.join_next().await {
            ended?.map_err(|error| self.broken(&error))?;
        }
        self.rates.push(num_runs as f64 / began.elapsed().as_secs_f64());
        Ok(())
    }

    /// The figures of all times.
    pub(crate) fn finish(self) -> Result<PeerFigures, BenchError> {
        let (trivial, runs_per_second) = (Times::of(self.trivial)?, median(self.rates));
        Ok(PeerFigures { name: self.name.to_owned(), trivial, runs_per_second })
    }

    fn broken(&self, error: &io::Error) -> BenchError {
        BenchError::Peer { name: self.name, reason: error.to_string() }
    }
}

impl Way {
    /// Runs the trivial program once and returns the seconds that it took.
    async fn run(&self) -> io::Result<f64> {
        let began = Instant::now();
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).stdin(Stdio::null()).kill_on_drop(true);
        let output = tokio::time::timeout(TIMEOUT, command.output()).await.map_err(|_| io::ErrorKind::TimedOut)??;
        if output.status.success() && output.stdout == b"1\n" {
            return Ok(began.elapsed().as_secs_f64());
        }
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        Err(io::Error::other(format!("{}: {stderr}", output.status)))
    }
}
