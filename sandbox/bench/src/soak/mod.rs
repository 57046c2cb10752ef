//! A soak: many mixed programs from many clients at once, while workers are killed at random. Every request must be
//! answered, every verdict must be the known one, and nothing may be left in the end.

mod programs;
mod traces;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use nix::sys::prctl;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use sandbox::{SandboxError, ServerConfig, ServerHandle, serve};
use sandbox_api::{Client, ClientError, ClientOptions, EngineKind};
use serde::Serialize;
use tokio::task::JoinSet;

use self::programs::Known;
use self::traces::Traces;

/// Looks for leaks in the end, and the wait between them: connections and threads take some time to close.
const LOOKS: usize = 100;
const LOOK: Duration = Duration::from_millis(100);
/// Wrong and unanswered programs, each, that the report describes.
const DESCRIBED: usize = 20;

/// The settings of a soak.
#[derive(Debug, Clone)]
pub struct SoakOptions {
    /// Programs in all.
    pub programs: usize,
    /// Clients at once.
    pub clients: usize,
    /// Worker processes; 0 for the server's default.
    pub workers: usize,
    /// Seconds between two killed workers, on average; 0 for none killed.
    pub kill_seconds: f64,
    /// The engines to which programs are sent in turn.
    pub engines: Vec<EngineKind>,
    /// Seed of the order of the programs and of the kills.
    pub seed: u64,
}

impl Default for SoakOptions {
    fn default() -> Self {
        let engines = vec![EngineKind::Process];
        Self { programs: 20_000, clients: 64, workers: 0, kill_seconds: 1.0, engines, seed: 0 }
    }
}

/// The result of a soak.
#[derive(Debug, Clone, Serialize)]
pub struct SoakReport {
    /// Programs sent.
    pub programs: usize,
    /// Programs that got a verdict.
    pub answered: usize,
    /// Seconds from the first program to the last.
    pub seconds: f64,
    /// Workers killed.
    pub killed: usize,
    /// The first programs without a verdict, with the errors.
    pub unanswered: Vec<String>,
    /// The first programs with another verdict than the known one.
    pub wrong: Vec<String>,
    /// Number of programs with another verdict than the known one.
    pub num_wrong: usize,
    /// Processes, files and the like that were left when the server had ended.
    pub leaks: Vec<String>,
    /// Bytes by which this process's resident memory grew.
    pub grown_bytes: i64,
}

impl SoakReport {
    /// True if every program was answered, no verdict was wrong, and nothing was left.
    pub fn is_clean(&self) -> bool {
        self.answered == self.programs && self.num_wrong == 0 && self.leaks.is_empty()
    }
}

impl fmt::Display for SoakReport {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rate = self.programs as f64 / self.seconds;
        writeln!(formatter, "programs         {} in {:.1} s, {rate:.0}/s", self.programs, self.seconds)?;
        writeln!(formatter, "answered         {}", self.answered)?;
        writeln!(formatter, "wrong verdicts   {}", self.num_wrong)?;
        writeln!(formatter, "workers killed   {}", self.killed)?;
        writeln!(formatter, "memory grown by  {} MiB", self.grown_bytes >> 20)?;
        for (name, lines) in [("unanswered", &self.unanswered), ("wrong", &self.wrong), ("left behind", &self.leaks)] {
            for line in lines {
                writeln!(formatter, "{name}: {line}")?;
            }
        }
        write!(formatter, "{}", if self.is_clean() { "clean" } else { "NOT clean" })
    }
}

