//! Verifiers in Python: a file with a function that judges, written for this project, for verl or for TRL.
//!
//! The function is recognised by its parameters (`find.py`); `harness.py` calls it. `docs/plug-ins.md` says what each
//! style is given and may return.
//!
//! ```text
//! [verifiers.python.gsm8k]
//! file = "rewards/gsm8k.py"
//! isolation = "jail"
//! ```
//!
//! Completions are judged in batches. A call that raises is an error of its own. One that hangs or takes its process
//! with it ends that run, and the others of its batch are judged in another.

mod config;
mod groups;
mod harness;
mod open_batch;
mod plugin;
mod plugin_file;
mod sandboxed;
mod trusted;

use std::sync::Arc;

use datasets::Task;
use futures::future::join_all;
use sandbox_api::Client;
use serde_json::Value;
use tokio::sync::OnceCell;

pub use self::config::{PythonConfig, PythonIsolation};
use self::groups::Groups;
use self::harness::Style;
use self::plugin::{Plugin, PythonWorker};
use crate::batching::{BatchLimits, Batching};
use crate::{GroupFuture, Judged, ReadyFuture, ScoreRange, VerdictFuture, Verifier, VerifierError};

/// Columns that a function in TRL's style has of every task.
const COLUMNS: [&str; 8] = ["prompts", "completions", "id", "task", "source", "ground_truth", "answer", "solution"];

/// A verifier that a Python file defines.
pub struct PythonVerifier {
    name: String,
    config: PythonConfig,
    client: Client,
    loaded: OnceCell<Loaded>,
}

struct Loaded {
    plugin: Arc<Plugin>,
    batching: Batching<PythonWorker>,
    groups: Groups,
}

impl PythonVerifier {
    /// A verifier called `name`. The file is read when it is made ready, or else at the first completion; a file that
    /// is not trusted runs on the code execution server that `client` calls.
    pub fn new(name: String, config: PythonConfig, client: Client) -> Self {
        Self { name, config, client, loaded: OnceCell::new() }
    }

    async fn loaded(&self) -> Result<&Loaded, VerifierError> {
        let load = async || {
            let plugin = Arc::new(Plugin::load(&self.name, &self.config, &self.client).await?);
            let limits = BatchLimits { workers: self.config.workers, batch: self.config.batch };
            let of_workers = plugin.clone();
            let make = move || PythonWorker::new(of_workers.clone());
            let groups = Groups::new(plugin.clone(), self.config.workers);
            Ok(Loaded { plugin, batching: Batching::new(limits, make), groups })
        };
        self.loaded.get_or_try_init(load).await
    }
}

impl Verifier for PythonVerifier {
    fn name(&self) -> &str {
        &self.name
    }

    fn range(&self) -> ScoreRange {
        self.config.range
    }

    fn compares(&self) -> bool {
        self.config.group
    }

    fn prepare(&self) -> ReadyFuture<'_> {
        Box::pin(async { self.loaded().await.map(|_| ()) })
    }

    /// Once the file is loaded, checks that a task has the columns without which a function in TRL's style cannot be
    /// called.
    fn check(&self, task: &Task, _ground_truth: &Value) -> Result<(), VerifierError> {
        let Some(loaded) = self.loaded.get() else { return Ok(()) };
        let found = loaded.plugin.found();
        let has = |name: &String| {
            COLUMNS.contains(&name.as_str()) || task.meta.as_ref().is_some_and(|meta| meta.get(name).is_some())
        };
        match found.needed.iter().find(|name| found.style == Style::Trl && !has(name)) {
            Some(name) => {
                let problem = format!("`{}` needs `{name}`, which the task's `meta` does not have", found.function);
                Err(VerifierError::ground_truth(task, &self.name, problem))
            }
            None => Ok(()),
        }
    }

    fn verify<'a>(&'a self, judged: &'a Judged) -> VerdictFuture<'a> {
        Box::pin(async {
            let question = serde_json::to_vec(judged);
            let question = question.map_err(|error| VerifierError::crashed(&self.name, error.to_string()))?;
            let loaded = self.loaded().await?;
            if self.config.group {
                let outcome = loaded.groups.ask(&self.name, vec![question]).await.pop();
                return outcome.unwrap_or_else(|| Err(VerifierError::crashed(&self.name, "it gave no answer")));
            }
            loaded.batching.ask(&self.name, question).await
        })
    }

    /// One call for all completions, where the configuration says `group`.
    fn verify_group<'a>(&'a self, group: &'a [Judged]) -> GroupFuture<'a> {
        Box::pin(async {
            if !self.config.group {
                return join_all(group.iter().map(|judged| self.verify(judged))).await;
            }
            let questions = group.iter().map(serde_json::to_vec).collect::<Result<Vec<_>, _>>();
            let asked = match (questions, self.loaded().await) {
                (Ok(questions), Ok(loaded)) => return loaded.groups.ask(&self.name, questions).await,
                (Err(error), _) => VerifierError::crashed(&self.name, error.to_string()),
                (_, Err(error)) => error,
            };
            let (kind, problem) = (asked.kind(), asked.to_string());
            let error = || VerifierError::NoVerdict { name: self.name.clone(), kind, problem: problem.clone() };
            group.iter().map(|_| Err(error())).collect()
        })
    }
}
