//! What runs: which sequences have a place, which of their tokens the next pass computes, and where keys go.
//!
//! A sequence waits, runs, and ends. Those that wait have an order, in which they begin; one begins where there are
//! blocks for all its tokens so far, and a spare one for each that runs and grows, whatever it may come to need. Where
//! blocks run out, the youngest gives its place back and waits before all others: its tokens stay, and their keys are
//! computed again. So the oldest always goes on, and with it everything ends.
//!
//! A pass gives each sequence with one token left to compute that token, and what the budget allows of those with more,
//! the oldest first. All of this depends on the requests and their tokens alone, so that ranks which are told the same
//! decide the same. This file must not know tensors, nor how a token is drawn: `S` is what its owner keeps with a
//! sequence.

use std::collections::VecDeque;

use kernels::BLOCK_TOKENS;

use crate::cache::{BlockId, Blocks, Writable, blocks_of};

/// A sequence and what is cached of it.
#[derive(Debug)]
pub(crate) struct Scheduled<S> {
    pub(crate) sequence: S,
    /// Its tokens so far.
    pub(crate) ids: Vec<u32>,
    /// Most tokens that it may come to have.
    most_tokens: usize,
    /// Its blocks in order; enough for all its tokens once a pass computes any.
    pub(crate) table: Vec<BlockId>,
    /// Tokens whose keys and values are there.
    num_cached: usize,
    /// Version of the weights that computed them; none where there are several, or no tokens.
    computed_by: Option<u64>,
}

/// Tokens of one sequence that a pass computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct PassPiece {
    /// Number of the sequence among those that run.
    pub(crate) index: usize,
    /// Place of the first of the tokens.
    pub(crate) start: usize,
    pub(crate) num_tokens: usize,
    /// Tokens whose keys were there before: those of later ones are written.
    pub(crate) num_cached: usize,
    /// True where the sequence's last token is among them, so that the next one is sampled.
    pub(crate) is_sampled: bool,
}

/// What a pass is to do.
#[derive(Debug, Default)]
pub(crate) struct PassPlan {
    /// Blocks to be copied before anything is computed, in this order, from the first to the second of each.
    pub(crate) copies: Vec<(BlockId, BlockId)>,
    pub(crate) pieces: Vec<PassPiece>,
    /// Cached tokens that the pieces attend to, those that several share once.
    pub(crate) num_attended: u64,
}

/// Most that runs at once.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) max_sequences: usize,
    /// Most tokens of a pass beside the last one of each sequence.
    pub(crate) prefill_tokens: usize,
}

/// Sequences that wait and run, and the blocks that they hold.
#[derive(Debug)]
pub(crate) struct Scheduler<S> {
    bounds: Bounds,
    blocks: Blocks,
    waiting: VecDeque<Scheduled<S>>,
    /// The oldest first.
    running: Vec<Scheduled<S>>,
    /// Those that wait for what follows a turn, in the order in which their turns ended.
    between_turns: Vec<Scheduled<S>>,
    /// Version of the weights of the last pass.
    policy_version: Option<u64>,
    num_preemptions: usize,
}

impl<S> Scheduler<S> {
    /// Without sequences, over so many blocks.
    pub(crate) fn new(bounds: Bounds, num_blocks: usize) -> Self {
        Self {
            bounds,
            blocks: Blocks::new(num_blocks),
            waiting: VecDeque::new(),
            running: Vec::new(),
            between_turns: Vec::new(),
            policy_version: None,
            num_preemptions: 0,
        }
    }

    pub(crate) fn running(&self) -> &[Scheduled<S>] {
        &self.running
    }

    pub(crate) fn sequence_mut(&mut self, index: usize) -> &mut S {
        &mut self.running[index].sequence
    }

    pub(crate) fn num_waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Number of blocks that there must be memory for.
    pub(crate) fn num_blocks(&self) -> usize {
        self.blocks.num_blocks()
    }

    /// Times that a sequence gave its place back, since the last call.
    pub(crate) fn take_preemptions(&mut self) -> usize {
        std::mem::take(&mut self.num_preemptions)
    }

    /// A sequence waits behind the others, of so many tokens at its longest, which must fit the blocks alone.
    pub(crate) fn submit(&mut self, sequence: S, ids: Vec<u32>, most_tokens: usize) {
        let table = Vec::new();
        self.waiting.push_back(Scheduled { sequence, ids, most_tokens, table, num_cached: 0, computed_by: None });
    }

    /// Takes all sequences out, those that run before those that wait, so that they begin in this order anew. Their
    /// blocks stay to be found.
    pub(crate) fn take_all(&mut self) -> Vec<S> {
        self.have_all_wait();
        self.waiting.drain(..).map(|waiting| waiting.sequence).collect()
    }

