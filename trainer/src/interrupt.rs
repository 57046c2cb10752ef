//! Ctrl-C, SIGTERM and SIGUSR1: the first asks the command to stop, the second ends the process at once.
//!
//! A command that trains finishes its step and saves it; any other is stopped where it is. Of several ranks each may be
//! asked, and rank 0 decides for all.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use signal_hook::low_level::exit; // at once: libtorch does not bear its own end while it computes
use tokio::signal::unix::{SignalKind, signal};

use crate::failure::{Interrupted, Saved};

/// How often a wait looks whether the user asked to stop.
const LOOK: Duration = Duration::from_millis(50);

/// How a command was asked to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Asked {
    /// By a user: Ctrl-C.
    ToStop,
    /// By whoever gave the machine and wants it back: SIGTERM, or SIGUSR1 as Slurm's `--signal` sends it.
    ToMakeRoom,
}

/// What the user asked for. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interrupt(Arc<Requests>);

#[derive(Debug, Default)]
struct Requests {
    /// How the command was asked to stop, here or on another rank.
    asked: Mutex<Option<Asked>>,
    /// A signal came to this process.
    is_signalled: AtomicBool,
    /// Steps are finished before the command stops.
    finishes_steps: AtomicBool,
    /// What is under way is to be dropped.
    is_cut: AtomicBool,
    /// Longest time from the first signal to the end of the step.
    grace: Mutex<Option<Duration>>,
    /// Step after which a run ends, though it has more.
    last_step: Mutex<Option<u64>>,
}

/// While it lives, steps are finished: see [`Interrupt::finish_steps`].
#[derive(Debug)]
pub(crate) struct Steps(Interrupt);

impl Interrupt {
    /// Listens for SIGINT, SIGTERM and SIGUSR1 on the current tokio runtime.
    ///
    /// # Errors
    /// The system refuses the handlers.
    pub(crate) fn listen() -> Result<Self> {
        let interrupt = Self::default();
        let listener = interrupt.clone();
        let mut int = signal(SignalKind::interrupt())?;
        let (mut term, mut user) = (signal(SignalKind::terminate())?, signal(SignalKind::user_defined1())?);
        tokio::spawn(async move {
            loop {
                let asked = tokio::select! {
                    _ = int.recv() => Asked::ToStop,
                    _ = term.recv() => Asked::ToMakeRoom,
                    _ = user.recv() => Asked::ToMakeRoom,
                };
                if listener.ask(asked) {
                    exit(130);
                }
                let when = if listener.finishes_steps() { " once the step is done and saved" } else { "" };
                tracing::warn!("stopping{when}; once more ends at once");
                if let (true, Some(grace)) = (listener.finishes_steps(), *lock(&listener.0.grace)) {
                    tokio::spawn(async move {
                        tokio::time::sleep(grace).await;
                        let seconds = grace.as_secs();
                        tracing::error!("the step is not saved after {seconds} s (checkpoint.grace_seconds): ending");
                        exit(130);
                    });
                }
            }
        });
        Ok(interrupt)
    }

    /// Notes a signal; true where one came before.
    fn ask(&self, asked: Asked) -> bool {
        lock(&self.0.asked).get_or_insert(asked);
        let again = self.0.is_signalled.swap(true, Ordering::SeqCst);
        if !self.finishes_steps() {
            self.0.is_cut.store(true, Ordering::SeqCst);
        }
        again
    }

    /// Notes that another rank's process was asked.
    pub(crate) fn ask_of_rank(&self, asked: Asked) {
        lock(&self.0.asked).get_or_insert(asked);
    }

    fn finishes_steps(&self) -> bool {
        self.0.finishes_steps.load(Ordering::SeqCst)
    }

    /// From now on, and as long as the value returned lives, nothing under way is dropped: the loop of a training run
    /// looks once at the end of each step whether it was [asked](Self::asked) to stop, and if so saves the step and
    /// ends. Where that takes longer than `grace`, the process ends at once.
    ///
    /// # Errors
    /// [`Interrupted`] where the user asked to stop before.
    pub(crate) fn finish_steps(&self, grace: Option<Duration>) -> Result<Steps> {
        *lock(&self.0.grace) = grace;
        self.0.finishes_steps.store(true, Ordering::SeqCst);
        let steps = Steps(self.clone());
        if self.asked().is_some() { Err(Interrupted.into()) } else { Ok(steps) }
    }

    /// Has a run end after a step, saved, though it has more: another goes on from there.
    pub(crate) fn end_after(&self, step: u64) {
        *lock(&self.0.last_step) = Some(step);
    }

    /// True where the run was to end after this step, or an earlier one.
    pub(crate) fn is_end(&self, step: u64) -> bool {
        lock(&self.0.last_step).is_some_and(|last| step >= last)
    }

    /// How the command was asked to stop, once it was.
    pub(crate) fn asked(&self) -> Option<Asked> {
        *lock(&self.0.asked)
    }

    /// True once what is under way is to be dropped, for loops that poll it.
    pub(crate) fn flag(&self) -> &AtomicBool {
        &self.0.is_cut
    }

    /// Waits for `work`, but not once it is to be dropped.
    ///
    /// # Errors
    /// [`Interrupted`].
    pub(crate) async fn race<T>(&self, work: impl Future<Output = T>) -> Result<T> {
        let mut work = std::pin::pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return Ok(done),
                () = tokio::time::sleep(LOOK) => self.check()?,
            }
        }
    }

    /// Ends the command once what is under way is to be dropped.
    ///
    /// # Errors
    /// [`Interrupted`].
    pub(crate) fn check(&self) -> Result<()> {
        if self.0.is_cut.load(Ordering::SeqCst) { Err(Interrupted.into()) } else { Ok(()) }
    }
}

impl Asked {
    /// The end of a run that was asked and has saved its step.
    pub(crate) fn end(self) -> anyhow::Error {
        match self {
            Self::ToStop => Interrupted.into(),
            Self::ToMakeRoom => Saved.into(),
        }
    }
}

impl Drop for Steps {
    fn drop(&mut self) {
        let requests = &self.0.0;
        requests.finishes_steps.store(false, Ordering::SeqCst);
        if self.0.asked().is_some() {
            requests.is_cut.store(true, Ordering::SeqCst);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_wait_ends_with_the_interrupt() {
        let interrupt = Interrupt::default();
        assert_eq!(interrupt.race(async { 3 }).await.unwrap(), 3);
        assert!(!interrupt.ask(Asked::ToStop));
        let error = interrupt.race(std::future::pending::<()>()).await.unwrap_err();
        assert!(error.is::<Interrupted>());
        assert!(interrupt.ask(Asked::ToStop), "the second signal is told from the first");
    }

    #[test]
    fn the_first_signal_is_the_first_though_another_rank_was_asked_before() {
        let interrupt = Interrupt::default();
        interrupt.ask_of_rank(Asked::ToMakeRoom);
        assert!(!interrupt.ask(Asked::ToStop) && interrupt.ask(Asked::ToStop));
        assert_eq!(interrupt.asked(), Some(Asked::ToMakeRoom));
    }

    #[test]
    fn a_step_is_finished_and_the_next_command_is_not_begun() {
        let interrupt = Interrupt::default();
        let steps = interrupt.finish_steps(None).unwrap();
        interrupt.ask(Asked::ToStop);
        assert!(interrupt.asked().is_some() && interrupt.check().is_ok() && !interrupt.flag().load(Ordering::SeqCst));
        drop(steps);
        assert!(interrupt.check().is_err());
        assert!(interrupt.finish_steps(None).is_err());
    }
}
