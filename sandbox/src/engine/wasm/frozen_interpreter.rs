//! The frozen interpreter: loads it, keeps instances ready, and runs jobs in them.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use wasmtime::component::Linker;
use wasmtime::{Config, Engine};

use super::candidate::{CandidateStart, JudgedCandidate};
use super::component::Component;
use super::ended::Ended;
use super::filesystem;
use super::host::{Host, Python, PythonPre};
use super::instance::{IdleInstance, Instance, InstanceSource};
use super::memory::Memories;
use super::output_buffers::OutputBuffers;
use super::protocol::{AssertsJob, ReceivedJob};
use crate::engine::RunEnd;

/// Stack of an instance; the kernel gives its pages at their first use. CPython watches a stack of its own, in the
/// linear memory; taking objects apart step by step, such as a long list of linked ones, shows on this one alone.
const STACK_BYTES: usize = 256 << 20;
/// Stack that is left for the host's functions.
const HOST_STACK_BYTES: usize = 1 << 20;
/// Limits of a judge: memory, printed bytes, bytes of files.
const JUDGE_MEMORY_BYTES: u64 = 512 << 20;
const JUDGE_OUTPUT_BYTES: u64 = 1 << 20;
const JUDGE_FILE_BYTES: u64 = 1 << 20;
/// Time that a judge has beyond its candidate's.
const JUDGE_SPARE: Duration = Duration::from_secs(1);

/// The loaded interpreter, with the instances that stand by.
pub(super) struct FrozenInterpreter {
    pre: PythonPre<Host>,
    /// Instances that were made ahead of their jobs.
    idle: Vec<IdleInstance>,
    /// Instances that the last job took.
    num_wanted: usize,
    /// The last program's instance, which `stand_by` drops: by then the program's end has been reported.
    spent: Option<Instance>,
}

impl FrozenInterpreter {
    /// Loads the component; compiles it first if that was never done on this machine.
    ///
    /// # Errors
    /// The reason why the component cannot be loaded.
    pub(super) fn load(component: &Component) -> Result<Self, String> {
        let broken = |error: wasmtime::Error| format!("{error:#}");
        let memories = Arc::new(Memories::default());
        let engine = Engine::new(config().with_host_memory(memories.clone())).map_err(broken)?;
        let (compiled, image) = component.load(&engine)?;
        memories.start_with(image).map_err(|error| format!("the interpreter's memory cannot be mapped: {error}"))?;
        let mut linker: Linker<Host> = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker).map_err(broken)?;
        filesystem::add_to_linker(&mut linker, Host::files).map_err(broken)?;
        Python::add_to_linker::<_, wasmtime::component::HasSelf<_>>(&mut linker, |host| host).map_err(broken)?;
        let pre = linker.instantiate_pre(&compiled).and_then(PythonPre::new).map_err(broken)?;
        Ok(Self { pre, idle: Vec::new(), num_wanted: 1, spent: None })
    }

    /// Makes instances ready for a job like the last one, so that the job does not wait for them.
    pub(super) async fn stand_by(&mut self) {
        self.spent = None;
        while self.idle.len() < self.num_wanted {
            // The job that needs the instance tries again, and reports the error.
            let Ok(idle) = IdleInstance::start(&self.pre).await else { break };
            self.idle.push(idle);
        }
    }

    /// Runs one job to its end.
    ///
    /// # Errors
    /// The job's limits cannot be read.
    pub(super) async fn run(&mut self, received: ReceivedJob) -> Result<Ended, serde_json::Error> {
        self.num_wanted = if received.tests.is_some() { 2 } else { 1 };
        let start = CandidateStart::of(received.job, self.source())?;
        match received.tests {
            None => {
                let (ended, spent) = start.run_program().await;
                self.spent = spent;
                Ok(ended)
            }
            Some(tests) => Ok(self.judge(start, tests).await),
        }
    }

    fn source(&mut self) -> InstanceSource {
        self.idle.pop().map_or_else(|| InstanceSource::New(self.pre.clone()), InstanceSource::Idle)
    }

    async fn judge(&mut self, start: CandidateStart, tests: AssertsJob) -> Ended {
        let (budget, is_repeatable) = (start.budget, start.limits.fuel.is_some());
        let job = json!({
            "setup": tests.setup, "tests": tests.tests, "stop": tests.stop, "limits": start.limits,
        });
        let output = OutputBuffers::with_room(JUDGE_OUTPUT_BYTES);
        let mut host = Host::new(String::new(), output, JUDGE_MEMORY_BYTES, JUDGE_FILE_BYTES, is_repeatable);
        host.peer = Some(Box::new(JudgedCandidate::new(start)));
        let mut judge = match self.source().equip(host, budget.extended(JUDGE_SPARE), u64::MAX).await {
            Ok(judge) => judge,
            Err(ended) => return Ended { end: RunEnd::SetupFailed, ..ended },
        };
        let said = judge.judge(&job.to_string()).await;
        let peer = judge.store.into_data().peer;
        let ended = peer.map_or_else(|| Ended::without_trace(budget), |peer| peer.end());
        Ended { judged: said.ok(), ..ended }
    }
}

fn config() -> Config {
    let mut config = Config::new();
    config.consume_fuel(true);
    config.max_wasm_stack(STACK_BYTES).async_stack_size(STACK_BYTES + HOST_STACK_BYTES);
    // `Memories` maps the data itself.
    config.memory_init_cow(false);
    config.wasm_backtrace_max_frames(NonZeroUsize::new(1));
    config
}
