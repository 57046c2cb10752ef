//! A child process: started with its words in a log, asked to stop once, and read by its exit code.
//!
//! The child has a process group of its own, so that a terminal's Ctrl-C reaches it once, through the sweep. Where the
//! sweep is killed the kernel ends the child too ([`end_with_sweep`]), for no other may write its run meanwhile.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::process::{CommandExt, ExitStatusExt, parent_id};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::stop::Stop;

/// Variable by which a child knows the sweep that started it: the process's id.
pub const PARENT: &str = "PONDER_SWEEP_PROCESS";
/// Time between two looks at the child.
const LOOK: Duration = Duration::from_millis(20);
/// Bytes at the end of a log in which last words are looked for.
const TAIL: u64 = 8192;
/// Most letters of last words.
const MOST_LETTERS: usize = 600;

/// Exit codes of a process that stopped as it was asked to: saved, to be started again; by Ctrl-C or SIGTERM.
const SAVED: i32 = 75;
const INTERRUPTED: i32 = 130;

/// End of a child.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// Exit code 0.
    Done,
    /// It stopped, saved, and is to be started again.
    Stopped,
    /// A signal killed it; its name.
    Killed(String),
    /// It failed; its last words.
    Failed(String),
}

/// Runs a command and waits for its end; `look` is called again and again meanwhile. The words of the child are
/// appended to the file at `log`.
///
/// # Errors
/// The log cannot be written, or the child cannot be waited for.
pub fn run(command: &[OsString], log: &Path, stop: &Stop, look: &mut dyn FnMut()) -> io::Result<End> {
    let (program, arguments) = command.split_first().ok_or_else(|| io::Error::other("there is no command"))?;
    let file = OpenOptions::new().create(true).append(true).open(log)?;
    let begin = file.metadata()?.len();
    let spawned = Command::new(program)
        .args(arguments)
        .env(PARENT, std::process::id().to_string())
        .stdin(Stdio::null())
        .stdout(file.try_clone()?)
        .stderr(file)
        .process_group(0)
        .spawn();
    let mut child = match spawned {
        Ok(child) => child,
        Err(error) => return Ok(End::Failed(format!("{}: cannot be started: {error}", program.display()))),
    };
    let mut is_asked = false;
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if stop.is_asked() && !is_asked {
            is_asked = true;
            // A child that is not waited for keeps its id, so the signal reaches nobody else.
            let _ = kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGTERM);
        }
        look();
        std::thread::sleep(LOOK);
    };
    let killed = |signal: i32| Signal::try_from(signal).map_or(format!("signal {signal}"), |it| it.to_string());
    Ok(match (status.code(), status.signal()) {
        (Some(0), _) => End::Done,
        (Some(SAVED | INTERRUPTED), _) => End::Stopped,
        // A launcher of ranks ends in 128 + N where signal N ended one of them.
        (Some(code @ 129..), _) => End::Killed(killed(code - 128)),
        (Some(code), _) => {
            End::Failed(last_words(log, begin).unwrap_or_else(|| format!("ended with exit code {code}")))
        }
        (None, signal) => End::Killed(killed(signal.unwrap_or_default())),
    })
}

/// The last line that begins with `error:` and what follows it, or else the last line that is not empty.
fn last_words(log: &Path, begin: u64) -> Option<String> {
    let mut file = File::open(log).ok()?;
    let end = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(begin.max(end.saturating_sub(TAIL)))).ok()?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    let words = match lines.iter().rposition(|line| line.starts_with("error:")) {
        Some(index) => lines[index..].join("\n").trim_start_matches("error:").trim().to_owned(),
        None => (*lines.last()?).to_owned(),
    };
    Some(words.chars().take(MOST_LETTERS).collect())
}

/// Has the kernel end this process when the sweep that started it ends, however that happens, for as long as the
/// calling thread lives. Nothing happens in a process that no sweep started.
///
/// # Errors
/// The sweep is gone already, or the system refuses.
pub fn end_with_sweep() -> io::Result<()> {
    let Some(parent) = std::env::var(PARENT).ok().and_then(|id| id.parse::<u32>().ok()) else { return Ok(()) };
    // Children of this process are not the sweep's.
    if parent_id() != parent {
        return Ok(());
    }
    set_pdeathsig(Signal::SIGKILL)?;
    match parent_id() == parent {
        true => Ok(()),
        false => Err(io::Error::other("the sweep that started this run is gone")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end_of(script: &str, stop: &Stop) -> End {
        let folder = tempfile::tempdir().unwrap();
        let command = ["sh", "-c", script].map(OsString::from);
        let log = folder.path().join("log.txt");
        std::fs::write(&log, "error: of an earlier start\n").unwrap();
        run(&command, &log, stop, &mut || ()).unwrap()
    }

    #[test]
    fn an_end_is_read_by_its_code_and_its_last_words() {
        let stop = Stop::default();
        assert_eq!(end_of("exit 0", &stop), End::Done);
        assert_eq!(end_of("exit 75", &stop), End::Stopped);
        assert_eq!(end_of("exit 130", &stop), End::Stopped);
        assert_eq!(end_of("kill -KILL $$", &stop), End::Killed("SIGKILL".into()));
        assert_eq!(end_of("exit 137", &stop), End::Killed("SIGKILL".into()));
        assert_eq!(end_of("echo step 1; echo error: the disk is full; echo by half; exit 1", &stop), {
            End::Failed("the disk is full\nby half".into())
        });
        assert_eq!(end_of("echo nothing more", &stop), End::Done);
        assert_eq!(end_of("echo what now; exit 3", &stop), End::Failed("what now".into()));
        assert_eq!(end_of("exit 3", &stop), End::Failed("ended with exit code 3".into()));
    }

    #[test]
    fn a_program_that_cannot_be_started_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let end =
            run(&["no-such-program".into()], &folder.path().join("log.txt"), &Stop::default(), &mut || ()).unwrap();
        let End::Failed(words) = end else { panic!("{end:?}") };
        assert!(words.starts_with("no-such-program: cannot be started: "), "{words}");
    }

    #[test]
    fn a_child_is_asked_once_and_may_finish() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log.txt");
        let asked = |script: &str| {
            let stop = Stop::default();
            let _ = std::fs::remove_file(&log);
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    while !std::fs::read_to_string(&log).is_ok_and(|text| text.contains("ready")) {
                        std::thread::sleep(LOOK);
                    }
                    stop.ask();
                });
                run(&["sh", "-c", script].map(OsString::from), &log, &stop, &mut || ()).unwrap()
            })
        };
        assert_eq!(asked("trap 'exit 75' TERM; echo ready; while :; do sleep 0.01; done"), End::Stopped);
        assert_eq!(asked("echo ready; while :; do sleep 0.01; done"), End::Killed("SIGTERM".into()));
    }
}
