//! A step: its name, its arguments, and what it does.

use super::arguments::Arguments;
use crate::layout::fault::Fault;
use crate::layout::item::Item;

/// A step that a layout can name.
#[derive(Debug)]
pub(crate) struct ExpressionStep {
    /// The name in expressions.
    pub(crate) name: &'static str,
    /// Fewest and most arguments.
    pub(crate) num_arguments: (usize, usize),
    /// True where it has an answer for a column that is empty; other steps leave an empty value empty.
    pub(crate) takes_null: bool,
    /// The step itself.
    pub(crate) run: fn(Item, &Arguments<'_>) -> Result<Item, Fault>,
}

impl ExpressionStep {
    /// A step that leaves an empty value empty.
    pub(super) const fn new(
        name: &'static str,
        num_arguments: (usize, usize),
        run: fn(Item, &Arguments<'_>) -> Result<Item, Fault>,
    ) -> Self {
        Self { name, num_arguments, takes_null: false, run }
    }

    /// The step, asked for an empty value too.
    pub(super) const fn of_null(mut self) -> Self {
        self.takes_null = true;
        self
    }
}
