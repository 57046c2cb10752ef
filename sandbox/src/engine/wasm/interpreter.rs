//! Runs jobs: instantiates the frozen interpreter, calls it within the limits, and says how it ended.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use sandbox_api::Limits;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use wasmtime::component::Linker;
use wasmtime::{Config, Engine, Store, Trap, WasmBacktrace};
use wasmtime_wasi::I32Exit;

use super::clock::{OutOfTime, Span, within};
use super::component::Component;
use super::files::Files;
use super::host::{Ending, Host, Python, PythonPre};
use super::memory::Memories;
use super::output::Output;
use crate::engine::RunEnd;

/// Stack of an instance, of which nothing is taken before it is used. CPython watches a stack of its own, in the linear
/// memory; what it takes apart step by step, such as a long list of linked objects, shows on this one alone.
const STACK_BYTES: usize = 256 << 20;
/// Stack that is left for the host's functions.
const HOST_STACK_BYTES: usize = 1 << 20;
/// Fuel after which a running instance lets its limits be checked: some milliseconds of computing.
const FUEL_BETWEEN_LOOKS: u64 = 10_000_000;
/// What a judge may hold, print and write to files.
const JUDGE_MEMORY_BYTES: u64 = 512 << 20;
const JUDGE_OUTPUT_BYTES: u64 = 1 << 20;
const JUDGE_FILE_BYTES: u64 = 1 << 20;
/// How much longer a judge may take than its candidate.
const JUDGE_SPARE: Duration = Duration::from_secs(1);
/// Exit status of a program that the interpreter did not survive, as for a process that aborted.
const ABORTED: i32 = 134;

/// One job as the worker reads it.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Task {
    /// What the guest is told, `stdin` and `limits` among it.
    pub job: Map<String, Value>,
    /// The tests, where a judge runs them.
    #[serde(default)]
    pub tests: Option<TestJob>,
}

/// What a judge is told.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct TestJob {
    pub setup: String,
    pub tests: Vec<String>,
    pub stop: bool,
}

/// How one job ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub end: RunEnd,
    pub code: i32,
    pub detail: String,
    pub seconds: f64,
    pub cpu_seconds: f64,
    pub peak_bytes: u64,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    pub returned: Vec<u8>,
    /// What the judge said, as JSON; `None` without one, or where it ended early.
    pub judged: Option<String>,
}

/// The frozen interpreter.
pub(super) struct Interpreter {
    pre: PythonPre<Host>,
    /// Instances that were made ahead of their jobs.
    idle: Vec<Idle>,
    /// How many the last job took.
    num_wanted: usize,
    /// The instance of the last program, which is taken down once it was told how that ended.
    spent: Option<Instance>,
}

impl Interpreter {
    /// Loads it.
    ///
    /// # Errors
    /// What went wrong.
    pub fn load(component: &Component) -> Result<Self, String> {
        let broken = |error: wasmtime::Error| format!("{error:#}");
        let memories = Arc::new(Memories::default());
        let engine = Engine::new(config().with_host_memory(memories.clone())).map_err(broken)?;
        let (compiled, image) = component.load(&engine)?;
        memories.start_with(image).map_err(|error| format!("the interpreter's memory cannot be mapped: {error}"))?;
        let mut linker: Linker<Host> = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker).map_err(broken)?;
        Files::add_to_linker(&mut linker, Host::files).map_err(broken)?;
        Python::add_to_linker::<_, wasmtime::component::HasSelf<_>>(&mut linker, |host| host).map_err(broken)?;
        let pre = linker.instantiate_pre(&compiled).and_then(PythonPre::new).map_err(broken)?;
        Ok(Self { pre, idle: Vec::new(), num_wanted: 1, spent: None })
    }

    /// Makes instances ready for a job like the last one, so that the job does not wait for them.
    pub async fn stand_by(&mut self) {
        self.spent = None;
        while self.idle.len() < self.num_wanted {
            // What went wrong shows when one is needed.
            let Ok(idle) = Idle::start(&self.pre).await else { break };
            self.idle.push(idle);
        }
    }

    /// Runs one job to its end.
    ///
    /// # Errors
    /// A job that is none.
    pub async fn run(&mut self, task: Task) -> Result<Ended, serde_json::Error> {
        self.num_wanted = if task.tests.is_some() { 2 } else { 1 };
        let start = Start::of(task.job, self.source())?;
        match task.tests {
            None => {
                let (ended, spent) = run_program(start).await;
                self.spent = spent;
                Ok(ended)
            }
            Some(tests) => Ok(self.judge(start, tests).await),
        }
    }

    fn source(&mut self) -> Source {
        self.idle.pop().map_or_else(|| Source::New(self.pre.clone()), Source::Idle)
    }

    async fn judge(&mut self, start: Start, tests: TestJob) -> Ended {
        let (span, is_repeatable) = (start.span, start.limits.fuel.is_some());
        let job = json!({
            "setup": tests.setup, "tests": tests.tests, "stop": tests.stop, "limits": start.limits,
        });
        let peer = Box::new(Peer { start: Some(start), candidate: None, ended: None });
        let output = Output::with_room(JUDGE_OUTPUT_BYTES);
        let mut host = Host::new(String::new(), output, JUDGE_MEMORY_BYTES, JUDGE_FILE_BYTES, is_repeatable);
        host.peer = Some(peer);
        let mut judge = match self.source().equip(host, span.later(JUDGE_SPARE), u64::MAX).await {
            Ok(judge) => judge,
            Err(ended) => return Ended { end: RunEnd::SetupFailed, ..ended },
        };
        let said = judge.judge(&job.to_string()).await;
        let peer = judge.store.into_data().peer;
        let mut ended = match peer.map(|peer| *peer) {
            Some(Peer { ended: Some(ended), .. }) => ended,
            Some(Peer { candidate: Some(candidate), .. }) => candidate.ended(RunEnd::Exited, 0),
            _ => Ended::nothing(span),
        };
        ended.judged = said.ok();
        ended
    }
}

