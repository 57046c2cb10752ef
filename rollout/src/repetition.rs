//! Whether a completion ends in one pattern, again and again.
//!
//! For each length of a pattern it counts the tokens in a row that equal the one so many before them; a pattern of that
//! length stands n times where n - 1 times its length do. So a token costs as much as the longest pattern has tokens.
//! This file must not know text.

use crate::sampling_params::RepetitionStop;

/// The end of a growing completion.
#[derive(Debug, Default)]
pub(crate) struct RepetitionTail {
    /// For each length of a pattern, from 1, the tokens in a row that equal the one so many before them.
    num_equal: Vec<usize>,
}

impl RepetitionTail {
    /// Looks at the last of `ids`, the whole completion so far; true once it ends in a pattern that stands often
    /// enough.
    pub(crate) fn ends(&mut self, ids: &[u32], stop: RepetitionStop) -> bool {
        let Some((last, before)) = ids.split_last() else { return false };
        self.num_equal.resize(stop.pattern_tokens.min(ids.len()), 0);
        let mut ends = false;
        for (length, num_equal) in (1..).zip(&mut self.num_equal) {
            let is_equal = before.len() >= length && before[before.len() - length] == *last;
            *num_equal = if is_equal { *num_equal + 1 } else { 0 };
            ends |= *num_equal >= length * (stop.count - 1);
        }
        ends
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Number of tokens after which the completion is found to end.
    fn ends_after(ids: &[u32], stop: RepetitionStop) -> Option<usize> {
        let mut tail = RepetitionTail::default();
        (1..=ids.len()).find(|&end| tail.ends(&ids[..end], stop))
    }

    #[test]
    fn a_pattern_ends_it_as_often_as_asked_for() {
        let stop = RepetitionStop { pattern_tokens: 3, count: 3 };
        assert_eq!(ends_after(&[7, 1, 2, 3, 1, 2, 3, 1, 2, 3, 9], stop), Some(10));
        assert_eq!(ends_after(&[5, 5, 5, 1], stop), Some(3));
        assert_eq!(ends_after(&[1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4], stop), None);
        assert_eq!(ends_after(&[1, 2, 1, 2, 3, 1, 2, 1, 2], stop), None);
        assert_eq!(ends_after(&[1, 2, 1, 2], RepetitionStop { pattern_tokens: 3, count: 2 }), Some(4));
    }

    proptest! {
        #[test]
        fn counting_is_comparing(
            ids in prop::collection::vec(0u32..3, 0..40),
            pattern_tokens in 1usize..5,
            count in 2usize..5,
        ) {
            let repeats = |end: usize| (1..=pattern_tokens).any(|length| {
                let tail = length * count;
                end >= tail && ids[end - tail..end].chunks(length).all(|part| *part == ids[end - length..end])
            });
            let stop = RepetitionStop { pattern_tokens, count };
            prop_assert_eq!(ends_after(&ids, stop), (1..=ids.len()).find(|&end| repeats(end)));
        }
    }
}
