//! What a search found.

/// A training text and a suite's text that have something in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overlap {
    /// The same words, or a run of them.
    pub kind: OverlapKind,
    /// The training text's id.
    pub training_id: String,
    /// The training text, as it stands.
    pub training_text: String,
    /// The suite's id.
    pub suite_id: String,
    /// The suite's text, as it stands.
    pub suite_text: String,
    /// The longest stretch of the suite's text (in Unicode's NFKC) whose words both have.
    pub shared: String,
    /// The words of the stretch.
    pub num_shared_words: usize,
}

/// How much two texts have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OverlapKind {
    /// All words are the same.
    Exact,
    /// A run of words is the same.
    Run,
}

impl OverlapKind {
    /// The kind's name in reports: `exact` or `n-gram`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Run => "n-gram",
        }
    }
}

/// A stretch of instruction wording that pairs have in common, and that makes no overlap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wording {
    /// The stretch, as it stands in one of the training texts (in Unicode's NFKC).
    pub text: String,
    /// The training texts with it.
    pub num_training_texts: u64,
}

/// All that training texts and a suite have in common.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overlaps {
    /// The pairs, in the order of the training texts and then of the suite's.
    pub found: Vec<Overlap>,
    /// Wording that was put aside, the commonest first.
    pub wording: Vec<Wording>,
    /// Training texts that were looked at.
    pub num_training_texts: u64,
    /// Training texts without any word, which overlap with nothing.
    pub num_empty: u64,
}
