//! The engine of one rank: takes requests by tickets and goes on for some steps.

use std::collections::HashMap;

use anyhow::Result;
use policy::Decoder;
use rollout::{Completion, EndedTurn, Engine, Finished, GenerationStats, NextTurn, RequestId, Unfinished};
use serde::{Deserialize, Serialize};

/// What a rank's engine is to do.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct DecodeOrder {
    /// True where the cache's memory is given back first, unless a sequence runs: what is sampled next must not depend
    /// on what it holds of what was sampled before.
    pub(super) is_afresh: bool,
    /// Tickets whose requests are dropped.
    pub(super) aborted: Vec<u64>,
    /// What follows the turns of these tickets.
    pub(super) answered: Vec<(u64, NextTurn)>,
    /// Requests that join, with their tickets.
    pub(super) requests: Vec<(u64, Unfinished)>,
    /// Most steps; fewer where all requests are done before.
    pub(super) num_steps: u64,
}

/// What came of a request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Sampled {
    /// It is complete.
    Completed(Box<Completion>),
    /// A turn of it ended, and waits for what follows.
    Turn(EndedTurn),
}

/// Requests that a rank's engine brought to their ends, or to the end of a turn, in their order: what came of each, or
/// why there is no completion.
pub(super) type Decoded = Vec<(u64, Result<Sampled, String>)>;

/// Requests that a rank's engine gave back, with their tickets.
pub(super) type Withdrawn = Vec<(u64, Unfinished)>;

/// An engine whose requests are known by tickets.
#[derive(Debug)]
pub(super) struct RankEngine {
    engine: Engine,
    tickets: HashMap<RequestId, u64>,
}

impl RankEngine {
    pub(super) fn new(engine: Engine) -> Self {
        Self { engine, tickets: HashMap::new() }
    }

    /// The same for one of some processes that share the host's memory.
    pub(super) fn beside(self, num_processes: usize) -> Self {
        Self { engine: self.engine.beside(num_processes), ..self }
    }

    /// Takes what joins, and does the steps.
    ///
    /// # Errors
    /// The engine cannot run at all; it has dropped all requests.
    pub(super) fn decode(&mut self, order: DecodeOrder, decoder: &Decoder, policy_version: u64) -> Result<Decoded> {
        if order.is_afresh {
            self.release_cache();
        }
        let engine = &mut self.engine;
        self.tickets.retain(|id, ticket| {
            let stays = !order.aborted.contains(ticket);
            if !stays {
                engine.abort(*id);
            }
            stays
        });
        let mut decoded = Decoded::new();
        for (ticket, next) in order.answered {
            let id = self.tickets.iter().find(|(_, of)| **of == ticket).map(|(id, _)| *id);
            let finished = id.and_then(|id| self.engine.answer_turn(id, next));
            self.take_finished(finished, &mut decoded);
        }
        for (ticket, request) in order.requests {
            match self.engine.go_on(request) {
                Ok(id) => {
                    self.tickets.insert(id, ticket);
                }
                Err(error) => decoded.push((ticket, Err(error.to_string()))),
            }
        }
        for _ in 0..order.num_steps {
            if self.engine.is_idle() {
                break;
            }
            let finished = self.engine.step(decoder, policy_version).inspect_err(|_| self.tickets.clear())?;
            self.take_finished(finished, &mut decoded);
            for turn in self.engine.take_turns() {
                if let Some(ticket) = self.tickets.get(&turn.request) {
                    decoded.push((*ticket, Ok(Sampled::Turn(turn))));
                }
            }
        }
        Ok(decoded)
    }

    /// Takes all requests out of the engine.
    pub(super) fn withdraw(&mut self) -> Withdrawn {
        let all = self.engine.withdraw().into_iter();
        all.filter_map(|(id, unfinished)| Some((self.tickets.remove(&id)?, unfinished))).collect()
    }

    fn take_finished(&mut self, all: impl IntoIterator<Item = Finished>, decoded: &mut Decoded) {
        for Finished { request, result } in all {
            if let Some(ticket) = self.tickets.remove(&request) {
                let completed = result.map(|completion| Sampled::Completed(Box::new(completion)));
                decoded.push((ticket, completed.map_err(|error| error.to_string())));
            }
        }
    }

    /// Gives the cache's memory back, unless a sequence runs.
    pub(super) fn release_cache(&mut self) {
        self.engine.release_cache();
    }

    pub(super) fn take_stats(&mut self) -> GenerationStats {
        self.engine.take_stats()
    }
}
