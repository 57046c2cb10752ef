//! A batch of requests to its end: an engine that is stepped until nothing is left.

use std::sync::atomic::{AtomicBool, Ordering};

use policy::Policy;

use crate::completion::{Completion, GenerationStats, RolloutRequest};
use crate::engine::Engine;
use crate::error::RolloutError;
use crate::params::EngineOptions;
use crate::turn::NextTurn;

/// Completes every request and hands each completion to `on_completion` as it finishes, while others still generate.
///
/// Runs without gradients on the calling thread. A completion depends on the weights and its request, not on the
/// sequences beside it (up to the rounding of differently shaped matrix products). A completion ends early where the
/// model's positions end before `max_new_tokens`, and with its first turn: nothing answers `turn_marks` here.
///
/// # Errors
/// Options and requests are checked before anything runs. Later: `cancel` was set, the logits are not finite, the cache
/// cannot be allocated, or the tokenizer fails; completions already delivered stay valid.
pub fn generate(
    policy: &Policy,
    requests: impl IntoIterator<Item = RolloutRequest>,
    options: &EngineOptions,
    policy_version: u64,
    cancel: &AtomicBool,
    mut on_completion: impl FnMut(Completion),
) -> Result<GenerationStats, RolloutError> {
    let decoder = &policy.decoder;
    let mut engine = Engine::new(decoder.config(), decoder.placement(), options, policy.texts.clone())?;
    for request in requests {
        engine.submit(request)?;
    }
    while !engine.is_idle() {
        if cancel.load(Ordering::Relaxed) {
            return Err(RolloutError::Cancelled { num_unfinished: engine.num_waiting() + engine.num_running() });
        }
        let mut finished = engine.step(decoder, policy_version)?;
        let turns = engine.take_turns();
        finished.extend(turns.into_iter().filter_map(|turn| engine.answer_turn(turn.request, NextTurn::End)));
        for finished in finished {
            on_completion(finished.result?);
        }
    }
    Ok(engine.take_stats())
}