/// A soak that could not be done.
#[derive(Debug, thiserror::Error)]
pub enum SoakError {
    /// The server does not start.
    #[error(transparent)]
    Server(#[from] SandboxError),
    /// The client cannot be made.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The system does not tell what is left behind.
    #[error("what is left behind cannot be found out: {0}")]
    Traces(#[from] std::io::Error),
}

/// State that the clients share.
struct Shared {
    options: SoakOptions,
    known: Vec<Known>,
    /// A hundred indices into `known`.
    mix: Vec<usize>,
    next: AtomicUsize,
    done: AtomicUsize,
}

/// Runs a soak. `progress` is called with the number of programs that are done.
///
/// Meanwhile this process adopts orphans (PR_SET_CHILD_SUBREAPER, prctl(2)), so that no process left behind goes
/// unseen: do nothing else in it.
///
/// # Errors
/// The server does not start, or what is left behind cannot be found out.
pub async fn soak(options: SoakOptions, progress: impl Fn(usize)) -> Result<SoakReport, SoakError> {
    let before = Traces::take()?;
    prctl::set_child_subreaper(true).map_err(std::io::Error::from)?;
    let result = soak_server(options, progress).await;
    let mut after = Traces::take()?;
    for _ in 0..LOOKS {
        if after.leaks_since(&before).is_empty() {
            break;
        }
        tokio::time::sleep(LOOK).await;
        after = Traces::take()?;
    }
    prctl::set_child_subreaper(false).map_err(std::io::Error::from)?;
    let mut report = result?;
    report.leaks = after.leaks_since(&before);
    report.grown_bytes = after.resident_bytes() as i64 - before.resident_bytes() as i64;
    Ok(report)
}

async fn soak_server(options: SoakOptions, progress: impl Fn(usize)) -> Result<SoakReport, SoakError> {
    let mut config = ServerConfig::default();
    if options.workers > 0 {
        config.workers = options.workers;
    }
    let server = serve(config).await?;
    let client_options = ClientOptions { attempts: 20, ..ClientOptions::default() };
    let client = Client::with_options(vec![server.url()], client_options)?;
    let known = programs::all();
    let mix = known.iter().enumerate().flat_map(|(index, known)| vec![index; known.weight]).collect();
    let clients = options.clients;
    let (next, done) = Default::default();
    let shared = Arc::new(Shared { options, known, mix, next, done });
    let began = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..clients {
        tasks.spawn(send_programs(shared.clone(), client.clone()));
    }
    let mut report = SoakReport {
        programs: shared.options.programs,
        answered: 0,
        seconds: 0.0,
        killed: 0,
        unanswered: Vec::new(),
        wrong: Vec::new(),
        num_wrong: 0,
        leaks: Vec::new(),
        grown_bytes: 0,
    };
    let mut killer = Killer { server: &server, mean_seconds: shared.options.kill_seconds, random: shared.options.seed };
    loop {
        tokio::select! {
            ended = tasks.join_next() => match ended {
                Some(Ok(found)) => report.add(found),
                Some(Err(error)) => report.add(Found { lost: vec![error.to_string()], ..Found::default() }),
                None => break,
            },
            killed = killer.kill_one() => report.killed += usize::from(killed),
        }
        progress(shared.done.load(Ordering::Relaxed));
    }
    report.seconds = began.elapsed().as_secs_f64();
    drop(client);
    server.shutdown().await;
    Ok(report)
}

/// One client's results.
#[derive(Default)]
struct Found {
    answered: usize,
    lost: Vec<String>,
    wrong: Vec<String>,
}

impl SoakReport {
    fn add(&mut self, found: Found) {
        self.answered += found.answered;
        self.num_wrong += found.wrong.len();
        self.unanswered.extend(found.lost);
        self.wrong.extend(found.wrong);
        self.unanswered.truncate(DESCRIBED);
        self.wrong.truncate(DESCRIBED);
    }
}

async fn send_programs(shared: Arc<Shared>, client: Client) -> Found {
    let mut found = Found::default();
    loop {
        let number = shared.next.fetch_add(1, Ordering::Relaxed);
        if number >= shared.options.programs {
            return found;
        }
        // An engine's turn is as long as the mix, so that each engine sees every program.
        let engines = &shared.options.engines;
        let engine = engines[(number / shared.mix.len()) % engines.len()];
        let drawn = mixed(shared.options.seed ^ number as u64) as usize % shared.mix.len();
        let known = &shared.known[shared.mix[drawn]];
        let mut request = known.request.clone();
        request.engine = Some(engine);
        match client.grade(&request).await {
            Ok(report) => {
                found.answered += 1;
                let expected = known.verdict(engine);
                if report.verdict != expected {
                    let (got, expected, reason) = (report.verdict.as_str(), expected.as_str(), report.reason);
                    found.wrong.push(format!("{} on {engine}: {got}, not {expected}: {reason}", known.name));
                }
            }
            Err(error) => found.lost.push(format!("{} on {engine}: {error}", known.name)),
        }
        shared.done.fetch_add(1, Ordering::Relaxed);
    }
}

/// Kills workers at random times.
struct Killer<'a> {
    server: &'a ServerHandle,
    mean_seconds: f64,
    random: u64,
}

impl Killer<'_> {
    async fn kill_one(&mut self) -> bool {
        self.random = mixed(self.random);
        let share = self.random as f64 / u64::MAX as f64;
        let seconds = if self.mean_seconds > 0.0 { self.mean_seconds * 2.0 * share } else { 1.0 };
        tokio::time::sleep(Duration::from_secs_f64(seconds)).await;
        let workers = self.server.worker_ids();
        if self.mean_seconds <= 0.0 || workers.is_empty() {
            return false;
        }
        let worker = workers[self.random as usize % workers.len()];
        kill(Pid::from_raw(worker as i32), Signal::SIGKILL).is_ok()
    }
}

/// A pseudo-random number from another one (splitmix64).
fn mixed(seed: u64) -> u64 {
    let mut value = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}
