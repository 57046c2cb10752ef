//! Verifiers in any language: a configured command that reads one JSON object a line and answers one a line.
//!
//! The command reads `{"task": {…}, "completion": "…", …}` ([`Judged`] as JSON) and answers
//! `{"score": 0.0 to 1.0, "reason": "…"}`, in order. The verifier starts the command at the first completion, keeps it,
//! and starts it again after a failure. The command is trusted: it runs with the rights of the trainer, and no limit
//! but the time-out.
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

mod config;
mod process;

use std::time::Duration;

use serde::Deserialize;
use tokio::sync::Mutex;
use tokio::time::timeout;

pub use self::config::CommandConfig;
use self::process::Process;
use crate::{Judged, ScoreRange, Verdict, VerdictFuture, Verifier, VerifierError};

#[derive(Deserialize)]
struct Answer {
    score: f32,
    #[serde(default)]
    reason: String,
}

/// A verifier that puts its questions to a command, one at a time.
pub struct CommandVerifier {
    name: String,
    config: CommandConfig,
    process: Mutex<Option<Process>>,
}

impl CommandVerifier {
    /// A verifier called `name`. The command is not started before the first question.
    pub fn new(name: String, config: CommandConfig) -> Self {
        Self { name, config, process: Mutex::new(None) }
    }

    async fn judge(&self, judged: &Judged) -> Result<Verdict, VerifierError> {
        let broken = |problem: String| VerifierError::crashed(&self.name, problem);
        let mut question = serde_json::to_vec(judged).map_err(|error| broken(error.to_string()))?;
        question.push(b'\n');

        let mut running = self.process.lock().await;
        // The process is taken out and put back only after a whole exchange, so that a time-out or a cancelled question
        // leaves no half-read answer to the next one.
        let mut process = match running.take() {
            Some(process) => process,
            None => Process::start(&self.config.command).map_err(broken)?,
        };
        let limit = Duration::try_from_secs_f64(self.config.timeout_seconds).unwrap_or(Duration::MAX);
        let line = timeout(limit, process.ask(&question))
            .await
            .map_err(|_| {
                VerifierError::timed_out(&self.name, format!("after {} seconds", self.config.timeout_seconds))
            })?
            .map_err(broken)?;
        let answer: Answer =
            serde_json::from_str(&line).map_err(|error| broken(format!("its answer is malformed: {error}")))?;
        *running = Some(process);
        Ok(Verdict::of_score(answer.score, ScoreRange::default(), answer.reason))
    }
}

impl Verifier for CommandVerifier {
    fn name(&self) -> &str {
        &self.name
    }

    fn verify<'a>(&'a self, judged: &'a Judged) -> VerdictFuture<'a> {
        Box::pin(self.judge(judged))
    }
}

#[cfg(test)]
mod tests {
    use datasets::{Task, TaskKind, TaskVerifier};

    use super::*;

    fn shell(script: &str, timeout_seconds: f64) -> CommandVerifier {
        let command = ["sh", "-c", script].map(str::to_owned).to_vec();
        CommandVerifier::new("judge".into(), CommandConfig { command, timeout_seconds })
    }

    fn judged(completion: &str) -> Judged {
        let verifier = TaskVerifier::new("judge", "4");
        Judged::new(Task::new("t", TaskKind::MATH, Vec::new(), verifier), completion)
    }

    #[tokio::test]
    async fn one_process_answers_question_after_question() {
        let script = r#"n=0; while read -r line; do n=$((n + 1));
            case "$line" in *'"completion":"good"'*) s=1;; *) s=0.5;; esac;
            echo "{\"score\": $s, \"reason\": \"question $n\"}"; done"#;
        let verifier = shell(script, 20.0);
        let first = verifier.judge(&judged("good")).await.unwrap();
        assert!(first.passed() && first.reason == "question 1", "{first:?}");
        let second = verifier.judge(&judged("so\nso")).await.unwrap();
        assert_eq!((second.score, second.passed()), (0.5, false));
        assert_eq!(second.reason, "question 2");
    }

    #[tokio::test]
    async fn a_command_that_breaks_is_an_error_and_is_started_again() {
        let once = shell(r#"read -r line; echo '{"score": 1}'"#, 20.0);
        assert!(once.judge(&judged("")).await.unwrap().passed());
        assert!(once.judge(&judged("")).await.is_err());
        assert!(once.judge(&judged("")).await.unwrap().passed());
    }

    #[tokio::test]
    async fn silence_noise_and_absence_are_errors() {
        for (script, timeout_seconds) in [("sleep 60", 0.2), ("read -r line; echo nonsense", 20.0), ("exit 3", 20.0)] {
            let error = shell(script, timeout_seconds).judge(&judged("")).await.unwrap_err();
            assert!(error.to_string().contains("`judge`"), "{error}");
        }
        let command = vec!["/no/such/program".to_owned()];
        let absent = CommandVerifier::new("judge".into(), CommandConfig { command, timeout_seconds: 1.0 });
        assert!(absent.judge(&judged("")).await.is_err());
    }
}
