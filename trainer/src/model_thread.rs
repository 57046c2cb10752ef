//! The thread that owns the model. All that touches tensors runs there, one job after the other; tokio's threads carry
//! tasks, verdicts and services meanwhile.

use std::sync::mpsc;

use anyhow::{Context, Result};
use tokio::sync::oneshot;

type Job<S> = Box<dyn FnOnce(&mut S) + Send>;

/// A handle to the thread that owns an `S`. Dropping it ends the thread after the job in hand.
#[derive(Debug)]
pub(crate) struct ModelThread<S> {
    jobs: mpsc::Sender<Job<S>>,
}

impl<S: 'static> ModelThread<S> {
    /// Starts the thread, and loads its state on it.
    ///
    /// # Errors
    /// `load` fails, or the thread cannot be started.
    pub(crate) async fn start(load: impl FnOnce() -> Result<S> + Send + 'static) -> Result<Self> {
        let (jobs, inbox) = mpsc::channel::<Job<S>>();
        let (loaded, ready) = oneshot::channel();
        std::thread::Builder::new().name("model".into()).spawn(move || {
            let mut state = match load() {
                Ok(state) => {
                    let _ = loaded.send(Ok(()));
                    state
                }
                Err(error) => {
                    let _ = loaded.send(Err(error));
                    return;
                }
            };
            for job in inbox {
                job(&mut state);
            }
        })?;
        ready.await.context("the model's thread ended while it loaded")??;
        Ok(Self { jobs })
    }

    /// Runs a job on the thread and waits for the result.
    ///
    /// # Errors
    /// The thread is gone, because a job panicked.
    pub(crate) async fn run<R: Send + 'static>(&self, job: impl FnOnce(&mut S) -> R + Send + 'static) -> Result<R> {
        let (answer, answered) = oneshot::channel();
        let job: Job<S> = Box::new(move |state| {
            let _ = answer.send(job(state));
        });
        let gone = "the model's thread is gone: a computation failed, see the message above";
        self.jobs.send(job).ok().context(gone)?;
        answered.await.context(gone)
    }
}
