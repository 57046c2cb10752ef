//! The failure by which a call was given up.

/// Why the last attempt of a call that was given up failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LastFailure {
    /// There was no answer: no connection, or it broke.
    NoAnswer,
    /// The answer did not come in time.
    Slow,
    /// The server answered with this status.
    Status(u16),
}
