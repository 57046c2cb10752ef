//! What a tool is: a description for the chat template, and an answer to a call.

use std::fmt::Debug;

use futures::future::BoxFuture;
use serde_json::{Map, Value};

/// A tool that completions may call.
pub(crate) trait Tool: Debug + Send + Sync {
    /// Name by which it is called.
    fn name(&self) -> &str;

    /// Function description as JSON Schema, as chat templates read it.
    fn description(&self) -> Value;

    /// Answers a call with a text.
    fn call<'a>(&'a self, arguments: &'a Map<String, Value>) -> BoxFuture<'a, Result<String, ToolError>>;
}

/// A call that came to nothing; the text is the policy's to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ToolError {
    /// It took longer than it may.
    TimedOut(String),
    /// Anything else.
    Failed(String),
}
