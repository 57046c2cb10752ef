//! Verifiers in any language: a configured command that reads one JSON object a line and answers one a line.
//!
//! It reads `{"task": {…}, "completion": "…"}` and answers `{"score": 0.0 to 1.0, "reason": "…"}`, in order. The command is
//! started at the first completion, kept, and started again after it failed. It is trusted: it runs with the rights of the
//! trainer, and no limit but the time-out.
//!
//! ```text
//! [verifiers.command.palindrome]
//! command = ["python3", "-u", "palindrome.py"]
//!
//! import json, sys
//! for line in sys.stdin:
//!     text = json.loads(line)["completion"].strip()
//!     print(json.dumps({"score": float(text == text[::-1]), "reason": text[:40]}), flush=True)
//! ```

use std::process::Stdio;
use std::time::Duration;

use datasets::Task;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::{Verdict, VerdictFuture, Verifier, VerifierError};

/// Longest answer of a command, in bytes.
const MAX_ANSWER_BYTES: u64 = 1 << 20;

/// `[verifiers.command.NAME]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommandConfig {
    /// The program and its arguments. No shell reads them.
    pub command: Vec<String>,
    /// Longest wait for one verdict, in seconds. A command that takes longer is killed, and the group dropped.
    #[serde(default = "default_timeout_seconds")]
    pub timeout_seconds: f64,
}

fn default_timeout_seconds() -> f64 {
    30.0
}

#[derive(Serialize)]
struct Question<'a> {
    task: &'a Task,
    completion: &'a str,
}

#[derive(Deserialize)]
struct Answer {
    score: f32,
    #[serde(default)]
    reason: String,
}

/// The running command. Dropping it kills the process.
struct Process {
    _child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

/// A verifier that asks a command; one question at a time.
pub struct CommandVerifier {
    name: String,
    config: CommandConfig,
    process: Mutex<Option<Process>>,
}

impl CommandVerifier {
    /// A verifier called `name`. Nothing is started yet.
    pub fn new(name: String, config: CommandConfig) -> Self {
        Self { name, config, process: Mutex::new(None) }
    }

    async fn judge(&self, task: &Task, completion: &str) -> Result<Verdict, VerifierError> {
        let broken = |problem: String| VerifierError::Command { name: self.name.clone(), problem };
        let mut question =
            serde_json::to_vec(&Question { task, completion }).map_err(|error| broken(error.to_string()))?;
        question.push(b'\n');

        let mut running = self.process.lock().await;
        // Taken out, and put back only after a whole exchange: a time-out or a cancelled question leaves no half-read answer.
        let mut process = match running.take() {
            Some(process) => process,
            None => self.start().map_err(broken)?,
        };
        let limit = Duration::try_from_secs_f64(self.config.timeout_seconds).unwrap_or(Duration::MAX);
        let line = timeout(limit, process.ask(&question))
            .await
            .map_err(|_| broken(format!("no answer within {} seconds", self.config.timeout_seconds)))?
            .map_err(broken)?;
        let answer: Answer =
            serde_json::from_str(&line).map_err(|error| broken(format!("its answer is malformed: {error}")))?;
        *running = Some(process);
        Ok(Verdict { score: answer.score, passed: answer.score >= 1.0, reason: answer.reason, math: None })
    }

    fn start(&self) -> Result<Process, String> {
        let (program, arguments) = self.config.command.split_first().ok_or("its `command` is empty")?;
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
        Ok(Process { _child: child, stdin, stdout: BufReader::new(stdout) })
    }
}

impl Process {
    /// Writes a question and reads the line that answers it.
    async fn ask(&mut self, question: &[u8]) -> Result<String, String> {
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

impl Verifier for CommandVerifier {
    fn name(&self) -> &str {
        &self.name
    }

    fn verify<'a>(&'a self, task: &'a Task, completion: &'a str) -> VerdictFuture<'a> {
        Box::pin(self.judge(task, completion))
    }
}

#[cfg(test)]
mod tests {
    use datasets::TaskKind;

    use super::*;

    fn shell(script: &str, timeout_seconds: f64) -> CommandVerifier {
        let command = ["sh", "-c", script].map(str::to_owned).to_vec();
        CommandVerifier::new("judge".into(), CommandConfig { command, timeout_seconds })
    }

    fn task() -> Task {
        Task {
            id: "t".into(),
            kind: TaskKind::Math,
            messages: Vec::new(),
            verifier: "judge".into(),
            ground_truth: "4".into(),
            tools: None,
            source: None,
            license: None,
            meta: None,
        }
    }

    #[tokio::test]
    async fn one_process_answers_question_after_question() {
        let script = r#"n=0; while read -r line; do n=$((n + 1));
            case "$line" in *'"completion":"good"'*) s=1;; *) s=0.5;; esac;
            echo "{\"score\": $s, \"reason\": \"question $n\"}"; done"#;
        let verifier = shell(script, 20.0);
        let first = verifier.judge(&task(), "good").await.unwrap();
        assert!(first.passed && first.reason == "question 1", "{first:?}");
        let second = verifier.judge(&task(), "so\nso").await.unwrap();
        assert_eq!((second.score, second.passed), (0.5, false));
        assert_eq!(second.reason, "question 2");
    }

    #[tokio::test]
    async fn a_command_that_breaks_is_an_error_and_is_started_again() {
        let once = shell(r#"read -r line; echo '{"score": 1}'"#, 20.0);
        assert!(once.judge(&task(), "").await.unwrap().passed);
        assert!(once.judge(&task(), "").await.is_err());
        assert!(once.judge(&task(), "").await.unwrap().passed);
    }

    #[tokio::test]
    async fn silence_noise_and_absence_are_errors() {
        for (script, timeout_seconds) in [("sleep 60", 0.2), ("read -r line; echo nonsense", 20.0), ("exit 3", 20.0)] {
            let error = shell(script, timeout_seconds).judge(&task(), "").await.unwrap_err();
            assert!(error.to_string().contains("`judge`"), "{error}");
        }
        let command = vec!["/no/such/program".to_owned()];
        let absent = CommandVerifier::new("judge".into(), CommandConfig { command, timeout_seconds: 1.0 });
        assert!(absent.judge(&task(), "").await.is_err());
    }
}
