//! Lengths of prompts in tokens, as a model's template and tokenizer make them.

use datasets::{PreferencePair, Task, Trace};
use rayon::prelude::*;
use serde::Serialize;

use crate::prompt::{PromptFormat, Question};

/// Lengths of a source's prompts.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Lengths {
    shortest: usize,
    median: usize,
    /// 95 of 100 are at most so long.
    percentile_95: usize,
    longest: usize,
    /// Number of prompts that have as many tokens as the model has positions, or more.
    beyond_the_model: usize,
    /// Number of conversations that the template refuses.
    refused: usize,
}

/// Records whose prompts are measured.
pub(super) trait HasQuestion: Sync {
    fn question(&self) -> Question<'_>;
}

impl HasQuestion for Task {
    fn question(&self) -> Question<'_> {
        self.into()
    }
}

impl HasQuestion for Trace {
    fn question(&self) -> Question<'_> {
        self.into()
    }
}

impl HasQuestion for PreferencePair {
    fn question(&self) -> Question<'_> {
        self.into()
    }
}

impl Lengths {
    /// Measures records; `None` where no prompt could be made.
    pub(super) fn of<T: HasQuestion>(
        records: &[T],
        format: &PromptFormat<'_>,
        positions: Option<usize>,
    ) -> Option<Self> {
        let measured = records.par_iter().map(|record| Some(format.prompt(record.question()).ok()?.ids.len()));
        let measured: Vec<Option<usize>> = measured.collect();
        let mut lengths: Vec<usize> = measured.iter().flatten().copied().collect();
        lengths.sort_unstable();
        let at = |share: usize| lengths[(lengths.len() * share / 100).min(lengths.len() - 1)];
        (!lengths.is_empty()).then(|| Self {
            shortest: at(0),
            median: at(50),
            percentile_95: at(95),
            longest: at(100),
            beyond_the_model: positions.map_or(0, |most| lengths.iter().filter(|length| **length >= most).count()),
            refused: measured.len() - lengths.len(),
        })
    }

    /// The lengths in words.
    pub(super) fn words(&self) -> String {
        let Self { shortest, median, percentile_95, longest, beyond_the_model, refused } = self;
        format!(
            "{shortest} to {longest} tokens, median {median}, 95 % up to {percentile_95}; {beyond_the_model} beyond \
             the model's positions, {refused} refused by its template"
        )
    }
}
