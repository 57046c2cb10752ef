//! A team's own verifier in Rust: registered, run over some completions, and its verdicts printed.
//!
//! ```text
//! cargo run -p verifiers --example own_verifier
//! ```
//!
//! A run trains with such a verifier once `Judge::start` (`trainer/src/judge.rs`) registers it: docs/plug-ins/rust.md.
//!
//! A verifier in another language needs no Rust: a run starts the configured command and asks it line by line. The one
//! below, in Python, would be
//!
//! ```text
//! [verifiers.command.json_fields]
//! command = ["python3", "-u", "json_fields.py"]
//! timeout_seconds = 10
//! ```
//!
//! ```text
//! import json, sys
//! for line in sys.stdin:
//!     asked = json.loads(line)
//!     answer = asked["completion"].split("</think>")[-1]
//!     try:
//!         found = json.loads(answer)
//!     except ValueError:
//!         found = {}
//!     wanted = asked["task"]["ground_truth"]
//!     missing = [name for name in wanted if not isinstance(found, dict) or name not in found]
//!     reason = "missing: " + ", ".join(missing) if missing else "all fields are there"
//!     print(json.dumps({"score": 1 - len(missing) / len(wanted), "reason": reason}), flush=True)
//! ```

use std::error::Error;
use std::sync::Arc;

use datasets::Task;
use serde_json::{Map, Value, json};
use verifiers::{Judged, Verdict, VerdictFuture, Verifier, VerifierError, Verifiers};

/// `json_fields`: the answer is a JSON object with every field that the ground truth, a list of names, asks for.
struct JsonFields {
    /// True pays an object with some of the fields their fraction.
    partial_credit: bool,
}

impl JsonFields {
    fn names(&self, task: &Task, ground_truth: &Value) -> Result<Vec<String>, VerifierError> {
        // A fault of the task is an error and not a score of 0: the policy is not to blame.
        serde_json::from_value(ground_truth.clone())
            .map_err(|error| VerifierError::ground_truth(task, self.name(), error.to_string()))
    }

    fn judge(&self, judged: &Judged) -> Result<Verdict, VerifierError> {
        let names = self.names(&judged.task, judged.ground_truth())?;
        let Ok(fields) = serde_json::from_str::<Map<String, Value>>(judged.answer()) else {
            return Ok(Verdict::unparsed("the answer is no JSON object"));
        };
        let missing: Vec<&str> = names.iter().filter(|name| !fields.contains_key(*name)).map(String::as_str).collect();
        let reason = match missing[..] {
            [] => "all fields are there".to_owned(),
            _ => format!("missing: {}", missing.join(", ")),
        };
        Ok(Verdict::of_checks(names.len() - missing.len(), names.len(), self.partial_credit, reason))
    }
}

impl Verifier for JsonFields {
    fn name(&self) -> &str {
        "json_fields"
    }

    /// The judgement waits for nothing, so it may be made on threads for CPU work.
    fn only_computes(&self) -> bool {
        true
    }

    /// Asked of every task before the first step, so that a broken one is found there.
    fn check(&self, task: &Task, ground_truth: &Value) -> Result<(), VerifierError> {
        self.names(task, ground_truth).map(drop)
    }

    fn verify<'a>(&'a self, judged: &'a Judged) -> VerdictFuture<'a> {
        Box::pin(async move { self.judge(judged) })
    }
}

/// A task that asks for the fields `name` and `year`.
fn task(ground_truth: Value) -> Result<Task, serde_json::Error> {
    serde_json::from_value(json!({
        "id": "language-1",
        "task": "instruction_following",
        "messages": [{"role": "user", "content": "Describe a programming language in JSON, with name and year."}],
        "verifier": "json_fields",
        "ground_truth": ground_truth,
    }))
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut verifiers = Verifiers::default();
    verifiers.register(Arc::new(JsonFields { partial_credit: true }));

    let good_task = task(json!(["name", "year"]))?;
    let broken_task = task(json!("name and year"))?;
    for (task, completion) in [
        (&good_task, r#"<think>Rust.</think>{"name": "Rust", "year": 2015}"#),
        (&good_task, r#"<think>Rust.</think>{"name": "Rust"}"#),
        (&good_task, "Rust appeared in 2015."),
        (&broken_task, r#"{"name": "Rust", "year": 2015}"#),
    ] {
        let judgement = verifiers.judge(&Judged::new(task.clone(), completion)).await;
        for said in judgement.verdicts {
            let kind = said.kind().as_str();
            match said.verdict {
                Ok(Verdict { score, reason, .. }) => println!("{kind}, score {score:.2}: {reason}"),
                Err(error) => println!("{kind}: {error}"),
            }
        }
    }
    Ok(())
}
