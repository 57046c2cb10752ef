//! `math`: joins the maths verifier to a task and its ground truth.

use datasets::Task;
use math_verifier::{MathConfig, MathTask, MathVerdict, MathVerdictKind, same_answer};
use serde_json::Value;

use crate::{Judged, Verdict, VerdictFuture, Verifier, VerifierError};

/// `math`: judges final answers. The ground truth is the right one, as text or as a JSON number; the question is the
/// last message of the user.
///
/// The detail of a verdict is the maths verifier's own kind, as in `not_equal`.
pub struct MathVerifier {
    config: MathConfig,
}

impl MathVerifier {
    /// A maths verifier with these settings.
    pub fn new(config: MathConfig) -> Self {
        Self { config }
    }

    fn gold(&self, task: &Task, ground_truth: &Value) -> Result<String, VerifierError> {
        match ground_truth {
            Value::String(gold) => Ok(gold.clone()),
            Value::Number(gold) => Ok(gold.to_string()),
            other => {
                let problem = format!("the final answer must be text or a number, not {other}");
                Err(VerifierError::ground_truth(task, self.name(), problem))
            }
        }
    }

    fn judge(&self, judged: &Judged) -> Result<Verdict, VerifierError> {
        let gold = self.gold(&judged.task, judged.ground_truth())?;
        let answer = judged.answer();
        if answer.is_empty() && !judged.completion.trim().is_empty() {
            let kind = MathVerdictKind::NoAnswer.as_str();
            return Ok(Verdict::no_answer("the thinking came to no answer").with_detail(kind));
        }
        let task = MathTask { gold: &gold, question: judged.question() };
        let MathVerdict { kind, reason, answer: extracted, .. } = task.verify(answer, &self.config);
        let verdict = match kind {
            MathVerdictKind::Equal => Verdict::pass(reason),
            MathVerdictKind::NotEqual | MathVerdictKind::Repeated | MathVerdictKind::Unevaluated => {
                Verdict::fail(reason)
            }
            MathVerdictKind::NoAnswer => Verdict::no_answer(reason),
            MathVerdictKind::CompletionUnparsed | MathVerdictKind::BudgetExceeded => Verdict::unparsed(reason),
            MathVerdictKind::GoldUnparsed => {
                return Err(VerifierError::GoldUnparsed { task: judged.task.id.clone(), problem: reason });
            }
        };
        Ok(Verdict { answer: extracted, ..verdict.with_detail(kind.as_str()) })
    }
}

impl Verifier for MathVerifier {
    fn name(&self) -> &str {
        "math"
    }

    fn only_computes(&self) -> bool {
        true
    }

    fn check(&self, task: &Task, ground_truth: &Value) -> Result<(), VerifierError> {
        self.gold(task, ground_truth).map(drop)
    }

    fn same_answer(&self, _: &Task, a: &str, b: &str) -> bool {
        same_answer(a, b, &self.config)
    }

    fn verify<'a>(&'a self, judged: &'a Judged) -> VerdictFuture<'a> {
        Box::pin(async move { self.judge(judged) })
    }
}
