//! Frames between the server and a worker's process: settings and a greeting once, then a job and its end by turns.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::Isolation;
use crate::engine::Job;

/// The first argument that makes this program a worker.
pub(super) const ARGUMENT: &str = "__sandbox-wasm-worker";

/// The first frame to a worker.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct WorkerSettings {
    pub(super) component: PathBuf,
    /// The level of isolation without which the worker does not start.
    pub(super) minimum: Isolation,
}

/// A worker's answer to its settings.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Hello {
    /// The reason why the worker cannot start, if it cannot.
    pub(super) error: Option<String>,
    /// Layers tried, with the error of those that are not up.
    pub(super) layers: BTreeMap<String, String>,
}

/// One job as the server sends it.
#[derive(Serialize)]
pub(super) struct SentJob<'a> {
    pub(super) job: &'a Job<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tests: Option<AssertsJob>,
}

/// One job as the worker reads it.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct ReceivedJob {
    /// The guest's job, with `stdin` and `limits` among its fields.
    pub(super) job: Map<String, Value>,
    /// The tests, where a judge runs them.
    #[serde(default)]
    pub(super) tests: Option<AssertsJob>,
}

/// The judge's part of a job.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct AssertsJob {
    pub(super) setup: String,
    pub(super) tests: Vec<String>,
    /// True if the tests after the first failed one are left out.
    pub(super) stop: bool,
}
