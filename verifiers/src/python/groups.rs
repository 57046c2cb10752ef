//! Calls for whole groups: all completions of a prompt, and no others, in one call. It must not know what they are for.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::future::join_all;
use tokio::sync::Semaphore;

use super::plugin::{Plugin, PythonWorker};
use crate::VerifierError;
use crate::batching::{BatchWorker, Call, CallOutcome};

/// The workers that judge groups, made as they are needed, and kept.
pub(super) struct Groups {
    plugin: Arc<Plugin>,
    places: Semaphore,
    idle: Mutex<Vec<PythonWorker>>,
}

impl Groups {
    /// Judges so many groups at one time.
    pub(super) fn new(plugin: Arc<Plugin>, workers: usize) -> Self {
        Self { plugin, places: Semaphore::new(workers), idle: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<PythonWorker>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The outcomes for the questions of a group, in their order.
    pub(super) async fn ask(&self, name: &str, questions: Vec<Vec<u8>>) -> Vec<CallOutcome> {
        let _place = self.places.acquire().await;
        let idle = self.lock().pop();
        let mut worker = idle.unwrap_or_else(|| PythonWorker::new(self.plugin.clone()));
        let (calls, outcomes): (VecDeque<Call>, Vec<_>) = questions.into_iter().map(Call::new).unzip();
        drop(worker.judge(calls).await); // none is judged again without the others
        self.lock().push(worker);
        let lost = |_| Err(VerifierError::crashed(name, "it gave no answer"));
        join_all(outcomes).await.into_iter().map(|outcome| outcome.unwrap_or_else(lost)).collect()
    }
}
