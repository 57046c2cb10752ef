//! The scheduler against a memory that remembers what was written where.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use proptest::prelude::*;

use super::*;

/// What is written of a token: the weights that computed it, and all tokens up to it.
fn contents(policy_version: u64, ids: &[u32]) -> u64 {
    let mut hasher = DefaultHasher::new();
    (policy_version, ids).hash(&mut hasher);
    hasher.finish()
}

/// A sequence in a test: its number, how many tokens it was submitted with and how many it may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Job {
    number: u64,
    num_given: usize,
    most_tokens: usize,
}

/// The token that follows any others of this sequence.
fn next_id(number: u64, position: usize) -> u32 {
    (contents(number, &[position as u32]) % 3) as u32
}

/// A scheduler with its memory.
struct Machine {
    scheduler: Scheduler<Job>,
    most_blocks: usize,
    policy_version: u64,
    memory: BTreeMap<(BlockId, usize), u64>,
    /// What must stand at each cached token of the sequences that run.
    expected: BTreeMap<u64, Vec<u64>>,
    num_submitted: u64,
    num_preemptions: usize,
    ended: BTreeMap<u64, (Job, Vec<u32>)>,
}

impl Machine {
    fn new(bounds: Bounds, most_blocks: usize) -> Self {
        Self {
            scheduler: Scheduler::new(bounds, most_blocks),
            most_blocks,
            policy_version: 0,
            memory: BTreeMap::new(),
            expected: BTreeMap::new(),
            num_submitted: 0,
            num_preemptions: 0,
            ended: BTreeMap::new(),
        }
    }

    /// Submits ids that are to grow by so many.
    fn submit(&mut self, ids: Vec<u32>, more: usize) {
        let job = Job { number: self.num_submitted, num_given: ids.len(), most_tokens: ids.len() + more };
        assert!(blocks_of(job.most_tokens) <= self.most_blocks);
        self.num_submitted += 1;
        self.scheduler.submit(job, ids, job.most_tokens);
    }

    /// A pass. Returns its plan.
    fn step(&mut self) -> PassPlan {
        let version = self.policy_version;
        let plan = self.scheduler.plan(version);
        self.num_preemptions += self.scheduler.take_preemptions();
        self.forget_what_is_free();
        for &(from, to) in &plan.copies {
            for offset in 0..BLOCK_TOKENS {
                self.memory.remove(&(to, offset));
                if let Some(&contents) = self.memory.get(&(from, offset)) {
                    self.memory.insert((to, offset), contents);
                }
            }
        }
        let running: Vec<u64> = self.scheduler.running().iter().map(|running| running.sequence.number).collect();
        assert!(running.is_sorted(), "the oldest come first: {running:?}");
        self.expected.retain(|number, _| running.contains(number));
        for piece in &plan.pieces {
            let Scheduled { sequence, ids, table, .. } = &self.scheduler.running()[piece.index];
            let expected = self.expected.entry(sequence.number).or_default();
            // What was found, for a sequence that begins.
            expected.extend((expected.len()..piece.num_cached).map(|at| contents(version, &ids[..=at])));
            assert_eq!(expected.len(), piece.num_cached);
            for at in piece.num_cached..piece.start + piece.num_tokens {
                let contents = contents(version, &ids[..=at]);
                self.memory.insert((table[at / BLOCK_TOKENS], at % BLOCK_TOKENS), contents);
                expected.push(contents);
            }
        }
        self.check();
        self.scheduler.pass_is_over(&plan);
        for piece in plan.pieces.iter().rev().filter(|piece| piece.is_sampled) {
            let Scheduled { sequence, ids, .. } = &self.scheduler.running()[piece.index];
            let (job, position) = (*sequence, ids.len());
            self.scheduler.append(piece.index, next_id(job.number, position));
            if position + 1 == job.most_tokens {
                let ids = self.scheduler.running()[piece.index].ids.clone();
                self.scheduler.end(piece.index);
                assert!(self.ended.insert(job.number, (job, ids)).is_none(), "it ends once");
            }
        }
        self.check();
        plan
    }

    /// All that runs reads what was written for it, and blocks have the holders that they count.
    fn check(&self) {
        for running in self.scheduler.running() {
            for (at, expected) in self.expected.get(&running.sequence.number).into_iter().flatten().enumerate() {
                let place = (running.table[at / BLOCK_TOKENS], at % BLOCK_TOKENS);
                assert_eq!(self.memory.get(&place), Some(expected), "{:?} at {at}", running.sequence);
            }
        }
        let tables: Vec<&[BlockId]> = self.scheduler.running().iter().map(|running| running.table.as_slice()).collect();
        self.scheduler.blocks.check(&tables);
    }

    /// Other weights, by which all that runs is computed again.
    fn recompute(&mut self) {
        let order: Vec<u64> = self.in_order();
        self.policy_version += 1;
        self.scheduler.have_all_wait();
        self.expected.clear();
        assert_eq!(self.in_order(), order);
    }

