//! A problem: what the kinds of the demo have in common.

use random::KeyedRng;

use crate::task::Task;

/// A generated problem with its two ways of answering.
pub(super) trait Problem {
    /// What makes it this problem, whatever its wording: problems are held out by this.
    fn essence(&self) -> String;

    /// The user's message.
    fn prompt(&self) -> String;

    /// A completion that takes care, which is always right.
    fn careful(&self, rng: &mut KeyedRng) -> String;

    /// A completion that does not take care, which is mostly or always wrong.
    fn careless(&self, rng: &mut KeyedRng) -> String;

    /// The task that judges a completion.
    fn task(&self, id: String) -> Task;
}

/// Whether the problem of this essence is kept for evaluation. Looked up by its essence alone, so that data of
/// different seeds and sizes never trains on what other data evaluates.
pub(super) fn is_held_out(essence: &str, held_out_share: f64) -> bool {
    KeyedRng::new(&["held out".into(), essence.into()]).chance(held_out_share)
}
