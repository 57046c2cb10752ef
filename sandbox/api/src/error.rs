//! Errors in a request or a token that are found before it is sent or run.

/// A request that no server could answer, such as one with limits out of range or without a test. The text names the
/// field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadRequest(pub String);

/// A token that cannot be used, or a file that holds none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("sandbox: {0}")]
pub struct BadToken(pub String);
