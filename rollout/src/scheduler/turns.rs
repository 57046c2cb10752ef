//! Sequences between two turns: they keep their blocks, and no pass computes them until they go on.
//!
//! Where blocks run out, they give theirs back before any sequence that runs, the youngest first. One that goes on runs
//! at once where there is a place, else it waits before all others: so what runs depends on when it goes on in steps,
//! never in seconds.

use super::{Scheduled, Scheduler};

impl<S> Scheduler<S> {
    /// A running sequence has ended a turn.
    pub(crate) fn end_turn(&mut self, index: usize) {
        let ended = self.running.remove(index);
        self.between_turns.push(ended);
    }

    pub(crate) fn num_between_turns(&self) -> usize {
        self.between_turns.len()
    }

    /// The sequence between two turns of which this holds.
    pub(crate) fn between_turns_mut(&mut self, is_it: impl Fn(&S) -> bool) -> Option<&mut S> {
        self.between_turns.iter_mut().map(|scheduled| &mut scheduled.sequence).find(|sequence| is_it(sequence))
    }

    /// Takes a sequence out that ends between two turns; its blocks stay to be found.
    pub(crate) fn end_between_turns(&mut self, is_it: impl Fn(&S) -> bool) -> Option<S> {
        let mut ended = self.take_between_turns(is_it)?;
        self.blocks.give_all_back(&mut ended.table);
        Some(ended.sequence)
    }

    /// A sequence goes on behind these ids, and may come to have so many tokens.
    pub(crate) fn go_on(&mut self, is_it: impl Fn(&S) -> bool, ids: &[u32], most_tokens: usize) {
        let Some(mut scheduled) = self.take_between_turns(is_it) else { return };
        scheduled.ids.extend_from_slice(ids);
        scheduled.most_tokens = most_tokens;
        if scheduled.table.is_empty() || self.running.len() >= self.bounds.max_sequences {
            self.wait_first(scheduled);
        } else {
            self.running.push(scheduled);
        }
    }

    /// A sequence begins anew with these ids, and may come to have so many tokens.
    pub(crate) fn begin_anew(&mut self, is_it: impl Fn(&S) -> bool, ids: Vec<u32>, most_tokens: usize) {
        let Some(mut scheduled) = self.take_between_turns(is_it) else { return };
        (scheduled.ids, scheduled.most_tokens) = (ids, most_tokens);
        self.wait_first(scheduled);
    }

    /// The youngest sequence between two turns that has blocks gives them back; false where none has any.
    pub(super) fn give_way(&mut self) -> bool {
        let Some(youngest) = self.between_turns.iter_mut().rfind(|scheduled| !scheduled.table.is_empty()) else {
            return false;
        };
        self.blocks.give_all_back(&mut youngest.table);
        (youngest.num_cached, youngest.computed_by) = (0, None);
        self.num_preemptions += 1;
        true
    }

    /// Takes the blocks of all that is between two turns.
    pub(super) fn take_blocks_between_turns(&mut self) {
        for scheduled in &mut self.between_turns {
            self.blocks.give_all_back(&mut scheduled.table);
            (scheduled.num_cached, scheduled.computed_by) = (0, None);
        }
    }

    /// Drops the sequences between two turns. Their blocks are forgotten with all others.
    pub(super) fn clear_turns(&mut self) {
        self.between_turns.clear();
    }

    fn take_between_turns(&mut self, is_it: impl Fn(&S) -> bool) -> Option<Scheduled<S>> {
        let place = self.between_turns.iter().position(|scheduled| is_it(&scheduled.sequence))?;
        Some(self.between_turns.remove(place))
    }

    fn wait_first(&mut self, mut scheduled: Scheduled<S>) {
        self.blocks.give_all_back(&mut scheduled.table);
        (scheduled.num_cached, scheduled.computed_by) = (0, None);
        self.waiting.push_front(scheduled);
    }
}
