//! Requests that leave an engine with their tokens, and go on in it or in another.

use super::Engine;
use crate::active_sequence::{ActiveSequence, Room};
use crate::completion::RequestId;
use crate::error::RolloutError;
use crate::unfinished::Unfinished;

impl Engine {
    /// Takes a request of which tokens were sampled before, here or elsewhere and by whatever weights: those that
    /// follow are sampled as if it had never been interrupted, but by the weights of the steps to come.
    ///
    /// # Errors
    /// As [`Engine::submit`], or what was sampled is no beginning of the request's completion.
    pub fn go_on(&mut self, unfinished: Unfinished) -> Result<RequestId, RolloutError> {
        let vocab_size = self.config.vocab_size as usize;
        let texts = &self.texts;
        let plan = self.plans.of(&unfinished.request.params, &texts.tokenizer, &texts.eos_ids, vocab_size)?;
        let limit = self.check_request(&unfinished)?;
        let longest = self.longest_sequence();
        unfinished.check(limit, longest, vocab_size)?;
        let room = Room::of_turn(&plan, unfinished.before_turn(), longest);
        let id = RequestId(self.num_submitted);
        let mut sequence = ActiveSequence::new(id, unfinished.request.clone(), plan, room);
        let mut ids = unfinished.request.prompt_ids.clone();
        let num_prompt_tokens = ids.len();
        ids.extend(unfinished.segments.iter().flat_map(|segment| &segment.ids));
        sequence.go_on(unfinished, &texts.tokenizer)?;
        self.num_submitted += 1;
        self.stats.num_prompt_tokens += num_prompt_tokens;
        self.scheduler.submit(sequence, ids, room.num_tokens);
        Ok(id)
    }

    /// Takes all requests out as they are, those that run before those that wait: given to [`Engine::go_on`] in this
    /// order, they begin in it. What is between two turns stays.
    pub fn withdraw(&mut self) -> Vec<(RequestId, Unfinished)> {
        let all = self.scheduler.take_all().into_iter();
        all.map(|sequence| (sequence.id, sequence.into_unfinished())).collect()
    }
}
