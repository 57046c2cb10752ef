//! The server's metrics, as Prometheus text. Knows nothing of requests and workers but their names.

use std::time::Duration;

use prometheus::core::Collector;
use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, IntGauge, Opts, Registry, TextEncoder, histogram_opts};
use sandbox_api::{EngineKind, GradeVerdict, ProcessNeed, RunStatus};

/// Upper edges of the time histograms, in seconds.
const SECONDS: [f64; 16] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0];

/// Label under which a failed sandbox is counted; it is no verdict on a program.
const SANDBOX_ERROR: &str = "sandbox_error";

const CHOICES_HELP: &str = "Engines that the server chose, by the program's need and when that was seen.";

/// Reason for which a worker was replaced.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Loss {
    /// The worker hung, crashed or was killed.
    Lost,
    /// The worker was ended because nobody waited for its work any more.
    Cancelled,
}

/// Source of the answer to a repeated request.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Repeat {
    /// The first request was still running: the repeat waits for its answer.
    Joined,
    /// The answer was in memory.
    Remembered,
}

/// State of the queue and the workers at one moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    pub depth: usize,
    pub clients: usize,
    pub busy: usize,
    pub workers: usize,
    pub requests: usize,
}

/// The metrics and their registry.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    gradings: IntCounterVec,
    runs: IntCounterVec,
    choices: IntCounterVec,
    program_seconds: HistogramVec,
    requests: IntCounterVec,
    request_seconds: HistogramVec,
    queue_seconds: HistogramVec,
    errors: IntCounterVec,
    repeats: IntCounterVec,
    replaced: IntCounterVec,
    depth: IntGauge,
    clients: IntGauge,
    busy: IntGauge,
    workers: IntGauge,
    in_flight: IntGauge,
}

impl Metrics {
    /// Registers every metric, at zero.
    ///
    /// # Errors
    /// A name or label that Prometheus does not allow.
    pub(crate) fn new() -> Result<Self, prometheus::Error> {
        let counter = |name: &str, help: &str, labels: &[&str]| IntCounterVec::new(Opts::new(name, help), labels);
        let seconds = |name: &str, help: &str, labels: &[&str]| {
            let options: HistogramOpts = histogram_opts!(name, help, SECONDS.to_vec());
            HistogramVec::new(options, labels)
        };
        let gauge = IntGauge::new;
        let metrics = Self {
            registry: Registry::new(),
            gradings: counter("sandbox_gradings_total", "Graded submissions.", &["verdict", "engine"])?,
            runs: counter("sandbox_runs_total", "Programs run without grading.", &["status", "engine"])?,
            choices: counter("sandbox_engine_choices_total", CHOICES_HELP, &["engine", "need", "seen"])?,
            program_seconds: seconds("sandbox_program_seconds", "Seconds a request's programs ran.", &["engine"])?,
            requests: counter("sandbox_http_requests_total", "Answered requests.", &["endpoint", "status"])?,
            request_seconds: seconds("sandbox_http_request_seconds", "Seconds from request to answer.", &["endpoint"])?,
            queue_seconds: seconds("sandbox_queue_seconds", "Seconds that work waited for a worker.", &[])?,
            errors: counter("sandbox_errors_total", "Requests, or parts of a batch, without a report.", &["type"])?,
            repeats: counter("sandbox_repeats_total", "Repeated requests answered without new work.", &["how"])?,
            replaced: counter("sandbox_workers_replaced_total", "Workers replaced.", &["engine", "reason"])?,
            depth: gauge("sandbox_queue_depth", "Work that waits for a worker.")?,
            clients: gauge("sandbox_queue_clients", "Clients whose work waits.")?,
            busy: gauge("sandbox_workers_busy", "Workers with work in hand.")?,
            workers: gauge("sandbox_workers", "Workers there are.")?,
            in_flight: gauge("sandbox_http_requests_in_flight", "Requests without an answer yet.")?,
        };
        let collectors: [Box<dyn Collector>; 15] = [
            Box::new(metrics.gradings.clone()),
            Box::new(metrics.runs.clone()),
            Box::new(metrics.choices.clone()),
            Box::new(metrics.program_seconds.clone()),
            Box::new(metrics.requests.clone()),
            Box::new(metrics.request_seconds.clone()),
            Box::new(metrics.queue_seconds.clone()),
            Box::new(metrics.errors.clone()),
            Box::new(metrics.repeats.clone()),
            Box::new(metrics.replaced.clone()),
            Box::new(metrics.depth.clone()),
            Box::new(metrics.clients.clone()),
            Box::new(metrics.busy.clone()),
            Box::new(metrics.workers.clone()),
            Box::new(metrics.in_flight.clone()),
        ];
        for collector in collectors {
            metrics.registry.register(collector)?;
        }
        Ok(metrics)
    }

