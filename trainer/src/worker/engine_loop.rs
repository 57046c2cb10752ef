//! The requests under way: which rank's engine has each, where its completion goes, and when new ones join.
//!
//! How sequences share a step decides the last bits of their logprobs, so a run that is to be repeated must not let
//! clocks decide it. What replaces a draw depends on verdicts, which take as long as they take; so a replacement joins
//! a fixed number of steps after the draw has ended, its lag. Verdicts that come sooner wait, and the engines wait for
//! those that come later. A turn that calls tools goes on likewise, its own lag after its end. Steps are counted; time
//! is not looked at. Where there are several ranks, all engines do as
//! many steps between two exchanges, and requests go to the rank that has fewest: so that decides nothing either.
//!
//! No engine is known here: only what each is to do next, and what came of it.

use std::collections::{BTreeMap, HashMap, VecDeque};

use rollout::{NextTurn, RolloutRequest, Unfinished};

use super::command::{Answers, ModelEvent};
use super::open_turns::OpenTurns;
use super::rank_engine::{DecodeOrder, Decoded, Sampled, Withdrawn};

/// Steps of all engines between two exchanges of several ranks.
const STEPS_OF_RANKS: u64 = 4;

/// Steps between an end and what follows it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lags {
    /// Those of a draw's replacement; none where nothing replaces draws.
    pub(super) replaced: Option<u64>,
    /// Those of a turn.
    pub(super) turn: u64,
}

/// Requests under way.
pub(super) struct EngineLoop {
    /// Number of steps so far.
    clock: u64,
    /// Steps of an order.
    num_steps: u64,
    /// Most requests that a rank has before others wait; as many as its engine runs at once.
    room: usize,
    /// Number of requests that each rank's engine has.
    loads: Vec<usize>,
    next_ticket: u64,
    requests: HashMap<u64, Requested>,
    /// Tickets that no engine has yet, with their requests.
    waiting: VecDeque<(u64, Unfinished)>,
    /// Tickets that were dropped, and the ranks that have them.
    aborted: Vec<(usize, u64)>,
    /// Number of requests that were dropped before an engine had them.
    num_aborted: usize,
    is_afresh: bool,
    /// Draws under way that are held to a lag.
    lagging: HashMap<u64, Lagging>,
    /// Draws that have ended, by the step before which each is replaced and in their order.
    ended: BTreeMap<(u64, u64), Place>,
    turns: OpenTurns,
    paused: bool,
}

struct Requested {
    draw: u64,
    sample: u64,
    answers: Answers,
    /// Steps between the end of a turn and the next.
    turn_lag: u64,
    /// The rank whose engine has it; none while it waits.
    rank: Option<usize>,
}

/// A draw that is held to a lag.
struct Lagging {
    lag: u64,
    turn_lag: u64,
    num_running: usize,
}

/// The place of a draw that has ended.
struct Place {
    lag: u64,
    turn_lag: u64,
    /// What takes it; absent until that is known.
    replacement: Option<(Vec<RolloutRequest>, Answers)>,
}

impl EngineLoop {
    /// The requests of `num_ranks` engines, each of which runs `max_sequences` at once.
    pub(super) fn new(num_ranks: usize, max_sequences: usize) -> Self {
        let is_alone = num_ranks == 1;
        Self {
            clock: 0,
            num_steps: if is_alone { 1 } else { STEPS_OF_RANKS },
            // An engine by itself keeps its own queue.
            room: if is_alone { usize::MAX } else { max_sequences },
            loads: vec![0; num_ranks],
            next_ticket: 0,
            requests: HashMap::new(),
            waiting: VecDeque::new(),
            aborted: Vec::new(),
            num_aborted: 0,
            is_afresh: false,
            lagging: HashMap::new(),
            ended: BTreeMap::new(),
            turns: OpenTurns::default(),
            paused: false,
        }
    }

    /// True where there is a step to do and nothing to wait for.
    pub(super) fn can_decode(&self) -> bool {
        let due = self.due();
        let waits = self.ended.iter().any(|((step, _), place)| *step <= due && place.replacement.is_none());
        let waits = waits || self.turns.waits(due);
        !self.paused && !waits && (!self.requests.is_empty() || !self.ended.is_empty())
    }

    /// Step whose places are to be filled and whose turns go on now: the next one, or the first with one where the
    /// engines are idle.
    fn due(&self) -> u64 {
        let first_place = self.ended.keys().next().map(|(step, _)| *step);
        match first_place.into_iter().chain(self.turns.first_step()).min() {
            Some(step) if self.requests.len() == self.turns.len() => self.clock.max(step),
            _ => self.clock,
        }
    }

