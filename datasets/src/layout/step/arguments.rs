//! What a step is given beside its value: its arguments, and what is known of the row.

use serde_json::{Map, Value};

use crate::layout::fault::Fault;
use crate::layout::item::Item;
use crate::rows::Place;

/// What is known of a row beside its columns.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Context<'a> {
    /// The row's place; other files are looked for beside its file.
    pub(crate) place: &'a Place,
    /// The row's number over all files, from 0.
    pub(crate) index: u64,
    /// The layout's tables by name.
    pub(crate) tables: &'a Map<String, Value>,
    /// Seed of the orders that are drawn.
    pub(crate) seed: u64,
}

/// The arguments of a step.
pub(crate) struct Arguments<'a> {
    /// Number of arguments.
    pub(crate) count: usize,
    /// Evaluates an argument; `.` in it stands for the item.
    pub(crate) evaluate: &'a dyn Fn(usize, &Item) -> Result<Item, Fault>,
    /// What is known of the row.
    pub(crate) context: Context<'a>,
}

impl Arguments<'_> {
    /// The argument's value for an item.
    pub(super) fn of(&self, index: usize, item: &Item) -> Result<Item, Fault> {
        (self.evaluate)(index, item)
    }

    /// The argument's value, `None` where it is not given or is empty.
    pub(super) fn value(&self, index: usize) -> Result<Option<Value>, Fault> {
        if index >= self.count {
            return Ok(None);
        }
        let value = self.of(index, &Item::NULL)?.into_json()?;
        Ok(Some(value).filter(|value| !value.is_null()))
    }

    /// The argument's text, `None` where it is not given or is empty.
    pub(super) fn text(&self, index: usize) -> Result<Option<String>, Fault> {
        self.value(index)?.map(|value| Item::Json(value).into_text()).transpose()
    }

    /// The argument's text.
    pub(super) fn needed_text(&self, index: usize) -> Result<String, Fault> {
        self.text(index)?.ok_or_else(|| Fault::Value(format!("argument {} of the step is empty", index + 1)))
    }
}
