//! The bench and the soak, small. They take turns: each measures, or looks over, the whole process.

mod bench;
mod soak;

use std::future::Future;
use std::sync::{Mutex, PoisonError};

use tokio::runtime::Runtime;

/// Held by the test that runs.
static TURN: Mutex<()> = Mutex::new(());

/// Runs `test` while no other test of this process runs. The async runtime, with its open files and threads, comes and
/// goes within the turn, so that no other test sees a half of it.
fn alone(test: impl Future<Output = ()>) {
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    Runtime::new().unwrap().block_on(test);
}
