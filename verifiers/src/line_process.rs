//! A child process that reads lines and answers with lines. It must not know what they say.

use std::os::fd::AsFd;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Longest line that a process may answer with, in bytes.
const MAX_LINE_BYTES: u64 = 1 << 20;

/// Bytes of standard error that are kept.
const TAIL_BYTES: usize = 4096;

/// Longest wait for the last words of a process that has ended.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// What a line of an answer does.
pub(crate) enum Step {
    /// It answers something: the limit for the next begins anew.
    Answered,
    /// It answers nothing.
    Noise,
    /// It is the last.
    Done,
}

/// Why an exchange broke off. The process is of no use then.
#[derive(Debug)]
pub(crate) enum Broken {
    /// No answer came within the limit.
    Silent,
    /// The process ended, or closed its output; with its exit status and last words.
    Ended(String),
    /// A line is no answer; what is wrong with it.
    Malformed(String),
}

/// The running process. Dropping it kills it, with all that it started.
pub(crate) struct LineProcess {
    child: Child,
    /// Its process group, which is its own. `None` once it has ended and the group is killed: its number may then be
    /// another's.
    group: Option<Pid>,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
    tail: Arc<Mutex<Vec<u8>>>,
    draining: JoinHandle<()>,
}

impl LineProcess {
    /// Starts `command`: the program and its arguments. The error says why it does not run.
    pub(crate) fn start(command: &[String]) -> Result<Self, String> {
        let (program, arguments) = command.split_first().ok_or("its `command` is empty")?;
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("`{program}` does not start: {error}"))?;
        let group = child.id().and_then(|id| i32::try_from(id).ok()).map(Pid::from_raw);
        let (Some(stdin), Some(stdout), Some(stderr)) = (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err("its pipes are missing".to_owned());
        };
        let tail = Arc::new(Mutex::new(Vec::new()));
        let draining = tokio::spawn(drain(stderr, tail.clone()));
        Ok(Self { child, group, stdin, stdout: BufReader::new(stdout), tail, draining })
    }

    /// True while the process runs and has written nothing that is not read yet: what it wrote unasked would be taken
    /// for the answer to the next line.
    pub(crate) fn is_ready(&mut self) -> bool {
        let is_running = matches!(self.child.try_wait(), Ok(None));
        if !is_running {
            self.kill_group();
        }
        is_running && !self.has_unread()
    }

    /// Kills what is left of the process and of those that it started.
    fn kill_group(&mut self) {
        if let Some(group) = self.group.take() {
            let _ = killpg(group, Signal::SIGKILL); // nothing may be left
        }
    }

    /// What the process writes within `wait` after its last answer, if anything.
    pub(crate) async fn says_more(&mut self, wait: Duration) -> Option<String> {
        let wait = if self.has_unread() { LAST_WORDS } else { wait };
        if wait.is_zero() {
            return None;
        }
        let more = timeout(wait, self.stdout.fill_buf()).await.ok()?.ok()?;
        let text = String::from_utf8_lossy(more);
        (!more.is_empty()).then(|| sandbox_api::shorten(text.lines().next().unwrap_or_default(), 200))
    }

    fn has_unread(&self) -> bool {
        let stdout = self.stdout.get_ref().as_fd();
        let mut pipe = [PollFd::new(stdout, PollFlags::POLLIN)];
        let in_pipe = |flags: PollFlags| flags.contains(PollFlags::POLLIN);
        !self.stdout.buffer().is_empty()
            || poll(&mut pipe, PollTimeout::ZERO).is_ok() && pipe[0].revents().is_some_and(in_pipe)
    }

    /// Writes `lines` while it reads what comes, the first answer within `limits[0]` and each other within `limits[1]`
    /// of the one before it, until `read` has the last.
    ///
    /// # Errors
    /// The exchange broke off.
    pub(crate) async fn exchange(
        &mut self,
        lines: &[u8],
        limits: [Duration; 2],
        read: impl FnMut(&str) -> Result<Step, String> + Send,
    ) -> Result<(), Broken> {
        let writing = async {
            // A process that has ended reads nothing; the end of its output says so.
            let _ = self.stdin.write_all(lines).await;
            let _ = self.stdin.flush().await;
        };
        let reading = answers(&mut self.stdout, limits, read);
        let outcome = tokio::select! {
            biased;
            outcome = reading => outcome,
            never = async { writing.await; std::future::pending().await } => never,
        };
        match outcome {
            Err(Broken::Ended(how)) => Err(Broken::Ended(self.last_words(how).await)),
            outcome => outcome,
        }
    }

    /// The last lines on standard error.
    pub(crate) fn said(&self) -> String {
        let tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&tail);
        let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        sandbox_api::shorten(&lines[lines.len().saturating_sub(3)..].join(" | "), 500)
    }

    async fn last_words(&mut self, how: String) -> String {
        let status = match timeout(LAST_WORDS, self.child.wait()).await {
            Ok(Ok(status)) => format!(" ({status})"),
            _ => String::new(),
        };
        self.kill_group();
        let _ = timeout(LAST_WORDS, &mut self.draining).await;
        with_words(&format!("{how}{status}"), &self.said())
    }
}

