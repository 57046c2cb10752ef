//! The outputs of reference solutions, each found once and kept. It must not know what is compared with them.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

use datasets::Task;
use sandbox_api::{Client, EngineKind, Limits, RunReport, RunRequest, RunStatus};
use serde::Deserialize;
use tokio::sync::OnceCell;

use super::ground_truth::EvalPlusTask;
use super::python::{OUTPUT, TASKS, python_text};
use crate::VerifierError;
use crate::code::limits::{MOST_WALL, SUITE_MEMORY};

/// The verifier's name.
pub(super) const NAME: &str = "code_evalplus";
const RUN_REFERENCE: &str = include_str!("run_reference.py");
/// Fewest seconds of an input, and the times that the reference's own are taken.
const LEAST_SECONDS: f64 = 4.0;
const TIMES: f64 = 4.0;

/// What a reference says of a task's inputs.
#[derive(Debug)]
pub(super) struct Expected {
    /// The outputs, as `judge.py` reads them.
    pub(super) outputs: String,
    /// Seconds that each input may take.
    pub(super) limits: Vec<f64>,
}

/// The last line that the reference's run prints.
#[derive(Deserialize)]
struct Printed {
    outputs: String,
    seconds: Vec<f64>,
}

/// References that have run, by what they ran on.
#[derive(Default)]
pub(super) struct References {
    known: Mutex<HashMap<u64, Arc<OnceCell<Arc<Expected>>>>>,
}

impl References {
    /// What is expected in a task, from the reference's run or from memory. Whoever asks while it runs waits.
    ///
    /// # Errors
    /// The reference fails, or the server gives no answer: neither is kept.
    pub(super) async fn expected(
        &self,
        task: &Task,
        plus_task: &EvalPlusTask,
        engine: Option<EngineKind>,
        client: &Client,
    ) -> Result<Arc<Expected>, VerifierError> {
        let mut hasher = DefaultHasher::new();
        (&plus_task.reference, &plus_task.entry_point, &plus_task.inputs, plus_task.rebuild.word()).hash(&mut hasher);
        let cell = {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            known.entry(hasher.finish()).or_default().clone()
        };
        let run = || async { run(task, plus_task, engine, client).await.map(Arc::new) };
        cell.get_or_try_init(run).await.cloned()
    }
}

async fn run(
    task: &Task,
    plus_task: &EvalPlusTask,
    engine: Option<EngineKind>,
    client: &Client,
) -> Result<Expected, VerifierError> {
    let EvalPlusTask { entry_point, reference, inputs, rebuild, num_inputs, .. } = plus_task;
    let code = format!(
        "{TASKS}\n{RUN_REFERENCE}\nrun_reference({}, {}, inputs_of(sys.stdin.read(), {}))\n",
        python_text(reference),
        python_text(entry_point),
        python_text(rebuild.word()),
    );
    let limits = Limits {
        cpu_seconds: MOST_WALL,
        wall_seconds: MOST_WALL,
        memory_bytes: SUITE_MEMORY,
        output_bytes: OUTPUT,
        ..Limits::default()
    };
    let request = RunRequest { code, engine, limits, stdin: inputs.clone(), ..RunRequest::default() };
    let failed = |cause| VerifierError::Sandbox { task: task.id.clone(), cause };
    let report = client.run(&request).await.map_err(failed)?;
    let broken = |problem: String| VerifierError::ground_truth(task, NAME, format!("its `reference` {problem}"));
    let Printed { outputs, seconds } = printed(&report).map_err(broken)?;
    if seconds.len() != *num_inputs {
        return Err(broken(format!("gave {} outputs for {num_inputs} inputs", seconds.len())));
    }
    Ok(Expected { outputs, limits: seconds.iter().map(|seconds| (seconds * TIMES).max(LEAST_SECONDS)).collect() })
}

fn printed(report: &RunReport) -> Result<Printed, String> {
    if report.status != RunStatus::Ok {
        let last = report.stderr.trim().lines().next_back().unwrap_or("it said nothing");
        return Err(format!("ended with {}: {last}", report.status.as_str()));
    }
    let last = report.stdout.trim_end().lines().next_back().unwrap_or_default();
    serde_json::from_str(last).map_err(|error| format!("printed what cannot be read: {error}"))
}