    /// Numbers of all sequences, those that run before those that wait.
    fn in_order(&self) -> Vec<u64> {
        let all = self.scheduler.running.iter().chain(&self.scheduler.waiting);
        all.map(|scheduled| scheduled.sequence.number).collect()
    }

    /// What nobody holds or may find is lost at once, as if somebody else had written there.
    fn forget_what_is_free(&mut self) {
        let free = self.scheduler.blocks.free_blocks();
        self.memory.retain(|(block, _), _| !free.contains(block));
    }

    fn is_idle(&self) -> bool {
        self.scheduler.num_waiting() + self.scheduler.running().len() == 0
    }

    /// Passes until nothing is left, in a number that is bounded by the work that there is.
    fn drain(&mut self) {
        for _ in 0..20_000 {
            if self.is_idle() {
                return;
            }
            self.step();
        }
        panic!("it does not come to an end");
    }
}

const WIDE: Bounds = Bounds { max_sequences: 64, prefill_tokens: 1000 };

fn ids(salt: u32, len: usize) -> Vec<u32> {
    (0..len as u32).map(|at| salt * 1000 + at).collect()
}

#[test]
fn samples_of_a_prompt_compute_it_once_and_hold_it_once() {
    for length in [1, 9, 16, 40, 48] {
        let mut machine = Machine::new(WIDE, 64);
        (0..8).for_each(|_| machine.submit(ids(1, length), 40));
        let plan = machine.step();
        let computed: usize = plan.pieces.iter().map(|piece| piece.num_tokens).sum();
        assert_eq!(computed, length + 7, "the prompt, and its last token for each other sample");
        assert_eq!(machine.scheduler.num_blocks(), blocks_of(length));
        assert_eq!(plan.num_attended, length as u64);
        // Each goes on in a block of its own.
        let plan = machine.step();
        assert_eq!(plan.copies.len(), if length % BLOCK_TOKENS == 0 { 0 } else { 7 });
        let whole = length / BLOCK_TOKENS;
        assert_eq!(machine.scheduler.num_blocks(), whole + 8);
        machine.drain();
    }
}

#[test]
fn a_long_prompt_takes_several_passes_beside_those_that_decode() {
    let mut machine = Machine::new(Bounds { prefill_tokens: 20, ..WIDE }, 64);
    machine.submit(ids(1, 5), 50);
    machine.step();
    machine.submit(ids(2, 70), 50);
    machine.submit(ids(2, 70), 50); // waits until there is a prompt to share
    let pieces: Vec<Vec<(usize, bool)>> = (0..5)
        .map(|_| machine.step().pieces.iter().map(|piece| (piece.num_tokens, piece.is_sampled)).collect())
        .collect();
    let first = |long| vec![(1, true), long];
    assert_eq!(pieces[..3], [first((20, false)), first((20, false)), first((20, false))]);
    assert_eq!(pieces[3], [(1, true), (10, true), (1, true)]);
    assert_eq!(pieces[4], [(1, true); 3]);
    machine.drain();
}

#[test]
fn the_youngest_gives_way_and_loses_no_token() {
    let mut machine = Machine::new(WIDE, 8);
    (0..3).for_each(|salt| machine.submit(ids(salt, 20), 60));
    machine.drain();
    assert!(machine.num_preemptions > 0);
    for (number, (job, ids)) in &machine.ended {
        let sampled: Vec<u32> = (20..80).map(|position| next_id(*number, position)).collect();
        assert_eq!((ids.len(), &ids[20..]), (job.most_tokens, &sampled[..]));
    }
    assert_eq!(machine.ended.len(), 3);
}

#[test]
fn a_sequence_as_long_as_the_cache_goes_on_alone() {
    let mut machine = Machine::new(WIDE, 3);
    machine.submit(ids(1, 20), 28);
    machine.drain();
    // Its prompt is found in a block that goes on with other tokens, and there is no block for a copy.
    machine.submit(ids(1, 20), 28);
    machine.submit(ids(1, 30), 18);
    machine.drain();
    assert_eq!(machine.ended.len(), 3);
}

#[test]
fn what_other_weights_computed_is_not_found() {
    let mut machine = Machine::new(WIDE, 64);
    machine.submit(ids(1, 40), 5);
    machine.drain();
    machine.submit(ids(1, 40), 5);
    assert_eq!(machine.step().pieces[0].num_cached, 40);
    machine.policy_version = 1;
    machine.step();
    machine.submit(ids(1, 40), 5);
    assert_eq!(machine.step().pieces.last().unwrap().num_cached, 0);
    machine.drain();
}

