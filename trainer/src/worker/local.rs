//! A model on a thread of this process.

use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use anyhow::{Context, Result};
use tokio::sync::mpsc as channel;
use tokio::sync::{oneshot, watch};

use super::command::{Answers, ModelCommand, ModelEvent};
use super::lead::{Lead, REST};
use super::state::ModelState;
use crate::ranks::Team;

const GONE: &str = "the model's thread is gone: a computation failed, see the message above";

/// A handle to the thread that owns the model.
#[derive(Clone, Debug)]
pub(crate) struct ModelWorker {
    thread: Arc<ModelThread>,
    /// Closed when the thread ends.
    alive: watch::Receiver<()>,
}

/// The thread. Dropped with the last handle, it ends after the command in hand, and is waited for: libtorch does not
/// bear that the process ends while it computes.
#[derive(Debug)]
struct ModelThread {
    /// There until the thread is to end.
    commands: Option<mpsc::Sender<(ModelCommand, Answers)>>,
    handle: Option<JoinHandle<()>>,
}

impl Drop for ModelThread {
    fn drop(&mut self) {
        drop(self.commands.take());
        if let Some(handle) = self.handle.take() {
            let _ = handle.join(); // a panic has been told
        }
    }
}

impl ModelWorker {
    /// Starts the thread, and loads its state on it; returns also what `load` says of it.
    ///
    /// # Errors
    /// `load` fails, or the thread cannot be started.
    pub(crate) async fn start<R: Send + 'static>(
        load: impl FnOnce() -> Result<(ModelState, R)> + Send + 'static,
    ) -> Result<(Self, R)> {
        Self::start_on(None, |_| load()).await
    }

    /// The same on rank 0 of a team, whose other ranks do their parts of what this thread is told.
    ///
    /// # Errors
    /// As [`ModelWorker::start`].
    pub(crate) async fn start_on<R: Send + 'static>(
        team: Option<Team>,
        load: impl FnOnce(Option<&Team>) -> Result<(ModelState, R)> + Send + 'static,
    ) -> Result<(Self, R)> {
        let (commands, inbox) = mpsc::channel();
        let (loaded, ready) = oneshot::channel();
        let (lives, alive) = watch::channel(());
        let handle = std::thread::Builder::new().name("model".into()).spawn(move || {
            let _lives = lives;
            let is_placed = team.as_ref().map_or(Ok(()), Team::enter_device);
            let state = is_placed.and_then(|()| load(team.as_ref()));
            match state.and_then(|state| team.as_ref().map_or(Ok(()), Team::await_loaded).map(|()| state)) {
                Ok((state, result)) => {
                    let _ = loaded.send(Ok(result));
                    run(Lead::new(state, team), &inbox);
                }
                Err(error) => {
                    let error = match &team {
                        None => error,
                        Some(team) => team.fail(error),
                    };
                    let _ = loaded.send(Err(error));
                }
            }
        })?;
        let result = ready.await.context("the model's thread ended while it loaded")??;
        let thread = Arc::new(ModelThread { commands: Some(commands), handle: Some(handle) });
        Ok((Self { thread, alive }, result))
    }

    /// Waits until the thread is gone, which a computation that panics ends.
    pub(crate) async fn gone(&self) {
        let mut alive = self.alive.clone();
        while alive.changed().await.is_ok() {}
    }

    /// Gives a command, whose answers go to `answers`.
    ///
    /// # Errors
    /// The thread is gone.
    pub(crate) fn send(&self, command: ModelCommand, answers: &Answers) -> Result<()> {
        let commands = self.thread.commands.as_ref().context(GONE)?;
        commands.send((command, answers.clone())).ok().context(GONE)
    }

    /// Gives a command that has one answer, and waits for it.
    ///
    /// # Errors
    /// The command failed, or the thread is gone.
    pub(crate) async fn ask(&self, command: ModelCommand) -> Result<ModelEvent> {
        let (answers, mut events) = channel::unbounded_channel();
        self.send(command, &answers)?;
        drop(answers);
        events.recv().await.context(GONE)?
    }

    /// The same where nothing else can be done meanwhile, off tokio's threads.
    ///
    /// # Errors
    /// As [`ModelWorker::ask`].
    pub(crate) fn ask_blocking(&self, command: ModelCommand) -> Result<ModelEvent> {
        let (answers, mut events) = channel::unbounded_channel();
        self.send(command, &answers)?;
        drop(answers);
        events.blocking_recv().context(GONE)?
    }
}

/// Executes commands, and decodes while there are none.
fn run(mut lead: Lead, inbox: &mpsc::Receiver<(ModelCommand, Answers)>) {
    loop {
        let is_sampling = lead.is_sampling();
        let next = if is_sampling {
            inbox.try_recv()
        } else if lead.has_followers() {
            inbox.recv_timeout(REST).map_err(|error| match error {
                mpsc::RecvTimeoutError::Timeout => mpsc::TryRecvError::Empty,
                mpsc::RecvTimeoutError::Disconnected => mpsc::TryRecvError::Disconnected,
            })
        } else {
            inbox.recv().map_err(|_| mpsc::TryRecvError::Disconnected)
        };
        match next {
            Ok((command, answers)) => lead.execute(command, &answers),
            Err(mpsc::TryRecvError::Empty) if is_sampling => lead.decode(),
            Err(mpsc::TryRecvError::Empty) => lead.rest(),
            Err(mpsc::TryRecvError::Disconnected) => return lead.end(),
        }
    }
}
