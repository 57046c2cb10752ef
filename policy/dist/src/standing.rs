//! The table of where all ranks stand, made of their beats: who is not heard of, who is behind, who is elsewhere.
//!
//! A pure function of what one reader saw. Knows no store and no clock.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::board::{IssuedOperation, Place};

/// What a rank tells the store of itself, again and again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Beat {
    /// Number of the beat, rising.
    pub count: u64,
    /// Where the rank stands.
    pub place: Place,
}

/// A rank as a reader of beats saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// The rank in the job.
    pub rank: usize,
    /// Its last beat; `None` where there has been none.
    pub beat: Option<Beat>,
    /// Time since the reader last saw its count rise; `None` where it rose at the last reading.
    pub silent_for: Option<Duration>,
}

/// What a rank's line ends in.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Remark {
    Silent(String),
    Behind(String),
    Elsewhere(String),
    WithMost,
}

/// The table of the ranks, headed by who is not heard of, behind and elsewhere.
///
/// A rank is behind where its step, or the number of its operation in the same group, is below another's; it is
/// elsewhere where it is at the furthest step in another phase, group or operation than most.
pub fn standing_table(sightings: &[Sighting]) -> String {
    let remarks: Vec<Remark> = sightings.iter().map(|sighting| remark(sighting, sightings)).collect();
    let mut rows = vec![["rank", "step", "phase", "operation", "remark"].map(str::to_owned)];
    let mut heads: [Vec<String>; 3] = Default::default();
    for (sighting, remark) in sightings.iter().zip(&remarks) {
        let rank = sighting.rank.to_string();
        let (step, phase, operation) = match &sighting.beat {
            None => ("-".into(), "-".into(), "-".into()),
            Some(Beat { place, .. }) => (place.step.to_string(), in_words(&place.phase), operation(place)),
        };
        let (head, words) = match remark {
            Remark::Silent(words) => (Some(0), words.as_str()),
            Remark::Behind(words) => (Some(1), words.as_str()),
            Remark::Elsewhere(words) => (Some(2), words.as_str()),
            Remark::WithMost => (None, ""),
        };
        if let Some(head) = head {
            heads[head].push(rank.clone());
        }
        rows.push([rank, step, phase, operation, words.into()]);
    }
    let mut table = String::new();
    for (title, ranks) in ["not heard of", "behind", "elsewhere"].into_iter().zip(heads) {
        if !ranks.is_empty() {
            let _ = writeln!(table, "{title}: rank {}", ranks.join(", "));
        }
    }
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..5).map(width).collect();
    for row in &rows {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, &width))| match column {
            0 | 1 => format!("{cell:>width$}"),
            _ => format!("{cell:<width$}"),
        });
        let _ = writeln!(table, "{}", cells.collect::<Vec<_>>().join("  ").trim_end());
    }
    table
}

fn remark(sighting: &Sighting, all: &[Sighting]) -> Remark {
    let Some(beat) = &sighting.beat else { return Remark::Silent("not heard of: no beat yet".into()) };
    if let Some(silent) = sighting.silent_for {
        return Remark::Silent(format!("not heard of for {:.1} s", silent.as_secs_f64()));
    }
    let places = || all.iter().filter_map(|other| other.beat.as_ref()).map(|beat| &beat.place);
    let place = &beat.place;
    let furthest = places().map(|place| place.step).max().unwrap_or(place.step);
    if place.step < furthest {
        return Remark::Behind(format!("behind: the furthest is at step {furthest}"));
    }
    let own = place.operation.as_ref();
    if let Some(own) = own {
        let of_group = |place: &&Place| place.step == furthest;
        let numbers = places().filter(of_group).filter_map(|place| place.operation.as_ref());
        let is_same = |other: &&IssuedOperation| (&other.group, other.first_rank) == (&own.group, own.first_rank);
        let last = numbers.filter(is_same).map(|other| other.number).max();
        if let Some(last) = last.filter(|&last| last > own.number) {
            return Remark::Behind(format!("behind: the furthest of group `{}` is at operation {last}", own.group));
        }
    }
    // Ranks of one axis are in several groups of one name, which are at the same spot without being one group.
    let spot = |place: &Place| {
        let operation = place.operation.as_ref().filter(|operation| !operation.is_done);
        (place.phase.clone(), operation.map(|IssuedOperation { group, name, .. }| (group.clone(), name.clone())))
    };
    let mut votes = BTreeMap::new();
    for place in places().filter(|place| place.step == furthest) {
        *votes.entry(spot(place)).or_insert(0) += 1;
    }
    let own = spot(place);
    let num_own = votes[&own];
    match votes.into_iter().max_by_key(|(_, votes)| *votes) {
        Some((most, votes)) if votes > num_own => {
            let (phase, operation) = most;
            let operation = operation.map_or("no operation".into(), |(group, name)| format!("`{group}` {name}"));
            Remark::Elsewhere(format!("elsewhere: most are in {}, {operation}", in_words(&phase)))
        }
        _ => Remark::WithMost,
    }
}

fn operation(place: &Place) -> String {
    match &place.operation {
        None => "-".into(),
        Some(IssuedOperation { group, name, number, is_done, .. }) => {
            format!("{} `{group}` {name} {number}", if *is_done { "after" } else { "in" })
        }
    }
}

fn in_words(phase: &str) -> String {
    if phase.is_empty() { "-".into() } else { phase.into() }
}