fn config() -> Config {
    let mut config = Config::new();
    config.consume_fuel(true);
    config.max_wasm_stack(STACK_BYTES).async_stack_size(STACK_BYTES + HOST_STACK_BYTES);
    // Memories bring their data with them.
    config.memory_init_cow(false);
    config.wasm_backtrace_max_frames(NonZeroUsize::new(1));
    config
}

/// A candidate that is about to start.
pub(super) struct Start {
    source: Source,
    job: String,
    stdin: String,
    limits: Limits,
    span: Span,
}

impl Start {
    fn of(mut job: Map<String, Value>, source: Source) -> Result<Self, serde_json::Error> {
        let limits: Limits = serde_json::from_value(job.remove("limits").unwrap_or_default())?;
        let stdin = match job.remove("stdin") {
            Some(Value::String(text)) => text,
            _ => String::new(),
        };
        let span = Span::begin(limits.wall_seconds, limits.cpu_seconds);
        Ok(Self { source, job: serde_json::to_string(&job)?, stdin, limits, span })
    }

    async fn instance(self) -> Result<(Instance, String), Ended> {
        let output = Output::with_room(self.limits.output_bytes);
        let fuel = self.limits.fuel;
        let host = Host::new(self.stdin, output, self.limits.memory_bytes, self.limits.file_bytes, fuel.is_some());
        let instance = self.source.equip(host, self.span, fuel.unwrap_or(u64::MAX)).await?;
        Ok((instance, self.job))
    }
}

/// Runs a program; how it ended, and what is left of it.
async fn run_program(start: Start) -> (Ended, Option<Instance>) {
    let output_bytes = start.limits.output_bytes;
    let (mut instance, job) = match start.instance().await {
        Ok(started) => started,
        Err(ended) => return (ended, None),
    };
    let (python, store) = (&instance.python, &mut instance.store);
    let ended = match within(instance.span, python.call_run(store, &job)).await {
        Ok(Ending { returned: Some(returned), .. }) if returned.len() as u64 > output_bytes => {
            instance.ended(RunEnd::OutputLimit, 0)
        }
        Ok(ending) => {
            let returned = ending.returned.map(String::into_bytes).unwrap_or_default();
            Ended { returned, ..instance.ended(RunEnd::Exited, ending.status) }
        }
        Err(error) => instance.failed(&error),
    };
    (ended, Some(instance))
}

/// A judge's candidate: started by the first question, and gone after an answer that did not come.
pub(super) struct Peer {
    start: Option<Start>,
    candidate: Option<Instance>,
    ended: Option<Ended>,
}

impl Peer {
    /// The candidate's answer; `None` once it has ended.
    pub async fn ask(&mut self, request: String) -> Option<String> {
        if let Some(start) = self.start.take() {
            return self.load(start).await;
        }
        let mut candidate = self.candidate.take()?;
        let (python, store) = (&candidate.python, &mut candidate.store);
        match within(candidate.span, python.call_answer(store, &request)).await {
            Ok(answer) => {
                self.candidate = Some(candidate);
                Some(answer)
            }
            Err(error) => {
                self.ended = Some(candidate.failed(&error));
                None
            }
        }
    }

    async fn load(&mut self, start: Start) -> Option<String> {
        let (mut candidate, job) = match start.instance().await {
            Ok(started) => started,
            Err(ended) => {
                self.ended = Some(ended);
                return None;
            }
        };
        let (python, store) = (&candidate.python, &mut candidate.store);
        match within(candidate.span, python.call_load(store, &job)).await {
            Ok(Ok(names)) => {
                self.candidate = Some(candidate);
                return Some(names);
            }
            Ok(Err(status)) => self.ended = Some(candidate.ended(RunEnd::Exited, status)),
            Err(error) => self.ended = Some(candidate.failed(&error)),
        }
        None
    }
}

