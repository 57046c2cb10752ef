//! An engine under measurement, behind a server of its own, which is called over HTTP as a trainer calls it.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use nix::unistd::{Pid, getpgid};
use sandbox::{ServerConfig, ServerHandle, serve};
use sandbox_api::{
    Client, EngineKind, GradeRequest, GradeVerdict, Limits, RunReport, RunRequest, RunStatus, StdioCase, Tests,
};
use tokio::task::JoinSet;

use super::error::BenchError;
use super::programs::{SIXTEEN_MEGABYTES, TRIVIAL};
use super::report::EngineFigures;
use super::times::{Times, median};

/// An engine under measurement, with its times so far.
pub(super) struct Subject {
    pub engine: EngineKind,
    server: ServerHandle,
    client: Client,
    standing_bytes: Option<u64>,
    trivial: Vec<f64>,
    sixteen_megabytes: Vec<f64>,
    peak_bytes: u64,
    rates: Vec<f64>,
}

impl Subject {
    /// Starts a server whose programs run on `engine`, and warms its workers up.
    pub(crate) async fn start(engine: EngineKind, workers: usize, python: Option<PathBuf>) -> Result<Self, BenchError> {
        let config = ServerConfig { workers, python, default_engine: Some(engine), ..ServerConfig::default() };
        let server = serve(config).await?;
        let client = Client::new(vec![server.url()])?;
        let mut subject = Self {
            engine,
            server,
            client,
            standing_bytes: None,
            trivial: Vec::new(),
            sixteen_megabytes: Vec::new(),
            peak_bytes: 0,
            rates: Vec::new(),
        };
        for _ in 0..workers * 2 {
            subject.run(TRIVIAL).await?;
        }
        subject.standing_bytes = standing(&subject.server.worker_ids()).into_iter().map(proportional_bytes).sum();
        Ok(subject)
    }

    /// The host's interpreter.
    pub(crate) fn interpreter(&self) -> PathBuf {
        self.server.layers().interpreter.clone()
    }

    /// Runs a program that must end well. Returns its report and the seconds that the caller waited.
    pub(crate) async fn run(&self, code: &str) -> Result<(RunReport, f64), BenchError> {
        let limits = Limits { wall_seconds: 60.0, cpu_seconds: 60.0, ..Limits::default() };
        let request = RunRequest { code: code.to_owned(), limits, ..RunRequest::default() };
        let began = Instant::now();
        let report = self.client.run(&request).await?;
        let seconds = began.elapsed().as_secs_f64();
        match report.status {
            RunStatus::Ok => Ok((report, seconds)),
            status => Err(BenchError::Program { engine: self.engine, status: status.as_str(), stderr: report.stderr }),
        }
    }

    /// Times one trivial program.
    pub(crate) async fn time_trivial(&mut self) -> Result<(), BenchError> {
        let (_, seconds) = self.run(TRIVIAL).await?;
        self.trivial.push(seconds);
        Ok(())
    }

    /// Times one program that holds 16 MB.
    pub(crate) async fn time_sixteen_megabytes(&mut self) -> Result<(), BenchError> {
        let (report, seconds) = self.run(SIXTEEN_MEGABYTES).await?;
        self.sixteen_megabytes.push(seconds);
        self.peak_bytes = self.peak_bytes.max(report.peak_memory_bytes);
        Ok(())
    }

    /// Times the rate of gradings with `num_clients` callers at once.
    pub(crate) async fn time_rate(&mut self, num_gradings: usize, num_clients: usize) -> Result<(), BenchError> {
        let began = Instant::now();
        let next = Arc::new(AtomicUsize::new(0));
        let mut tasks = JoinSet::new();
        for _ in 0..num_clients {
            let (client, next, engine) = (self.client.clone(), next.clone(), self.engine);
            tasks.spawn(async move {
                let request = adds_one();
                while next.fetch_add(1, Ordering::Relaxed) < num_gradings {
                    let report = client.grade(&request).await?;
                    if report.verdict != GradeVerdict::Passed {
                        let (status, stderr) = (report.verdict.as_str(), report.reason);
                        return Err(BenchError::Program { engine, status, stderr });
                    }
                }
                Ok(())
            });
        }
        while let Some(ended) = tasks.join_next().await {
            ended??;
        }
        self.rates.push(num_gradings as f64 / began.elapsed().as_secs_f64());
        Ok(())
    }

    /// Ends the server and returns the figures.
    pub(crate) async fn finish(self) -> Result<EngineFigures, BenchError> {
        self.server.shutdown().await;
        Ok(EngineFigures {
            engine: self.engine,
            trivial: Times::of(self.trivial)?,
            gradings_per_second: median(self.rates),
            standing_bytes: self.standing_bytes,
            sixteen_megabytes: Times::of(self.sixteen_megabytes)?,
            sixteen_megabytes_peak_bytes: self.peak_bytes,
        })
    }
}

fn adds_one() -> GradeRequest {
    GradeRequest {
        code: "print(int(input()) + 1)".to_owned(),
        language: Default::default(),
        engine: None,
        tests: Tests::Stdio { cases: vec![StdioCase { input: "1".to_owned(), output: "2".to_owned() }] },
        limits: Limits::default(),
        stop_at_first_failure: true,
    }
}

/// The workers and the processes that stand by in their process groups.
fn standing(workers: &[u32]) -> Vec<u32> {
    let names = std::fs::read_dir("/proc").into_iter().flatten().flatten().map(|entry| entry.file_name());
    let ids = names.filter_map(|name| name.to_str()?.parse::<i32>().ok());
    let is_in_group =
        |id: &i32| getpgid(Some(Pid::from_raw(*id))).is_ok_and(|group| workers.contains(&(group.as_raw() as u32)));
    let others = ids.filter(is_in_group).map(|id| id as u32).filter(|id| !workers.contains(id));
    workers.iter().copied().chain(others).collect()
}

/// A process's proportional set size in bytes: a page that several processes share counts in parts (proc_pid_smaps(5)).
/// `None` if the kernel does not tell it.
fn proportional_bytes(process: u32) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/{process}/smaps_rollup")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}
