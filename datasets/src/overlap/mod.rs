//! Texts that training has in common with a suite, and texts that a set holds more than once.
//!
//! Texts are compared by their words (`words.rs`): in other blanks, case, punctuation or Unicode forms they are the
//! same. Two texts of the same words are an exact hit. Otherwise they overlap where they share a run of 13 words, as
//! in GPT-3's contamination study ([Brown et al. 2020](https://arxiv.org/abs/2005.14165), appendix C); a suite's text
//! of 8 to 12 words is looked for as a whole, a shorter one only by equality.
//!
//! The wording of an instruction is shared by tasks that have nothing else in common, and is no overlap. A run of words
//! is **wording of the suite** if it stands in more than [`MAX_SUITE_TEXTS`] distinct texts of the suite, and
//! **wording of training** if it stands in more than [`MAX_TRAINING_TEXTS`] distinct texts of training; and in either,
//! if at least half of the distinct texts have it, and at least two. Texts of the same words count once, so that a leak
//! which is repeated a hundred times is no wording. Nor is one that was put into many forms: where a training text has
//! half of a suite's text or more (leaving out the wording of the suite), they overlap even if all training does.
//!
//! Nothing is dropped in silence: pairs that share wording alone are summed up in [`Overlaps::wording`].
//!
//! This module knows texts with ids, and nothing of tasks.

mod duplicates;
mod index;
mod overlaps;
mod search;
mod words;

pub use self::duplicates::{DuplicateGroup, duplicates};
pub use self::index::OverlapIndex;
pub use self::overlaps::{Overlap, OverlapKind, Overlaps, Wording};

/// A run of words in more distinct texts of a suite than this is the suite's wording.
pub const MAX_SUITE_TEXTS: usize = 2;

/// A run of words in more distinct texts of training than this is the training set's wording.
pub const MAX_TRAINING_TEXTS: usize = 3;

/// The words of a run that is looked for.
const RUN_WORDS: usize = 13;

/// A suite's text of fewer words is compared by equality alone: so few words stand anywhere.
const MIN_RUN_WORDS: usize = 8;

/// Whether a run that `num_with` of `num_all` distinct texts have is wording.
fn is_wording(num_with: usize, num_all: usize, most: usize) -> bool {
    num_with > most || (num_with >= 2 && 2 * num_with >= num_all)
}