    /// Has all that run wait before all others, in their order: their keys will be computed again, and those of what is
    /// between two turns.
    pub(crate) fn have_all_wait(&mut self) {
        self.take_blocks_between_turns();
        while self.youngest_waits() {}
    }

    /// Version of the weights of the last pass; `None` before the first.
    pub(crate) fn policy_version(&self) -> Option<u64> {
        self.policy_version
    }

    /// The sequences that wait, with the most tokens of each.
    pub(crate) fn waiting_mut(&mut self) -> impl Iterator<Item = (&mut S, &mut usize)> {
        self.waiting.iter_mut().map(|waiting| (&mut waiting.sequence, &mut waiting.most_tokens))
    }

    /// Takes the sequences out that wait and of which this holds.
    pub(crate) fn refuse(&mut self, is_refused: impl Fn(&S) -> bool) -> Vec<S> {
        let (refused, waiting) = self.waiting.drain(..).partition(|waiting| is_refused(&waiting.sequence));
        self.waiting = waiting;
        VecDeque::into_iter(refused).map(|scheduled| scheduled.sequence).collect()
    }

    /// Takes a sequence out, waiting, running or between two turns; `None` where there is none of which this holds.
    pub(crate) fn abort(&mut self, is_it: impl Fn(&S) -> bool) -> Option<S> {
        if let Some(index) = self.running.iter().position(|running| is_it(&running.sequence)) {
            return Some(self.end(index));
        }
        if let Some(place) = self.waiting.iter().position(|waiting| is_it(&waiting.sequence)) {
            return self.waiting.remove(place).map(|waiting| waiting.sequence);
        }
        self.end_between_turns(is_it)
    }

    /// Takes a running sequence out at its end; its blocks stay to be found.
    pub(crate) fn end(&mut self, index: usize) -> S {
        let mut ended = self.running.remove(index);
        self.blocks.give_all_back(&mut ended.table);
        ended.sequence
    }

    /// Takes a running sequence out whose keys are no numbers: nobody may find them.
    pub(crate) fn end_broken(&mut self, index: usize) -> S {
        for &block in &self.running[index].table {
            self.blocks.forget(block);
        }
        self.end(index)
    }

    /// Begins anew with so many blocks, none of which is held or known. Nothing runs.
    pub(crate) fn reset_blocks(&mut self, num_blocks: usize) {
        let holds = |between: &Scheduled<S>| !between.table.is_empty();
        let is_held = !self.running.is_empty() || self.between_turns.iter().any(holds);
        assert!(!is_held, "a sequence needs its blocks");
        self.blocks = Blocks::new(num_blocks);
    }

    /// Drops all sequences and blocks.
    pub(crate) fn clear(&mut self, num_blocks: usize) {
        self.waiting.clear();
        self.running.clear();
        self.clear_turns();
        self.reset_blocks(num_blocks);
    }

    /// The next pass, by weights of this version. It is taken to happen: what it computes can be found from now on.
    pub(crate) fn plan(&mut self, policy_version: u64) -> PassPlan {
        if self.policy_version != Some(policy_version) {
            self.policy_version = Some(policy_version);
            self.blocks.forget_kept();
        }
        let (mut plan, mut budget) = (PassPlan::default(), self.bounds.prefill_tokens);
        let (mut index, num_preemptions) = (0, self.num_preemptions);
        while index < self.running.len() {
            if self.make_room(index, &mut plan) {
                self.add_piece(index, policy_version, &mut budget, &mut plan);
                index += 1;
            }
        }
        let has_room = self.num_preemptions == num_preemptions;
        while has_room && self.running.len() < self.bounds.max_sequences {
            if self.admit(policy_version, budget, &mut plan) {
                self.add_piece(self.running.len() - 1, policy_version, &mut budget, &mut plan);
            } else if self.waiting.is_empty() || !self.running.is_empty() || !self.give_way() {
                break;
            }
        }
        plan.num_attended = self.num_attended(&plan.pieces);
        plan
    }

    /// Tokens that these pieces attend to, those in blocks that several of them have once.
    fn num_attended(&self, pieces: &[PassPiece]) -> u64 {
        let mut read = vec![0; self.blocks.num_blocks()]; // tokens of each block
        for piece in pieces {
            let end = piece.start + piece.num_tokens;
            for (at, block) in self.running[piece.index].table[..blocks_of(end)].iter().enumerate() {
                let num_tokens = &mut read[*block as usize];
                *num_tokens = (end - at * BLOCK_TOKENS).min(BLOCK_TOKENS).max(*num_tokens);
            }
        }
        read.into_iter().map(|num_tokens| num_tokens as u64).sum()
    }

    /// The pass is over: what it computed is there.
    pub(crate) fn pass_is_over(&mut self, plan: &PassPlan) {
        for piece in &plan.pieces {
            let num_cached = &mut self.running[piece.index].num_cached;
            *num_cached = (*num_cached).max(piece.start + piece.num_tokens);
        }
        self.blocks.pass_is_over();
    }

