//! The engine of one rank: takes requests by tickets and goes on for some steps.

use std::collections::HashMap;

use anyhow::Result;
use policy::Decoder;
use rollout::{Completion, Engine, GenerationStats, RequestId, Unfinished};
use serde::{Deserialize, Serialize};

/// What a rank's engine is to do.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct DecodeOrder {
    /// True where the cache's memory is given back first, unless a sequence runs: what is sampled next must not depend
    /// on what it holds of what was sampled before.
    pub(super) is_afresh: bool,
    /// Tickets whose requests are dropped.
    pub(super) aborted: Vec<u64>,
    /// Requests that join, with their tickets.
    pub(super) requests: Vec<(u64, Unfinished)>,
    /// Most steps; fewer where all requests are done before.
    pub(super) num_steps: u64,
}

/// Requests that a rank's engine brought to their ends, in their order: completions, or why there is none.
pub(super) type Decoded = Vec<(u64, Result<Completion, String>)>;

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
            for finished in finished {
                if let Some(ticket) = self.tickets.remove(&finished.request) {
                    decoded.push((ticket, finished.result.map_err(|error| error.to_string())));
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

    /// Gives the cache's memory back, unless a sequence runs.
    pub(super) fn release_cache(&mut self) {
        self.engine.release_cache();
    }

    pub(super) fn take_stats(&mut self) -> GenerationStats {
        self.engine.take_stats()
    }
}
