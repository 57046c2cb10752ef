//! The walk over a source's rows, with an account of each.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use crate::error::DatasetError;
use crate::layout::{Fault, Layout, Outcome, RowReader};
use crate::loaded::{Duplicate, Loaded, Unreadable};
use crate::rows::{Place, Row};

/// Rows that are added one by one.
pub(super) struct Account<T> {
    reader: RowReader,
    read: fn(&mut RowReader, Row) -> Result<Outcome<T>, Fault>,
    id: fn(&T) -> &str,
    loaded: Loaded<T>,
    places: HashMap<String, Place>,
    other_splits: BTreeSet<String>,
}

impl<T> Account<T> {
    pub(super) fn new(
        reader: RowReader,
        layout: Arc<Layout>,
        read: fn(&mut RowReader, Row) -> Result<Outcome<T>, Fault>,
        id: fn(&T) -> &str,
    ) -> Self {
        let (places, other_splits) = (HashMap::new(), BTreeSet::new());
        Self { reader, read, id, loaded: Loaded::empty(layout), places, other_splits }
    }

    /// Reads a row. A column that the first row lacks is missing from the file, and so an error.
    pub(super) fn add(&mut self, row: Row) -> Result<(), DatasetError> {
        let (place, is_first) = (row.place.clone(), self.loaded.num_rows == 0);
        let outcome = (self.read)(&mut self.reader, row);
        if let Ok(Outcome::OtherSplit(split)) = outcome {
            self.other_splits.insert(split);
            return Ok(());
        }
        self.loaded.num_rows += 1;
        match outcome {
            Ok(Outcome::Records(records)) => {
                for record in records {
                    self.keep(record, &place)?;
                }
            }
            Ok(Outcome::Filtered) => self.loaded.num_filtered += 1,
            Ok(Outcome::Tie) => self.loaded.num_ties += 1,
            Ok(Outcome::Duplicate(first)) => self.loaded.duplicates.push(Duplicate { place, first }),
            Ok(Outcome::OtherSplit(_)) => {}
            Err(Fault::Column(problem)) if is_first => return Err(DatasetError::Row { place, problem }),
            Err(fault) => self.refuse(place, fault.to_string())?,
        }
        Ok(())
    }

    fn keep(&mut self, record: T, place: &Place) -> Result<(), DatasetError> {
        let id = (self.id)(&record);
        if let Some(first) = self.places.get(id) {
            let problem = format!("id \"{id}\" was already used at {first}; ids must be unique in a source");
            return self.refuse(place.clone(), problem);
        }
        self.places.insert(id.to_owned(), place.clone());
        self.loaded.records.push(record);
        self.loaded.places.push(place.clone());
        Ok(())
    }

    fn refuse(&mut self, place: Place, problem: String) -> Result<(), DatasetError> {
        if self.loaded.layout.is_own {
            return Err(DatasetError::Row { place, problem });
        }
        self.loaded.unreadable.push(Unreadable { place, problem });
        Ok(())
    }

    /// The records. A source without a row is an error, and so is one without a row of the split.
    pub(super) fn finish(self, paths: &[PathBuf]) -> Result<Loaded<T>, DatasetError> {
        if self.loaded.num_rows > 0 {
            return Ok(self.loaded);
        }
        let splits: Vec<&str> = self.other_splits.iter().map(String::as_str).collect();
        let problem = match splits.as_slice() {
            [] => "the dataset is empty; it needs at least one row".to_owned(),
            splits => format!("no row is of the split that is asked for; there are {}", splits.join(", ")),
        };
        Err(DatasetError::Source { path: paths.first().cloned().unwrap_or_default(), problem })
    }
}