/// A running interpreter.
struct Instance {
    store: Store<Host>,
    python: Python,
    span: Span,
}

/// Where an instance comes from.
enum Source {
    Idle(Idle),
    New(PythonPre<Host>),
}

/// An instance that has no job, and nothing of one.
struct Idle {
    store: Store<Host>,
    python: Python,
}

impl Idle {
    async fn start(pre: &PythonPre<Host>) -> wasmtime::Result<Self> {
        let mut store = Store::new(pre.engine(), Host::idle());
        store.limiter(|host| &mut host.memory);
        store.set_fuel(u64::MAX)?;
        store.fuel_async_yield_interval(Some(FUEL_BETWEEN_LOOKS))?;
        let python = pre.instantiate_async(&mut store).await?;
        Ok(Self { store, python })
    }
}

impl Source {
    /// An instance with what its job brings.
    async fn equip(self, mut host: Host, span: Span, fuel: u64) -> Result<Instance, Ended> {
        let started = match self {
            Source::Idle(idle) => Ok(idle),
            Source::New(pre) => Idle::start(&pre).await,
        };
        let started = started.and_then(|mut idle| idle.store.set_fuel(fuel).map(|()| idle));
        let Idle { mut store, python } = match started {
            Ok(idle) => idle,
            Err(error) => return Err(ended(&host, span, RunEnd::SetupFailed, 0, format!("{error:#}"))),
        };
        host.memory.take_over(&store.data().memory);
        if host.memory.is_denied {
            return Err(ended(&host, span, RunEnd::MemoryLimit, 0, String::new()));
        }
        *store.data_mut() = host;
        Ok(Instance { store, python, span })
    }
}

impl Instance {
    async fn judge(&mut self, job: &str) -> wasmtime::Result<String> {
        within(self.span, self.python.call_judge(&mut self.store, job)).await
    }

    fn ended(&self, end: RunEnd, code: i32) -> Ended {
        ended(self.store.data(), self.span, end, code, String::new())
    }

    /// Reads from a call's error how the program ended.
    fn failed(&self, error: &wasmtime::Error) -> Ended {
        let host = self.store.data();
        let (end, code) = if let Some(exit) = error.downcast_ref::<I32Exit>() {
            (RunEnd::Exited, exit.0 & 0xff)
        } else if host.output.held().is_exceeded {
            (RunEnd::OutputLimit, 0)
        } else if let Some(limit) = error.downcast_ref::<OutOfTime>() {
            (if *limit == OutOfTime::Wall { RunEnd::WallLimit } else { RunEnd::CpuLimit }, 0)
        } else {
            match error.downcast_ref::<Trap>() {
                Some(Trap::OutOfFuel) => (RunEnd::FuelLimit, 0),
                // There is no other thread that could wake it.
                _ if was_in(error, "pthread_cond_wait") => (RunEnd::WallLimit, 0),
                _ if host.memory.is_denied => (RunEnd::MemoryLimit, 0),
                trap => {
                    let why = trap.map_or_else(|| error.to_string(), Trap::to_string);
                    let line = format!("\nthe interpreter was aborted: {why}\n");
                    host.output.held().stderr.extend_from_slice(line.as_bytes());
                    (RunEnd::Exited, ABORTED)
                }
            }
        };
        self.ended(end, code)
    }
}

/// Whether the interpreter was in its function of this name when it was aborted.
fn was_in(error: &wasmtime::Error, function: &str) -> bool {
    let trace = error.downcast_ref::<WasmBacktrace>();
    trace.and_then(|trace| trace.frames().first()?.func_name()) == Some(function)
}

fn ended(host: &Host, span: Span, end: RunEnd, code: i32, detail: String) -> Ended {
    let mut printed = host.output.held();
    Ended {
        end,
        code,
        detail,
        peak_bytes: host.memory.held as u64,
        stdout: std::mem::take(&mut printed.stdout),
        stderr: std::mem::take(&mut printed.stderr),
        ..Ended::nothing(span)
    }
}

impl Ended {
    /// A candidate that never started.
    fn nothing(span: Span) -> Self {
        Self {
            end: RunEnd::Exited,
            code: 0,
            detail: String::new(),
            seconds: span.elapsed().as_secs_f64(),
            cpu_seconds: span.elapsed_cpu().as_secs_f64(),
            peak_bytes: 0,
            stdout: Vec::new(),
            stderr: Vec::new(),
            returned: Vec::new(),
            judged: None,
        }
    }
}
