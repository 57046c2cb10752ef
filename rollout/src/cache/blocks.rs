//! Who holds a block: counts of its holders, what it is known to contain, and which is given away next.
//!
//! A block has so many holders, each a sequence whose table names it. A block whose contents are known, keys and values
//! of these ids behind that block, is noted, so that another sequence finds it; without holders it stays for whoever
//! finds it, until its memory is needed: then the one that was given back first goes. No tensor is known here.
//!
//! Contents are a chain: a block is noted under the block before it and its own ids, the first one under the version of
//! the weights. A chain is followed by a hash map from link to link, and every id is compared on the way; a link is
//! never used twice, so that what stood before a block is what it was noted behind.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};

use kernels::BLOCK_TOKENS;

/// Number of a block.
pub(crate) type BlockId = u32;

/// What stands before a noted block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Link {
    /// Nothing: it is a sequence's first block, computed by the weights of this version.
    Weights(u64),
    /// A full block, by the number under which it was noted.
    Behind(u64),
}

/// What a block is known to contain.
#[derive(Clone, Debug)]
struct Note {
    before: Link,
    /// Number of the note, which is that of no other.
    number: u64,
    /// Ids of its tokens from the first on.
    ids: Vec<u32>,
    /// How many of them were computed by passes that are over.
    num_computed: usize,
}

#[derive(Clone, Debug, Default)]
struct Block {
    num_holders: usize,
    note: Option<Note>,
    /// When it was given back, where nobody holds it.
    given_back: u64,
}

/// Blocks in which a sequence's first tokens were found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Found {
    /// All blocks but the last are full, and that may be.
    pub(crate) blocks: Vec<BlockId>,
    /// Tokens that were found in them.
    pub(crate) num_tokens: usize,
}

/// How a sequence comes to write behind its tokens in a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Writable {
    /// In the block itself.
    Here,
    /// In another block, once the first one's contents are copied there.
    Copied(BlockId),
}

/// All blocks, of which there are so many at most.
#[derive(Debug)]
pub(crate) struct Blocks {
    blocks: Vec<Block>,
    most_blocks: usize,
    /// Blocks that nobody holds and that are not noted, the lowest first.
    free: BinaryHeap<Reverse<BlockId>>,
    /// Noted blocks that nobody holds, by when they were given back.
    kept: BTreeMap<u64, BlockId>,
    /// Noted blocks by what stands before them and their first id.
    noted: HashMap<(Link, u32), Vec<BlockId>>,
    /// Blocks with ids that the pass under way computes.
    computing: Vec<BlockId>,
    num_notes: u64,
    num_given_back: u64,
}

impl Blocks {
    pub(crate) fn new(most_blocks: usize) -> Self {
        Self {
            blocks: Vec::new(),
            most_blocks,
            free: BinaryHeap::new(),
            kept: BTreeMap::new(),
            noted: HashMap::new(),
            computing: Vec::new(),
            num_notes: 0,
            num_given_back: 0,
        }
    }

    /// Number of blocks that were ever handed out: memory for so many is needed.
    pub(crate) fn num_blocks(&self) -> usize {
        self.blocks.len()
    }

    /// Number of blocks that can be handed out.
    pub(crate) fn num_available(&self) -> usize {
        self.most_blocks - self.blocks.len() + self.free.len() + self.kept.len()
    }

    /// The same without those of `found`.
    pub(crate) fn num_available_beside(&self, found: &Found) -> usize {
        self.num_available() - found.blocks.iter().filter(|block| self.at(**block).num_holders == 0).count()
    }

    /// Hands out a block, with one holder: one that is free, or else a new one, or else the one that was given back
    /// first, which is found no more. None where all are held.
    pub(crate) fn take(&mut self) -> Option<BlockId> {
        let block = if let Some(Reverse(block)) = self.free.pop() {
            block
        } else if self.blocks.len() < self.most_blocks {
            self.blocks.push(Block::default());
            (self.blocks.len() - 1) as BlockId
        } else {
            let (_, block) = self.kept.pop_first()?;
            self.strike(block);
            block
        };
        self.at_mut(block).num_holders = 1;
        Some(block)
    }

    /// Adds a holder to a block that was found.
    pub(crate) fn hold(&mut self, block: BlockId) {
        let Block { num_holders, given_back, .. } = *self.at(block);
        if num_holders == 0 {
            self.kept.remove(&given_back).expect("a block that was found is held or kept");
        }
        self.at_mut(block).num_holders += 1;
    }