    /// Counts a graded submission.
    pub(crate) fn graded(&self, engine: EngineKind, verdict: GradeVerdict, seconds: f64) {
        self.gradings.with_label_values(&[verdict.as_str(), engine.as_str()]).inc();
        self.program_seconds.with_label_values(&[engine.as_str()]).observe(seconds);
    }

    /// Counts a submission that the sandbox could not grade.
    pub(crate) fn not_graded(&self, engine: EngineKind) {
        self.gradings.with_label_values(&[SANDBOX_ERROR, engine.as_str()]).inc();
    }

    /// Counts a program that was run.
    pub(crate) fn ran(&self, engine: EngineKind, status: RunStatus, seconds: f64) {
        self.runs.with_label_values(&[status.as_str(), engine.as_str()]).inc();
        self.program_seconds.with_label_values(&[engine.as_str()]).observe(seconds);
    }

    /// Counts a program that the sandbox could not run.
    pub(crate) fn not_run(&self, engine: EngineKind) {
        self.runs.with_label_values(&[SANDBOX_ERROR, engine.as_str()]).inc();
    }

    /// Counts an engine that the server chose: for a need that it saw before the run, if any, or for one that showed in
    /// a run on the wasm engine (`late`).
    pub(crate) fn chose(&self, engine: EngineKind, seen: Option<ProcessNeed>, late: Option<ProcessNeed>) {
        let (engine, need, seen) = match (late, seen) {
            (Some(need), _) => (EngineKind::Process, need.as_str(), "after"),
            (None, Some(need)) => (engine, need.as_str(), "before"),
            (None, None) => (engine, "none", "before"),
        };
        self.choices.with_label_values(&[engine.as_str(), need, seen]).inc();
    }

    /// Counts an answered request.
    pub(crate) fn answered(&self, endpoint: &str, status: u16, took: Duration) {
        self.requests.with_label_values(&[endpoint, &status.to_string()]).inc();
        self.request_seconds.with_label_values(&[endpoint]).observe(took.as_secs_f64());
    }

    /// Counts work that left the queue for a worker.
    pub(crate) fn waited(&self, waited: Duration) {
        self.queue_seconds.with_label_values::<&str>(&[]).observe(waited.as_secs_f64());
    }

    /// Counts an error by its type.
    pub(crate) fn failed(&self, kind: &str) {
        self.errors.with_label_values(&[kind]).inc();
    }

    /// Counts a request that needed no work of its own.
    pub(crate) fn repeated(&self, how: Repeat) {
        let how = match how {
            Repeat::Joined => "joined",
            Repeat::Remembered => "remembered",
        };
        self.repeats.with_label_values(&[how]).inc();
    }

    /// Counts a worker that was replaced.
    pub(crate) fn worker_replaced(&self, engine: EngineKind, loss: Loss) {
        let reason = match loss {
            Loss::Lost => "lost",
            Loss::Cancelled => "cancelled",
        };
        self.replaced.with_label_values(&[engine.as_str(), reason]).inc();
    }

    /// Mean seconds that a request's programs ran; 0 before the first request.
    pub(crate) fn mean_program_seconds(&self) -> f64 {
        let of = |kind: EngineKind| self.program_seconds.with_label_values(&[kind.as_str()]);
        let count: u64 = EngineKind::ALL.iter().map(|kind| of(*kind).get_sample_count()).sum();
        let seconds: f64 = EngineKind::ALL.iter().map(|kind| of(*kind).get_sample_sum()).sum();
        if count == 0 { 0.0 } else { seconds / count as f64 }
    }

    /// All metrics as text, with `load` in the gauges.
    ///
    /// # Errors
    /// The metrics cannot be encoded.
    pub(crate) fn text(&self, load: Load) -> Result<String, prometheus::Error> {
        let gauges = [
            (&self.depth, load.depth),
            (&self.clients, load.clients),
            (&self.busy, load.busy),
            (&self.workers, load.workers),
            (&self.in_flight, load.requests),
        ];
        for (gauge, value) in gauges {
            gauge.set(value as i64);
        }
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}
