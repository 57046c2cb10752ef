//! Preference pairs on instruction prompts: rules before manners, manners before none.

use random::KeyedRng;

use super::config::PreferenceConfig;
use super::instruction::{InstructionProblem, Manner};
use super::problem::Problem;
use crate::message::Message;
use crate::preference::PreferencePair;

/// A pair of completions on the problem's prompt.
///
/// The chosen completion keeps the rules. The rejected one ignores them, courteous or not,
/// whatever the chosen one's manners; or it keeps them and is curt where the chosen one is
/// courteous; or it keeps them and names the same thing again and again.
pub(super) fn draw_pair(
    config: &PreferenceConfig,
    problem: &InstructionProblem,
    id: String,
    rng: &mut KeyedRng,
) -> PreferencePair {
    let good = Manner { obeys: true, courteous: true, repeats: false };
    let (chosen, rejected) = if rng.chance(config.ignoring_share) {
        let chosen = Manner { courteous: rng.chance(0.6), ..good };
        let rejected = Manner { obeys: false, courteous: rng.chance(0.5), ..good };
        (chosen, rejected)
    } else if rng.chance(0.5) {
        let curt = Manner { courteous: false, ..good };
        (good, curt)
    } else {
        let repeating = Manner { repeats: true, ..good };
        (good, repeating)
    };
    PreferencePair {
        id,
        kind: None,
        messages: vec![Message::user(problem.prompt())],
        tools: None,
        chosen: problem.answer(chosen, rng),
        rejected: problem.answer(rejected, rng),
    }
}