    /// True where it is known of every turn that ended what follows it.
    pub(super) fn is_every_turn_answered(&self) -> bool {
        !self.turns.waits(u64::MAX)
    }

    /// What each rank's engine is told of all turns that ended, those too that were to go on later. No step is done.
    pub(super) fn answer_all_turns(&mut self) -> Vec<DecodeOrder> {
        let mut orders = self.with_aborted(vec![DecodeOrder::default(); self.loads.len()]);
        self.answer_turns_due(u64::MAX, &mut orders);
        orders
    }

    /// Has the turns go on that are due by this step.
    fn answer_turns_due(&mut self, step: u64, orders: &mut [DecodeOrder]) {
        for (ticket, next) in self.turns.take_due(step) {
            if let Some(rank) = self.requests.get(&ticket).and_then(|requested| requested.rank) {
                orders[rank].answered.push((ticket, next));
            }
        }
    }

    /// Fills the places that are due; returns what each rank's engine is to do next.
    pub(super) fn next_orders(&mut self) -> Vec<DecodeOrder> {
        self.clock = self.due();
        while let Some(entry) = self.ended.first_entry().filter(|entry| entry.key().0 <= self.clock) {
            let Place { lag, turn_lag, replacement } = entry.remove();
            if let Some((requests, answers)) = replacement {
                let requests = requests.into_iter().map(Unfinished::from).collect();
                self.submit(requests, Lags { replaced: Some(lag), turn: turn_lag }, &answers);
            }
        }
        let blank = DecodeOrder { is_afresh: self.is_afresh, num_steps: self.num_steps, ..DecodeOrder::default() };
        self.is_afresh = false;
        let mut orders = self.with_aborted(vec![blank; self.loads.len()]);
        self.answer_turns_due(self.clock, &mut orders);
        // The samples of a draw go to one rank, which computes their prompt once.
        let mut last: Option<(u64, usize)> = None;
        while let Some((_, Unfinished { request, .. })) = self.waiting.front() {
            let begun = last.filter(|(draw, _)| *draw == request.draw).map(|(_, rank)| rank);
            let least = || (0..self.loads.len()).min_by_key(|rank| self.loads[*rank]).unwrap_or(0);
            let rank = begun.unwrap_or_else(least);
            if begun.is_none() && self.loads[rank] >= self.room {
                break;
            }
            last = Some((request.draw, rank));
            self.loads[rank] += 1;
            if let Some((ticket, request)) = self.waiting.pop_front() {
                if let Some(requested) = self.requests.get_mut(&ticket) {
                    requested.rank = Some(rank);
                }
                orders[rank].requests.push((ticket, request));
            }
        }
        self.clock += self.num_steps;
        orders
    }

    /// Hands on what the engines did, in the order of the ranks.
    pub(super) fn take(&mut self, decoded: Vec<Decoded>) {
        for (rank, decoded) in decoded.into_iter().enumerate() {
            for (ticket, result) in decoded {
                let event = match result {
                    Ok(Sampled::Turn(turn)) => {
                        let Some(requested) = self.requests.get(&ticket) else { continue };
                        self.turns.open(self.clock + requested.turn_lag, ticket);
                        let _ = requested.answers.send(Ok(ModelEvent::TurnEnded(turn)));
                        continue;
                    }
                    Ok(Sampled::Completed(completion)) => Ok(ModelEvent::Completed(*completion)),
                    Err(reason) => Err(reason),
                };
                let Some(requested) = self.requests.remove(&ticket) else { continue };
                self.loads[rank] -= 1;
                let Requested { draw, sample, answers, .. } = requested;
                // The receiver is gone once the user interrupted.
                let _ = answers.send(Ok(event.unwrap_or_else(|reason| ModelEvent::Refused { draw, sample, reason })));
                self.end(draw);
            }
        }
    }

    /// Notes that a request of a draw has ended; the last one opens the draw's place.
    fn end(&mut self, draw: u64) {
        let Some(lagging) = self.lagging.get_mut(&draw) else { return };
        lagging.num_running -= 1;
        if lagging.num_running == 0 {
            let Lagging { lag, turn_lag, .. } = *lagging;
            self.lagging.remove(&draw);
            self.ended.insert((self.clock + lag, draw), Place { lag, turn_lag, replacement: None });
        }
    }

    /// Without an engine nothing can run: every request learns why.
    pub(super) fn fail(&mut self, error: &anyhow::Error) {
        let reason = format!("{error:#}");
        for (ticket, requested) in self.requests.drain() {
            self.aborted.extend(requested.rank.map(|rank| (rank, ticket)));
            let _ = requested.answers.send(Err(anyhow::anyhow!(reason.clone())));
        }
        self.loads.fill(0);
        self.waiting.clear();
        self.lagging.clear();
        self.ended.clear();
        self.turns = OpenTurns::default();
    }

