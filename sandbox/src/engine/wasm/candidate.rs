//! A candidate: a job with its limits before it starts, run as a program or asked by a judge.

use sandbox_api::Limits;
use serde_json::{Map, Value};

use super::ended::Ended;
use super::host::{Ending, Host, Peer};
use super::instance::{Instance, InstanceSource};
use super::output_buffers::OutputBuffers;
use super::time_budget::{TimeBudget, within};
use crate::engine::RunEnd;

/// A candidate that has not started yet; its time already runs.
pub(super) struct CandidateStart {
    source: InstanceSource,
    job: String,
    stdin: String,
    pub(super) limits: Limits,
    pub(super) budget: TimeBudget,
}

impl CandidateStart {
    /// A candidate for a job as the guest takes it, with `stdin` and `limits` among its fields.
    ///
    /// # Errors
    /// The limits cannot be read.
    pub(super) fn of(mut job: Map<String, Value>, source: InstanceSource) -> Result<Self, serde_json::Error> {
        let limits: Limits = serde_json::from_value(job.remove("limits").unwrap_or_default())?;
        let stdin = match job.remove("stdin") {
            Some(Value::String(text)) => text,
            _ => String::new(),
        };
        let budget = TimeBudget::begin(limits.wall_seconds, limits.cpu_seconds);
        Ok(Self { source, job: serde_json::to_string(&job)?, stdin, limits, budget })
    }

    /// Runs the candidate as a program. Returns its end, and the instance that is left of it.
    pub(super) async fn run_program(self) -> (Ended, Option<Instance>) {
        let output_bytes = self.limits.output_bytes;
        let (mut instance, job) = match self.instance().await {
            Ok(started) => started,
            Err(ended) => return (ended, None),
        };
        let (python, store) = (&instance.python, &mut instance.store);
        let ended = match within(instance.budget, python.call_run(store, &job)).await {
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

    async fn instance(self) -> Result<(Instance, String), Ended> {
        let output = OutputBuffers::with_room(self.limits.output_bytes);
        let fuel = self.limits.fuel;
        let host = Host::new(self.stdin, output, self.limits.memory_bytes, self.limits.file_bytes, fuel.is_some());
        let instance = self.source.equip(host, self.budget, fuel.unwrap_or(u64::MAX)).await?;
        Ok((instance, self.job))
    }
}

/// A judge's candidate: the first question starts it, and a question without an answer ends it.
pub(super) struct JudgedCandidate {
    budget: TimeBudget,
    start: Option<CandidateStart>,
    running: Option<Instance>,
    ended: Option<Ended>,
}

impl JudgedCandidate {
    pub(super) fn new(start: CandidateStart) -> Self {
        Self { budget: start.budget, start: Some(start), running: None, ended: None }
    }

    async fn load(&mut self, start: CandidateStart) -> Option<String> {
        let (mut candidate, job) = match start.instance().await {
            Ok(started) => started,
            Err(ended) => {
                self.ended = Some(ended);
                return None;
            }
        };
        let (python, store) = (&candidate.python, &mut candidate.store);
        match within(candidate.budget, python.call_load(store, &job)).await {
            Ok(Ok(names)) => {
                self.running = Some(candidate);
                return Some(names);
            }
            Ok(Err(status)) => self.ended = Some(candidate.ended(RunEnd::Exited, status)),
            Err(error) => self.ended = Some(candidate.failed(&error)),
        }
        None
    }
}

#[wasmtime_wasi::async_trait]
impl Peer for JudgedCandidate {
    async fn ask(&mut self, request: String) -> Option<String> {
        if let Some(start) = self.start.take() {
            return self.load(start).await;
        }
        let mut candidate = self.running.take()?;
        let (python, store) = (&candidate.python, &mut candidate.store);
        match within(candidate.budget, python.call_answer(store, &request)).await {
            Ok(answer) => {
                self.running = Some(candidate);
                Some(answer)
            }
            Err(error) => {
                self.ended = Some(candidate.failed(&error));
                None
            }
        }
    }

    fn end(self: Box<Self>) -> Ended {
        match *self {
            Self { ended: Some(ended), .. } => ended,
            Self { running: Some(candidate), .. } => candidate.ended(RunEnd::Exited, 0),
            Self { budget, .. } => Ended::without_trace(budget),
        }
    }
}
