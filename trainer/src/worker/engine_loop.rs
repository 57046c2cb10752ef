//! The engine, where its completions go, and when new requests join.
//!
//! How sequences share a step decides the last bits of their logprobs, so a run that is to be repeated must not let
//! clocks decide it. What replaces a draw depends on verdicts, which take as long as they take; so a replacement joins
//! a fixed number of steps after the draw has ended, its lag. Verdicts that come sooner wait, and the engine waits for
//! those that come later. Steps are counted; time is not looked at.

use std::collections::{BTreeMap, HashMap};

use policy::Decoder;
use rollout::{Engine, GenerationStats, RequestId, RolloutError, RolloutRequest};

use super::command::{Answers, ModelEvent};

/// The engine with its requests.
pub(super) struct EngineLoop {
    engine: Engine,
    /// Number of steps so far.
    clock: u64,
    requests: HashMap<RequestId, Requested>,
    /// Draws under way that are held to a lag.
    lagging: HashMap<u64, Lagging>,
    /// Draws that have ended, by the step before which each is replaced and in their order.
    ended: BTreeMap<(u64, u64), Place>,
    paused: bool,
}

struct Requested {
    draw: u64,
    sample: u64,
    answers: Answers,
}

/// A draw that is held to a lag.
struct Lagging {
    lag: u64,
    num_running: usize,
}

/// The place of a draw that has ended.
struct Place {
    lag: u64,
    /// What takes it; absent until that is known.
    replacement: Option<(Vec<RolloutRequest>, Answers)>,
}

impl EngineLoop {
    pub(super) fn new(engine: Engine) -> Self {
        Self {
            engine,
            clock: 0,
            requests: HashMap::new(),
            lagging: HashMap::new(),
            ended: BTreeMap::new(),
            paused: false,
        }
    }

    /// True where there is a step to do and nothing to wait for.
    pub(super) fn can_decode(&self) -> bool {
        let due = self.due();
        let waits = self.ended.iter().any(|((step, _), place)| *step <= due && place.replacement.is_none());
        !self.paused && !waits && (!self.engine.is_idle() || !self.ended.is_empty())
    }

    /// Step whose places are to be filled now: the next one, or the first with a place where the engine is idle.
    fn due(&self) -> u64 {
        match self.ended.keys().next() {
            Some((step, _)) if self.engine.is_idle() => self.clock.max(*step),
            _ => self.clock,
        }
    }

    /// Fills the places that are due, and does a step.
    pub(super) fn decode(&mut self, decoder: &Decoder, policy_version: u64) {
        self.clock = self.due();
        while let Some(entry) = self.ended.first_entry().filter(|entry| entry.key().0 <= self.clock) {
            let Place { lag, replacement } = entry.remove();
            if let Some((requests, answers)) = replacement {
                self.submit(requests, Some(lag), &answers);
            }
        }
        if self.engine.is_idle() {
            return;
        }
        let finished = self.engine.step(decoder, policy_version);
        self.clock += 1;
        match finished {
            Ok(finished) => {
                for finished in finished {
                    let Some(requested) = self.requests.remove(&finished.request) else { continue };
                    let event = finished.result.map_or_else(|error| requested.refused(&error), ModelEvent::Completed);
                    // The receiver is gone once the user interrupted.
                    let _ = requested.answers.send(Ok(event));
                    self.end(requested.draw);
                }
            }
            Err(error) => self.fail(&error),
        }
    }

    /// Notes that a request of a draw has ended; the last one opens the draw's place.
    fn end(&mut self, draw: u64) {
        let Some(lagging) = self.lagging.get_mut(&draw) else { return };
        lagging.num_running -= 1;
        if lagging.num_running == 0 {
            let lag = lagging.lag;
            self.lagging.remove(&draw);
            self.ended.insert((self.clock + lag, draw), Place { lag, replacement: None });
        }
    }

    /// Without a cache nothing can run: every request learns why.
    fn fail(&mut self, error: &RolloutError) {
        let reason = error.to_string();
        for (id, requested) in self.requests.drain() {
            self.engine.abort(id);
            let _ = requested.answers.send(Err(anyhow::anyhow!(reason.clone())));
        }
        self.lagging.clear();
        self.ended.clear();
    }

    pub(super) fn submit(&mut self, requests: Vec<RolloutRequest>, lag: Option<u64>, answers: &Answers) {
        if let Some(lag) = lag {
            for request in &requests {
                self.lagging.entry(request.draw).or_insert(Lagging { lag, num_running: 0 }).num_running += 1;
            }
        }
        for request in requests {
            let requested = Requested { draw: request.draw, sample: request.sample, answers: answers.clone() };
            match self.engine.submit(request) {
                Ok(id) => {
                    self.requests.insert(id, requested);
                }
                Err(error) => {
                    let _ = answers.send(Ok(requested.refused(&error)));
                    self.end(requested.draw);
                }
            }
        }
    }

    /// Says what takes the place of a draw that has ended. A place that nothing takes is forgotten at once: it would
    /// outlive its sampling, and be taken for that of a later draw of the same number.
    pub(super) fn replace(&mut self, draw: u64, requests: Vec<RolloutRequest>, answers: &Answers) {
        let open = self.ended.iter().find(|((_, ended), place)| *ended == draw && place.replacement.is_none());
        let Some((&key, _)) = open else {
            let _ = answers.send(Err(anyhow::anyhow!("draw {draw} has no place that could be taken")));
            return;
        };
        if requests.is_empty() {
            self.ended.remove(&key);
        } else if let Some(place) = self.ended.get_mut(&key) {
            place.replacement = Some((requests, answers.clone()));
        }
    }

    pub(super) fn abort(&mut self, draw: u64) -> ModelEvent {
        let engine = &mut self.engine;
        self.requests.retain(|id, requested| {
            let stays = requested.draw != draw;
            if !stays {
                engine.abort(*id);
            }
            stays
        });
        self.lagging.remove(&draw);
        self.ended.retain(|(_, ended), _| *ended != draw);
        for (requests, _) in self.ended.values_mut().filter_map(|place| place.replacement.as_mut()) {
            requests.retain(|request| request.draw != draw);
        }
        ModelEvent::Done
    }

    pub(super) fn pause(&mut self, paused: bool) -> ModelEvent {
        self.paused = paused;
        ModelEvent::Done
    }

    /// Gives the cache's memory back, unless a sequence runs.
    pub(super) fn release_cache(&mut self) {
        self.engine.release_cache();
    }

    pub(super) fn take_stats(&mut self) -> GenerationStats {
        self.engine.take_stats()
    }
}

impl Requested {
    fn refused(&self, error: &RolloutError) -> ModelEvent {
        ModelEvent::Refused { draw: self.draw, sample: self.sample, reason: error.to_string() }
    }
}