impl Drop for LineProcess {
    fn drop(&mut self) {
        self.kill_group();
    }
}

/// `problem`, with what was said where anything was.
pub(crate) fn with_words(problem: &str, said: &str) -> String {
    if said.is_empty() { problem.to_owned() } else { format!("{problem}: {said}") }
}

/// Reads lines until `read` has the last.
async fn answers(
    stdout: &mut BufReader<ChildStdout>,
    [mut limit, usual]: [Duration; 2],
    mut read: impl FnMut(&str) -> Result<Step, String>,
) -> Result<(), Broken> {
    loop {
        let next = async {
            loop {
                let mut line = Vec::new();
                let ended = |error: std::io::Error| Broken::Ended(format!("its output cannot be read: {error}"));
                (&mut *stdout).take(MAX_LINE_BYTES).read_until(b'\n', &mut line).await.map_err(ended)?;
                if line.last() != Some(&b'\n') {
                    return Err(match line.len() as u64 {
                        0 => Broken::Ended("it ended without an answer".to_owned()),
                        MAX_LINE_BYTES => Broken::Malformed(format!("its line is longer than {MAX_LINE_BYTES} bytes")),
                        _ => Broken::Ended("it ended within its answer".to_owned()),
                    });
                }
                match read(String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r'])) {
                    Ok(Step::Noise) => {}
                    Ok(step) => return Ok(step),
                    Err(problem) => return Err(Broken::Malformed(problem)),
                }
            }
        };
        if let Step::Done = timeout(limit, next).await.map_err(|_| Broken::Silent)?? {
            return Ok(());
        }
        limit = usual;
    }
}

/// Keeps the end of what comes.
async fn drain(mut stderr: ChildStderr, tail: Arc<Mutex<Vec<u8>>>) {
    let mut part = [0; 4096];
    while let Ok(num_bytes @ 1..) = stderr.read(&mut part).await {
        let mut tail = tail.lock().unwrap_or_else(PoisonError::into_inner);
        tail.extend_from_slice(&part[..num_bytes]);
        let surplus = tail.len().saturating_sub(TAIL_BYTES);
        tail.drain(..surplus);
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// True while a process of this number runs: one that nobody has asked for its status any more does not.
    fn runs(id: &str) -> bool {
        let status = std::fs::read_to_string(Path::new("/proc").join(id).join("stat")).unwrap_or_default();
        let state = status.rsplit(')').next().and_then(|rest| rest.trim_start().chars().next());
        state.is_some_and(|state| !matches!(state, 'Z' | 'X'))
    }

    async fn is_gone(id: &str) -> bool {
        for _ in 0..200 {
            if !runs(id) {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        false
    }

    async fn child_of(script: &str) -> (LineProcess, String) {
        let mut process = LineProcess::start(&["sh", "-c", script].map(str::to_owned)).unwrap();
        let mut child = String::new();
        let exchange = process.exchange(b"go\n", [Duration::from_secs(20); 2], |line| {
            child = line.to_owned();
            Ok(Step::Done)
        });
        exchange.await.unwrap();
        (process, child)
    }

    #[tokio::test]
    async fn what_a_process_started_ends_with_it() {
        let (process, child) = child_of("sleep 300 & echo $!; read -r line; wait").await;
        assert!(runs(&child), "{child}");
        drop(process);
        assert!(is_gone(&child).await, "{child}");
    }

    #[tokio::test]
    async fn what_outlives_a_process_ends_when_that_is_found() {
        let (mut process, child) = child_of("sleep 300 > /dev/null 2>&1 & echo $!").await;
        let silent = process.exchange(b"", [Duration::from_secs(20); 2], |_| Ok(Step::Done)).await;
        assert!(matches!(silent, Err(Broken::Ended(_))), "{silent:?}");
        assert!(is_gone(&child).await, "{child}");

        let (mut process, child) = child_of("sleep 300 & echo $!").await;
        let mut was_ready = true;
        for _ in 0..200 {
            was_ready = process.is_ready();
            if !was_ready {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(!was_ready && is_gone(&child).await, "{child}");
    }
}
