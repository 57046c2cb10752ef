//! Exit codes of a command: 0 done, 1 failed, 2 wrong usage or configuration, 130 interrupted.

use std::fmt;

/// Error of the user's arguments or files; nothing was started.
#[derive(Debug)]
pub(crate) struct Usage(String);

impl Usage {
    /// An error that ends with code 2.
    pub(crate) fn error(message: impl Into<String>) -> anyhow::Error {
        anyhow::Error::new(Self(message.into()))
    }
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// End of a command by Ctrl-C or SIGTERM.
#[derive(Debug)]
pub(crate) struct Interrupted;

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("interrupted; a run goes on from its last checkpoint with --resume")
    }
}

impl std::error::Error for Interrupted {}

/// The exit code of an error.
pub(crate) fn exit_code(error: &anyhow::Error) -> u8 {
    if error.is::<Interrupted>() {
        130
    } else if error.is::<Usage>() {
        2
    } else {
        1
    }
}
