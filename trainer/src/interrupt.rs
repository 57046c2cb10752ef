//! Ctrl-C: the first asks the run to stop at the next safe place, the second ends the process at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::Result;
use tokio::signal::unix::{SignalKind, signal};

use crate::failure::Interrupted;

/// How often a wait looks whether the user asked to stop.
const LOOK: Duration = Duration::from_millis(50);

/// Flag that is true once the user asked to stop. Clones share it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Listens for SIGINT and SIGTERM on the current tokio runtime.
    ///
    /// # Errors
    /// The system refuses the handlers.
    pub(crate) fn listen() -> Result<Self> {
        let interrupt = Self::default();
        let flag = interrupt.clone();
        let (mut int, mut term) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        tokio::spawn(async move {
            loop {
                tokio::select! { _ = int.recv() => {}, _ = term.recv() => {} }
                if flag.0.swap(true, Ordering::SeqCst) {
                    std::process::exit(130);
                }
                tracing::warn!("stopping; once more ends at once");
            }
        });
        Ok(interrupt)
    }

    /// The flag itself, for loops that poll it.
    pub(crate) fn flag(&self) -> &AtomicBool {
        &self.0
    }

    /// Waits for `work`, but not once the user asked to stop: it is dropped then.
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

    /// Ends the command once the user asked to stop.
    ///
    /// # Errors
    /// [`Interrupted`].
    pub(crate) fn check(&self) -> Result<()> {
        if self.0.load(Ordering::SeqCst) { Err(Interrupted.into()) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_wait_ends_with_the_interrupt() {
        let interrupt = Interrupt::default();
        assert_eq!(interrupt.race(async { 3 }).await.unwrap(), 3);
        interrupt.flag().store(true, Ordering::SeqCst);
        let error = interrupt.race(std::future::pending::<()>()).await.unwrap_err();
        assert!(error.is::<Interrupted>());
    }
}
