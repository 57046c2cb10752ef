//! A report as one engine came to it, and what that engine lacked.

use crate::engine::Lack;

/// The outcome of a request on one engine.
pub(crate) struct Attempt<R> {
    pub report: R,
    /// What stopped the program for want of it, if that engine was the wasm engine.
    pub lack: Option<Lack>,
}
