//! Turns that ended and wait for what follows, each until the step at which it goes on: a fixed number of steps after
//! its end, so that it does not matter to the sequences beside it how long a tool takes.

use std::collections::BTreeMap;

use rollout::NextTurn;

/// Open turns by the step before which each goes on, and by their request's ticket.
#[derive(Debug, Default)]
pub(super) struct OpenTurns {
    turns: BTreeMap<(u64, u64), Option<NextTurn>>,
}

impl OpenTurns {
    pub(super) fn len(&self) -> usize {
        self.turns.len()
    }

    /// A request's turn has ended, and goes on before this step.
    pub(super) fn open(&mut self, step: u64, ticket: u64) {
        self.turns.insert((step, ticket), None);
    }

    /// Says what follows a request's turn; one that is not open is gone.
    pub(super) fn answer(&mut self, ticket: u64, next: NextTurn) {
        if let Some((_, open)) = self.turns.iter_mut().find(|((_, of), _)| *of == ticket) {
            *open = Some(next);
        }
    }

    /// The first step before which one goes on.
    pub(super) fn first_step(&self) -> Option<u64> {
        self.turns.keys().next().map(|(step, _)| *step)
    }

    /// True where one is to go on by this step, and what follows is not known.
    pub(super) fn waits(&self, step: u64) -> bool {
        self.turns.iter().take_while(|((due, _), _)| *due <= step).any(|(_, next)| next.is_none())
    }

    /// Takes those out that go on by this step, whose answers are there.
    pub(super) fn take_due(&mut self, step: u64) -> Vec<(u64, NextTurn)> {
        let later = self.turns.split_off(&(step.saturating_add(1), 0));
        let due = std::mem::replace(&mut self.turns, later);
        due.into_iter().filter_map(|((_, ticket), next)| Some((ticket, next?))).collect()
    }

    /// Forgets the turns of requests of which this does not hold.
    pub(super) fn retain(&mut self, is_kept: impl Fn(u64) -> bool) {
        self.turns.retain(|(_, ticket), _| is_kept(*ticket));
    }
}