#[test]
fn other_weights_compute_a_shared_prompt_once_for_all_that_run() {
    let mut machine = Machine::new(WIDE, 64);
    (0..3).for_each(|_| machine.submit(ids(1, 40), 20));
    (0..3).for_each(|_| drop(machine.step()));
    machine.recompute();
    let plan = machine.step();
    // Two blocks of the prompt are whole; then each has its own 8 and 3 sampled ones, of which the last is new.
    let computed: usize = plan.pieces.iter().map(|piece| piece.num_tokens).sum();
    assert_eq!(computed, 32 + 3 * 11);
    assert!(plan.pieces.iter().all(|piece| piece.is_sampled));
    machine.drain();
    assert_eq!((machine.num_preemptions, machine.ended.len()), (0, 3));
}

#[test]
fn a_turn_that_goes_on_from_another_finds_all_of_it() {
    let mut machine = Machine::new(WIDE, 64);
    machine.submit(ids(1, 20), 30);
    machine.drain();
    let (_, turn) = machine.ended[&0].clone();
    machine.submit([turn, ids(2, 10)].concat(), 5);
    // The last token that was sampled was never computed.
    assert_eq!(machine.step().pieces[0].num_cached, 49);
    machine.drain();
}

/// What may happen between two passes.
#[derive(Debug, Clone)]
enum Action {
    /// A prompt of one of few families, which have beginnings in common.
    Submit {
        family: u32,
        num_tokens: usize,
        more: usize,
    },
    /// All tokens so far of one that runs or has ended, and some more.
    Fork {
        of: usize,
        num_new: usize,
        more: usize,
    },
    Steps(usize),
    Abort(u64),
    Break(usize),
    NewWeights,
    NewWeightsForAll,
    Release,
}

const LONGEST: usize = 60;

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        6 => (0..4u32, 1..40usize, 1..20usize)
            .prop_map(|(family, num_tokens, more)| Action::Submit { family, num_tokens, more }),
        3 => (0..8usize, 0..9usize, 1..12usize).prop_map(|(of, num_new, more)| Action::Fork { of, num_new, more }),
        8 => (1..9usize).prop_map(Action::Steps),
        2 => (0..30u64).prop_map(Action::Abort),
        1 => (0..4usize).prop_map(Action::Break),
        1 => Just(Action::NewWeights),
        1 => Just(Action::NewWeightsForAll),
        1 => Just(Action::Release),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_block_is_lost_or_shared_wrongly_or_read_after_it_was_given_back(
        actions in prop::collection::vec(action(), 1..60),
        most_blocks in LONGEST.div_ceil(BLOCK_TOKENS)..14,
        max_sequences in 1..9usize,
        prefill_tokens in 1..50usize,
    ) {
        let mut machine = Machine::new(Bounds { max_sequences, prefill_tokens }, most_blocks);
        let mut dropped = 0;
        for action in actions {
            match action {
                Action::Submit { family, num_tokens, more } => {
                    // Families differ from their 11th, 17th, or 22nd token on.
                    let parts = [11 * (family as usize & 1), 17 * (family as usize >> 1), 22];
                    let id = |at: usize| (at + parts.iter().filter(|part| **part > 0 && at >= **part).count() * 100
                        + if at >= 22 { family as usize * 1000 } else { 0 }) as u32;
                    machine.submit((0..num_tokens).map(id).collect(), more);
                }
                Action::Fork { of, num_new, more } => {
                    let running = machine.scheduler.running().iter().map(|running| &running.ids);
                    let all: Vec<&Vec<u32>> = running.chain(machine.ended.values().map(|(_, ids)| ids)).collect();
                    if let Some(ids) = all.get(of) {
                        let ids = ids.iter().copied().chain(ids_of_fork(num_new)).take(LONGEST - more);
                        machine.submit(ids.collect(), more);
                    }
                }
                Action::Steps(num) => (0..num).for_each(|_| { machine.step(); }),
                Action::Abort(number) => {
                    dropped += usize::from(machine.scheduler.abort(|job| job.number == number).is_some());
                }
                Action::Break(index) => {
                    if index < machine.scheduler.running().len() {
                        machine.scheduler.end_broken(index);
                        dropped += 1;
                    }
                }
                Action::NewWeights => machine.policy_version += 1,
                Action::NewWeightsForAll => machine.recompute(),
                Action::Release => {
                    if machine.scheduler.running().is_empty() {
                        machine.scheduler.reset_blocks(most_blocks);
                    }
                }
            }
            machine.forget_what_is_free();
            machine.check();
            prop_assert!(machine.scheduler.running().len() <= max_sequences);
        }
        machine.drain();
        prop_assert_eq!(machine.ended.len() + dropped, machine.num_submitted as usize);
        for (number, (job, ids)) in &machine.ended {
            let sampled = (job.num_given..job.most_tokens).map(|position| next_id(*number, position));
            prop_assert!(ids[job.num_given..].iter().copied().eq(sampled));
        }
        machine.scheduler.blocks.check(&[]);
        prop_assert_eq!(machine.scheduler.blocks.num_available(), most_blocks);
    }
}

fn ids_of_fork(num_new: usize) -> impl Iterator<Item = u32> {
    (0..num_new as u32).map(|at| 7000 + at)
}
