//! The running process of an external verifier: a line in, a line out.

use std::process::Stdio;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// Longest line that a command may answer with, in bytes.
const MAX_ANSWER_BYTES: u64 = 1 << 20;

/// The running command. Dropping it kills the process.
pub(super) struct Process {
    _child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Process {
    /// Starts `command`: the program and its arguments. The error says why it does not run.
    pub(super) fn start(command: &[String]) -> Result<Self, String> {
        let (program, arguments) = command.split_first().ok_or("its `command` is empty")?;
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| format!("`{program}` does not start: {error}"))?;
        let (Some(stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("its pipes are missing".to_owned());
        };
        Ok(Self { _child: child, stdin, stdout: BufReader::new(stdout) })
    }

    /// Writes a question (one line, its end included) and reads the line that answers it.
    pub(super) async fn ask(&mut self, question: &[u8]) -> Result<String, String> {
        let io = |error: std::io::Error| format!("it stopped reading or writing: {error}");
        self.stdin.write_all(question).await.map_err(io)?;
        self.stdin.flush().await.map_err(io)?;
        let mut line = String::new();
        (&mut self.stdout).take(MAX_ANSWER_BYTES).read_line(&mut line).await.map_err(io)?;
        if !line.ends_with('\n') {
            return Err(if line.is_empty() {
                "it ended without an answer".to_owned()
            } else {
                format!("its answer is no line, or longer than {MAX_ANSWER_BYTES} bytes")
            });
        }
        Ok(line)
    }
}
