//! Exit codes of a command: 0 done, 1 failed, 2 wrong usage, configuration or data, 75 stopped and saved, to be started
//! again, 130 interrupted.

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

/// End of a run that was asked by SIGTERM or SIGUSR1 to make room, and has saved its last step.
#[derive(Debug)]
pub(crate) struct Saved;

impl fmt::Display for Saved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("stopped, and nothing is lost; the same command with --resume auto goes on")
    }
}

impl std::error::Error for Saved {}

/// End with the exit code of another process.
#[derive(Debug)]
pub(crate) struct Ended {
    exit_code: u8,
    reason: String,
}

impl Ended {
    /// An error that ends with `exit_code`.
    pub(crate) fn error(exit_code: u8, reason: String) -> anyhow::Error {
        anyhow::Error::new(Self { exit_code, reason })
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for Ended {}

/// The exit code of an error.
pub(crate) fn exit_code(error: &anyhow::Error) -> u8 {
    if let Some(ended) = error.downcast_ref::<Ended>() {
        ended.exit_code
    } else if error.is::<Interrupted>() {
        130
    } else if error.is::<Saved>() {
        // EX_TEMPFAIL of sysexits.h: try again.
        75
    } else if error.is::<Usage>() {
        2
    } else {
        1
    }
}

/// An error with its causes, each said once: a library's words may already end with those of its cause.
pub(crate) fn in_words(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if text.is_empty() {
            text = cause;
        } else if !text.ends_with(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

/// Writes an error where torchrun looks for that of a worker (`TORCHELASTIC_ERROR_FILE`), in its own layout
/// (`torch/distributed/elastic/multiprocessing/errors/error_handler.py`).
pub(crate) fn write_error_file(error: &anyhow::Error) {
    let Some(path) = std::env::var_os("TORCHELASTIC_ERROR_FILE").filter(|path| !path.is_empty()) else { return };
    let seconds = std::time::SystemTime::UNIX_EPOCH.elapsed().map_or(0, |time| time.as_secs());
    let extra = serde_json::json!({"timestamp": seconds.to_string(), "exit_code": exit_code(error)});
    let message = serde_json::json!({"message": {"message": in_words(error), "extraInfo": extra}});
    if let Err(error) = std::fs::write(&path, message.to_string()) {
        tracing::warn!("TORCHELASTIC_ERROR_FILE={}: {error}", path.display());
    }
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::in_words;

    #[test]
    fn a_cause_is_said_once() {
        let error = anyhow!("not there").context("a.jsonl: cannot be read: not there").context("data");
        assert_eq!(in_words(&error), "data: a.jsonl: cannot be read: not there");
        assert_eq!(in_words(&anyhow!("why").context("what")), "what: why");
    }
}
