//! Training texts against a suite's index: one pass over the texts, of which only those that share a run are kept.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::index::{OverlapIndex, SuiteText};
use super::overlaps::{Overlap, OverlapKind, Overlaps, Wording};
use super::words::Words;
use super::{MAX_TRAINING_TEXTS, RUN_WORDS, is_wording};

impl OverlapIndex {
    /// What training texts, each with its id, have in common with the suite.
    pub fn search(&self, texts: impl IntoIterator<Item = (String, String)>) -> Overlaps {
        let mut search = Search::new(self);
        texts.into_iter().for_each(|(id, text)| search.look_at(id, text));
        search.finish()
    }
}

/// A training text that shares a run with the suite.
struct Candidate {
    id: String,
    text: String,
    /// The shared runs: the run's hash and its first word in the training text.
    runs: Vec<(u64, u32)>,
    /// Texts of the suite with the same words.
    same: Vec<u32>,
}

struct Search<'a> {
    index: &'a OverlapIndex,
    candidates: Vec<Candidate>,
    keys: HashSet<u128>,
    /// The distinct training texts with each run.
    num_texts_of_run: Vec<u32>,
    overlaps: Overlaps,
}

/// A run that a training text and a suite's text share, by its first words in both.
#[derive(Clone, Copy)]
struct SharedRun {
    training: usize,
    suite: usize,
    is_wording: bool,
}

impl<'a> Search<'a> {
    fn new(index: &'a OverlapIndex) -> Self {
        let num_texts_of_run = vec![0; index.runs.len()];
        Self { index, candidates: Vec::new(), keys: HashSet::new(), num_texts_of_run, overlaps: Overlaps::default() }
    }

    fn look_at(&mut self, id: String, text: String) {
        self.overlaps.num_training_texts += 1;
        let words = Words::of(&text);
        if words.len() == 0 {
            self.overlaps.num_empty += 1;
            return;
        }
        let key = words.key();
        let is_new = self.keys.insert(key);
        let mut runs = Vec::new();
        for &length in &self.index.lengths {
            let known = words.runs(length).filter(|(hash, _)| self.index.runs.contains_key(hash));
            runs.extend(known.map(|(hash, start)| (hash, start as u32)));
        }
        if is_new {
            let distinct: HashSet<u64> = runs.iter().map(|&(hash, _)| hash).collect();
            for hash in distinct {
                self.num_texts_of_run[self.index.runs[&hash].number as usize] += 1;
            }
        }
        let same = self.index.texts_of_key.get(&key).cloned().unwrap_or_default();
        if !runs.is_empty() || !same.is_empty() {
            self.candidates.push(Candidate { id, text, runs, same });
        }
    }

    fn finish(mut self) -> Overlaps {
        let mut wording: HashMap<String, u64> = HashMap::new();
        for candidate in std::mem::take(&mut self.candidates) {
            let words = Words::of(&candidate.text);
            let mut found = BTreeMap::new();
            for &text in &candidate.same {
                let suite = &self.index.texts[text as usize];
                found.insert(text, candidate.overlap(suite, OverlapKind::Exact, 0, suite.words.len()));
            }
            for (text, runs) in self.shared_runs(&candidate, &words) {
                let suite = &self.index.texts[text as usize];
                if let Some((start, length)) = stretch(suite, &runs) {
                    let overlap = || candidate.overlap(suite, OverlapKind::Run, start, length);
                    found.entry(text).or_insert_with(overlap);
                }
            }
            if found.is_empty()
                && let Some(&(hash, start)) = candidate.runs.first()
            {
                let start = start as usize;
                let place = self.index.places[self.index.runs[&hash].places.start as usize];
                let length = self.index.texts[place.text as usize].run_words;
                *wording.entry(words.stretch(start..start + length).to_owned()).or_default() += 1;
            }
            self.overlaps.found.extend(found.into_values());
        }
        let wording = wording.into_iter().map(|(text, num_training_texts)| Wording { text, num_training_texts });
        self.overlaps.wording = wording.collect();
        self.overlaps.wording.sort_by(|left, right| {
            let by_count = right.num_training_texts.cmp(&left.num_training_texts);
            by_count.then_with(|| left.text.cmp(&right.text))
        });
        self.overlaps
    }

    /// The runs that a candidate shares with each of the suite's texts, but for the suite's wording.
    fn shared_runs(&self, candidate: &Candidate, words: &Words) -> BTreeMap<u32, Vec<SharedRun>> {
        let mut shared: BTreeMap<u32, Vec<SharedRun>> = BTreeMap::new();
        for &(hash, training) in &candidate.runs {
            let run = &self.index.runs[&hash];
            if run.is_suite_wording {
                continue;
            }
            let training = training as usize;
            let num_with = self.num_texts_of_run[run.number as usize] as usize;
            let is_wording = is_wording(num_with, self.keys.len(), MAX_TRAINING_TEXTS);
            for place in &self.index.places[run.places.start as usize..run.places.end as usize] {
                let (suite, start) = (&self.index.texts[place.text as usize], place.start as usize);
                // Equal hashes may be a collision; equal words are not.
                if suite.words.run(start, suite.run_words) == words.run(training, suite.run_words) {
                    shared.entry(place.text).or_default().push(SharedRun { training, suite: start, is_wording });
                }
            }
        }
        shared
    }
}

impl Candidate {
    /// An overlap with a suite's text, in so many of its words.
    fn overlap(&self, suite: &SuiteText, kind: OverlapKind, start: usize, num_shared_words: usize) -> Overlap {
        Overlap {
            kind,
            training_id: self.id.clone(),
            training_text: self.text.clone(),
            suite_id: suite.id.clone(),
            suite_text: suite.text.clone(),
            shared: suite.words.stretch(start..start + num_shared_words).to_owned(),
            num_shared_words,
        }
    }
}

/// The longest stretch of a suite's text that shared runs make up, as its first word and its length.
/// `None` where they are wording alone.
fn stretch(suite: &SuiteText, runs: &[SharedRun]) -> Option<(usize, usize)> {
    let covered: HashSet<usize> = runs.iter().map(|run| run.suite).collect();
    // What all training has is wording, unless it is the better part of the suite's text.
    let is_covered = suite.run_words == RUN_WORDS && 2 * covered.len() >= suite.num_own_runs;
    let mut runs = runs.to_vec();
    let diagonal = |run: &SharedRun| run.training as i64 - run.suite as i64;
    runs.sort_by_key(|run| (diagonal(run), run.suite));
    let in_a_row =
        |left: &SharedRun, right: &SharedRun| diagonal(left) == diagonal(right) && left.suite + 1 == right.suite;
    let rows = runs.chunk_by(in_a_row).filter(|row| is_covered || row.iter().any(|run| !run.is_wording));
    let longest = rows.max_by_key(|row| row.len())?;
    Some((longest[0].suite, longest.len() - 1 + suite.run_words))
}
