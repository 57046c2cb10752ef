//! The runs of words of a suite, by their hashes.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::ops::Range;

use super::words::{TextKey, Words};
use super::{MAX_SUITE_TEXTS, MIN_RUN_WORDS, RUN_WORDS, is_wording};

/// A suite's texts, to be searched for in training texts.
pub struct OverlapIndex {
    pub(super) texts: Vec<SuiteText>,
    /// The texts of each key.
    pub(super) texts_of_key: HashMap<TextKey, Vec<u32>>,
    /// The runs, sorted by hash.
    pub(super) places: Vec<RunPlace>,
    /// The number and the places of each run.
    pub(super) runs: HashMap<u64, Run>,
    /// The lengths of the runs.
    pub(super) lengths: BTreeSet<usize>,
}

pub(super) struct SuiteText {
    pub(super) id: String,
    pub(super) text: String,
    pub(super) words: Words,
    /// The words of a run of this text; 0 where it is compared by equality alone.
    pub(super) run_words: usize,
    /// The runs that are no wording of the suite.
    pub(super) num_own_runs: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RunPlace {
    pub(super) hash: u64,
    pub(super) text: u32,
    /// The first word's number.
    pub(super) start: u32,
}

pub(super) struct Run {
    /// The run's number, below the number of runs.
    pub(super) number: u32,
    /// The run's places.
    pub(super) places: Range<u32>,
    pub(super) is_suite_wording: bool,
}

impl OverlapIndex {
    /// An index over a suite's texts, each with its id.
    pub fn new(texts: impl IntoIterator<Item = (String, String)>) -> Self {
        let texts: Vec<SuiteText> = texts.into_iter().map(|(id, text)| SuiteText::new(id, text)).collect();
        let mut texts_of_key: HashMap<TextKey, Vec<u32>> = HashMap::new();
        let mut places = Vec::new();
        for (text, number) in texts.iter().zip(0_u32..) {
            if text.words.len() > 0 {
                texts_of_key.entry(text.words.key()).or_default().push(number);
            }
            let runs = (text.run_words > 0).then(|| text.words.runs(text.run_words));
            places.extend(runs.into_iter().flatten().map(|(hash, start)| RunPlace {
                hash,
                text: number,
                start: start as u32,
            }));
        }
        places.sort_unstable();
        let lengths = texts.iter().map(|text| text.run_words).filter(|&length| length > 0).collect();
        let mut index = Self { texts, texts_of_key, places, runs: HashMap::new(), lengths };
        index.count_runs();
        index
    }

    /// Texts in the index.
    pub fn num_texts(&self) -> usize {
        self.texts.len()
    }

    /// Tells the suite's wording from the rest.
    fn count_runs(&mut self) {
        let mut first_of_text = vec![0; self.texts.len()];
        for texts in self.texts_of_key.values() {
            texts.iter().for_each(|&text| first_of_text[text as usize] = texts[0]);
        }
        let mut start = 0;
        for places in self.places.chunk_by(|left, right| left.hash == right.hash) {
            let distinct: HashSet<u32> = places.iter().map(|place| first_of_text[place.text as usize]).collect();
            let is_suite_wording = is_wording(distinct.len(), self.texts_of_key.len(), MAX_SUITE_TEXTS);
            if !is_suite_wording {
                places.iter().for_each(|place| self.texts[place.text as usize].num_own_runs += 1);
            }
            let end = start + places.len() as u32;
            let run = Run { number: self.runs.len() as u32, places: start..end, is_suite_wording };
            self.runs.insert(places[0].hash, run);
            start = end;
        }
    }
}

impl SuiteText {
    fn new(id: String, text: String) -> Self {
        let words = Words::of(&text);
        let run_words = if words.len() < MIN_RUN_WORDS { 0 } else { words.len().min(RUN_WORDS) };
        Self { id, text, words, run_words, num_own_runs: 0 }
    }
}
