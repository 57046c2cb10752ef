//! The bench and the soak, small. They take turns: each measures, or looks over, the whole process.

mod bench;
mod soak;

/// Held by the test that runs.
static TURN: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());