    /// Takes a holder away. A block that was noted stays to be found.
    pub(crate) fn give_back(&mut self, block: BlockId) {
        self.num_given_back += 1;
        let now = self.num_given_back;
        let given = self.at_mut(block);
        given.num_holders = given.num_holders.checked_sub(1).expect("a block is given back by a holder");
        if given.num_holders > 0 {
            return;
        }
        given.given_back = now;
        if given.note.is_some() {
            self.kept.insert(now, block);
        } else {
            self.free.push(Reverse(block));
        }
    }

    /// Gives a sequence's blocks back, so that its last ones go first.
    pub(crate) fn give_all_back(&mut self, table: &mut Vec<BlockId>) {
        while let Some(block) = table.pop() {
            self.give_back(block);
        }
    }

    /// Forgets what nobody holds: it was computed by weights that are gone.
    pub(crate) fn forget_kept(&mut self) {
        while let Some((_, block)) = self.kept.pop_first() {
            self.strike(block);
            self.free.push(Reverse(block));
        }
    }

    /// The longest beginning of `ids` that weights of this version have computed, or compute in the pass under way.
    ///
    /// Where it ends within a block, and `ids` go on, the block's contents are copied (see [`Blocks::writable`]): then
    /// only what passes that are over computed counts.
    pub(crate) fn find(&self, policy_version: u64, ids: &[u32]) -> Found {
        let mut found = Found::default();
        let mut before = Link::Weights(policy_version);
        while let Some(first) = ids.get(found.num_tokens) {
            let rest = &ids[found.num_tokens..];
            let usable = |block: BlockId| {
                let note = self.at(block).note.as_ref()?;
                let num_equal = note.ids.iter().zip(rest).take_while(|(a, b)| a == b).count();
                let is_whole = num_equal == BLOCK_TOKENS || num_equal == rest.len();
                Some((if is_whole { num_equal } else { num_equal.min(note.num_computed) }, block, note))
            };
            let candidates = self.noted.get(&(before, *first)).into_iter().flatten();
            // The first of those that are equally good.
            let best = candidates.filter_map(|block| usable(*block)).reduce(|a, b| if b.0 > a.0 { b } else { a });
            let Some((num_tokens, block, note)) = best.filter(|best| best.0 > 0) else { break };
            found.blocks.push(block);
            found.num_tokens += num_tokens;
            if num_tokens < BLOCK_TOKENS {
                break;
            }
            before = Link::Behind(note.number);
        }
        found
    }

    /// Readies a block, of which the asking sequence has the first `offset` tokens, to be written behind them.
    ///
    /// Where others hold the block, or it is noted with more tokens, a copy is made for the sequence, which gives the
    /// block back. What the sequence alone holds is forgotten instead where no block is free for a copy. None where
    /// others hold the block and there is no other one.
    pub(crate) fn writable(&mut self, block: BlockId, offset: usize) -> Option<Writable> {
        let Block { num_holders, note, .. } = self.at(block);
        let num_noted = note.as_ref().map_or(0, |note| note.ids.len());
        if *num_holders == 1 && num_noted <= offset {
            return Some(Writable::Here);
        }
        let (note, is_shared) = (note.clone(), *num_holders > 1);
        // For a copy of what nobody else holds nothing is forgotten that somebody may find.
        let copy =
            if is_shared || self.blocks.len() < self.most_blocks || !self.free.is_empty() { self.take() } else { None };
        let own = match copy {
            Some(copy) => copy,
            None if is_shared => return None,
            None => {
                self.strike(block);
                block
            }
        };
        if let Some(note) = note {
            let num_computed = note.num_computed.min(offset);
            self.enter(own, note.before, &note.ids[..offset.min(note.ids.len())], num_computed);
        }
        if own == block {
            return Some(Writable::Here);
        }
        self.give_back(block);
        Some(Writable::Copied(own))
    }

