//! What reading a source gave: its records, and what became of the other rows.

use std::sync::Arc;

use crate::layout::Layout;
use crate::rows::Place;

/// The records of a source, with an account of all its rows.
#[derive(Debug, Clone)]
pub struct Loaded<T> {
    /// The records, in the order of the files.
    pub records: Vec<T>,
    /// The row of each record.
    pub places: Vec<Place>,
    /// The layout by which they were read.
    pub layout: Arc<Layout>,
    /// Rows of the split that was read, with those that gave no record.
    pub num_rows: u64,
    /// Rows that the layout's filter or the source's left out.
    pub num_filtered: u64,
    /// Rows of preferences of which neither completion is better.
    pub num_ties: u64,
    /// Records that a limit left out.
    pub num_beyond_limit: u64,
    /// Rows that are another's again, by what the layout says makes two one; they gave no record.
    pub duplicates: Vec<Duplicate>,
    /// Rows that could not be read; whoever reads the source decides what that means.
    pub unreadable: Vec<Unreadable>,
}

/// A row that is another's again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Duplicate {
    /// The row that was left out.
    pub place: Place,
    /// The row that was kept.
    pub first: Place,
}

/// A row that could not be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// The row.
    pub place: Place,
    /// The fault.
    pub problem: String,
}

impl<T> Loaded<T> {
    /// An account of no rows yet.
    pub(crate) fn empty(layout: Arc<Layout>) -> Self {
        Self {
            records: Vec::new(),
            places: Vec::new(),
            layout,
            num_rows: 0,
            num_filtered: 0,
            num_ties: 0,
            num_beyond_limit: 0,
            duplicates: Vec::new(),
            unreadable: Vec::new(),
        }
    }

    /// The same account with other records, as many as before or more of each.
    pub(crate) fn map<U>(self, mut map: impl FnMut(T) -> Vec<U>) -> Loaded<U> {
        let (mut records, mut places) = (Vec::new(), Vec::new());
        for (record, place) in self.records.into_iter().zip(self.places) {
            for mapped in map(record) {
                records.push(mapped);
                places.push(place.clone());
            }
        }
        Loaded {
            records,
            places,
            layout: self.layout,
            num_rows: self.num_rows,
            num_filtered: self.num_filtered,
            num_ties: self.num_ties,
            num_beyond_limit: self.num_beyond_limit,
            duplicates: self.duplicates,
            unreadable: self.unreadable,
        }
    }
}
