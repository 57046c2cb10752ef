//! What is wrong with a request or a token before it goes anywhere.

/// A request that no server could answer: limits out of range, tests that are no tests. The text names the field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadRequest(pub String);

/// A token that cannot be used, or a file that holds none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("sandbox: {0}")]
pub struct BadToken(pub String);
