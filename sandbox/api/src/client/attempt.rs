//! One attempt at a call: what a server answered, and what that is taken for.

use std::time::Duration;

use super::ClientError;

/// A server's answer, whatever its status.
#[derive(Clone, Copy, Debug)]
pub struct Response<'a> {
    /// The server's address.
    pub url: &'a str,
    /// The HTTP status.
    pub status: u16,
    /// The time that the server asks to wait; zero where it asks for none.
    pub wait: Duration,
    /// The body.
    pub body: &'a [u8],
}

/// The result of an attempt.
#[derive(Debug)]
pub enum Attempt<T> {
    /// The call is done.
    Done(T),
    /// The server is busy, and asks to wait this long.
    Busy {
        /// The server's words.
        last: String,
        /// The wait.
        wait: Duration,
    },
    /// The attempt failed at a server that works.
    Failed(String),
    /// The server does not work: its breaker counts it.
    Broken(String),
    /// Another attempt would fail as well.
    Refused(ClientError),
}
