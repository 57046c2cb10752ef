//! Reads rows by a layout: what it names, what it leaves out, what it has seen before.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::joined::JoinedFile;
use super::{candidates, task, trace};
use crate::candidates::Candidates;
use crate::layout::definition::Layout;
use crate::layout::expression::Columns;
use crate::layout::fault::Fault;
use crate::layout::step::Context;
use crate::layout::tree::Expression;
use crate::preference::PreferencePair;
use crate::record;
use crate::rows::{Place, Row};
use crate::task::Task;
use crate::trace::Trace;

/// What became of a row.
#[derive(Debug)]
pub(crate) enum Outcome<T> {
    /// Its records.
    Records(Vec<T>),
    /// The layout's filter or the source's leaves it out.
    Filtered,
    /// It belongs to another split, of this name.
    OtherSplit(String),
    /// It is a row that was read before, at this place.
    Duplicate(Place),
    /// Neither completion is better.
    Tie,
}

/// Reads rows by a layout.
#[derive(Debug)]
pub(crate) struct RowReader {
    layout: Arc<Layout>,
    filter: Option<Expression>,
    split: Option<String>,
    seed: u64,
    seen: HashMap<String, Place>,
    joined: JoinedFile,
}

impl RowReader {
    /// A reader. The filter is the source's own, beside the layout's; the error says what is wrong with it.
    pub(crate) fn new(
        layout: Arc<Layout>,
        filter: Option<&str>,
        split: Option<&str>,
        seed: u64,
    ) -> Result<Self, String> {
        let filter = filter.map(Expression::parse).transpose()?;
        let split = split.map(str::to_owned).or_else(|| layout.split.clone()).filter(|_| layout.split_column.is_some());
        Ok(Self { layout, filter, split, seed, seen: HashMap::new(), joined: JoinedFile::default() })
    }

    /// The task of a row.
    pub(crate) fn tasks(&mut self, row: Row) -> Result<Outcome<Task>, Fault> {
        self.read(row, |layout, columns| {
            let task = if layout.is_own { own(columns)? } else { task::task(layout, columns)? };
            Ok(Some(vec![task]))
        })
    }

    /// The traces of a row.
    pub(crate) fn traces(&mut self, row: Row) -> Result<Outcome<Trace>, Fault> {
        self.read(row, |layout, columns| {
            Ok(Some(if layout.is_own { vec![own(columns)?] } else { trace::traces(layout, columns)? }))
        })
    }

    /// The candidates of a row.
    pub(crate) fn candidates(&mut self, row: Row) -> Result<Outcome<Candidates>, Fault> {
        self.read(row, |layout, columns| match &layout.preference {
            Some(preference) => Ok(candidates::candidates(layout, preference, columns)?.map(|one| vec![one])),
            None => Ok(Some(vec![Candidates::from(own::<PreferencePair>(columns)?)])),
        })
    }

    fn read<T>(
        &mut self,
        mut row: Row,
        make: impl Fn(&Layout, &Columns<'_>) -> Result<Option<Vec<T>>, Fault>,
    ) -> Result<Outcome<T>, Fault> {
        let layout = self.layout.clone();
        let context = Context { place: &row.place, index: row.index, tables: &layout.tables, seed: self.seed };
        let mut named = Map::new();
        if let Some(other) = other_split(&layout, self.split.as_deref(), &row.fields)? {
            return Ok(Outcome::OtherSplit(other));
        }
        if let Some(join) = &layout.join {
            let columns = Columns { fields: &row.fields, named: &named, context };
            let joined = self.joined.find(join, &columns).map_err(|fault| fault.within("join"))?;
            row.fields.insert(join.column.clone(), joined.unwrap_or_default());
        }
        // A row that a filter leaves out may be one that `[let]` cannot read: its fault counts behind the filters.
        let mut fault = None;
        for (name, tree) in &layout.named {
            match tree.value(&Columns { fields: &row.fields, named: &named, context }) {
                Ok(value) => drop(named.insert(name.clone(), value)),
                Err(found) => {
                    fault = Some(found.within(&format!("let.{name}")));
                    break;
                }
            }
        }
        let columns = Columns { fields: &row.fields, named: &named, context };
        for filter in layout.filter.iter().chain(&self.filter) {
            match filter.holds(&columns) {
                Ok(true) => {}
                Ok(false) => return Ok(Outcome::Filtered),
                Err(found) => return Err(fault.unwrap_or_else(|| found.within("filter"))),
            }
        }
        if let Some(fault) = fault {
            return Err(fault);
        }
        if let Some(key) = &layout.duplicates_by {
            let key = key.value(&columns).map_err(|fault| fault.within("duplicates_by"))?.to_string();
            if let Some(first) = self.seen.get(&key) {
                return Ok(Outcome::Duplicate(first.clone()));
            }
            self.seen.insert(key, row.place.clone());
        }
        let made = make(&layout, &Columns { fields: &row.fields, named: &named, context })?;
        Ok(made.map_or(Outcome::Tie, Outcome::Records))
    }
}

/// A row of our own files.
fn own<T: record::Record>(columns: &Columns<'_>) -> Result<T, Fault> {
    Ok(record::of_value(Value::Object(columns.fields.clone()))?)
}

/// The split that a row belongs to where a column says it, and it is not the one that is read.
fn other_split(layout: &Layout, split: Option<&str>, fields: &Map<String, Value>) -> Result<Option<String>, Fault> {
    let (Some(column), Some(split)) = (&layout.split_column, split) else { return Ok(None) };
    match fields.get(column) {
        Some(Value::String(found)) if found == split => Ok(None),
        Some(Value::String(found)) => Ok(Some(found.clone())),
        _ => Err(Fault::Column(format!("there is no column \"{column}\", which says the split"))),
    }
}