    /// Has the engines begin anew with what is submitted next, unless sequences run.
    pub(super) fn begin_afresh(&mut self) {
        self.is_afresh = true;
    }

    pub(super) fn submit(&mut self, requests: Vec<Unfinished>, lags: Lags, answers: &Answers) {
        let turn_lag = lags.turn;
        if let Some(lag) = lags.replaced {
            for Unfinished { request, .. } in &requests {
                let begun = Lagging { lag, turn_lag, num_running: 0 };
                self.lagging.entry(request.draw).or_insert(begun).num_running += 1;
            }
        }
        for unfinished in requests {
            let RolloutRequest { draw, sample, .. } = unfinished.request;
            let ticket = self.next_ticket;
            self.next_ticket += 1;
            let requested = Requested { draw, sample, answers: answers.clone(), turn_lag, rank: None };
            self.requests.insert(ticket, requested);
            self.waiting.push_back((ticket, unfinished));
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

    /// True where the engines stand still for the place of a draw that has ended; `None` where it has no place that
    /// could be taken, and will have none.
    pub(super) fn stands_still_for(&self, draw: u64) -> Option<bool> {
        let open = self.ended.iter().find(|((_, ended), place)| *ended == draw && place.replacement.is_none());
        open.map(|((step, _), _)| *step <= self.due())
    }

    /// Forgets all requests and places. Returns what the engines gave back and what they never had, in the order in
    /// which it was submitted, and then what was to take a place.
    pub(super) fn withdraw(&mut self, from_engines: Vec<Withdrawn>) -> Vec<Unfinished> {
        let mut all: Vec<(u64, Unfinished)> =
            from_engines.into_iter().flatten().chain(self.waiting.drain(..)).collect();
        all.retain(|(ticket, _)| self.requests.contains_key(ticket));
        all.sort_by_key(|(ticket, _)| *ticket);
        let places = std::mem::take(&mut self.ended).into_values();
        let replacements = places.filter_map(|place| place.replacement).flat_map(|(requests, _)| requests);
        let withdrawn = all.into_iter().map(|(_, unfinished)| unfinished).chain(replacements.map(Unfinished::from));
        self.requests.clear();
        self.lagging.clear();
        self.turns = OpenTurns::default();
        self.loads.fill(0);
        withdrawn.collect()
    }

    /// Says what follows a request's turn; a request that is gone is not missed.
    pub(super) fn answer_turn(&mut self, draw: u64, sample: u64, next: NextTurn) {
        let is_it = |(_, requested): &(&u64, &Requested)| requested.draw == draw && requested.sample == sample;
        if let Some(ticket) = self.requests.iter().find(is_it).map(|(ticket, _)| *ticket) {
            self.turns.answer(ticket, next);
        }
    }

    /// Drops a draw's requests; returns what the engines are to drop, which do no step for it.
    pub(super) fn abort(&mut self, draw: u64) -> Vec<DecodeOrder> {
        let (aborted, loads) = (&mut self.aborted, &mut self.loads);
        self.requests.retain(|ticket, requested| {
            let stays = requested.draw != draw;
            if let (false, Some(rank)) = (stays, requested.rank) {
                loads[rank] -= 1;
                aborted.push((rank, *ticket));
            }
            stays
        });
        self.turns.retain(|ticket| self.requests.contains_key(&ticket));
        let num_waiting = self.waiting.len();
        self.waiting.retain(|(_, unfinished)| unfinished.request.draw != draw);
        self.num_aborted += num_waiting - self.waiting.len();
        self.lagging.remove(&draw);
        self.ended.retain(|(_, ended), _| *ended != draw);
        for (requests, _) in self.ended.values_mut().filter_map(|place| place.replacement.as_mut()) {
            requests.retain(|request| request.draw != draw);
        }
        self.with_aborted(vec![DecodeOrder::default(); self.loads.len()])
    }

    fn with_aborted(&mut self, mut orders: Vec<DecodeOrder>) -> Vec<DecodeOrder> {
        for (rank, ticket) in self.aborted.drain(..) {
            orders[rank].aborted.push(ticket);
        }
        orders
    }

    /// Number of requests that were dropped before an engine had them, since the last call.
    pub(super) fn take_aborted(&mut self) -> usize {
        std::mem::take(&mut self.num_aborted)
    }

    pub(super) fn pause(&mut self, paused: bool) {
        self.paused = paused;
    }
}
