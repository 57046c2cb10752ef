//! The trait that the demo's kinds of problems share.

use random::KeyedRng;
use serde_json::Value;

use crate::message::Message;
use crate::task::{Task, TaskKind, TaskVerifier};

/// A generated problem that can be answered in two ways.
pub(super) trait Problem {
    /// The problem without its wording, such as a chain of numbers: decides whether the problem is held out.
    fn essence(&self) -> String;

    /// The user's message.
    fn prompt(&self) -> String;

    /// A completion that takes care, and is always right.
    fn careful(&self, rng: &mut KeyedRng) -> String;

    /// A completion that takes no care, and is mostly or always wrong.
    fn careless(&self, rng: &mut KeyedRng) -> String;

    /// The task that judges a completion.
    fn task(&self, id: String) -> Task;
}

/// True for a problem that is kept for evaluation. The essence alone decides, so that no data trains on a problem with
/// which data of another seed or size evaluates.
pub(super) fn is_held_out(essence: &str, held_out_share: f64) -> bool {
    KeyedRng::new(&["held out".into(), essence.into()]).chance(held_out_share)
}

/// A generated task with one message, the user's.
pub(super) fn task(id: String, kind: TaskKind, prompt: String, verifier: &str, ground_truth: Value) -> Task {
    let verifier = TaskVerifier::new(verifier, ground_truth);
    Task { source: Some("generated".to_owned()), ..Task::new(id, kind, vec![Message::user(prompt)], verifier) }
}
