//! Rows made into records by a layout.

mod candidates;
mod choice;
mod joined;
mod parts;
mod reader;
mod task;
mod trace;

pub(crate) use self::reader::{Outcome, RowReader};
