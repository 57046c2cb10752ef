//! Sequences between two turns: the engine hands out that a turn ended, and takes what follows.

use super::{Engine, Finished};
use crate::active_sequence::Room;
use crate::completion::{FinishReason, RequestId};
use crate::error::RolloutError;
use crate::turn::{EndedTurn, NextTurn};
use crate::unfinished::BeforeTurn;

impl Engine {
    /// Turns that ended since the last call, in their order. Each sequence waits for
    /// [`answer_turn`](Self::answer_turn); it counts neither as waiting nor as running.
    pub fn take_turns(&mut self) -> Vec<EndedTurn> {
        std::mem::take(&mut self.turns)
    }

    /// Sequences between two turns.
    pub fn num_between_turns(&self) -> usize {
        self.scheduler.num_between_turns()
    }

    /// Says what follows the turn that a sequence ended. Returns the request where that ends it: with `stop` where
    /// nothing follows, with `length` where there is no room, with an error where the ids cannot be used. `None` where
    /// it goes on from the next step on, and where no sequence of this id is between two turns.
    ///
    /// Tokens are numbered on through all turns of a rollout, and `max_new_tokens` is a limit of all of them.
    pub fn answer_turn(&mut self, id: RequestId, next: NextTurn) -> Option<Finished> {
        let (ids, is_anew, thinking_open) = match next {
            NextTurn::End => return self.end_turn(id, Ok(FinishReason::Stop)),
            NextTurn::GoesOn { ids, thinking_open } => (ids, false, thinking_open),
            NextTurn::Anew { prompt_ids, thinking_open } => (prompt_ids, true, thinking_open),
        };
        let longest = self.longest_sequence();
        let sequence = self.scheduler.between_turns_mut(|sequence| sequence.id == id)?;
        if let Err(error) = check_ids(sequence.request.name(), &ids, self.config.vocab_size as usize) {
            return self.end_turn(id, Err(error));
        }
        let num_before = if is_anew { 0 } else { sequence.num_tokens() };
        let is_full = sequence.num_sampled() >= sequence.plan.params.max_new_tokens;
        if is_full || num_before + ids.len() >= longest {
            return self.end_turn(id, Ok(FinishReason::Length));
        }
        let before = BeforeTurn { num_tokens: num_before + ids.len(), num_sampled: sequence.num_sampled() };
        let room = Room::of_turn(&sequence.plan, before, longest);
        sequence.begin_turn(room, thinking_open);
        if is_anew {
            sequence.begin_anew(ids.clone());
            self.stats.num_prompt_tokens += ids.len();
            self.scheduler.begin_anew(|sequence| sequence.id == id, ids, room.num_tokens);
        } else {
            sequence.take_result(&ids);
            self.stats.num_tool_tokens += ids.len();
            self.scheduler.go_on(|sequence| sequence.id == id, &ids, room.num_tokens);
        }
        None
    }

    /// Ends a sequence that is between two turns.
    fn end_turn(&mut self, id: RequestId, reason: Result<FinishReason, RolloutError>) -> Option<Finished> {
        let sequence = self.scheduler.end_between_turns(|sequence| sequence.id == id)?;
        let result = reason.and_then(|reason| sequence.finish(reason, &self.texts.tokenizer));
        self.stats.num_completions += usize::from(result.is_ok());
        Some(Finished { request: id, result })
    }
}

/// # Errors
/// There are no ids, or one is none of the model's.
fn check_ids(request: crate::request_name::RequestName, ids: &[u32], vocab_size: usize) -> Result<(), RolloutError> {
    if ids.is_empty() {
        return Err(RolloutError::EmptyPrompt { request });
    }
    match ids.iter().position(|&id| id as usize >= vocab_size) {
        None => Ok(()),
        Some(index) => Err(RolloutError::TokenOutOfRange { request, index, id: ids[index], vocab_size }),
    }
}
