//! Requests that leave an engine with their tokens, and go on in it or in another.

use super::Engine;
use crate::active_sequence::ActiveSequence;
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
        let request = unfinished.request.clone();
        let plan = self.plans.of(&request.params, &self.texts.eos_ids, self.config.vocab_size as usize)?;
        let budget = plan.params.thinking.as_ref();
        let forced_ids = budget.map(|budget| budget.forced_ids(&self.texts.tokenizer, self.config.vocab_size as usize));
        let forced_ids = forced_ids.transpose()?.unwrap_or_default();
        let room = self.room(&request, forced_ids.len())?;
        let entropy_sum = unfinished.entropy_sum;
        let sampled = unfinished.checked(room.num_sampled, self.config.vocab_size as usize)?;
        let id = RequestId(self.num_submitted);
        let mut ids = request.prompt_ids.clone();
        let mut sequence = ActiveSequence::new(id, request, plan, room, forced_ids);
        if let Some(sampled) = sampled {
            ids.extend(&sampled.ids);
            sequence.go_on(sampled, entropy_sum, &self.texts.tokenizer)?;
        }
        self.num_submitted += 1;
        self.stats.num_prompt_tokens += sequence.request.prompt_ids.len();
        let most_tokens = sequence.most_tokens();
        self.scheduler.submit(sequence, ids, most_tokens);
        Ok(id)
    }

    /// Takes all requests out as they are, those that run before those that wait: given to [`Engine::go_on`] in this
    /// order, they begin in it. What is between two turns stays.
    pub fn withdraw(&mut self) -> Vec<(RequestId, Unfinished)> {
        let all = self.scheduler.take_all().into_iter();
        all.map(|sequence| (sequence.id, sequence.into_unfinished())).collect()
    }
}
