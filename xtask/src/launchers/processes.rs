//! The processes of one launch: started, watched and ended together.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};

use crate::process_search;

/// Longest time of a launch: longer is a hang.
const BOUND: Duration = Duration::from_secs(600);
/// Time between two looks.
const LOOK: Duration = Duration::from_millis(20);

/// Processes that were started; those that still run are killed when this is dropped.
#[derive(Debug)]
pub(super) struct Processes {
    children: Vec<Child>,
    log: PathBuf,
}

impl Processes {
    /// Starts processes whose output goes to the end of the file `log`.
    ///
    /// # Errors
    /// One of them cannot be started, or the file not be opened.
    pub(super) fn start(commands: impl IntoIterator<Item = Command>, log: &Path) -> Result<Self> {
        let mut processes = Self { children: Vec::new(), log: log.to_owned() };
        let open = || OpenOptions::new().create(true).append(true).open(log);
        for mut command in commands {
            let output: File = open().with_context(|| log.display().to_string())?;
            let error = output.try_clone().with_context(|| log.display().to_string())?;
            command.stdin(Stdio::null()).stdout(output).stderr(error);
            let name = command.get_program().to_string_lossy().into_owned();
            processes.children.push(command.spawn().with_context(|| format!("{name} cannot be started"))?);
        }
        Ok(processes)
    }

    /// Waits until `is_so`.
    ///
    /// # Errors
    /// It is not so in time, or a process has ended before.
    pub(super) fn until(&mut self, what: &str, is_so: impl Fn() -> bool) -> Result<()> {
        let begun = Instant::now();
        while !is_so() {
            let has_ended = self.children.iter_mut().any(|child| !matches!(child.try_wait(), Ok(None)));
            if has_ended || begun.elapsed() > BOUND {
                bail!("{what}: it never was, see {}", self.log.display());
            }
            std::thread::sleep(LOOK);
        }
        Ok(())
    }

    /// Waits until all have ended, each with exit code 0.
    ///
    /// # Errors
    /// One fails, or they do not end in time.
    pub(super) fn succeed(mut self) -> Result<()> {
        let begun = Instant::now();
        for (number, child) in self.children.iter_mut().enumerate() {
            loop {
                match child.try_wait().context("cannot wait for a process")? {
                    Some(status) if status.success() => break,
                    Some(status) => bail!("process {number} ended with {status}, see {}", self.log.display()),
                    None if begun.elapsed() > BOUND => {
                        bail!("process {number} does not end, see {}", self.log.display())
                    }
                    None => std::thread::sleep(LOOK),
                }
            }
        }
        Ok(())
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        for child in &mut self.children {
            let _ = child.kill(); // it may have ended
            let _ = child.wait();
        }
    }
}

/// Kills the process in whose environment all of `variables` (`NAME=value`) stand.
///
/// # Errors
/// There is none.
pub(super) fn kill_the_one_with(variables: &[String]) -> Result<()> {
    let process = process_search::with_variables(process_search::all(), variables);
    let process = process.with_context(|| format!("no process has {}", variables.join(" ")))?;
    kill(process, Signal::SIGKILL).context("cannot kill it")
}
