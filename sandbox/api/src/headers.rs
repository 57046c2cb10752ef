//! The headers by which a caller introduces itself, its request and its deadline.

/// Names a client, so that clients take turns; the address it calls from where absent.
pub const CLIENT_ID: &str = "x-client-id";
/// Names a request, so that one that comes again does not run again.
pub const REQUEST_ID: &str = "x-request-id";
/// Milliseconds that the caller goes on waiting.
pub const DEADLINE_MS: &str = "x-deadline-ms";