    /// A running sequence has one more token.
    pub(crate) fn append(&mut self, index: usize, id: u32) {
        self.running[index].ids.push(id);
    }

    /// Readies blocks for all tokens of a running sequence; where there are none, a sequence between two turns gives
    /// its blocks back, and without one the youngest its place.
    /// Returns false where that was the sequence itself.
    fn make_room(&mut self, index: usize, plan: &mut PassPlan) -> bool {
        while !ready(&mut self.blocks, &mut self.running[index], plan) {
            if self.give_way() {
                continue;
            }
            let youngest = self.running.len() - 1;
            self.num_preemptions += usize::from(self.youngest_waits());
            if youngest == index {
                return false;
            }
        }
        true
    }

    /// Has the youngest that runs give its place back and wait before all others. Returns false where none runs.
    fn youngest_waits(&mut self) -> bool {
        let Some(mut youngest) = self.running.pop() else { return false };
        self.blocks.give_all_back(&mut youngest.table);
        (youngest.num_cached, youngest.computed_by) = (0, None);
        self.waiting.push_front(youngest);
        true
    }

    /// Begins the first sequence that waits, where there is room for its tokens.
    fn admit(&mut self, policy_version: u64, budget: usize, plan: &mut PassPlan) -> bool {
        let Some(first) = self.waiting.front() else { return false };
        let num_tokens = first.ids.len();
        let mut found = self.blocks.find(policy_version, &first.ids);
        if found.num_tokens + 1 < num_tokens && budget == 0 {
            return false;
        }
        let grows = |running: &&Scheduled<S>| running.table.len() < blocks_of(running.most_tokens);
        let spare = self.running.iter().filter(grows).count();
        loop {
            let part = found.num_tokens % BLOCK_TOKENS;
            let is_copied = part > 0 && found.num_tokens < num_tokens;
            let num_needed = blocks_of(num_tokens) - found.blocks.len() + usize::from(is_copied);
            if num_needed + spare <= self.blocks.num_available_beside(&found) {
                break;
            }
            if !is_copied {
                return false;
            }
            found.blocks.pop();
            found.num_tokens -= part;
        }
        let Some(mut first) = self.waiting.pop_front() else { return false };
        for &block in &found.blocks {
            self.blocks.hold(block);
        }
        (first.table, first.num_cached) = (found.blocks, found.num_tokens);
        first.computed_by = (found.num_tokens > 0).then_some(policy_version);
        let is_ready = ready(&mut self.blocks, &mut first, plan);
        assert!(is_ready, "there are as many blocks as were counted");
        self.running.push(first);
        true
    }

    /// Adds to the plan what the budget allows of a running sequence's tokens.
    fn add_piece(&mut self, index: usize, policy_version: u64, budget: &mut usize, plan: &mut PassPlan) {
        let Scheduled { ids, table, num_cached, computed_by, .. } = &mut self.running[index];
        // The last token is computed even where its keys were found: what follows is sampled from it.
        let start = (*num_cached).min(ids.len() - 1);
        let ahead = ids.len() - 1 - start;
        let is_sampled = ahead <= *budget;
        let num_tokens = if is_sampled { ahead + 1 } else { *budget };
        *budget -= ahead.min(*budget);
        if num_tokens == 0 {
            return;
        }
        let (mut at, end) = (*num_cached, start + num_tokens);
        *computed_by = (at == 0 || *computed_by == Some(policy_version)).then_some(policy_version);
        while computed_by.is_some() && at < end {
            let (block, offset) = (at / BLOCK_TOKENS, at % BLOCK_TOKENS);
            let next = end.min((block + 1) * BLOCK_TOKENS);
            self.blocks.note(policy_version, &table[..=block], offset, &ids[at..next]);
            at = next;
        }
        plan.pieces.push(PassPiece { index, start, num_tokens, num_cached: *num_cached, is_sampled });
    }
}

/// Readies blocks for all tokens of a sequence. Returns false where there are none.
fn ready<S>(blocks: &mut Blocks, scheduled: &mut Scheduled<S>, plan: &mut PassPlan) -> bool {
    let Scheduled { ids, table, num_cached, .. } = scheduled;
    let (block, offset) = (*num_cached / BLOCK_TOKENS, *num_cached % BLOCK_TOKENS);
    if offset > 0 && *num_cached < ids.len() {
        match blocks.writable(table[block], offset) {
            None => return false,
            Some(Writable::Here) => {}
            Some(Writable::Copied(copy)) => {
                plan.copies.push((table[block], copy));
                table[block] = copy;
            }
        }
    }
    while table.len() < blocks_of(ids.len()) {
        let Some(block) = blocks.take() else { return false };
        table.push(block);
    }
    true
}

mod turns;

#[cfg(test)]
mod tests;
