//! Handing this process over to another program: cargo or a script.
//!
//! The program replaces this process, so its exit code is the command's and Ctrl-C goes to it alone; where something is
//! to be done after it, this process waits and leaves signals to it. Its environment is the user's: what `cargo run`
//! added for this crate is taken out again, for a build script that watches such a variable would otherwise run once
//! under `cargo xtask test` and once more under `cargo test`.

use std::ffi::OsStr;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode, ExitStatus};

use anyhow::{Context, Result};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::setup;

/// Prefixes of the variables that `cargo run` sets for the program it starts.
const SET_BY_CARGO_RUN: [&str; 4] = ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_", "CARGO_CRATE_"];

/// The cargo that started this program, in the workspace's folder.
pub(crate) fn cargo(root: &Path) -> Command {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    program(&cargo, root)
}

/// A program to run in the workspace's folder with the user's own environment.
pub(crate) fn program(name: impl AsRef<OsStr>, root: &Path) -> Command {
    let mut command = Command::new(name);
    command.current_dir(root);
    for (variable, _) in std::env::vars_os() {
        let text = variable.to_string_lossy();
        if SET_BY_CARGO_RUN.iter().any(|prefix| text.starts_with(prefix)) {
            command.env_remove(&variable);
        }
    }
    if setup::libtorch_of_the_user(root).is_none() {
        command.env_remove("LIBTORCH");
    }
    command
}

/// Replaces this process with `command`. Returns only when that failed, with the reason.
pub(crate) fn replace_with(command: &mut Command) -> anyhow::Error {
    let error = command.exec();
    anyhow::Error::new(error).context(format!("cannot start {}", command.get_program().to_string_lossy()))
}

/// The exit code to end with after a program that ended like this.
pub(crate) fn exit_code(status: ExitStatus) -> ExitCode {
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    code.map_or(ExitCode::FAILURE, ExitCode::from)
}

/// Runs `command` to its end. Ctrl-C reaches it from the terminal, SIGTERM is handed on: it stops as it does when it
/// runs by itself, and only then does this process go on.
///
/// # Errors
/// The program cannot be started or waited for.
pub(crate) fn wait_for(command: &mut Command) -> Result<ExitStatus> {
    let mut signals = Signals::new([SIGINT, SIGTERM]).context("signals cannot be listened to")?;
    let handle = signals.handle();
    let mut child =
        command.spawn().with_context(|| format!("cannot start {}", command.get_program().to_string_lossy()))?;
    let pid = i32::try_from(child.id()).map(Pid::from_raw).context("a process id out of range")?;
    std::thread::spawn(move || {
        for signal in &mut signals {
            if signal == SIGTERM {
                let _ = kill(pid, Signal::SIGTERM); // it may have ended meanwhile
            }
        }
    });
    let status = child.wait().context("cannot wait for a program");
    handle.close();
    status
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_program_that_is_waited_for_gets_sigterm_and_says_how_it_ended() {
        let folder = tempfile::tempdir().unwrap();
        let ready = folder.path().join("ready");
        let script = "trap 'exit 7' TERM; : > \"$0\"; while :; do sleep 0.02; done";
        let mut command = Command::new("sh");
        command.args(["-c", script]).arg(&ready);
        let asked = std::thread::spawn(move || {
            while !ready.exists() {
                std::thread::sleep(Duration::from_millis(5));
            }
            kill(Pid::this(), Signal::SIGTERM).unwrap();
        });
        assert_eq!(wait_for(&mut command).unwrap().code(), Some(7));
        asked.join().unwrap();
        assert!(wait_for(&mut Command::new("no-such-program")).is_err());
    }
}