    /// Notes that the pass under way computes `ids` behind the first `offset` tokens of the last block of a sequence's
    /// `table`, by weights of this version. What stands before must be noted: where it is not, nothing is.
    pub(crate) fn note(&mut self, policy_version: u64, table: &[BlockId], offset: usize, ids: &[u32]) {
        let Some((&block, before)) = table.split_last() else { return };
        if offset == 0 {
            let before = match before.last() {
                None => Some(Link::Weights(policy_version)),
                Some(before) => {
                    let note = self.at(*before).note.as_ref();
                    note.filter(|note| note.ids.len() == BLOCK_TOKENS).map(|note| Link::Behind(note.number))
                }
            };
            if let Some(before) = before {
                self.enter(block, before, ids, 0);
                self.computing.push(block);
            }
        } else if let Some(note) = self.at_mut(block).note.as_mut().filter(|note| note.ids.len() == offset) {
            note.ids.extend(ids);
            self.computing.push(block);
        }
    }

    /// A pass is over: what it computed can be copied.
    pub(crate) fn pass_is_over(&mut self) {
        for block in std::mem::take(&mut self.computing) {
            if let Some(note) = self.at_mut(block).note.as_mut() {
                note.num_computed = note.ids.len();
            }
        }
    }

    /// Forgets what a block contains.
    pub(crate) fn forget(&mut self, block: BlockId) {
        self.strike(block);
        let Block { num_holders, given_back, .. } = *self.at(block);
        if num_holders == 0 && self.kept.remove(&given_back).is_some() {
            self.free.push(Reverse(block));
        }
    }

    /// Asserts that the blocks of these tables are held as often as they stand there, and the others by nobody; and
    /// that each block that is not held is either free or found by what it is noted under.
    #[cfg(test)]
    pub(crate) fn check(&self, tables: &[&[BlockId]]) {
        let free = self.free_blocks();
        for (number, block) in self.blocks.iter().enumerate() {
            let number = number as BlockId;
            let num_holders = tables.iter().flat_map(|table| table.iter()).filter(|held| **held == number).count();
            assert_eq!(block.num_holders, num_holders, "block {number}");
            let is_kept = self.kept.get(&block.given_back) == Some(&number);
            assert_eq!(is_kept, num_holders == 0 && block.note.is_some(), "block {number}");
            assert_eq!(free.contains(&number), num_holders == 0 && block.note.is_none(), "block {number}");
            let of = |note: &Note| self.noted.get(&(note.before, note.ids[0]));
            let places = block.note.as_ref().map_or(0, |note| of(note).map_or(0, |all| count(all, number)));
            assert_eq!(places, usize::from(block.note.is_some()), "block {number}");
        }
        let num_noted: usize = self.noted.values().map(Vec::len).sum();
        assert_eq!(num_noted, self.blocks.iter().filter(|block| block.note.is_some()).count());
        assert!(self.blocks.len() <= self.most_blocks && self.noted.values().all(|blocks| !blocks.is_empty()));
    }

    #[cfg(test)]
    pub(crate) fn free_blocks(&self) -> Vec<BlockId> {
        self.free.iter().map(|Reverse(block)| *block).collect()
    }

    fn enter(&mut self, block: BlockId, before: Link, ids: &[u32], num_computed: usize) {
        let Some(first) = ids.first() else { return };
        self.num_notes += 1;
        self.noted.entry((before, *first)).or_default().push(block);
        self.at_mut(block).note = Some(Note { before, number: self.num_notes, ids: ids.to_vec(), num_computed });
    }

    fn strike(&mut self, block: BlockId) {
        let Some(note) = self.at_mut(block).note.take() else { return };
        let key = (note.before, note.ids[0]);
        let blocks = self.noted.get_mut(&key).expect("a note is found by what stands before it");
        blocks.retain(|other| *other != block);
        if blocks.is_empty() {
            self.noted.remove(&key);
        }
    }

    fn at(&self, block: BlockId) -> &Block {
        &self.blocks[block as usize]
    }

    fn at_mut(&mut self, block: BlockId) -> &mut Block {
        &mut self.blocks[block as usize]
    }
}

