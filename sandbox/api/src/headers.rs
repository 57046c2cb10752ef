//! The HTTP headers that name a caller, its request and its deadline.

/// Names a client, so that clients take turns. Without it the caller's address is the name.
pub const CLIENT_ID: &str = "x-client-id";
/// Names a request, so that a repeated one does not run again.
pub const REQUEST_ID: &str = "x-request-id";
/// Milliseconds that the caller will wait for the answer.
pub const DEADLINE_MS: &str = "x-deadline-ms";
