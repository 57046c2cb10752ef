//! The place of a row, for errors and for whoever wants to look the row up.

use std::fmt::{self, Display, Formatter};
use std::path::Path;
use std::sync::Arc;

/// A place in a file: `FILE, line N` in text, `FILE, row N` in a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file, as it was named or found in its folder.
    pub file: Arc<Path>,
    /// The line (JSON) or the row (CSV, Parquet, Arrow) in the file, counted from 1.
    pub row: u64,
    /// The unit that `row` counts.
    pub unit: PlaceUnit,
}

/// The unit in which a file's places are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlaceUnit {
    /// Lines of text.
    Line,
    /// Rows of a table; a header is none.
    Row,
}

impl Display for Place {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let unit = match self.unit {
            PlaceUnit::Line => "line",
            PlaceUnit::Row => "row",
        };
        write!(formatter, "{}, {unit} {}", self.file.display(), self.row)
    }
}