#[cfg(test)]
fn count(blocks: &[BlockId], block: BlockId) -> usize {
    blocks.iter().filter(|other| **other == block).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FULL: usize = BLOCK_TOKENS;

    fn ids(len: usize) -> Vec<u32> {
        (100..100 + len as u32).collect()
    }

    /// A sequence of these tokens, computed and given back.
    fn keep(blocks: &mut Blocks, ids: &[u32]) {
        let mut table = Vec::new();
        for part in ids.chunks(FULL) {
            table.push(blocks.take().unwrap());
            blocks.note(0, &table, 0, part);
        }
        blocks.pass_is_over();
        blocks.give_all_back(&mut table);
    }

    #[test]
    fn the_longest_beginning_is_found_to_the_token() {
        let mut blocks = Blocks::new(8);
        keep(&mut blocks, &ids(40));
        let found = |blocks: &Blocks, ids: &[u32]| blocks.find(0, ids).num_tokens;
        assert_eq!(found(&blocks, &ids(40)), 40);
        assert_eq!(found(&blocks, &ids(50)), 40);
        assert_eq!(found(&blocks, &ids(20)), 20);
        let mut other = ids(40);
        other[35] = 0;
        assert_eq!(found(&blocks, &other), 35);
        other[3] = 0;
        assert_eq!(found(&blocks, &other), 3);
        other[0] = 0;
        assert_eq!(found(&blocks, &other), 0);
        assert_eq!(blocks.find(1, &ids(40)), Found::default());
        blocks.forget_kept();
        assert_eq!(found(&blocks, &ids(40)), 0);
        assert_eq!(blocks.num_available(), 8);
    }

    #[test]
    fn what_was_given_back_first_is_given_away_first_and_ends_before_beginnings() {
        let mut blocks = Blocks::new(4);
        keep(&mut blocks, &ids(2 * FULL));
        let others: Vec<u32> = (0..2 * FULL as u32).collect();
        keep(&mut blocks, &others);
        // The first sequence is used again, and so the second one's last block goes.
        for block in blocks.find(0, &ids(2 * FULL)).blocks {
            blocks.hold(block);
            blocks.give_back(block);
        }
        blocks.take().unwrap();
        assert_eq!(blocks.find(0, &others).num_tokens, FULL);
        assert_eq!(blocks.find(0, &ids(2 * FULL)).num_tokens, 2 * FULL);
        blocks.take().unwrap();
        assert_eq!(blocks.find(0, &others).num_tokens, 0);
    }

    #[test]
    fn a_part_of_a_block_that_is_under_way_is_shared_whole_or_not_at_all() {
        let mut blocks = Blocks::new(4);
        let table = [blocks.take().unwrap()];
        blocks.note(0, &table, 0, &ids(9));
        assert_eq!(blocks.find(0, &ids(9)).num_tokens, 9);
        assert_eq!(blocks.find(0, &ids(7)).num_tokens, 7);
        assert_eq!(blocks.find(0, &ids(12)).num_tokens, 0, "it cannot be copied yet");
        blocks.pass_is_over();
        assert_eq!(blocks.find(0, &ids(12)).num_tokens, 9);
    }

    #[test]
    fn who_writes_into_a_shared_block_gets_a_copy_that_is_found_too() {
        let mut blocks = Blocks::new(2);
        let first = blocks.take().unwrap();
        blocks.note(0, &[first], 0, &ids(9));
        blocks.pass_is_over();
        blocks.hold(first);
        let Some(Writable::Copied(copy)) = blocks.writable(first, 5) else { panic!("a copy") };
        blocks.note(0, &[copy], 5, &[7, 8]);
        blocks.pass_is_over();
        let with_others = [&ids(5)[..], &[7, 8]].concat();
        assert_eq!(blocks.find(0, &with_others), Found { blocks: vec![copy], num_tokens: 7 });
        assert_eq!(blocks.find(0, &ids(9)), Found { blocks: vec![first], num_tokens: 9 });
        assert_eq!(blocks.writable(first, 9), Some(Writable::Here));
        blocks.hold(first);
        assert_eq!(blocks.writable(first, 9), None, "both blocks are held");
        blocks.give_back(first);
        // Without a block for a copy the only holder forgets what stands behind its own tokens.
        assert_eq!(blocks.writable(first, 4), Some(Writable::Here));
        assert_eq!(blocks.find(0, &ids(9)), Found { blocks: vec![copy], num_tokens: 5 });
    }

    #[test]
    fn nothing_is_noted_behind_what_is_not() {
        let mut blocks = Blocks::new(4);
        let table = [blocks.take().unwrap(), blocks.take().unwrap()];
        blocks.note(0, &table, 0, &ids(FULL)[..]);
        blocks.pass_is_over();
        assert_eq!(blocks.find(0, &ids(FULL)), Found::default());
        blocks.note(0, &table[..1], 0, &ids(FULL));
        blocks.note(0, &table, 0, &ids(3));
        blocks.forget(table[0]);
        blocks.check(&[&table]);
        assert_eq!(blocks.find(0, &ids(FULL)), Found::default());
    }
}
