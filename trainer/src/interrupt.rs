//! Ctrl-C and SIGTERM: the first asks the command to stop, the second ends the process at once.
//!
//! A command that trains finishes its step and saves it; any other is stopped where it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Result;
use tokio::signal::unix::{SignalKind, signal};

use crate::failure::Interrupted;

/// How often a wait looks whether the user asked to stop.
const LOOK: Duration = Duration::from_millis(50);

/// What the user asked for. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interrupt(Arc<Requests>);

#[derive(Debug, Default)]
struct Requests {
    /// The user asked to stop.
    is_asked: AtomicBool,
    /// Steps are finished before the command stops.
    finishes_steps: AtomicBool,
    /// What is under way is to be dropped.
    is_cut: AtomicBool,
}

/// While it lives, steps are finished: see [`Interrupt::finish_steps`].
#[derive(Debug)]
pub(crate) struct Steps(Interrupt);

impl Interrupt {
    /// Listens for SIGINT and SIGTERM on the current tokio runtime.
    ///
    /// # Errors
    /// The system refuses the handlers.
    pub(crate) fn listen() -> Result<Self> {
        let interrupt = Self::default();
        let listener = interrupt.clone();
        let (mut int, mut term) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        tokio::spawn(async move {
            loop {
                tokio::select! { _ = int.recv() => {}, _ = term.recv() => {} }
                if listener.ask() {
                    std::process::exit(130);
                }
                let when = if listener.finishes_steps() { " once the step is done and saved" } else { "" };
                tracing::warn!("stopping{when}; once more ends at once");
            }
        });
        Ok(interrupt)
    }

    /// Notes a signal; true where one came before.
    fn ask(&self) -> bool {
        let again = self.0.is_asked.swap(true, Ordering::SeqCst);
        if !self.finishes_steps() {
            self.0.is_cut.store(true, Ordering::SeqCst);
        }
        again
    }

    fn finishes_steps(&self) -> bool {
        self.0.finishes_steps.load(Ordering::SeqCst)
    }

    /// From now on, and as long as the value returned lives, nothing under way is dropped: the loop of a training run
    /// asks [`is_asked`](Self::is_asked) once at the end of each step, and if so saves the step and ends with
    /// [`Interrupted`].
    ///
    /// # Errors
    /// [`Interrupted`] where the user asked to stop before.
    pub(crate) fn finish_steps(&self) -> Result<Steps> {
        self.0.finishes_steps.store(true, Ordering::SeqCst);
        let steps = Steps(self.clone());
        if self.is_asked() { Err(Interrupted.into()) } else { Ok(steps) }
    }

    /// True once the user asked to stop.
    pub(crate) fn is_asked(&self) -> bool {
        self.0.is_asked.load(Ordering::SeqCst)
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

impl Drop for Steps {
    fn drop(&mut self) {
        let requests = &self.0.0;
        requests.finishes_steps.store(false, Ordering::SeqCst);
        if requests.is_asked.load(Ordering::SeqCst) {
            requests.is_cut.store(true, Ordering::SeqCst);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_wait_ends_with_the_interrupt() {
        let interrupt = Interrupt::default();
        assert_eq!(interrupt.race(async { 3 }).await.unwrap(), 3);
        assert!(!interrupt.ask());
        let error = interrupt.race(std::future::pending::<()>()).await.unwrap_err();
        assert!(error.is::<Interrupted>());
        assert!(interrupt.ask(), "the second signal is told from the first");
    }

    #[test]
    fn a_step_is_finished_and_the_next_command_is_not_begun() {
        let interrupt = Interrupt::default();
        let steps = interrupt.finish_steps().unwrap();
        interrupt.ask();
        assert!(interrupt.is_asked() && interrupt.check().is_ok() && !interrupt.flag().load(Ordering::SeqCst));
        drop(steps);
        assert!(interrupt.check().is_err());
        assert!(interrupt.finish_steps().is_err());
    }
}
