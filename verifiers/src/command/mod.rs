//! Verifiers in any language: a configured command that reads one JSON object a line and answers one a line.
//!
//! The command reads `{"ask": 17, "task": {…}, "completion": "…", …}` ([`Judged`] as JSON, and a number) and answers
//! `{"score": 0.0 to 1.0, "reason": "…"}`, in order, with the number as `ask` if it likes. Several lines may stand in
//! its input before it has answered the first. The verifier starts the command at the first completion, keeps it, and
//! starts it again when it has ended. The command is trusted: it runs with the rights of the trainer, and no limit but
//! the time-out.
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
mod worker;

use std::sync::Arc;

pub use self::config::CommandConfig;
use self::worker::{CommandWorker, SurplusWaits};
use crate::batching::{BatchLimits, Batching};
use crate::{Judged, ScoreRange, VerdictFuture, Verifier, VerifierError};

/// A verifier that puts its questions to a command.
pub struct CommandVerifier {
    name: String,
    range: ScoreRange,
    batching: Batching<CommandWorker>,
}

impl CommandVerifier {
    /// A verifier called `name`. The command is not started before the first question.
    pub fn new(name: String, config: CommandConfig) -> Self {
        Self::with_waits(name, config, SurplusWaits::default())
    }

    fn with_waits(name: String, config: CommandConfig, waits: SurplusWaits) -> Self {
        let limits = BatchLimits { workers: config.workers, batch: config.batch };
        let (range, config, of_worker) = (config.range, Arc::new(config), name.clone());
        let make = move || CommandWorker::new(of_worker.clone(), config.clone(), waits);
        Self { name, range, batching: Batching::new(limits, make) }
    }
}

impl Verifier for CommandVerifier {
    fn name(&self) -> &str {
        &self.name
    }

    fn range(&self) -> ScoreRange {
        self.range
    }

