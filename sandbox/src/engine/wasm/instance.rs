//! Instances of the frozen interpreter: idle ones, made ahead of their jobs, and running ones with a job's limits.

use wasmtime::{Store, Trap, WasmBacktrace};
use wasmtime_wasi::I32Exit;

use super::ended::Ended;
use super::host::{Host, Python, PythonPre};
use super::time_budget::{OutOfTime, TimeBudget, within};
use crate::engine::RunEnd;

/// Fuel after which a running instance lets its limits be checked: some milliseconds of computing.
const FUEL_BETWEEN_LOOKS: u64 = 10_000_000;
/// Exit status of a program whose interpreter was aborted: 128 + SIGABRT, as for a process.
const ABORTED: i32 = 134;

/// An instance that had no job yet.
pub(super) struct IdleInstance {
    store: Store<Host>,
    python: Python,
}

impl IdleInstance {
    pub(super) async fn start(pre: &PythonPre<Host>) -> wasmtime::Result<Self> {
        let mut store = Store::new(pre.engine(), Host::idle());
        store.limiter(|host| &mut host.memory);
        store.set_fuel(u64::MAX)?;
        store.fuel_async_yield_interval(Some(FUEL_BETWEEN_LOOKS))?;
        let python = pre.instantiate_async(&mut store).await?;
        Ok(Self { store, python })
    }
}

/// The source of an instance: one that stands by, or the interpreter to start one from.
pub(super) enum InstanceSource {
    Idle(IdleInstance),
    New(PythonPre<Host>),
}

impl InstanceSource {
    /// An instance with its job's host, time budget and fuel.
    ///
    /// # Errors
    /// The instance does not start, or holds more memory than its job may have.
    pub(super) async fn equip(self, mut host: Host, budget: TimeBudget, fuel: u64) -> Result<Instance, Ended> {
        let started = match self {
            InstanceSource::Idle(idle) => Ok(idle),
            InstanceSource::New(pre) => IdleInstance::start(&pre).await,
        };
        let started = started.and_then(|mut idle| idle.store.set_fuel(fuel).map(|()| idle));
        let IdleInstance { mut store, python } = match started {
            Ok(idle) => idle,
            Err(error) => return Err(ended(&host, budget, RunEnd::SetupFailed, 0, format!("{error:#}"))),
        };
        host.memory.take_over(&store.data().memory);
        if host.memory.is_denied {
            return Err(ended(&host, budget, RunEnd::MemoryLimit, 0, String::new()));
        }
        *store.data_mut() = host;
        Ok(Instance { store, python, budget })
    }
}

/// An instance with a job.
pub(super) struct Instance {
    pub(super) store: Store<Host>,
    pub(super) python: Python,
    pub(super) budget: TimeBudget,
}

impl Instance {
    /// Runs a judge; its findings as JSON.
    pub(super) async fn judge(&mut self, job: &str) -> wasmtime::Result<String> {
        within(self.budget, self.python.call_judge(&mut self.store, job)).await
    }

    /// The end of a program that the caller knows the status of.
    pub(super) fn ended(&self, end: RunEnd, code: i32) -> Ended {
        ended(self.store.data(), self.budget, end, code, String::new())
    }

    /// The end of a program whose call failed, read off the call's error.
    pub(super) fn failed(&self, error: &wasmtime::Error) -> Ended {
        let host = self.store.data();
        let (end, code) = if let Some(exit) = error.downcast_ref::<I32Exit>() {
            (RunEnd::Exited, exit.0 & 0xff)
        } else if host.output.lock().is_exceeded {
            (RunEnd::OutputLimit, 0)
        } else if let Some(limit) = error.downcast_ref::<OutOfTime>() {
            (if *limit == OutOfTime::Wall { RunEnd::WallLimit } else { RunEnd::CpuLimit }, 0)
        } else {
            match error.downcast_ref::<Trap>() {
                Some(Trap::OutOfFuel) => (RunEnd::FuelLimit, 0),
                // A wait on a condition would never end: no other thread could signal it.
                _ if was_in(error, "pthread_cond_wait") => (RunEnd::WallLimit, 0),
                _ if host.memory.is_denied => (RunEnd::MemoryLimit, 0),
                trap => {
                    let why = trap.map_or_else(|| error.to_string(), Trap::to_string);
                    let line = format!("\nthe interpreter was aborted: {why}\n");
                    host.output.lock().stderr.extend_from_slice(line.as_bytes());
                    (RunEnd::Exited, ABORTED)
                }
            }
        };
        self.ended(end, code)
    }
}

/// True if the interpreter was in its function of this name when it was aborted.
fn was_in(error: &wasmtime::Error, function: &str) -> bool {
    let trace = error.downcast_ref::<WasmBacktrace>();
    trace.and_then(|trace| trace.frames().first()?.func_name()) == Some(function)
}

fn ended(host: &Host, budget: TimeBudget, end: RunEnd, code: i32, detail: String) -> Ended {
    let mut printed = host.output.lock();
    Ended {
        end,
        code,
        detail,
        peak_bytes: host.memory.held as u64,
        stdout: std::mem::take(&mut printed.stdout),
        stderr: std::mem::take(&mut printed.stderr),
        ..Ended::without_trace(budget)
    }
}
