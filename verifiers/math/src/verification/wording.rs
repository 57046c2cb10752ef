//! Answers that are decided by their text: the same letters, words, "no solution", times of day.

use super::judgement::Judgement;
use crate::sides::Sides;
use crate::time_of_day::TimeOfDay;
use crate::{Stage, text};

/// Minutes of half a day.
const HALF_DAY: u32 = 720;

/// Decides canonical texts that differ, where their words alone decide; `words` are those of the texts.
pub(super) fn judge(texts: Sides<&str>, words: Sides<Option<&str>>) -> Option<Judgement> {
    let is_same = words.gold.is_some() && words.gold == words.completion;
    if is_same || texts.zip(words).both(|(text, words)| text::is_nothing(text, words)) || words.both(text::is_undefined)
    {
        return Some(Judgement::decided(true, Stage::Text));
    }
    same_time(texts.map(TimeOfDay::read)).map(|is_equal| Judgement::decided(is_equal, Stage::Text))
}

/// Compares times of day. Where neither says which half of the day it is, they may be ratios: none is decided.
fn same_time(times: Sides<Option<TimeOfDay>>) -> Option<bool> {
    match (times.gold, times.completion) {
        (Some(a), Some(b)) if a.has_half && b.has_half => Some(a.minutes == b.minutes),
        (Some(a), Some(b)) if a.has_half || b.has_half => Some(a.minutes % HALF_DAY == b.minutes % HALF_DAY),
        (Some(time), None) | (None, Some(time)) if time.has_half => Some(false),
        _ => None,
    }
}
