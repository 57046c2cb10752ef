//! `math`: joins the maths verifier to a task and its ground truth.

use datasets::Task;
use math_verifier::{MathConfig, MathTask, MathVerdict, MathVerdictKind};
use serde_json::Value;

use crate::{Verdict, VerdictFuture, Verifier, VerifierError};

/// `math`: judges final answers. The ground truth is the right one, as text or as a JSON number; the question is the
/// task's last message.
pub struct MathVerifier {
    config: MathConfig,
}

impl MathVerifier {
    /// A maths verifier with these settings.
    pub fn new(config: MathConfig) -> Self {
        Self { config }
    }

    fn judge(&self, task: &Task, completion: &str) -> Result<Verdict, VerifierError> {
        let gold = match &task.ground_truth {
            Value::String(gold) => gold.clone(),
            Value::Number(gold) => gold.to_string(),
            other => {
                let problem = format!("the final answer must be text or a number, not {other}");
                return Err(VerifierError::ground_truth(task, self.name(), problem));
            }
        };
        let question = task.messages.last().map(|message| message.content.as_str());
        let MathVerdict { kind, reason, .. } = MathTask { gold: &gold, question }.verify(completion, &self.config);
        let verdict = match kind {
            MathVerdictKind::Equal => Verdict::pass(reason),
            MathVerdictKind::GoldUnparsed => {
                return Err(VerifierError::GoldUnparsed { task: task.id.clone(), problem: reason });
            }
            _ => Verdict::fail(reason),
        };
        Ok(Verdict { math: Some(kind), ..verdict })
    }
}

impl Verifier for MathVerifier {
    fn name(&self) -> &str {
        "math"
    }

    fn only_computes(&self) -> bool {
        true
    }

    fn verify<'a>(&'a self, task: &'a Task, completion: &'a str) -> VerdictFuture<'a> {
        Box::pin(async move { self.judge(task, completion) })
    }
}