    fn verify<'a>(&'a self, judged: &'a Judged) -> VerdictFuture<'a> {
        Box::pin(async {
            let question = serde_json::to_vec(judged);
            let question = question.map_err(|error| VerifierError::crashed(&self.name, error.to_string()))?;
            self.batching.ask(&self.name, question).await
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use datasets::{Task, TaskKind, TaskVerifier};
    use futures::future::join_all;

    use super::*;
    use crate::{Verdict, VerdictKind};

    fn shell(script: &str, timeout_seconds: f64) -> CommandVerifier {
        let command = ["sh", "-c", script].map(str::to_owned).to_vec();
        CommandVerifier::new("judge".into(), CommandConfig { timeout_seconds, ..CommandConfig::new(command) })
    }

    fn judged(completion: &str) -> Judged {
        let verifier = TaskVerifier::new("judge", "4");
        Judged::new(Task::new("t", TaskKind::MATH, Vec::new(), verifier), completion)
    }

    async fn ask(verifier: &CommandVerifier, completion: &str) -> Result<Verdict, VerifierError> {
        verifier.verify(&judged(completion)).await
    }

    /// Passes `good`, ends at `ends`, says nothing to `hangs`, and something else than an answer to `noise`.
    const SCRIPT: &str = r#"while read -r line; do case "$line" in
        *'"completion":"good"'*) echo '{"score": 1}';;
        *'"completion":"ends"'*) echo 'out of cheese' >&2; exit 3;;
        *'"completion":"hangs"'*) sleep 60;;
        *'"completion":"noise"'*) echo nonsense;;
        *) echo '{"score": 0.5}';; esac; done"#;

    #[tokio::test]
    async fn one_process_answers_question_after_question() {
        let script = r#"n=0; while read -r line; do n=$((n + 1));
            case "$line" in *'"completion":"good"'*) s=1;; *) s=0.5;; esac;
            echo "{\"score\": $s, \"reason\": \"question $n\"}"; done"#;
        let verifier = shell(script, 20.0);
        let first = ask(&verifier, "good").await.unwrap();
        assert!(first.passed() && first.reason == "question 1", "{first:?}");
        let second = ask(&verifier, "so\nso").await.unwrap();
        assert_eq!((second.score, second.passed()), (0.5, false));
        assert_eq!(second.reason, "question 2");
    }

    #[tokio::test]
    async fn a_command_that_ends_after_an_answer_is_started_again() {
        let once = shell(r#"read -r line; echo '{"score": 1}'"#, 20.0);
        let questions: Vec<_> = (0..4).map(|_| judged("")).collect();
        let outcomes = join_all(questions.iter().map(|one| once.verify(one))).await;
        assert!(outcomes.iter().all(|outcome| outcome.as_ref().unwrap().passed()), "{outcomes:?}");
        assert!(ask(&once, "").await.unwrap().passed());
    }

    #[tokio::test]
    async fn answers_are_in_order_and_a_bad_question_takes_no_other_with_it() {
        let verifier = shell(SCRIPT, 0.7);
        let texts = ["good", "so", "ends", "good", "hangs", "so", "noise", "good", "good"];
        let questions: Vec<_> = texts.iter().map(|text| judged(text)).collect();
        let outcomes = join_all(questions.iter().map(|one| verifier.verify(one))).await;
        let kinds: Vec<_> = outcomes
            .iter()
            .map(|outcome| outcome.as_ref().map_or_else(VerifierError::kind, |verdict| verdict.kind))
            .collect();
        use VerdictKind::{Crashed, Partial, Passed, TimedOut};
        assert_eq!(kinds, [Passed, Partial, Crashed, Passed, TimedOut, Partial, Crashed, Passed, Passed]);
        let words = outcomes[2].as_ref().unwrap_err().to_string();
        assert!(words.contains("exit status: 3") && words.contains("out of cheese"), "{words}");
    }

    /// Answers with the completion as the reason, twice where it is `double`; `$OF` goes into each answer.
    fn doubling(of: &str) -> String {
        r#"while read -r line; do
            text=${line##*'"completion":"'}; text=${text%%'"'*}; ask=${line#*'"ask":'}; ask=${ask%%,*}
            echo "{$OF\"score\": 1, \"reason\": \"$text\"}"
            case "$text" in double) echo "{$OF\"score\": 1, \"reason\": \"$text\"}";; esac; done"#
            .replace("$OF", of)
    }

    /// A shell whose second line in a row comes before it is given up, on a busy machine too.
    fn patient(script: &str) -> CommandVerifier {
        let command = ["sh", "-c", script].map(str::to_owned).to_vec();
        let wait = Duration::from_millis(500);
        let waits = SurplusWaits { first: wait, one: wait, several: wait };
        CommandVerifier::with_waits("judge".into(), CommandConfig::new(command), waits)
    }

    async fn asked_at_once(verifier: &CommandVerifier, texts: &[&str]) -> Vec<Result<Verdict, VerifierError>> {
        let questions: Vec<_> = texts.iter().map(|text| judged(text)).collect();
        join_all(questions.iter().map(|one| verifier.verify(one))).await
    }

    /// True where each outcome is the completion's own or none at all.
    fn none_is_anothers(texts: &[&str], outcomes: &[Result<Verdict, VerifierError>]) -> bool {
        let is_own = |(text, outcome): (&&str, &Result<Verdict, VerifierError>)| match outcome {
            Ok(verdict) => verdict.reason == *text,
            Err(error) => error.kind() == VerdictKind::Crashed,
        };
        texts.iter().zip(outcomes).all(is_own)
    }

    #[tokio::test]
    async fn a_line_too_many_answers_no_other_question() {
        let verifier = patient(&doubling(""));
        let outcomes = asked_at_once(&verifier, &["a", "double", "b", "c"]).await;
        for outcome in outcomes {
            let words = outcome.unwrap_err().to_string();
            assert!(words.contains("more lines than it was asked") && words.contains("\"reason\": \"c\""), "{words}");
        }
        for text in ["d", "e", "double", "f", "g", "double", "double", "h"] {
            let outcome = asked_at_once(&verifier, &[text]).await;
            assert!(none_is_anothers(&[text], &outcome), "{text}: {outcome:?}");
        }
        let whole = asked_at_once(&verifier, &["a", "b", "c"]).await;
        assert!(whole.iter().all(Result::is_ok), "{whole:?}");
    }

    #[tokio::test]
    async fn a_line_too_many_is_found_after_other_batches() {
        let verifier = patient(&doubling(""));
        assert!(asked_at_once(&verifier, &["a", "b"]).await.iter().all(Result::is_ok));
        for texts in [["double", "a", "b"], ["a", "double", "b"], ["a", "b", "double"], ["c", "d", "e"]] {
            let outcomes = asked_at_once(&verifier, &texts).await;
            assert!(none_is_anothers(&texts, &outcomes), "{texts:?}: {outcomes:?}");
        }
    }

    #[tokio::test]
    async fn an_answer_that_repeats_its_questions_number_is_held_to_it() {
        let verifier = shell(&doubling(r#"\"ask\": $ask, "#), 20.0);
        let texts = ["a", "double", "b", "c", "d"];
        let outcomes = asked_at_once(&verifier, &texts).await;
        let words = outcomes[2].as_ref().unwrap_err().to_string();
        assert!(words.contains("\"ask\": 1 where that to 2 was due"), "{words}");
        let own = |index: usize| outcomes[index].as_ref().is_ok_and(|verdict| verdict.reason == texts[index]);
        assert!([0, 1, 3, 4].into_iter().all(own), "{outcomes:?}");
    }

    #[tokio::test]
    async fn silence_noise_and_absence_are_errors() {
        for script in ["read -r line; echo nonsense", "exit 3"] {
            let error = ask(&shell(script, 20.0), "").await.unwrap_err();
            assert!(error.to_string().contains("`judge`"), "{error}");
        }
        let silent = shell(r#"read -r line; echo '{"score": 1}'; sleep 60"#, 0.2);
        assert!(ask(&silent, "").await.unwrap().passed());
        assert_eq!(ask(&silent, "").await.unwrap_err().kind(), VerdictKind::TimedOut);
        let absent = CommandVerifier::new("judge".into(), CommandConfig::new(vec!["/no/such/program".to_owned()]));
        assert!(ask(&absent, "").await.is_err());
    }

    #[tokio::test]
    async fn a_range_and_several_processes_are_as_configured() {
        let command = ["sh", "-c", r#"while read -r line; do echo "{\"score\": -1, \"reason\": \"$$\"}"; done"#];
        let range = ScoreRange { low: -1.0, high: 1.0 };
        let config = CommandConfig { range, workers: 3, ..CommandConfig::new(command.map(str::to_owned).to_vec()) };
        let verifier = CommandVerifier::new("judge".into(), config);
        let questions: Vec<_> = (0..6).map(|_| judged("")).collect();
        let outcomes = join_all(questions.iter().map(|one| verifier.verify(one))).await;
        let verdicts: Vec<_> = outcomes.into_iter().map(Result::unwrap).collect();
        assert!(verdicts.iter().all(|verdict| verdict.kind == VerdictKind::Failed), "{verdicts:?}");
        let processes: std::collections::BTreeSet<_> = verdicts.iter().map(|verdict| &verdict.reason).collect();
        assert!((1..=3).contains(&processes.len()) && verifier.range() == range, "{processes:?}");
    }
}
